/// Operations on elements and rows.
extension Graph {
  /// a + b, same shape.
  public func add(_ a: Tensor, _ b: Tensor) -> Tensor {
    precondition(a.rows == b.rows && a.columns == b.columns, "[\(a.rows), \(a.columns)] + [\(b.rows), \(b.columns)]")
    let y = makeTensor(a.rows, a.columns)
    y.data.update(from: a.data, count: a.count)
    mt_add(y.data, b.data, Int64(y.count))
    if isRecording {
      record { [self] in
        guard let dy = incoming(y) else { return }
        addGradient(a, dy)
        addGradient(b, dy)
      }
    }
    return y
  }

  /// a ⊙ b, same shape.
  public func multiply(_ a: Tensor, _ b: Tensor) -> Tensor {
    precondition(a.rows == b.rows && a.columns == b.columns, "[\(a.rows), \(a.columns)] ⊙ [\(b.rows), \(b.columns)]")
    let y = makeTensor(a.rows, a.columns)
    mt_multiply(y.data, a.data, b.data, Int64(y.count), false)
    if isRecording {
      record { [self] in
        guard let dy = incoming(y) else { return }
        let da = slot(a)
        mt_multiply(da.data, dy, b.data, Int64(y.count), da.accumulate)
        let db = slot(b)
        mt_multiply(db.data, dy, a.data, Int64(y.count), db.accumulate)
      }
    }
    return y
  }

  /// activation(x + b), b [1, columns] or nil.
  public func activation(_ x: Tensor, _ kind: ActivationKind, bias: Parameter? = nil) -> Tensor {
    let sum = makeTensor(x.rows, x.columns)
    sum.data.update(from: x.data, count: x.count)
    let y = makeTensor(x.rows, x.columns)
    mt_bias_activation(sum.data, bias?.data, y.data, Int64(x.rows), Int64(x.columns), kind.kernel)
    if isRecording {
      record { [self] in
        guard let dy = incoming(y) else { return }
        let dx = slot(x)
        let mark = arena.mark
        let d = bias == nil ? dx.data : arena.allocate(Float.self, x.count)
        mt_activation_backward(sum.data, dy, d, Int64(x.count), kind.kernel, bias == nil && dx.accumulate)
        if let bias {
          mt_column_sum(d, gradients!.zeroedSlot(bias), Int64(x.rows), Int64(x.columns))
          mt_scale(dx.data, d, 1, Int64(x.count), dx.accumulate)
          arena.release(to: mark)
        }
      }
    }
    return y
  }

  /// Zeroes elements with chance p and scales the rest by 1/(1−p) (Srivastava et al. 2014); x itself when off.
  public func dropout(_ x: Tensor, _ p: Float) -> Tensor {
    let p = rate(p)
    guard p > 0 else { return x }
    let seed = nextSeed()
    let y = makeTensor(x.rows, x.columns)
    mt_dropout(y.data, x.data, Int64(x.count), p, seed, false)
    if isRecording {
      record { [self] in
        guard let dy = incoming(y) else { return }
        let dx = slot(x)
        mt_dropout(dx.data, dy, Int64(x.count), p, seed, dx.accumulate)
      }
    }
    return y
  }

  /// Dropout with one mask a group of rows: `groups[r]` says whose mask row r wears (variational dropout over time,
  /// Gal & Ghahramani 2016). The mask is a function of `seed`, so several calls can share it.
  public func dropout(_ x: Tensor, _ p: Float, groups: [Int32], seed: UInt64) -> Tensor {
    let p = rate(p)
    guard p > 0 else { return x }
    precondition(groups.count == x.rows, "\(groups.count) groups for \(x.rows) rows")
    let group = copied(groups)
    let y = makeTensor(x.rows, x.columns)
    mt_group_dropout(y.data, x.data, group, Int64(x.rows), Int64(x.columns), p, seed, false)
    if isRecording {
      record { [self] in
        guard let dy = incoming(y) else { return }
        let dx = slot(x)
        mt_group_dropout(dx.data, dy, group, Int64(x.rows), Int64(x.columns), p, seed, dx.accumulate)
      }
    }
    return y
  }

  /// A fresh seed for masks shared between calls.
  public func makeMaskSeed() -> UInt64 { nextSeed() }

  /// residual + dropout(x).
  public func addDropout(_ residual: Tensor, _ x: Tensor, _ p: Float) -> Tensor {
    precondition(residual.rows == x.rows && residual.columns == x.columns, "residual of another shape")
    let p = rate(p)
    let seed = p > 0 ? nextSeed() : 0
    let y = makeTensor(x.rows, x.columns)
    y.data.update(from: residual.data, count: x.count)
    if p > 0 {
      mt_dropout(y.data, x.data, Int64(x.count), p, seed, true)
    } else {
      mt_add(y.data, x.data, Int64(x.count))
    }
    if isRecording {
      record { [self] in
        guard let dy = incoming(y) else { return }
        addGradient(residual, dy)
        let dx = slot(x)
        if p > 0 {
          mt_dropout(dx.data, dy, Int64(x.count), p, seed, dx.accumulate)
        } else {
          mt_scale(dx.data, dy, 1, Int64(x.count), dx.accumulate)
        }
      }
    }
    return y
  }

  /// Row r of the result is row `index[r]` of x; rows may repeat.
  public func gather(_ x: Tensor, _ index: [Int32]) -> Tensor {
    let rows = copied(index)
    let y = makeTensor(index.count, x.columns)
    mt_gather_rows(y.data, x.data, rows, Int64(index.count), Int64(x.columns))
    if isRecording {
      record { [self] in
        guard let dy = incoming(y) else { return }
        mt_scatter_add_rows(zeroedSlot(x), dy, rows, Int64(index.count), Int64(x.columns))
      }
    }
    return y
  }

  /// The tensors side by side: equal rows, columns added up.
  public func concatenate(_ parts: [Tensor]) -> Tensor {
    let rows = parts[0].rows
    precondition(parts.allSatisfy { $0.rows == rows }, "parts of \(parts.map(\.rows)) rows side by side")
    let columns = parts.reduce(0) { $0 + $1.columns }
    let y = makeTensor(rows, columns)
    var start = 0
    for part in parts {
      for r in 0..<rows {
        (y.data + r * columns + start).update(from: part.data + r * part.columns, count: part.columns)
      }
      start += part.columns
    }
    if isRecording {
      record { [self] in
        guard let dy = incoming(y) else { return }
        var start = 0
        for part in parts {
          let dx = zeroedSlot(part)
          for r in 0..<rows { mt_add(dx + r * part.columns, dy + r * columns + start, Int64(part.columns)) }
          start += part.columns
        }
      }
    }
    return y
  }

  /// The tensors one below the other: equal columns, rows added up.
  public func stack(_ parts: [Tensor]) -> Tensor {
    let columns = parts[0].columns
    precondition(parts.allSatisfy { $0.columns == columns }, "parts of \(parts.map(\.columns)) columns stacked")
    let y = makeTensor(parts.reduce(0) { $0 + $1.rows }, columns)
    var row = 0
    for part in parts {
      (y.data + row * columns).update(from: part.data, count: part.count)
      row += part.rows
    }
    if isRecording {
      record { [self] in
        guard let dy = incoming(y) else { return }
        var row = 0
        for part in parts {
          addGradient(part, dy + row * columns)
          row += part.rows
        }
      }
    }
    return y
  }

  /// The mean of each sentence's rows: x [N, D], offsets [B+1] → [B, D].
  public func meanBySentence(_ x: Tensor, offsets: [Int32]) -> Tensor {
    let sentences = offsets.count - 1
    let y = zeros(sentences, x.columns)
    for b in 0..<sentences {
      let range = Int(offsets[b])..<Int(offsets[b + 1])
      for r in range {
        mt_add_scaled(y.data + b * x.columns, x.data + r * x.columns, 1 / Float(range.count), Int64(x.columns))
      }
    }
    if isRecording {
      record { [self] in
        guard let dy = incoming(y) else { return }
        let dx = zeroedSlot(x)
        for b in 0..<sentences {
          let range = Int(offsets[b])..<Int(offsets[b + 1])
          for r in range {
            mt_add_scaled(dx + r * x.columns, dy + b * x.columns, 1 / Float(range.count), Int64(x.columns))
          }
        }
      }
    }
    return y
  }

  func addGradient(_ x: Tensor, _ d: UnsafePointer<Float>) {
    let dx = slot(x)
    if dx.accumulate {
      mt_add(dx.data, d, Int64(x.count))
    } else {
      dx.data.update(from: d, count: x.count)
    }
  }
}
