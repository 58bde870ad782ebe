import Autograd
import NeuralNet

/// How far back in time an encoder learns: what a step's input still counts for the state k steps later.
///
/// For a random direction v, ‖∂(v·h_T)/∂x_{T−k}‖, the root of its mean square over sentences. h is the first layer's
/// forward state of an attention-RNN, or the whole encoder's output of a transformer; x is the word vector, with its
/// position where there is one. Along a recurrent network it vanishes or explodes with k (Bengio, Simard & Frasconi
/// 1994; Pascanu, Mikolov & Bengio 2013).
public struct GradientReach: Codable, Sendable, Equatable {
  /// [k], k from 0: the last input itself.
  public var norms: [Double]

  public init(norms: [Double]) { self.norms = norms }

  /// Of `model` on pieces of `steps` tokens that `ids` is cut into, at most 32 of them. One forward and backward pass of
  /// the encoder. With fewer than `steps` ids there is nothing to measure: no norms.
  public init(_ model: any EncoderDecoder, ids: [Int32], steps: Int, seed: UInt64 = 1) {
    precondition(steps > 0, "\(steps) steps, expected at least one")
    let count = min(ids.count / steps, 32)
    guard count > 0 else {
      norms = []
      return
    }
    let batch = SequenceBatch((0..<count).map { Array(ids[$0 * steps..<($0 + 1) * steps]) })
    let graph = Graph(arena: Arena(), gradients: GradientBuffer(model.parameters), random: nil)
    let inputs: Tensor
    let states: Tensor
    // Where a step of a sentence stands among the rows; all sentences are equally long.
    let rowOf: [Int]
    if let rnn = model as? AttentionRNN {
      (inputs, states) = rnn.firstStates(batch, graph)
      rowOf = TimeMajorPacking(batch).rows.map { Int($0) }
    } else if let transformer = model as? Transformer {
      (inputs, states) = transformer.inputsAndMemory(batch, graph)
      rowOf = Array(0..<batch.tokenCount)
    } else {
      preconditionFailure("\(type(of: model)) has no encoder that is known here")
    }
    var random = RandomGenerator(seed: seed)
    var direction = [Float](repeating: 0, count: states.count)
    for sentence in 0..<count {
      let v = (0..<states.columns).map { _ in random.gaussian() }
      let length = v.reduce(0) { $0 + $1 * $1 }.squareRoot()
      for (j, x) in v.enumerated() { direction[rowOf[(sentence + 1) * steps - 1] * states.columns + j] = Float(x / length) }
    }
    graph.setGradient(states, direction)
    graph.backward()
    let gradient = graph.gradient(inputs)
    norms = (0..<steps).map { k in
      var sum = 0.0
      for sentence in 0..<count {
        let start = rowOf[(sentence + 1) * steps - 1 - k] * inputs.columns
        for j in 0..<inputs.columns { sum += Double(gradient[start + j]) * Double(gradient[start + j]) }
      }
      return (sum / Double(count)).squareRoot()
    }
  }
}

extension AttentionRNN {
  /// Word vectors and the first layer's forward states over them, time-major.
  func firstStates(_ source: SequenceBatch, _ graph: Graph) -> (inputs: Tensor, states: Tensor) {
    let packing = TimeMajorPacking(source)
    let x = embed(embeddings.source, packing.select(source.inputs), groups: packing.sentences, graph)
    return (x, encoder[0].forward(x, batchSizes: packing.batchSizes, graph).states)
  }
}

extension Transformer {
  /// Word vectors with their positions, and the encoder's output over them.
  func inputsAndMemory(_ source: SequenceBatch, _ graph: Graph) -> (inputs: Tensor, states: Tensor) {
    let x = embed(embeddings.source, source.inputs, positions: source.positions, graph)
    var y = x
    for layer in encoder { y = layer(y, offsets: source.offsets, graph) }
    return (x, encoderNorm?(y, graph) ?? y)
  }
}
