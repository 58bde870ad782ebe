@testable import Autograd
@testable import Seq2Seq
import Testing

extension GoldenTests {
  @Test("The attention-RNN's loss, log-probabilities and gradients are PyTorch's: stacked GRU, additive attention")
  func gru() throws {
    try checkRNN("rnn-gru", .target) {
      ($0.cell, $0.attention, $0.encoderLayers, $0.decoderLayers) = (.gru, .additive, 2, 2)
    }
  }

  @Test("The attention-RNN's loss, log-probabilities and gradients are PyTorch's: LSTM, scaled-dot attention")
  func lstm() throws {
    try checkRNN("rnn-lstm", .none) { ($0.cell, $0.attention) = (.lstm, .dot) }
  }

  private func checkRNN(_ name: String, _ embeddings: EmbeddingTying, _ change: (inout RNNConfiguration) -> Void) throws {
    var shape = RNNConfiguration()
    (shape.embeddingSize, shape.hiddenSize, shape.attentionSize) = (5, 7, 3)
    change(&shape)
    let model = try ModelConfiguration(
      rnn: shape, sourceVocabularySize: 11, targetVocabularySize: 11, embeddings: embeddings
    ).makeModel()
    ModelChecks.fillByFormula(model.parameters, scale: 0.3)
    try Golden(name).check(model)
  }
}
