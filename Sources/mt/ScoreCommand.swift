import ArgumentParser
import Autograd
import Foundation
import Seq2Seq
import TextProcessing
import Translation

/// `mt score`
struct ScoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract: "Print how probable a model finds given translations.",
    discussion: """
      For each pair of lines prints log P(target | source): a natural logarithm, with the end symbol. --normalize \
      divides it as the search does. --words adds, after a tab, each word with its log-probability as word=number, \
      the end symbol last as </s>.
      """)

  @OptionGroup var model: ModelOption

  @Option(help: ArgumentHelp("Source lines, plain or gzipped.", valueName: "file"), completion: .file())
  var source: String

  @Option(help: ArgumentHelp("Target lines, plain or gzipped.", valueName: "file"), completion: .file())
  var target: String

  @Flag(help: "Print the log-probability of each word too.")
  var words = false

  @Flag(help: "Normalise by length as the search of this model does.")
  var normalize = false

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, jsonl }

  @Option(help: "What to print.")
  var format = Format.text

  @Option(help: "How to compute. (default: as the model is stored)")
  var precision: Precision?

  @OptionGroup var threads: ThreadsOption

  @Flag(help: "Go on where the input is not UTF-8, with U+FFFD for what cannot be read.")
  var replaceInvalid = false

  func run() throws {
    let loaded = try ModelDirectory(model.directory()).load(precision: precision)
    let scorer = PairScorer(loaded, threads: threads.threads)
    let pairs = try PairedLines(source, target, replacingInvalid: replaceInvalid)
    let normalization = (loaded.description.search?.options ?? SearchOptions()).lengthNormalization
    while let window = try pairs.next(upTo: 512 * threads.threads) {
      let scores: [PairScore]
      do { scores = try scorer.score(window.pairs, firstLine: window.firstLine) } catch let error as PairTooLongError {
        throw TextError.line(
          path: error.side == "source" ? self.source : self.target, line: error.line,
          problem: "has \(error.tokens) tokens; this model takes at most \(error.limit)")
      }
      for ((source, target), score) in zip(window.pairs, scores) {
        let value = normalize
          ? normalization.score(logProbability: score.logProbability, length: score.tokens.count) : score.logProbability
        try print(source, target, value, words ? loaded.words(of: score) : nil)
      }
      try StandardOutput.shared.flush()
    }
  }

  private struct Record: Encodable {
    struct Word: Encodable {
      var word: String
      var log_probability: Double
    }
    var source, target: String
    var score: Double
    var words: [Word]?
  }

  private func print(_ source: String, _ target: String, _ value: Double, _ words: [ScoredWord]?) throws {
    if format == .jsonl {
      try StandardOutput.shared.write(line: json(
        Record(
          source: source, target: target, score: value,
          words: words?.map { Record.Word(word: $0.text, log_probability: $0.logProbability) })))
      return
    }
    var line = String(format: "%.6f", value)
    if let words {
      line += "\t" + words.map { "\($0.text)=" + String(format: "%.4f", $0.logProbability) }.joined(separator: " ")
    }
    try StandardOutput.shared.write(line: line)
  }
}
