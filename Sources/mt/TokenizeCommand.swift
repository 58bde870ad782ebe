import ArgumentParser
import Foundation
import TextProcessing
import Translation

enum Side: String, CaseIterable, ExpressibleByArgument {
  case source, target
}

/// `mt tokenize`
struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Cut lines into words, or into the subwords a model eats.",
    discussion: """
      Prints the tokens of each line, separated by one space; none contains white space. `mt detokenize` puts them \
      together again. A word that no space precedes begins with U+FFED. With --subwords, U+2581 begins the pieces that \
      a space precedes; the end symbol is not printed.
      """)

  @OptionGroup var text: TextFlags

  @Option(help: "Whose subwords, where source and target have vocabularies of their own.")
  var side = Side.source

  func run() throws {
    let pipeline = try text.pipeline()
    try text.forEachLine { line in
      let tokens = !text.subwords
        ? pipeline.tokenize(line) : side == .source ? pipeline.sourcePieces(line) : pipeline.targetPieces(line)
      return tokens.joined(separator: " ")
    }
  }
}

/// `mt detokenize`
struct DetokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "detokenize",
    abstract: "Put words or subwords together to text.",
    discussion: """
      Reads what `mt tokenize` prints, with or without --subwords, and prints the text: the line that went in, \
      normalised.
      """)

  @OptionGroup var text: TextFlags

  func run() throws {
    let pipeline = try text.pipeline()
    try text.forEachLine { line in
      let tokens = line.split(separator: " ").map(String.init)
      return text.subwords ? pipeline.detokenize(pieces: tokens) : pipeline.detokenize(tokens: tokens)
    }
  }
}

/// What both have in common.
struct TextFlags: ParsableArguments {
  @Argument(help: "Files to read, plain or gzipped; - is standard input.", completion: .file())
  var files: [String] = []

  @OptionGroup var model: ModelOption

  @Flag(help: "Subwords instead of words.")
  var subwords = false

  @Flag(help: "Go on where the input is not UTF-8, with U+FFFD for what cannot be read.")
  var replaceInvalid = false

  func pipeline() throws -> TextPipeline {
    let directory = try model.directory()
    guard ModelDirectory(directory).exists || FileManager.default.fileExists(atPath: directory.path) else {
      throw ModelError(file: directory.path, problem: "no such model directory")
    }
    return try TextPipeline(directory: directory)
  }

  /// Prints what `transform` makes of each line, as soon as there are no more to read at once.
  func forEachLine(_ transform: (String) -> String) throws {
    let input = try LineInput(files, replacingInvalid: replaceInvalid)
    let queue = LineQueue<String> { try input.next().map { ($0, $0.utf8.count + 32) } }
    while let lines = try queue.take(1024) {
      for line in lines { try StandardOutput.shared.write(line: transform(line)) }
      try StandardOutput.shared.flush()
    }
  }
}
