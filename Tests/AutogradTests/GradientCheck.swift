@testable import Autograd
import Foundation

/// Compares gradients of Σ weight ⊙ f(inputs) with central differences.
///
/// `build` makes the result from the inputs on any graph; it is called again for each shifted element, so it must not
/// keep state. Parameters are checked as inputs are.
struct GradientCheck {
  var inputs: [(rows: Int, columns: Int)]
  var parameters: ParameterStore
  /// Elements checked per tensor: all if fewer.
  var most = 24
  var step: Float = 1e-2
  var seed: UInt64 = 7
  var maskSeed: UInt64?

  /// The largest |analytic − numeric| / (|analytic| + |numeric| + 0.05) over all checked elements.
  func worst(_ build: (Graph, [Tensor]) -> Tensor) -> Double {
    var random = RandomGenerator(seed: seed)
    var values = inputs.map { shape in (0..<shape.rows * shape.columns).map { _ in Float(random.gaussian()) * 0.7 } }
    let arena = Arena()
    let gradients = GradientBuffer(parameters)
    func makeGraph() -> Graph {
      arena.reset()
      gradients.clear()
      return Graph(arena: arena, gradients: gradients, random: maskSeed.map { RandomGenerator(seed: $0) })
    }
    func run(_ graph: Graph) -> (tensors: [Tensor], result: Tensor) {
      let tensors = zip(inputs, values).map { graph.makeTensor($0.rows, $0.columns, $1) }
      return (tensors, build(graph, tensors))
    }
    var graph = makeGraph()
    let first = run(graph)
    let weights = (0..<first.result.count).map { _ in Float(random.gaussian()) }
    func objective() -> Double {
      let y = run(makeGraph()).result
      return zip(y.array, weights).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    graph = makeGraph()
    let (tensors, result) = run(graph)
    graph.setGradient(result, weights)
    graph.backward()
    let analytic = tensors.map { graph.gradient($0) }
    let learnt = parameters.parameters.map { gradients.gradient($0) }

    var worst = 0.0
    func compare(_ analytic: Float, shift: (Float) -> Void) {
      shift(step)
      let up = objective()
      shift(-2 * step)
      let down = objective()
      shift(step)
      let numeric = (up - down) / Double(2 * step)
      worst = max(worst, abs(Double(analytic) - numeric) / (abs(Double(analytic)) + abs(numeric) + 0.05))
    }
    for (t, gradient) in analytic.enumerated() {
      for i in picks(gradient.count, &random) { compare(gradient[i]) { values[t][i] += $0 } }
    }
    for (p, gradient) in zip(parameters.parameters, learnt) {
      for i in picks(gradient.count, &random) { compare(gradient[i]) { p.data[i] += $0 } }
    }
    return worst
  }

  private func picks(_ count: Int, _ random: inout RandomGenerator) -> [Int] {
    count <= most ? Array(0..<count) : Array((0..<count).shuffled(using: &random).prefix(most))
  }
}

/// A store with parameters of the given shapes, filled with small random numbers.
func makeStore(_ shapes: [(String, Int, Int)], seed: UInt64 = 3) -> ParameterStore {
  let store = ParameterStore()
  for (name, rows, columns) in shapes { _ = store.declare(name, rows, columns, .normal(deviation: 0.5)) }
  store.allocate()
  store.initialize(seed: seed)
  return store
}
