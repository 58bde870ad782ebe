import Testing

@testable import Autograd

@Suite struct LifetimeTests {
  @Test("A tensor keeps the arena it lies in, a window and a compacted one too")
  func tensors() {
    let make: [(Graph) -> Tensor] = [
      { $0.makeTensor(2, 3, [1, 2, 3, 4, 5, 6]) },
      { $0.rows($0.makeTensor(3, 3, [0, 0, 0, 1, 2, 3, 4, 5, 6]), 1..<3) },
      { graph in graph.compacting { graph.makeTensor(2, 3, [1, 2, 3, 4, 5, 6]) } },
    ]
    for (i, tensor) in make.enumerated() {
      weak var arena: Arena?
      var kept: Tensor?
      do {
        let mine = Arena()
        arena = mine
        kept = tensor(Graph(arena: mine))
      }
      #expect(arena != nil, "case \(i)")
      #expect(kept?.array == [1, 2, 3, 4, 5, 6])
      kept = nil
      #expect(arena == nil, "case \(i)")
    }
  }

  @Test("A parameter keeps the memory of its store")
  func parameters() {
    weak var store: ParameterStore?
    weak var memory: ParameterMemory?
    var kept: Parameter?
    do {
      let mine = ParameterStore()
      _ = mine.declare("first", 3, 5, .zeros)
      kept = mine.declare("second", 2, 2, .identity)
      mine.allocate()
      mine.initialize(seed: 1)
      _ = mine.bfloat16Values()
      (store, memory) = (mine, kept?.memory)
    }
    #expect(store == nil && memory != nil)
    #expect(kept?.values == [1, 0, 0, 1])
    #expect(kept?.bfloat16Copy?[3] == 0x3F80)
    kept = nil
    #expect(memory == nil)
  }
}
