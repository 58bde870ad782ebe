@testable import Autograd
@testable import NeuralNet
@testable import Seq2Seq

/// Batches and comparisons shared by the tests of all architectures.
enum ModelChecks {
  static let source = SequenceBatch([[3, 5, 2, 0], [7, 0], [4, 4, 8, 6, 3, 0]])
  static let target = SequenceBatch([[2, 6, 0], [9, 3, 5, 2, 0], [8, 0]])

  /// Fills parameters by a formula that a script can repeat: value i of the p-th parameter is
  /// scale·sin(0.7·i + 1.3·p) and layer norm scales are 1 plus that.
  static func fillByFormula(_ store: ParameterStore, scale: Float) {
    for (p, parameter) in store.parameters.enumerated() {
      let base: Float = parameter.name.hasSuffix(".scale") ? 1 : 0
      for i in 0..<parameter.count {
        parameter.data[i] = base + scale * sinOf(0.7 * Double(i) + 1.3 * Double(p))
      }
    }
  }

  static func loss(
    _ model: any EncoderDecoder, objective: Objective = Objective(smoothing: 0.1), maskSeed: UInt64? = nil,
    gradients: GradientBuffer? = nil
  ) -> LossSum {
    let arena = Arena()
    let buffer = gradients ?? GradientBuffer(model.parameters)
    buffer.clear()
    let graph = Graph(arena: arena, gradients: buffer, random: maskSeed.map { RandomGenerator(seed: $0) })
    let loss = model.loss(source: source, target: target, objective: objective, gradientScale: 1, graph: graph)
    graph.backward()
    return loss
  }

  /// The largest relative difference between analytic gradients and central differences over some elements of every
  /// parameter.
  static func worstGradient(
    _ model: any EncoderDecoder, objective: Objective = Objective(smoothing: 0.1), maskSeed: UInt64? = nil,
    step: Float = 3e-3
  ) -> (Double, String) {
    let gradients = GradientBuffer(model.parameters)
    _ = loss(model, objective: objective, maskSeed: maskSeed, gradients: gradients)
    var worst = (0.0, "")
    var random = RandomGenerator(seed: 17)
    for p in model.parameters.parameters {
      let analytic = gradients.gradient(p)
      for _ in 0..<5 {
        let i = Int.random(in: 0..<p.count, using: &random)
        let old = p.data[i]
        p.data[i] = old + step
        let up = loss(model, objective: objective, maskSeed: maskSeed).loss
        p.data[i] = old - step
        let down = loss(model, objective: objective, maskSeed: maskSeed).loss
        p.data[i] = old
        let numeric = (up - down) / Double(2 * step)
        let error = abs(Double(analytic[i]) - numeric) / (abs(Double(analytic[i])) + abs(numeric) + 0.1)
        if error > worst.0 { worst = (error, "\(p.name)[\(i)]: \(analytic[i]) against \(numeric)") }
      }
    }
    return worst
  }

  /// Log-probabilities of the target tokens, sentence by sentence, by stepping the decoder over the whole batch with
  /// sentences dropped as they end.
  static func steppedLogProbabilities(_ model: any EncoderDecoder) -> [Float] {
    let state = model.startDecoding(source, workspace: Workspace())
    var alive = Array(0..<target.count)
    var scores = (0..<target.count).map { _ in [Float]() }
    var tokens: [Int32]?
    for t in 0... {
      let logits = state.step(tokens)
      let size = state.vocabularySize
      mt_log_softmax(logits.baseAddress!, nil, Int64(alive.count), Int64(size))
      for (row, b) in alive.enumerated() {
        scores[b].append(logits[row * size + Int(target[b][target[b].startIndex + t])])
      }
      let rows = alive.indices.filter { target.length(alive[$0]) > t + 1 }
      alive = rows.map { alive[$0] }
      if alive.isEmpty { break }
      tokens = alive.map { target[$0][target[$0].startIndex + t] }
      state.reorder(rows)
    }
    return scores.flatMap { $0 }
  }

  /// Logits after `path` in the second sentence: alone, or among other hypotheses and moved about in the beam.
  static func logits(_ model: any EncoderDecoder, _ path: [Int32], detour: Bool) -> [Float] {
    let state = model.startDecoding(source, workspace: Workspace())
    if detour { state.reorder([2, 1, 1]) } else { state.reorder([1]) }
    _ = state.step(nil)
    for (t, token) in path.dropLast().enumerated() {
      _ = state.step(detour ? [9, token, 3] : [token])
      if detour && t == 0 { state.reorder([0, 2, 1, 0]); state.reorder([1, 2, 0]) }
      if detour && t == 0 { state.reorder([0, 1, 2]); state.reorder([2, 1, 0]) }
    }
    let row = detour ? 1 : 0
    let last = state.step(detour ? [4, path.last!, 6] : [path.last!])
    return Array(last[(row * 11)..<((row + 1) * 11)])
  }

  static func forcedLogProbabilities(_ model: any EncoderDecoder) -> [Float] {
    model.logProbabilities(source: source, target: target, graph: Graph(arena: Arena()))
  }
}
