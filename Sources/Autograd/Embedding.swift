/// Rows of tables by id.
extension Graph {
  /// scale·table[ids] + signal[positions]: table [V, D], ids [N] → [N, D]. An id below 0 is the zero embedding, with
  /// which decoders start. `signal` [L, D] is constant (sinusoidal positions), `positions` [N].
  public func embed(
    _ table: Parameter, _ ids: [Int32], scale: Float = 1, signal: UnsafePointer<Float>? = nil, positions: [Int32] = []
  ) -> Tensor {
    precondition(ids.allSatisfy { $0 < table.rows }, "an id not below \(table.rows) looked up in \(table.name)")
    precondition(signal == nil || positions.count == ids.count, "\(positions.count) positions for \(ids.count) ids")
    let rows = copied(ids)
    let places = copied(positions)
    let y = makeTensor(ids.count, table.columns)
    table.lookUp(rows, count: ids.count, into: y.data, scale: scale, signal: signal, positions: places)
    if isRecording {
      record { [self] in
        guard let dy = incoming(y) else { return }
        mt_embed_backward(gradients!.zeroedSlot(table), dy, rows, Int64(y.rows), Int64(y.columns), scale)
      }
    }
    return y
  }
}
