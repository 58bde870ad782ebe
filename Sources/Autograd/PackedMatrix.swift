/// A weight matrix laid out once for products with few rows. Immutable, so that all workers share it.
final class PackedMatrix: @unchecked Sendable {
  let matrix: OpaquePointer
  let outputs: Int

  init?(_ matrix: OpaquePointer?, outputs: Int) {
    guard let matrix else { return nil }
    self.matrix = matrix
    self.outputs = outputs
  }

  deinit { mt_packed_free(matrix) }
}

extension ParameterStore {
  /// Lays `weight` out for translation. Not while other threads compute.
  /// - Parameter values: [rows, columns], where they stand elsewhere than in the parameter, whose memory is then not touched.
  public func pack(
    _ weight: Parameter, transposed: Bool = false, precision: Precision, values: UnsafePointer<Float>? = nil
  ) {
    let (inputs, outputs) = transposed ? (weight.columns, weight.rows) : (weight.rows, weight.columns)
    let packed = PackedMatrix(
      mt_pack(values ?? UnsafePointer(weight.data), transposed, Int64(inputs), Int64(outputs), precision.supported.kernel),
      outputs: outputs)
    if transposed { weight.packedTransposed = packed } else { weight.packed = packed }
  }

  /// The same from 8-bit integers [outputs, inputs] with one scale per output.
  public func pack(_ weight: Parameter, transposed: Bool = false, integers: UnsafePointer<Int8>, scales: UnsafePointer<Float>) {
    let (inputs, outputs) = transposed ? (weight.columns, weight.rows) : (weight.rows, weight.columns)
    let packed = PackedMatrix(mt_pack_int8(integers, scales, Int64(inputs), Int64(outputs)), outputs: outputs)
    if transposed { weight.packedTransposed = packed } else { weight.packed = packed }
  }

  /// Keeps the rows of a table whose values [rows, columns] stand elsewhere: in the packed form, if it holds them bit for bit,
  /// as it does in float32 and bfloat16; or in half the memory, if that does; or else in the parameter.
  /// Cost: a comparison of all values.
  public func keepRows(of p: Parameter, values: UnsafePointer<Float>) {
    if let packed = p.packedTransposed, mt_packed_columns(packed.matrix, values) {
      p.rowsForLookup = .packed(packed)
    } else if UnsafeBufferPointer(start: values, count: p.count).allSatisfy({ $0.bitPattern & 0xFFFF == 0 }) {
      p.rowsForLookup = .bfloat16(
        [UInt16](unsafeUninitializedCapacity: p.count) { table, written in
          mt_to_bfloat16(table.baseAddress!, values, Int64(p.count))
          written = p.count
        })
    } else {
      p.data.update(from: values, count: p.count)
    }
  }

  /// Forgets all packed forms: the values have changed.
  public func unpack() {
    for p in parameters {
      guard case .values = p.rowsForLookup else { preconditionFailure("\(p.name) has no other form than the packed one") }
      p.packed = nil
      p.packedTransposed = nil
    }
  }
}
