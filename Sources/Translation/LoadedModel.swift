import Autograd
import Foundation
import Seq2Seq
import TextProcessing

extension ModelDirectory {
  /// Reads everything and makes it ready to translate. `precision` nil is that of the model's file; one that this
  /// processor lacks becomes float32.
  public func load(precision: Precision? = nil) throws -> LoadedModel {
    let description = try readDescription()
    let text = try TextPipeline(directory: url)
    for (side, size, expected) in [
      ("source", text.sourceVocabulary.count, description.model.sourceVocabularySize),
      ("target", text.targetVocabulary.count, description.model.targetVocabularySize),
    ] where size != expected {
      throw ModelError(
        file: self.text.path, item: "\(side) vocabulary", problem: "has \(size) entries; config.json says \(expected)")
    }
    guard text.targetBegin == description.model.forcedFirstToken else {
      func named(_ token: Int32?) -> String { token.map { "token \($0)" } ?? "none" }
      throw ModelError(
        file: self.text.path, item: "target_begin",
        problem: "is \(named(text.targetBegin)); forced_first_token of config.json is "
          + named(description.model.forcedFirstToken))
    }
    let file = try Safetensors(contentsOf: weights)
    let wanted = (precision ?? description.precision).supported
    let model = try makeModel(description, file, packed: wanted)
    // Reading the vocabulary and turning weights around leaves a megabyte of holes.
    mt_trim_heap()
    return LoadedModel(directory: self, description: description, text: text, model: model, precision: wanted)
  }
}

/// A model in memory, ready to translate; many threads may use it at once.
public struct LoadedModel: Sendable {
  public let directory: ModelDirectory
  public let description: ModelDescription
  public let text: TextPipeline
  public let model: any EncoderDecoder
  /// In force, which is float32 where the processor lacks what was asked for.
  public let precision: Precision

  public init(
    directory: ModelDirectory, description: ModelDescription, text: TextPipeline, model: any EncoderDecoder,
    precision: Precision
  ) {
    (self.directory, self.description, self.text) = (directory, description, text)
    (self.model, self.precision) = (model, precision)
  }

  /// Throws `ModelError` where the directory has none, `TextError` where it is another model's or damaged. What the
  /// model begins every output with is added to it.
  public func readShortlist() throws -> LexicalShortlist {
    try directory.requireShortlist()
    let stored = try LexicalShortlist(file: directory.shortlist, of: .init(description, text))
    guard let first = model.configuration.forcedFirstToken, !stored.common.contains(first) else { return stored }
    return stored.with(first)
  }

  /// The longest source and the longest output in tokens, without end symbol.
  public var maximumLength: Int { model.configuration.maximumLength - 1 }
}
