@testable import Autograd
import Foundation
import Testing

/// One case an operation; sizes all different and more than one sentence throughout.
struct OperationCase: Sendable, CustomTestStringConvertible {
  let name: String
  var inputs: [(rows: Int, columns: Int)]
  var parameters: [(String, Int, Int)] = []
  var maskSeed: UInt64?
  var tolerance = 0.01
  let build: @Sendable (Graph, [Tensor], ParameterStore) -> Tensor

  var testDescription: String { name }
}

let sourceOffsets: [Int32] = [0, 3, 4, 9]
let targetOffsets: [Int32] = [0, 2, 6, 7]

let operationCases: [OperationCase] = ActivationKind.allCases.map { kind in
  OperationCase(
    name: "linear with \(kind)", inputs: [(5, 3)], parameters: [("w", 3, 7), ("b", 1, 7)],
    // A step across ReLU's kink would compare two different slopes.
    tolerance: kind == .relu ? 0.2 : 0.01
  ) { $0.linear($1[0], $2["w"]!, $2["b"]!, activation: kind) }
} + [
  OperationCase(name: "linear, transposed weight", inputs: [(5, 3)], parameters: [("w", 7, 3)]) {
    $0.linear($1[0], $2["w"]!, transposed: true)
  },
  OperationCase(name: "linear used twice on one input", inputs: [(37, 3)], parameters: [("w", 3, 3)]) {
    $0.add($0.linear($1[0], $2["w"]!), $0.linear($0.linear($1[0], $2["w"]!), $2["w"]!))
  },
  OperationCase(name: "add", inputs: [(4, 3), (4, 3)]) { graph, x, _ in graph.add(x[0], x[1]) },
  OperationCase(name: "multiply", inputs: [(4, 3), (4, 3)]) { graph, x, _ in graph.multiply(x[0], x[1]) },
  OperationCase(name: "multiply with itself", inputs: [(4, 3)]) { graph, x, _ in graph.multiply(x[0], x[0]) },
  OperationCase(name: "activation with bias", inputs: [(4, 3)], parameters: [("b", 1, 3)]) {
    $0.activation($1[0], .tanh, bias: $2["b"]!)
  },
  OperationCase(name: "dropout", inputs: [(6, 5)], maskSeed: 11) { graph, x, _ in graph.dropout(x[0], 0.4) },
  OperationCase(name: "dropout by group", inputs: [(6, 5)], maskSeed: 12) { graph, x, _ in
    graph.dropout(x[0], 0.4, groups: [0, 1, 2, 0, 1, 0], seed: 99)
  },
  OperationCase(name: "residual with dropout", inputs: [(6, 5), (6, 5)], maskSeed: 13) { graph, x, _ in
    graph.addDropout(x[0], x[1], 0.3)
  },
  OperationCase(name: "gather with repeats", inputs: [(4, 3)]) { graph, x, _ in graph.gather(x[0], [2, 0, 2, 3, 2]) },
  OperationCase(name: "concatenate", inputs: [(4, 3), (4, 2)]) { graph, x, _ in graph.concatenate([x[0], x[1], x[0]]) },
  OperationCase(name: "stack", inputs: [(4, 3), (2, 3)]) { graph, x, _ in graph.stack([x[0], x[1], x[0]]) },
  OperationCase(name: "window of rows", inputs: [(5, 3)]) { graph, x, _ in
    graph.add(graph.rows(x[0], 1..<3), graph.rows(x[0], 2..<4))
  },
  OperationCase(name: "mean by sentence", inputs: [(9, 3)]) { graph, x, _ in
    graph.meanBySentence(x[0], offsets: sourceOffsets)
  },
  OperationCase(name: "embedding with a zero start", inputs: [(5, 3)], parameters: [("table", 4, 3)]) {
    $0.add($1[0], $0.embed($2["table"]!, [2, -1, 0, 2, 3], scale: 1.7))
  },
  OperationCase(name: "layer norm", inputs: [(4, 6)], parameters: [("scale", 1, 6), ("bias", 1, 6)], tolerance: 0.03) {
    $0.layerNorm($1[0], scale: $2["scale"]!, bias: $2["bias"]!, epsilon: 1e-5)
  },
  OperationCase(
    name: "layer norm of residual and dropout", inputs: [(4, 6), (4, 6)], parameters: [("scale", 1, 6), ("bias", 1, 6)],
    maskSeed: 14, tolerance: 0.03
  ) {
    // The residual is used again, so that its gradient must be added to.
    $0.add($1[1], $0.layerNorm($1[0], residual: $1[1], scale: $2["scale"]!, bias: $2["bias"]!, epsilon: 1e-5, dropout: 0.3))
  },
  OperationCase(name: "causal self-attention", inputs: [(9, 18)]) { graph, x, _ in
    graph.attention(
      queries: .init(x[0]), keys: .init(x[0], from: 6), values: .init(x[0], from: 12), queryOffsets: sourceOffsets,
      keyOffsets: sourceOffsets, size: 6, heads: 2, causal: true)
  },
  OperationCase(name: "SSRU, its input used twice", inputs: [(9, 8)], parameters: [("b", 1, 4)]) { graph, x, store in
    graph.add(
      graph.simpleRecurrence(x[0], bias: store["b"]!, offsets: sourceOffsets),
      graph.simpleRecurrence(x[0], bias: store["b"]!, offsets: [0, 9]))
  },
  OperationCase(name: "cross-attention with dropout", inputs: [(7, 6), (9, 12)], maskSeed: 15) { graph, x, _ in
    graph.attention(
      queries: .init(x[0]), keys: .init(x[1]), values: .init(x[1], from: 6), queryOffsets: targetOffsets,
      keyOffsets: sourceOffsets, size: 6, heads: 3, causal: false, dropout: 0.3)
  },
]

@Suite struct OperationGradientTests {
  @Test("Gradients agree with finite differences", arguments: operationCases)
  func gradient(_ operation: OperationCase) {
    let store = makeStore(operation.parameters)
    let check = GradientCheck(inputs: operation.inputs, parameters: store, maskSeed: operation.maskSeed)
    let worst = check.worst { operation.build($0, $1, store) }
    #expect(worst < operation.tolerance, "\(operation.name): \(worst)")
  }

  @Test("Two passes' loss is the formula's, and its gradients agree with finite differences",
    arguments: [(Float(0), Float(3), Float(0)), (0.5, 1.25, 1.25)])
  func agreement(share: Float, forward: Float, backward: Float) {
    let store = makeStore([("w", 11, 4), ("b", 1, 11)])
    let arena = Arena()
    let gradients = GradientBuffer(store)
    var random = RandomGenerator(seed: 6)
    let rows = 150
    var h = (0..<2 * rows * 4).map { _ in Float(random.gaussian()) }
    let labels = (0..<rows).map { _ in Int32.random(in: 0..<11, using: &random) }
    func run() -> (loss: Double, likelihood: Double, gradient: [Float]) {
      arena.reset()
      gradients.clear()
      let graph = Graph(arena: arena, gradients: gradients, random: nil)
      let x = graph.makeTensor(rows, 4, Array(h[..<(rows * 4)]))
      let y = graph.makeTensor(rows, 4, Array(h[(rows * 4)...]))
      let (loss, likelihood) = graph.crossEntropy(
        x, store["w"]!, bias: store["b"]!, transposed: true, labels: labels, smoothing: 0.1, gradientScale: 1,
        agreeingWith: AgreeingPass(states: y, share: share, forward: forward, backward: backward))
      graph.backward()
      return (loss, likelihood, graph.gradient(x) + graph.gradient(y))
    }
    func logSoftmax(_ row: Int) -> [Double] {
      let (w, b) = (store["w"]!, store["b"]!)
      let z = (0..<11).map { v in
        Double(b.data[v]) + (0..<4).reduce(0) { $0 + Double(h[row * 4 + $1]) * Double(w.data[v * 4 + $1]) }
      }
      let total = log(z.reduce(0) { $0 + exp($1) })
      return z.map { $0 - total }
    }
    var (loss, likelihood) = (0.0, 0.0)
    for r in 0..<rows {
      let (u, v, label) = (logSoftmax(r), logSoftmax(rows + r), Int(labels[r]))
      func smoothed(_ x: [Double]) -> Double { -0.9 * x[label] - 0.1 * x.reduce(0, +) / 11 }
      loss += (1 - Double(share)) * smoothed(u) + Double(share) * smoothed(v)
      for j in 0..<11 {
        loss += Double(forward) * exp(u[j]) * (u[j] - v[j]) + Double(backward) * exp(v[j]) * (v[j] - u[j])
      }
      likelihood += u[label]
    }
    let first = run()
    #expect(abs(first.loss - loss) < 1e-3 && abs(first.likelihood - likelihood) < 1e-3, "\(first.loss), not \(loss)")
    let learnt = store.parameters.map { gradients.gradient($0) }
    func compare(_ analytic: Float, _ name: String, _ shift: (Float) -> Void) {
      shift(0.01)
      let up = run().loss
      shift(-0.02)
      let numeric = (up - run().loss) / 0.02
      shift(0.01)
      #expect(abs(Double(analytic) - numeric) < 0.01 * (abs(numeric) + 1), "\(name): \(analytic), not \(numeric)")
    }
    for i in [0, 3, 517, 600, 901, 1199] { compare(first.gradient[i], "h[\(i)]") { h[i] += $0 } }
    for (p, g) in zip(store.parameters, learnt) {
      for i in [0, p.count / 2, p.count - 1] { compare(g[i], "\(p.name)[\(i)]") { p.data[i] += $0 } }
    }
  }

  @Test("The loss operation's gradients agree with finite differences", arguments: [true, false], [Float(0), 0.1])
  func loss(transposed: Bool, smoothing: Float) {
    let store = makeStore([transposed ? ("w", 11, 4) : ("w", 4, 11), ("b", 1, 11)])
    let arena = Arena()
    let gradients = GradientBuffer(store)
    var random = RandomGenerator(seed: 5)
    var h = (0..<200 * 4).map { _ in Float(random.gaussian()) }
    let labels = (0..<200).map { _ in Int32.random(in: 0..<11, using: &random) }
    func run() -> (loss: Double, gradient: [Float]) {
      arena.reset()
      gradients.clear()
      let graph = Graph(arena: arena, gradients: gradients, random: nil)
      let x = graph.makeTensor(200, 4, h)
      let loss = graph.crossEntropy(
        x, store["w"]!, bias: store["b"]!, transposed: transposed, labels: labels, smoothing: smoothing,
        gradientScale: 1
      ).loss
      graph.backward()
      return (loss, graph.gradient(x))
    }
    let gradient = run().gradient
    let learnt = store.parameters.map { gradients.gradient($0) }
    for i in [0, 3, 401, 799] {
      h[i] += 0.01
      let up = run().loss
      h[i] -= 0.02
      let down = run().loss
      h[i] += 0.01
      #expect(abs(Double(gradient[i]) - (up - down) / 0.02) < 0.01)
    }
    for (p, g) in zip(store.parameters, learnt) {
      for i in [0, p.count / 2, p.count - 1] {
        p.data[i] += 0.01
        let up = run().loss
        p.data[i] -= 0.02
        let down = run().loss
        p.data[i] += 0.01
        let numeric = (up - down) / 0.02
        #expect(abs(Double(g[i]) - numeric) < 0.01 * (abs(numeric) + 1), "\(p.name)[\(i)]")
      }
    }
  }
}
