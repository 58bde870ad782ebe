/// The output layer and its loss in one operation, so that the [N, V] logits exist once and become their own gradient.
extension Graph {
  /// Label-smoothed cross-entropy (Szegedy et al. 2016) of logits = h·W + b (or h·Wᵀ + b): h [N, D], labels [N].
  /// Adds up over tokens; gradients, times `gradientScale`, are set at once. Cost 6·N·D·V operations.
  public func crossEntropy(
    _ h: Tensor, _ weight: Parameter, bias: Parameter?, transposed: Bool, labels: [Int32], smoothing: Float,
    gradientScale: Float
  ) -> (loss: Double, logLikelihood: Double) {
    precondition(labels.count == h.rows, "\(labels.count) labels for \(h.rows) rows")
    let vocabulary = transposed ? weight.rows : weight.columns
    precondition(labels.allSatisfy { $0 >= 0 && $0 < vocabulary }, "a label outside 0..<\(vocabulary)")
    let targets = copied(labels)
    var (loss, likelihood) = (0.0, 0.0)
    // Logits are made and consumed a block at a time; only their gradients are kept whole, in the products' precision.
    let block = 128
    let mark = arena.mark
    let inBFloat16 = isRecording && bfloat16(weight) != nil
    let kept16 = inBFloat16 ? arena.allocate(UInt16.self, h.paddedRows * vocabulary) : nil
    let kept = isRecording && !inBFloat16 ? arena.allocate(Float.self, h.paddedRows * vocabulary) : nil
    // The padding rows' gradients are zero, as all padding is.
    let padding = (h.paddedRows - h.rows) * vocabulary
    if let kept16 { (kept16 + h.rows * vocabulary).update(repeating: 0, count: padding) }
    if let kept { (kept + h.rows * vocabulary).update(repeating: 0, count: padding) }
    let logits = kept == nil ? arena.allocate(Float.self, block * vocabulary) : nil
    let (dh, _) = isRecording ? slot(h) : (h.data, false)
    let (columns, size) = (Int64(vocabulary), Int64(h.columns))
    var start = 0
    while start < h.rows {
      let rows = min(block, h.rows - start)
      let x = kept.map { $0 + start * vocabulary } ?? logits!
      multiplyBlock(h, start: start, rows: rows, weight, transposed: transposed, into: x)
      mt_cross_entropy(
        x, bias?.data, targets + start, Int64(rows), columns, smoothing, gradientScale, &loss, &likelihood)
      if isRecording {
        if let bias { mt_column_sum(x, gradients!.zeroedSlot(bias), Int64(rows), columns) }
        if let kept16 { mt_to_bfloat16(kept16 + start * vocabulary, x, Int64(rows * vocabulary)) }
      }
      start += rows
    }
    if isRecording {
      let (dw, accumulate) = gradients!.slot(weight)
      let rows = Int64(h.paddedRows)
      if let kept16 {
        let w = bfloat16(weight)!
        check(mt_matmul_bf16(kept16, false, w, !transposed, dh, rows, size, columns, false))
        if transposed {
          check(mt_matmul_bf16(kept16, true, bfloat16(h), false, dw, columns, size, rows, accumulate))
        } else {
          check(mt_matmul_bf16(bfloat16(h), true, kept16, false, dw, size, columns, rows, accumulate))
        }
      } else if let kept {
        check(mt_matmul_f32(kept, false, weight.data, !transposed, dh, rows, size, columns, false))
        if transposed {
          check(mt_matmul_f32(kept, true, h.data, false, dw, columns, size, rows, accumulate))
        } else {
          check(mt_matmul_f32(h.data, true, kept, false, dw, size, columns, rows, accumulate))
        }
      }
    } else {
      arena.release(to: mark)
    }
    return (loss, likelihood)
  }

  /// log softmax(h·W + b)[label] of each row, [N].
  public func labelLogProbabilities(
    _ h: Tensor, _ weight: Parameter, bias: Parameter?, transposed: Bool, labels: [Int32]
  ) -> [Float] {
    precondition(labels.count == h.rows, "\(labels.count) labels for \(h.rows) rows")
    let vocabulary = transposed ? weight.rows : weight.columns
    precondition(labels.allSatisfy { $0 >= 0 && $0 < vocabulary }, "a label outside 0..<\(vocabulary)")
    let block = 128
    let mark = arena.mark
    let logits = arena.allocate(Float.self, block * vocabulary)
    var result = [Float](repeating: 0, count: labels.count)
    var start = 0
    while start < h.rows {
      let rows = min(block, h.rows - start)
      multiplyBlock(h, start: start, rows: rows, weight, transposed: transposed, into: logits)
      labels.withUnsafeBufferPointer { labels in
        result.withUnsafeMutableBufferPointer { result in
          mt_label_log_probabilities(
            logits, bias?.data, labels.baseAddress! + start, Int64(rows), Int64(vocabulary),
            result.baseAddress! + start)
        }
      }
      start += rows
    }
    arena.release(to: mark)
    return result
  }

  private func multiplyBlock(
    _ h: Tensor, start: Int, rows: Int, _ weight: Parameter, transposed: Bool, into logits: UnsafeMutablePointer<Float>
  ) {
    let vocabulary = transposed ? weight.rows : weight.columns
    if isRecording, let w = bfloat16(weight) {
      check(
        mt_matmul_bf16(
          bfloat16(h) + start * h.columns, false, w, transposed, logits, Int64(rows), Int64(vocabulary),
          Int64(h.columns), false))
      return
    }
    let x = Tensor(rows: rows, columns: h.columns, data: h.data + start * h.columns, paddedRows: rows)
    let y = Tensor(rows: rows, columns: vocabulary, data: logits, paddedRows: rows)
    multiply(x, weight, transposed: transposed, into: y)
  }
}
