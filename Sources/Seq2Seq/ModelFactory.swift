import Autograd
import Foundation

/// A configuration that no model can be built from: which key, what it says, what was expected.
public struct ConfigurationError: Error, CustomStringConvertible, Equatable {
  public let key: String
  public let problem: String

  public var description: String { "\(key): \(problem)" }
}

extension ModelConfiguration {
  /// Builds the model with parameters zeroed. Throws `ConfigurationError` where the numbers do not fit together.
  public func makeModel() throws -> any EncoderDecoder {
    try validate()
    switch (architecture, transformer, rnn) {
    case (.transformer, let shape?, _): return Transformer(self, shape)
    case (.rnn, _, let shape?): return AttentionRNN(self, shape)
    default: throw ConfigurationError(key: architecture.rawValue, problem: "missing: the shape of this architecture")
    }
  }

  /// Checks every number before memory is asked for.
  public func validate() throws {
    try require("source_vocabulary_size", sourceVocabularySize, in: 2...4_000_000)
    try require("target_vocabulary_size", targetVocabularySize, in: 2...4_000_000)
    if embeddings == .all, sourceVocabularySize != targetVocabularySize {
      throw ConfigurationError(
        key: "embeddings",
        problem: "\"all\" needs one vocabulary for both sides, not \(sourceVocabularySize) and \(targetVocabularySize)")
    }
    if let token = forcedFirstToken {
      guard architecture == .transformer else {
        throw ConfigurationError(key: "forced_first_token", problem: "is \(token); only transformers have one")
      }
      try require("forced_first_token", Int(token), in: 2...targetVocabularySize - 1)
    }
    switch architecture {
    case .transformer: try validateTransformer()
    case .rnn: try validateRNN()
    }
    let (bytes, memory) = (4 * leastParameterCount, Double(ProcessInfo.processInfo.physicalMemory))
    guard bytes <= memory else {
      func gigabytes(_ bytes: Double) -> String { String(format: "%.0f GB", bytes / 1e9) }
      throw ConfigurationError(
        key: architecture.rawValue,
        problem: "its parameters need \(gigabytes(bytes)) of memory or more; this computer has \(gigabytes(memory))")
    }
  }

  /// Numbers in the large matrices: a model has these parameters and some more. A `Double`, for sizes may be what they like.
  public var leastParameterCount: Double {
    func matrix(_ rows: Int, _ columns: Int) -> Double { Double(rows) * Double(columns) }
    let size = transformer?.modelSize ?? rnn?.embeddingSize ?? 0
    let tables: Double =
      switch embeddings {
      case .all: matrix(targetVocabularySize, size)
      case .target: matrix(sourceVocabularySize, size) + matrix(targetVocabularySize, size)
      case .none: matrix(sourceVocabularySize, size) + 2 * matrix(targetVocabularySize, size)
      }
    switch (architecture, transformer, rnn) {
    case (.transformer, let t?, _):
      let (attention, feedForward) = (4 * matrix(size, size), 2 * matrix(size, t.feedForwardSize))
      // What mixes a decoder's tokens may have two matrices in place of four.
      return tables + Double(t.encoderLayers) * (attention + feedForward)
        + Double(t.decoderLayers) * (1.5 * attention + feedForward)
    case (.rnn, _, let r?):
      return tables + Double(r.encoderLayers * (r.bidirectional ? 2 : 1) + r.decoderLayers) * matrix(r.hiddenSize, r.hiddenSize)
    default: return tables
    }
  }

  private func validateTransformer() throws {
    guard let t = transformer else { throw ConfigurationError(key: "transformer", problem: "missing") }
    try require("transformer.model_size", t.modelSize, in: 4...16384)
    try require("transformer.feed_forward_size", t.feedForwardSize, in: 1...131072)
    try require("transformer.heads", t.heads, in: 1...256)
    try require("transformer.encoder_layers", t.encoderLayers, in: 1...128)
    try require("transformer.decoder_layers", t.decoderLayers, in: 1...128)
    try require("transformer.maximum_length", t.maximumLength, in: 2...65536)
    guard t.modelSize % 2 == 0, t.modelSize % t.heads == 0 else {
      throw ConfigurationError(
        key: "transformer.model_size", problem: "\(t.modelSize) is not even or not a multiple of \(t.heads) heads")
    }
    try requireRate("transformer.dropout", t.dropout)
    try requireRate("transformer.attention_dropout", t.attentionDropout)
    try requireRate("transformer.activation_dropout", t.activationDropout)
    guard t.layerNormEpsilon > 0, t.layerNormEpsilon < 1 else {
      throw ConfigurationError(key: "transformer.layer_norm_epsilon", problem: "\(t.layerNormEpsilon) is not in 0..<1")
    }
  }

  private func validateRNN() throws {
    guard let r = rnn else { throw ConfigurationError(key: "rnn", problem: "missing") }
    try require("rnn.embedding_size", r.embeddingSize, in: 1...16384)
    try require("rnn.hidden_size", r.hiddenSize, in: 1...16384)
    try require("rnn.attention_size", r.attentionSize, in: 1...16384)
    try require("rnn.encoder_layers", r.encoderLayers, in: 1...64)
    try require("rnn.decoder_layers", r.decoderLayers, in: 1...64)
    try require("rnn.maximum_length", r.maximumLength, in: 2...65536)
    try requireRate("rnn.embedding_dropout", r.embeddingDropout)
    try requireRate("rnn.hidden_dropout", r.hiddenDropout)
    try requireRate("rnn.output_dropout", r.outputDropout)
    try requireRate("rnn.word_dropout", r.wordDropout)
  }

  private func require(_ key: String, _ value: Int, in range: ClosedRange<Int>) throws {
    guard range.contains(value) else {
      throw ConfigurationError(key: key, problem: "\(value) is not in \(range.lowerBound)...\(range.upperBound)")
    }
  }

  private func requireRate(_ key: String, _ value: Float) throws {
    guard value >= 0, value < 1 else { throw ConfigurationError(key: key, problem: "\(value) is not in 0..<1") }
  }

  /// The longest sentence in tokens, with end symbol.
  public var maximumLength: Int { transformer?.maximumLength ?? rnn?.maximumLength ?? 512 }
}
