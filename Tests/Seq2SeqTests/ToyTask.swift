@testable import Autograd
@testable import NeuralNet
@testable import Seq2Seq
import Foundation

/// Sequences of 3–12 symbols out of 20, to be said again or backwards.
enum ToyTask: String, CaseIterable, Sendable {
  case copy, reverse

  static let vocabularySize = 22
  /// Tests that take minutes run only where the environment asks for them: `make test-all`.
  static let learningTests = ProcessInfo.processInfo.environment["MT_LEARNING_TESTS"] != nil

  func batch(_ count: Int, _ random: inout RandomGenerator) -> (source: SequenceBatch, target: SequenceBatch) {
    var (source, target) = (SequenceBatch(), SequenceBatch())
    for _ in 0..<count {
      let symbols = (0..<Int.random(in: 3...12, using: &random)).map { _ in Int32.random(in: 2..<22, using: &random) }
      source.append(symbols + [0])
      target.append((self == .copy ? symbols : symbols.reversed()) + [0])
    }
    return (source, target)
  }

  /// Trains by Adam on batches of 64 with a rate that rises over 100 updates and falls to a twentieth.
  func train(_ model: any EncoderDecoder, updates: Int, rate: Float = 4e-3) {
    model.parameters.initialize(seed: 1)
    let (optimizer, arena, gradients) = (Optimizer(model.parameters), Arena(), GradientBuffer(model.parameters))
    var random = RandomGenerator(seed: 2)
    for update in 1...updates {
      let (source, target) = batch(64, &random)
      arena.reset()
      gradients.clear()
      let graph = Graph(arena: arena, gradients: gradients, random: nil)
      let sum = model.loss(source: source, target: target, objective: Objective(smoothing: 0), gradientScale: 1, graph: graph)
      graph.backward()
      let norm = mt_sum_of_squares(gradients.data, Int64(gradients.count)).squareRoot() / Double(sum.tokens)
      let scale = Float(min(1, 1 / norm)) / Float(sum.tokens)
      optimizer.updates += 1
      let schedule = min(Float(update) / 100, 1) * (1 - 0.95 * Float(update) / Float(updates))
      for range in optimizer.partition(1) {
        optimizer.update(range, gradient: gradients.data, scale: scale, rate: rate * schedule)
      }
    }
  }

  /// Of 500 unseen sequences: how many of each length there are, and how many come out exactly, greedily.
  func exact(_ model: any EncoderDecoder) -> [Int: (count: Int, exact: Int)] {
    var random = RandomGenerator(seed: 77)
    let (source, target) = batch(500, &random)
    let state = model.startDecoding(source, workspace: Workspace())
    var outputs = [[Int32]](repeating: [], count: 500)
    var tokens: [Int32]?
    for _ in 0..<14 {
      let logits = state.step(tokens)
      tokens = (0..<500).map { r in
        let row = logits[(r * Self.vocabularySize)..<((r + 1) * Self.vocabularySize)]
        return Int32(row.indices.max { row[$0] < row[$1] }! - row.startIndex)
      }
      for r in 0..<500 where outputs[r].last != 0 { outputs[r].append(tokens![r]) }
    }
    var result: [Int: (count: Int, exact: Int)] = [:]
    for b in 0..<500 {
      let right = outputs[b] == Array(target[b])
      result[target.length(b) - 1, default: (0, 0)].count += 1
      result[target.length(b) - 1]!.exact += right ? 1 : 0
    }
    return result
  }
}
