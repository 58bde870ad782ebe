import Autograd
import Foundation
import Seq2Seq
import TextProcessing

/// A model on disk: `config.json`, `text.json`, `model.safetensors`, for people `README.md` and `training.jsonl`, for
/// the error analysis `word-counts.tsv.gz`, and where one was made a `shortlist.txt.gz`. Files are replaced whole or not at all.
public struct ModelDirectory: Sendable {
  public static let configurationFile = "config.json"
  public static let textFile = "text.json"
  public static let weightsFile = "model.safetensors"
  public static let cardFile = "README.md"
  public static let trainingLogFile = "training.jsonl"
  public static let wordCountsFile = "word-counts.tsv.gz"
  public static let shortlistFile = "shortlist.txt.gz"
  /// Words that `word-counts.tsv.gz` holds at most.
  public static let wordCountsLimit = 100_000

  public let url: URL

  public init(_ url: URL) { self.url = url }

  public var configuration: URL { url.appendingPathComponent(ModelDirectory.configurationFile) }
  public var text: URL { url.appendingPathComponent(ModelDirectory.textFile) }
  public var weights: URL { url.appendingPathComponent(ModelDirectory.weightsFile) }
  public var card: URL { url.appendingPathComponent(ModelDirectory.cardFile) }
  public var trainingLog: URL { url.appendingPathComponent(ModelDirectory.trainingLogFile) }

  /// How often the training text has each word of the target language, as BLEU's 13a tokenization cuts them.
  public var wordCounts: URL { url.appendingPathComponent(ModelDirectory.wordCountsFile) }

  /// For each source id the target ids that may come of it (`LexicalShortlist`).
  public var shortlist: URL { url.appendingPathComponent(ModelDirectory.shortlistFile) }

  public var hasShortlist: Bool { FileManager.default.fileExists(atPath: shortlist.path) }

  /// Throws `ModelError` where there is no shortlist.
  public func requireShortlist() throws {
    guard !hasShortlist else { return }
    throw ModelError(
      file: shortlist.path, problem: "no such file; `mt data shortlist` makes it from the model's training text")
  }

  /// The words and their counts; nil where the model came without. Throws `TextError`.
  public func readWordCounts() throws -> WordCounts? {
    FileManager.default.fileExists(atPath: wordCounts.path) ? try WordCounts(file: wordCounts) : nil
  }

  /// The contents of those of its files that are there, to be written beside other weights. Throws `TextError`.
  public func files(_ wanted: [URL]) throws(TextError) -> [(name: String, data: Data)] {
    var files: [(name: String, data: Data)] = []
    for file in wanted where FileManager.default.fileExists(atPath: file.path) {
      files.append((file.lastPathComponent, try Data(textFile: file)))
    }
    return files
  }

  /// Whether there is something that means to be a model.
  public var exists: Bool { FileManager.default.fileExists(atPath: configuration.path) }

  /// Throws `ModelError` where a model would be written over, or a card if one is to be written.
  public func requireVacant(forCard: Bool = false) throws {
    for file in forCard ? [configuration, card] : [configuration] { try ModelDirectory.requireVacant(file) }
  }

  /// The same of the file that makes a directory a model, in whatever format.
  public static func requireVacant(_ file: URL) throws {
    guard FileManager.default.fileExists(atPath: file.path) else { return }
    throw ModelError(file: file.path, problem: "exists already; give a directory without a model")
  }

  public func readDescription() throws -> ModelDescription {
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw ModelError(file: url.path, problem: "no such model directory")
    }
    return try ModelDescription(contentsOf: configuration)
  }

  /// Builds the model that `config.json` describes and reads its weights.
  public func readModel(_ description: ModelDescription) throws -> any EncoderDecoder {
    // The file is checked against the description before memory for the weights is asked for.
    let file = try Safetensors(contentsOf: weights)
    return try makeModel(description, file)
  }

  /// `packed`: ready to translate in that precision and for nothing else.
  func makeModel(
    _ description: ModelDescription, _ file: Safetensors, packed precision: Precision? = nil
  ) throws -> any EncoderDecoder {
    let (count, least) = (file.entries.values.map(\.count).reduce(0, +), description.model.leastParameterCount)
    // Before memory is asked for; a model not quite as large is told of by the tensor that differs.
    guard 4 * Double(count) >= least else {
      throw ModelError(
        file: weights.path, problem: "holds \(count) numbers; the model of config.json has \(String(format: "%.0f", least)) or more")
    }
    let model = try description.model.makeModel()
    try ModelWeights.load(file, into: model, packed: precision)
    return model
  }

  /// Writes `model.safetensors` and `config.json`, making the directory if need be. `text.json` is the
  /// `TextPipeline`'s own to save.
  public func save(_ description: ModelDescription, _ model: any EncoderDecoder) throws {
    try OutputDirectory.make(url)
    try ModelWeights.write(model, precision: description.precision, to: weights)
    try description.write(to: configuration)
  }
}
