@testable import Seq2Seq
import Testing

@Suite struct TransformerLearningTests {
  @Test(
    "The transformer learns to copy and to reverse: 99 % of 500 unseen sequences exactly",
    .enabled(if: ToyTask.learningTests), arguments: ToyTask.allCases, NormalizationPlacement.allCases)
  func copiesAndReverses(_ task: ToyTask, _ normalization: NormalizationPlacement) throws {
    var shape = TransformerConfiguration()
    (shape.modelSize, shape.feedForwardSize, shape.heads) = (64, 128, 4)
    (shape.encoderLayers, shape.decoderLayers, shape.dropout) = (2, 2, 0)
    (shape.normalization, shape.finalNormalization) = (normalization, normalization == .pre)
    let size = ToyTask.vocabularySize
    let model = try ModelConfiguration(
      transformer: shape, sourceVocabularySize: size, targetVocabularySize: size, embeddings: .all
    ).makeModel()
    task.train(model, updates: 2000, rate: 2e-3)
    let exact = task.exact(model).values.reduce(0) { $0 + $1.exact }
    #expect(exact >= 495, "\(task.rawValue): \(exact) of 500")
  }

  @Test(
    "So does one whose decoder is recurrent (SSRU)", .enabled(if: ToyTask.learningTests), arguments: ToyTask.allCases)
  func recurrentDecoder(_ task: ToyTask) throws {
    var shape = TransformerConfiguration()
    (shape.modelSize, shape.feedForwardSize, shape.heads) = (64, 128, 4)
    (shape.encoderLayers, shape.decoderLayers, shape.dropout, shape.decoderCell) = (2, 2, 0, .ssru)
    let size = ToyTask.vocabularySize
    let model = try ModelConfiguration(
      transformer: shape, sourceVocabularySize: size, targetVocabularySize: size, embeddings: .all
    ).makeModel()
    task.train(model, updates: 2000, rate: 2e-3)
    let exact = task.exact(model).values.reduce(0) { $0 + $1.exact }
    #expect(exact >= 495, "\(task.rawValue): \(exact) of 500")
  }
}
