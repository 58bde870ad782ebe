@testable import Autograd
@testable import NeuralNet
import Foundation
import Testing

@Suite struct OptimizerTests {
  func makeStore() -> ParameterStore {
    let store = ParameterStore()
    _ = store.declare("matrix", 3, 5, .normal(deviation: 1))
    _ = store.declare("bias", 1, 7, .normal(deviation: 1))
    _ = store.declare("other", 2, 2, .normal(deviation: 1))
    store.allocate()
    store.initialize(seed: 1)
    return store
  }

  @Test("Three updates follow the paper's formulas, with decay on matrices only")
  func formulas() {
    let store = makeStore()
    var options = Optimizer.Options()
    (options.weightDecay, options.epsilon) = (0.1, 1e-6)
    let optimizer = Optimizer(store, options: options)
    var expected = store.parameters.map { $0.buffer.map(Double.init) }
    var m = expected.map { $0.map { _ in 0.0 } }
    var v = m
    var gradient = [Float](repeating: 0, count: store.count)
    for t in 1...3 {
      for i in gradient.indices { gradient[i] = Float(sin(Double(i * t))) }
      optimizer.updates += 1
      for range in optimizer.partition(2) { optimizer.update(range, gradient: gradient, scale: 0.5, rate: 0.01) }
      for (k, p) in store.parameters.enumerated() {
        for i in 0..<p.count {
          let g = Double(gradient[p.offset + i]) * 0.5
          m[k][i] = 0.9 * m[k][i] + 0.1 * g
          v[k][i] = 0.98 * v[k][i] + 0.02 * g * g
          let (mh, vh) = (m[k][i] / (1 - pow(0.9, Double(t))), v[k][i] / (1 - pow(0.98, Double(t))))
          let decay = p.rows > 1 ? 0.1 : 0.0
          expected[k][i] -= 0.01 * (mh / (vh.squareRoot() + 1e-6) + decay * expected[k][i])
        }
      }
    }
    for (k, p) in store.parameters.enumerated() {
      for i in 0..<p.count { #expect(abs(Double(p.data[i]) - expected[k][i]) < 1e-5, "\(p.name)[\(i)]") }
    }
  }

  @Test("The moving average and the bfloat16 copy follow the values")
  func copies() {
    let store = makeStore()
    let copy = store.bfloat16Values()
    let optimizer = Optimizer(store)
    let average = UnsafeMutablePointer<Float>.allocate(capacity: store.count)
    defer { average.deallocate() }
    average.initialize(repeating: 1, count: store.count)
    let gradient = [Float](repeating: 1, count: store.count)
    optimizer.updates = 1
    optimizer.update(0..<3, gradient: gradient, scale: 1, rate: 0.1, average: average, averageDecay: 0.75)
    for p in store.parameters {
      for i in 0..<p.count {
        #expect(abs(average[p.offset + i] - (0.75 + 0.25 * p.data[i])) < 1e-6)
        let half = Float(bitPattern: UInt32(copy[p.offset + i]) << 16)
        #expect(abs(half - p.data[i]) <= abs(p.data[i]) / 256)
      }
    }
  }

  @Test("A partition covers every parameter once, in order", arguments: 1...4)
  func partition(parts: Int) {
    let ranges = Optimizer(makeStore()).partition(parts)
    #expect(ranges.flatMap { Array($0) } == [0, 1, 2])
    #expect(ranges.count <= parts)
  }
}
