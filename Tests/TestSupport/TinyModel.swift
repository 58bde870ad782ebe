import Autograd
import Foundation
import Seq2Seq
import TextProcessing
import Translation

/// A model directory with random weights: nothing it says makes sense, but all of it must be consistent.
public enum TinyModel {
  public static let sentences = [
    "Le petit chat dort sur la chaise rouge.", "Où est la gare, s'il vous plaît ?", "Il pleut depuis ce matin.",
    "The small cat sleeps on the red chair.", "Where is the station, please?", "It has been raining since this morning.",
    "La gare est petite et le chat est rouge.", "The station is small and the cat is red.",
  ]

  /// `maximumLength` counts the end symbol.
  public static func save(
    to url: URL, maximumLength: Int = 60, precision: Precision = .float32, seed: UInt64 = 5, source: String = "fr",
    target: String = "en"
  ) throws {
    var configuration = TextConfiguration()
    configuration.vocabularySize = 420
    let text = try TextPipeline.learn(
      configuration: configuration, source: Array(sentences[..<3]), target: Array(sentences[3...]))
    var shape = TransformerConfiguration()
    (shape.modelSize, shape.feedForwardSize, shape.heads) = (24, 40, 2)
    (shape.encoderLayers, shape.decoderLayers, shape.maximumLength) = (1, 2, maximumLength)
    let description = ModelDescription(
      sourceLanguage: source, targetLanguage: target, precision: precision,
      model: ModelConfiguration(
        transformer: shape, sourceVocabularySize: text.sourceVocabulary.count,
        targetVocabularySize: text.targetVocabulary.count, embeddings: .all))
    let model = try description.model.makeModel()
    // Untrained, its outputs must differ from sentence to sentence.
    model.parameters.initialize(seed: seed) { $0.name.contains(".layers.") ? 2 : 1 }
    try ModelDirectory(url).save(description, model)
    try text.write(to: url)
  }
}
