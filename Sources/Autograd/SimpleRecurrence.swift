/// The simpler simple recurrent unit (Kim et al. 2019, "From Research to Production and Back").
extension Graph {
  /// f_t = σ(u_f + b), c_t = f_t∘c_{t−1} + (1 − f_t)∘u_x from c = 0, result max(c_t, 0), sentence by sentence.
  /// inputs [N, 2D] are x·W and x·W_f side by side, bias [1, D] the gate's, sentences at `offsets` [B+1] → [N, D].
  /// Cost some 10·N·D operations and no product.
  public func simpleRecurrence(_ inputs: Tensor, bias: Parameter, offsets: [Int32]) -> Tensor {
    let size = bias.columns
    precondition(inputs.columns == 2 * size, "\(inputs.columns) inputs for a state of \(size)")
    precondition(Int(offsets.last ?? 0) == inputs.rows, "offsets up to \(offsets.last ?? 0) for \(inputs.rows) rows")
    let y = makeTensor(inputs.rows, size)
    let mark = arena.mark
    let cells = arena.allocate(Float.self, inputs.rows * size)
    let gates = isRecording ? arena.allocate(Float.self, inputs.rows * size) : nil
    for b in 0..<offsets.count - 1 {
      let (start, length) = (Int(offsets[b]) * size, Int64(offsets[b + 1] - offsets[b]))
      mt_ssru(
        y.data + start, cells + start, gates.map { $0 + start }, nil, inputs.data + 2 * start, bias.data, length,
        Int64(size))
    }
    guard isRecording, let gates else {
      arena.release(to: mark)
      return y
    }
    record { [self] in
      guard let dy = incoming(y) else { return }
      let dx = slot(inputs)
      let dbias = gradients!.zeroedSlot(bias)
      let mark = arena.mark
      let carry = arena.allocate(Float.self, size)
      // The kernel overwrites; what must be added goes through scratch.
      let du = dx.accumulate ? arena.allocate(Float.self, inputs.count) : dx.data
      for b in 0..<offsets.count - 1 {
        let (start, length) = (Int(offsets[b]) * size, Int64(offsets[b + 1] - offsets[b]))
        mt_ssru_backward(
          du + 2 * start, dbias, carry, dy + start, cells + start, gates + start, inputs.data + 2 * start, length,
          Int64(size))
      }
      if dx.accumulate { mt_add(dx.data, du, Int64(inputs.count)) }
      arena.release(to: mark)
    }
    return y
  }
}
