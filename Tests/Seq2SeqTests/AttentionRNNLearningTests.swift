@testable import Seq2Seq
import Testing

@Suite struct AttentionRNNLearningTests {
  func makeModel(_ cell: CellKind, _ attention: AttentionKind) throws -> any EncoderDecoder {
    var shape = RNNConfiguration()
    (shape.cell, shape.attention) = (cell, attention)
    (shape.embeddingSize, shape.hiddenSize, shape.attentionSize) = (32, 64, 64)
    let size = ToyTask.vocabularySize
    return try ModelConfiguration(
      rnn: shape, sourceVocabularySize: size, targetVocabularySize: size, embeddings: .none
    ).makeModel()
  }

  @Test("A GRU with additive attention learns to reverse: 99 % of 500 unseen sequences exactly")
  func quick() throws {
    let model = try makeModel(.gru, .additive)
    ToyTask.reverse.train(model, updates: 500)
    #expect(ToyTask.reverse.exact(model).values.reduce(0) { $0 + $1.exact } >= 495)
  }

  @Test(
    "Every cell with attention learns to copy and to reverse: 99 % of 500 unseen sequences exactly",
    .enabled(if: ToyTask.learningTests), arguments: CellKind.allCases, [AttentionKind.additive, .dot])
  func everyCell(_ cell: CellKind, _ attention: AttentionKind) throws {
    for task in ToyTask.allCases {
      let model = try makeModel(cell, attention)
      task.train(model, updates: 1000)
      let exact = task.exact(model).values.reduce(0) { $0 + $1.exact }
      #expect(exact >= 495, "\(task.rawValue): \(exact) of 500")
    }
  }

  @Test(
    "Without attention one vector carries short sequences better than long ones; figures are printed by length",
    .enabled(if: ToyTask.learningTests), arguments: CellKind.allCases)
  func bottleneck(_ cell: CellKind) throws {
    for task in ToyTask.allCases {
      let model = try makeModel(cell, .none)
      task.train(model, updates: 1000)
      let exact = task.exact(model)
      let figures = exact.keys.sorted().map { "\($0): \(100 * exact[$0]!.exact / exact[$0]!.count) %" }
      print("\(cell.rawValue) without attention, \(task.rawValue), exact by length:", figures.joined(separator: ", "))
      func share(_ lengths: ClosedRange<Int>) -> Double {
        let some = lengths.compactMap { exact[$0] }
        return Double(some.reduce(0) { $0 + $1.exact }) / Double(some.reduce(0) { $0 + $1.count })
      }
      #expect(share(3...5) >= share(10...12))
    }
  }
}
