/// One step of a recurrent cell over rows that are alive: the element-wise part, after both products.
extension Graph {
  /// GRU: inputs [R, 3H] = x·W + b and recurrent [R, 3H] = h·U (+ b), gates reset, update, candidate; previous [R, H] →
  /// [R, H]. r, z = σ(·), n = tanh(x_n + r·u_n), h' = (1−z)·n + z·h (Cho et al. 2014, reset after the product).
  public func gru(inputs: Tensor, recurrent: Tensor, previous: Tensor, hasReset: Bool = true) -> Tensor {
    let hidden = previous.columns
    precondition(inputs.columns == 3 * hidden && recurrent.columns == 3 * hidden, "GRU gates of \(inputs.columns)")
    let rows = Int64(previous.rows)
    let h = makeTensor(previous.rows, hidden)
    let gates = arena.allocate(Float.self, 3 * h.count)
    mt_gru(h.data, gates, inputs.data, recurrent.data, previous.data, rows, Int64(hidden), hasReset)
    if isRecording {
      record { [self] in
        guard let dh = incoming(h) else { return }
        let (dx, du) = (slot(inputs), slot(recurrent))
        let dp = slot(previous)
        let mark = arena.mark
        // The kernel overwrites; what must be added goes through scratch.
        let x = dx.accumulate ? arena.allocate(Float.self, 3 * h.count) : dx.data
        let u = du.accumulate ? arena.allocate(Float.self, 3 * h.count) : du.data
        let p = dp.accumulate ? arena.allocate(Float.self, h.count) : dp.data
        mt_gru_backward(x, u, p, dh, gates, recurrent.data, previous.data, rows, Int64(hidden), hasReset)
        if dx.accumulate { mt_add(dx.data, x, Int64(3 * h.count)) }
        if du.accumulate { mt_add(du.data, u, Int64(3 * h.count)) }
        if dp.accumulate { mt_add(dp.data, p, Int64(h.count)) }
        arena.release(to: mark)
      }
    }
    return h
  }

  /// LSTM: inputs and recurrent [R, 4H], gates forget, input, candidate, output; cell [R, H] → new state and cell.
  public func lstm(inputs: Tensor, recurrent: Tensor, cell: Tensor) -> (state: Tensor, cell: Tensor) {
    let hidden = cell.columns
    precondition(inputs.columns == 4 * hidden && recurrent.columns == 4 * hidden, "LSTM gates of \(inputs.columns)")
    let rows = Int64(cell.rows)
    let (h, c) = (makeTensor(cell.rows, hidden), makeTensor(cell.rows, hidden))
    let gates = arena.allocate(Float.self, 4 * h.count)
    mt_lstm(h.data, c.data, gates, inputs.data, recurrent.data, cell.data, rows, Int64(hidden))
    if isRecording {
      record { [self] in
        guard incoming(h) != nil || incoming(c) != nil else { return }
        let (dh, dc) = (zeroedSlot(h), zeroedSlot(c))
        let d = arena.allocate(Float.self, 4 * h.count)
        let dprevious = arena.allocate(Float.self, h.count)
        mt_lstm_backward(d, dprevious, dh, dc, gates, c.data, cell.data, rows, Int64(hidden))
        addGradient(inputs, d)
        addGradient(recurrent, d)
        addGradient(cell, dprevious)
      }
    }
    return (h, c)
  }
}
