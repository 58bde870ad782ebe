import ArgumentParser
import ErrorAnalysis
import Foundation
import TextProcessing
import Translation

/// `mt inspect`
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Look inside a model: what it attends to, which words it finds alike.",
    subcommands: [Attention.self, Embeddings.self])
}

extension ProjectionMethod: ExpressibleByArgument {}
extension EmbeddingSpace.Side: ExpressibleByArgument {}

private func write(_ text: String, to output: String?) throws {
  guard let output else { return try StandardOutput.shared.write(text) }
  try AtomicFile.write(Data(text.utf8), to: URL(fileURLWithPath: output))
}

extension InspectCommand {
  enum MapFormat: String, CaseIterable, ExpressibleByArgument {
    case text, html, json
  }

  struct Attention: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show which source piece each target piece was made from.",
      discussion: """
        Prints the decoder's cross-attention for the model's own translation, or for a translation that you give. Rows \
        are what was written, columns what was read; at the end of a row stands what was read most.

        Examples:
          mt inspect attention "Où est la gare ?"
          mt inspect attention "Où est la gare ?" --target "Where is the station?" --all --format html --output map.html
        """)

    @Argument(help: "The sentence to read.")
    var source: String

    @Option(help: ArgumentHelp("The translation to write. (default: the model's own)", valueName: "text"))
    var target: String?

    @Option(help: ArgumentHelp("Decoder layer, from 1. (default: the last)", valueName: "n"))
    var layer: Int?

    @Option(help: ArgumentHelp("Head, from 1. (default: the mean of all)", valueName: "n"))
    var head: Int?

    @Flag(help: "Every head of every layer, after each layer's mean.")
    var all = false

    @Option(help: "What to print.")
    var format = MapFormat.text

    @Option(help: ArgumentHelp("Print to this file.", valueName: "file"), completion: .file())
    var output: String?

    @OptionGroup var model: ModelOption

    @OptionGroup(title: "Search") var search: SearchFlags

    func validate() throws {
      if all, layer != nil || head != nil { throw ValidationError("--all is every layer and head; leave out --layer and --head.") }
    }

    func run() throws {
      let loaded = try ModelDirectory(model.directory()).load()
      let options = try search.options(over: Translator([loaded]).defaultOptions.search)
      let map = try AttentionMap(loaded, source: source, target: target, search: options)
      try Attention.require("--layer", layer, upTo: map.layerCount)
      try Attention.require("--head", head, upTo: map.headCount)
      let layers = all ? Array(0..<map.layerCount) : [layer.map { $0 - 1 } ?? map.layerCount - 1]
      let heads: [Int?] = all ? [nil] + (0..<map.headCount).map { $0 } : [head.map { $0 - 1 }]
      let text = switch format {
      case .json: try json(map) + "\n"
      case .html: map.html(layers: layers, heads: heads)
      case .text:
        layers.flatMap { layer in
          heads.map { head in
            let title = layers.count * heads.count == 1
              ? "" : "layer \(layer + 1), " + (head.map { "head \($0 + 1)" } ?? "mean of \(map.headCount) heads") + "\n"
            return title + map.text(layer: layer, head: head)
          }
        }.joined(separator: "\n")
      }
      try write(text, to: output)
    }

    private static func require(_ name: String, _ value: Int?, upTo limit: Int) throws {
      guard let value, !(1...limit).contains(value) else { return }
      throw ValidationError("\(name) \(value) is not in 1...\(limit).")
    }
  }

  struct Embeddings: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show which words the model finds alike.",
      discussion: """
        For each word prints the pieces of the vocabulary nearest to it by cosine. A word of several pieces has the mean \
        of their vectors.

        Examples:
          mt inspect embeddings chat rouge
          mt inspect embeddings --analogy homme femme roi
          mt inspect embeddings --map words.svg --words 300 --method tsne
        """)

    enum Format: String, CaseIterable, ExpressibleByArgument {
      case text, json
    }

    private struct Record: Encodable {
      var word: String
      var pieces: [String]
      var neighbours: [EmbeddingSpace.Neighbour]
    }

    @Argument(help: "Words to find neighbours of, or to put on the map.")
    var inputs: [String] = []

    @Option(help: "Whose vocabulary.")
    var side = EmbeddingSpace.Side.source

    @Option(help: ArgumentHelp("Neighbours to print for each word.", valueName: "n"))
    var neighbours = 10

    @Option(
      parsing: .upToNextOption,
      help: ArgumentHelp("Three words A B C: what is to C as B is to A?", valueName: "word"))
    var analogy: [String] = []

    @Option(help: ArgumentHelp("Draw the words, or the most frequent ones, to this SVG file.", valueName: "file"),
      completion: .file())
    var map: String?

    @Option(help: ArgumentHelp("Words on the map where none are given.", valueName: "n"))
    var words = 200

    @Option(help: "How the map is laid out.")
    var method = ProjectionMethod.pca

    @Option(help: "What to print.")
    var format = Format.text

    @OptionGroup var model: ModelOption

    func validate() throws {
      guard analogy.isEmpty || analogy.count == 3 else {
        throw ValidationError("--analogy takes three words, not \(analogy.count).")
      }
      guard neighbours > 0 else { throw ValidationError("--neighbours \(neighbours) is below 1.") }
      guard (3...2000).contains(words) else { throw ValidationError("--words \(words) is not in 3...2000.") }
      guard !inputs.isEmpty || !analogy.isEmpty || map != nil else {
        throw ValidationError("Give words, --analogy or --map.")
      }
      guard inputs.count <= 2000 else { throw ValidationError("\(inputs.count) words are more than 2000.") }
    }

    func run() throws {
      let space = try EmbeddingSpace(try ModelDirectory(model.directory()).load(), side: side)
      if let map {
        let chosen = inputs.isEmpty ? space.frequentWords(words) : inputs
        try write(space.map(chosen, method).svg, to: map)
        if analogy.isEmpty { return }
      }
      var records: [Record] = []
      if map == nil {
        records = try inputs.map {
          Record(word: $0, pieces: space.pieces(of: $0), neighbours: try space.neighbours(of: $0, count: neighbours))
        }
      }
      if analogy.count == 3 {
        records.append(
          Record(
            word: "\(analogy[0]) : \(analogy[1]) = \(analogy[2]) : ?", pieces: [],
            neighbours: try space.analogy(analogy[0], analogy[1], analogy[2], count: neighbours)))
      }
      if format == .json { return try StandardOutput.shared.write(line: json(records)) }
      for record in records {
        let pieces = record.pieces.count > 1 ? "  (\(record.pieces.joined(separator: " ")))" : ""
        try StandardOutput.shared.write(line: record.word + pieces)
        for near in record.neighbours {
          try StandardOutput.shared.write(line: String(format: "  %.3f  ", near.cosine) + near.piece)
        }
      }
    }
  }
}
