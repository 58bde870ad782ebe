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

/// Some of a linear layer's outputs, as a layer of their own. Immutable.
public final class LinearSubset: Sendable {
  /// The outputs, ascending.
  public let outputs: [Int32]
  let matrix: PackedMatrix
  let bias: [Float]

  /// Of the layer x·Wᵀ + b, or x·W + b if not `transposed`, the outputs `outputs`, which ascend and are not empty; nil where
  /// the weight has no packed form. Cost: a copy of so many columns of it.
  public init?(_ weight: Parameter, _ bias: Parameter, outputs: [Int32], transposed: Bool = false) {
    guard let packed = transposed ? weight.packedTransposed : weight.packed else { return nil }
    precondition(
      outputs.first.map { $0 >= 0 } ?? false && outputs.last.map { Int($0) < packed.outputs } ?? false,
      "outputs \(outputs.first ?? -1)...\(outputs.last ?? -1) of \(packed.outputs)")
    guard let matrix = PackedMatrix(mt_pack_columns(packed.matrix, outputs, Int64(outputs.count)), outputs: outputs.count)
    else { preconditionFailure("no memory for \(outputs.count) columns of \(weight.name)") }
    self.matrix = matrix
    self.outputs = outputs
    self.bias = outputs.map { bias.data[Int($0)] }
  }
}

extension Parameter {
  fileprivate func setPacked(_ matrix: PackedMatrix?, transposed: Bool) {
    if transposed { packedTransposed = matrix } else { packed = matrix }
    latestSubset.withLock { $0 = nil }
  }

  /// The subset of the layer's outputs that many rows want, step after step and on all threads: made once, and kept until
  /// another is asked for.
  public func commonSubset(_ bias: Parameter, outputs: [Int32], transposed: Bool = false) -> LinearSubset? {
    latestSubset.withLock { latest in
      if latest?.outputs != outputs { latest = LinearSubset(self, bias, outputs: outputs, transposed: transposed) }
      return latest
    }
  }
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
    weight.setPacked(packed, transposed: transposed)
  }

  /// The same from 8-bit integers [outputs, inputs] with one scale per output.
  public func pack(_ weight: Parameter, transposed: Bool = false, integers: UnsafePointer<Int8>, scales: UnsafePointer<Float>) {
    let (inputs, outputs) = transposed ? (weight.columns, weight.rows) : (weight.rows, weight.columns)
    let packed = PackedMatrix(mt_pack_int8(integers, scales, Int64(inputs), Int64(outputs)), outputs: outputs)
    weight.setPacked(packed, transposed: transposed)
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
      p.setPacked(nil, transposed: false)
      p.setPacked(nil, transposed: true)
    }
  }
}
