@testable import Autograd
@testable import NeuralNet
import Foundation
import Testing

@Suite struct LayerTests {
  @Test("Positions are sine half then cosine half at the stated rates", arguments: [4.0, 3.0])
  func positions(divisor: Double) {
    let (length, size) = (7, 8)
    let values = SinusoidalPositions(length: length, size: size, divisor: divisor).values
    for p in 0..<length {
      for i in 0..<4 {
        let angle = Double(p) / pow(10000, Double(i) / divisor)
        #expect(abs(Double(values[p * size + i]) - sin(angle)) < 1e-6)
        #expect(abs(Double(values[p * size + 4 + i]) - cos(angle)) < 1e-6)
      }
    }
  }

  @Test("Fused projections start with half the spread that Glorot gives their parts")
  func glorot() {
    let store = ParameterStore()
    let attention = SelfAttention(store, "a", size: 64, heads: 4, dropout: 0)
    store.allocate()
    store.initialize(seed: 2)
    let limit = Float(0.5 * (6.0 / 128).squareRoot())
    let values = Array(attention.projection.weight.buffer)
    #expect(values.max()! <= limit && values.max()! > 0.98 * limit)
    #expect(values.min()! >= -limit && values.min()! < -0.98 * limit)
  }

  @Test("Orthogonal blocks are orthogonal, identity blocks the identity")
  func squareStarts() {
    let store = ParameterStore()
    let q = store.declare("q", 5, 15, .orthogonal)
    let e = store.declare("e", 3, 6, .identity)
    store.allocate()
    store.initialize(seed: 3)
    for block in 0..<3 {
      for i in 0..<5 {
        for j in 0..<5 {
          let inner = (0..<5).reduce(Float(0)) {
            $0 + q.data[i * 15 + block * 5 + $1] * q.data[j * 15 + block * 5 + $1]
          }
          #expect(abs(inner - (i == j ? 1 : 0)) < 1e-5)
        }
      }
    }
    #expect(Array(e.buffer) == [1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1])
  }
}
