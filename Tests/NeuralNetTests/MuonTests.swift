@testable import Autograd
@testable import NeuralNet
import Foundation
import Testing

@Suite struct MuonTests {
  typealias Matrix = [[Double]]

  /// Two blocks side by side, a tall matrix, a vector and embeddings.
  func makeStore() -> ParameterStore {
    let store = ParameterStore()
    _ = store.declare("wide", 4, 14, .glorot(parts: 2))
    _ = store.declare("tall", 9, 3, .glorot())
    _ = store.declare("bias", 1, 6, .normal(deviation: 1))
    _ = store.declare("embeddings", 5, 3, .normal(deviation: 1))
    store.allocate()
    store.initialize(seed: 1)
    return store
  }

  func product(_ a: Matrix, _ b: Matrix) -> Matrix {
    a.map { row in b[0].indices.map { j in row.indices.reduce(0) { $0 + row[$1] * b[$1][j] } } }
  }

  func transpose(_ a: Matrix) -> Matrix { a[0].indices.map { j in a.map { $0[j] } } }

  /// The iteration as it is published: on the lying matrix, five rounds.
  func orthogonalized(_ a: Matrix) -> Matrix {
    guard a.count <= a[0].count else { return transpose(orthogonalized(transpose(a))) }
    let norm = a.joined().reduce(0) { $0 + $1 * $1 }.squareRoot()
    var x = a.map { $0.map { $0 / norm } }
    for _ in 0..<5 {
      let gram = product(x, transpose(x))
      let square = product(gram, gram)
      let mixed = gram.indices.map { i in gram.indices.map { -4.7750 * gram[i][$0] + 2.0315 * square[i][$0] } }
      let y = product(mixed, x)
      x = x.indices.map { i in x[i].indices.map { 3.4445 * x[i][$0] + y[i][$0] } }
    }
    return x
  }

  func block(_ values: [Double], columns: Int, _ range: Range<Int>) -> Matrix {
    stride(from: 0, to: values.count, by: columns).map { row in range.map { values[row + $0] } }
  }

  @Test("Three updates follow the formulas, each block by itself; embeddings and biases move by Adam")
  func formulas() {
    let (store, other) = (makeStore(), makeStore())
    var options = Optimizer.Options()
    (options.weightDecay, options.momentum) = (0.1, 0.9)
    let adam = Optimizer(other, options: options)
    options.method = .muon
    let muon = Optimizer(store, options: options)
    var expected = store.parameters.map { $0.buffer.map(Double.init) }
    var momentum = expected.map { $0.map { _ in 0.0 } }
    var gradient = [Float](repeating: 0, count: store.count)
    for t in 1...3 {
      for i in gradient.indices { gradient[i] = Float(sin(Double(i * i + t))) }
      for optimizer in [muon, adam] {
        optimizer.updates += 1
        for range in optimizer.partition(2) { optimizer.update(range, gradient: gradient, scale: 0.5, rate: 0.01) }
      }
      for (k, p) in store.parameters.prefix(2).enumerated() {
        var direction = momentum[k]
        for i in 0..<p.count {
          let g = 0.1 * 0.5 * Double(gradient[p.offset + i])
          momentum[k][i] = 0.9 * momentum[k][i] + g
          direction[i] = 0.9 * momentum[k][i] + g
        }
        let width = k == 0 ? 7 : 3
        for start in stride(from: 0, to: p.columns, by: width) {
          let x = orthogonalized(block(direction, columns: p.columns, start..<start + width))
          let size = Double(max(p.rows, width))
          for i in 0..<p.rows {
            for j in 0..<width {
              let at = i * p.columns + start + j
              expected[k][at] = (1 - 0.001) * expected[k][at] - 0.01 * 0.2 * size.squareRoot() * x[i][j]
            }
          }
        }
      }
    }
    for (k, p) in store.parameters.prefix(2).enumerated() {
      for i in 0..<p.count { #expect(abs(Double(p.data[i]) - expected[k][i]) < 2e-6, "\(p.name)[\(i)]") }
    }
    for (p, q) in zip(store.parameters, other.parameters).dropFirst(2) { #expect(Array(p.buffer) == Array(q.buffer)) }
    #expect(Array(store.parameters[0].buffer) != Array(other.parameters[0].buffer))
  }

  @Test("A step is about as long in every direction, in bfloat16 as in float32", arguments: [(48, 96), (96, 48)])
  func orthogonal(rows: Int, columns: Int) {
    var random = RandomGenerator(seed: 3)
    // Directions that a plain gradient would favour tenfold.
    let values = (0..<rows * columns).map { Float(random.gaussian()) * Float(pow(10, -Double($0 % columns) / Double(columns))) }
    for precision in [Precision.float32, Precision.bfloat16.supported] {
      let scratch = OrthogonalizationScratch(capacity: rows * columns, precision: precision)
      scratch.shape(rows: rows, columns: columns)
      for i in values.indices { scratch.matrix[i] = values[i] }
      scratch.orthogonalize()
      let x = stride(from: 0, to: values.count, by: columns).map { row in (0..<columns).map { Double(scratch.matrix[row + $0]) } }
      let lying = rows < columns ? x : transpose(x)
      for (i, row) in product(lying, transpose(lying)).enumerated() {
        #expect(row[i] > 0.3 && row[i] < 1.6, "\(precision): squared length \(row[i]) of row \(i)")
        for j in row.indices where j != i { #expect(abs(row[j]) < 0.4, "\(precision): rows \(i) and \(j)") }
      }
    }
  }

  @Test("No gradient, no step; average and bfloat16 copy follow the values")
  func copies() {
    let store = makeStore()
    let copy = store.bfloat16Values()
    var options = Optimizer.Options()
    options.method = .muon
    let muon = Optimizer(store, options: options)
    let average = UnsafeMutablePointer<Float>.allocate(capacity: store.count)
    defer { average.deallocate() }
    average.initialize(repeating: 1, count: store.count)
    let before = Array(store.values)
    var gradient = [Float](repeating: 0, count: store.count)
    muon.updates = 1
    muon.update(0..<2, gradient: gradient, scale: 1, rate: 0.1)
    #expect(Array(store.values) == before)
    gradient = gradient.indices.map { Float(sin(Double($0 * $0 + 1))) }
    muon.update(0..<2, gradient: gradient, scale: 1, rate: 0.1, average: average, averageDecay: 0.75)
    for p in store.parameters.prefix(2) {
      #expect(zip(p.buffer, before[p.offset...]).allSatisfy { $0 != $1 })
      for i in 0..<p.count {
        #expect(abs(average[p.offset + i] - (0.75 + 0.25 * p.data[i])) < 1e-6)
        #expect(abs(Float(bitPattern: UInt32(copy[p.offset + i]) << 16) - p.data[i]) <= abs(p.data[i]) / 256)
      }
    }
  }
}
