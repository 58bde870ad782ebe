@testable import Autograd
@testable import NeuralNet
@testable import Seq2Seq
import Testing

@Suite struct GradientReachTests {
  private func rnn(_ cell: CellKind, hidden: Int = 6) throws -> any EncoderDecoder {
    var shape = RNNConfiguration()
    (shape.cell, shape.attention, shape.bidirectional) = (cell, .none, false)
    (shape.embeddingSize, shape.hiddenSize) = (hidden, hidden)
    let model = try ModelConfiguration(
      rnn: shape, sourceVocabularySize: 13, targetVocabularySize: 13, embeddings: .all
    ).makeModel()
    model.parameters.initialize(seed: 3)
    return model
  }

  private let ids = (0..<60).map { Int32(2 + $0 * 7 % 11) }

  @Test("Through a linear cell the gradient is the recurrent matrix's power")
  func powers() throws {
    // ReLU with everything positive is linear: h_t = x_t·W + h_{t−1}·R with W = 1 and R = 0.8 times the identity.
    let model = try rnn(.elmanReLU)
    for p in model.parameters.parameters {
      for i in 0..<p.count {
        switch p.name {
        case "encoder.layers.0.forward.weight": p.data[i] = i % 7 == 0 ? 1 : 0
        case "encoder.layers.0.forward.recurrent": p.data[i] = i % 7 == 0 ? 0.8 : 0
        case "embeddings": p.data[i] = 0.1 + Float(i % 5)
        default: p.data[i] = 0
        }
      }
    }
    let reach = GradientReach(model, ids: ids, steps: 12)
    #expect(reach.norms.count == 12)
    var expected = 1.0
    for norm in reach.norms {
      #expect(abs(norm - expected) < 1e-5)
      expected *= 0.8
    }
  }

  @Test("The gradient of a transformer is everywhere of one size, that of a tanh network falls")
  func kinds() throws {
    let elman = GradientReach(try rnn(.elman), ids: ids, steps: 20).norms
    #expect(elman[19] < elman[0] * 0.1)
    var shape = TransformerConfiguration()
    (shape.modelSize, shape.feedForwardSize, shape.heads, shape.encoderLayers) = (8, 12, 2, 2)
    (shape.normalization, shape.finalNormalization) = (.pre, true)
    let model = try ModelConfiguration(
      transformer: shape, sourceVocabularySize: 13, targetVocabularySize: 13, embeddings: .all
    ).makeModel()
    model.parameters.initialize(seed: 3)
    let far = GradientReach(model, ids: ids, steps: 20).norms
    // The last place reaches itself past all sublayers; the others do by attention.
    #expect(far[0] > far[1] && far[19] > far[1] * 0.2)
  }

  @Test("Finite differences of the state give the same norm")
  func differences() throws {
    let model = try rnn(.lstm)
    let rnn = try #require(model as? AttentionRNN)
    let steps = 5
    let reach = GradientReach(model, ids: Array(ids[..<steps]), steps: steps, seed: 9)
    var random = RandomGenerator(seed: 9)
    let v = (0..<6).map { _ in random.gaussian() }
    let length = v.reduce(0) { $0 + $1 * $1 }.squareRoot()
    // A vocabulary of its own for each step, so that one word vector can be moved alone.
    let table = rnn.embeddings.source
    let batch = SequenceBatch([Array(2..<Int32(2 + steps))])
    let own = GradientReach(model, ids: Array(2..<Int32(2 + steps)), steps: steps, seed: 9)
    func state() -> Double {
      let graph = Graph(arena: Arena(), padsRows: false)
      let states = rnn.firstStates(batch, graph).states
      return (0..<6).reduce(0) { $0 + v[$1] / length * Double(states.data[(steps - 1) * 6 + $1]) }
    }
    for k in 0..<steps {
      var sum = 0.0
      for j in 0..<6 {
        let place = (2 + steps - 1 - k) * 6 + j
        let old = table.data[place]
        table.data[place] = old + 1e-2
        let up = state()
        table.data[place] = old - 1e-2
        let slope = (up - state()) / 2e-2
        table.data[place] = old
        sum += slope * slope
      }
      #expect(abs(own.norms[k] - sum.squareRoot()) < 1e-3 * (1 + sum.squareRoot()))
    }
    #expect(reach.norms.count == steps && reach.norms != own.norms)
    #expect(GradientReach(model, ids: [2, 3], steps: 3).norms.isEmpty)
  }
}
