import Testing

@testable import Autograd

@Suite struct TableRowsTests {
  private static let (rows, columns) = (2_311, 72)

  /// A table of random values, of which so many bits of the fraction are kept, packed in a precision.
  private func table(_ precision: Precision, roundedTo bits: Int) -> (ParameterStore, Parameter, [Float]) {
    let store = ParameterStore()
    _ = store.declare("before", 3, 5, .ones)
    let table = store.declare("embeddings", Self.rows, Self.columns, .normal(deviation: 0.3))
    store.allocate()
    store.initialize(seed: 5)
    let mask = UInt32.max << UInt32(23 - bits)
    // The values stand elsewhere than in the table, which holds others.
    let values = table.buffer.map { Float(bitPattern: $0.bitPattern & mask) }
    store.pack(table, transposed: true, precision: precision, values: values)
    return (store, table, values)
  }

  @Test("Rows looked up in less memory are the table's, bit for bit", arguments: Precision.allCases)
  func rows(precision: Precision) {
    guard precision.supported == precision else { return }
    let (store, table, values) = table(precision, roundedTo: precision == .float32 ? 23 : 7)
    store.keepRows(of: table, values: values)
    switch (precision, table.rowsForLookup) {
    case (.float32, .packed), (.bfloat16, .packed), (.int8, .bfloat16): break
    default: Issue.record("\(precision) looks rows up in \(table.rowsForLookup)")
    }
    #expect(table.values == values)
    let ids: [Int32] = [0, 2_310, -1, 1_000, 999, 7, 7]
    let signal = (0..<4 * Self.columns).map { Float($0) / 16 }
    let positions: [Int32] = [3, 0, 1, 2, 2, 0, 1]
    let y = signal.withUnsafeBufferPointer {
      Graph(arena: Arena()).embed(table, ids, scale: 1.5, signal: $0.baseAddress, positions: positions)
    }
    for (r, id) in ids.enumerated() {
      for j in 0..<Self.columns {
        let value = id < 0 ? 0 : 1.5 * values[Int(id) * Self.columns + j]
        #expect(y.data[r * Self.columns + j] == value + signal[Int(positions[r]) * Self.columns + j])
      }
    }
  }

  @Test("A table stays where no shorter form is exact")
  func inexact() {
    for precision in [Precision.int8, .bfloat16] where precision.supported == precision {
      let (store, table, values) = table(precision, roundedTo: 23)
      store.keepRows(of: table, values: values)
      if case .values = table.rowsForLookup {} else { Issue.record("\(precision) is not exact") }
      #expect(Array(table.buffer) == values && table.values == values)
    }
  }
}
