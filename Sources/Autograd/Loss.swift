/// A second pass over the same labels, whose predictions q ought to be those of the first, p: the loss becomes
/// (1 − share)·CE(p) + share·CE(q) + forward·KL(p‖q) + backward·KL(q‖p), gradients flowing into both passes.
public struct AgreeingPass {
  /// [N, D], rows as in the first pass.
  public var states: Tensor
  public var share: Float
  public var forward: Float
  public var backward: Float

  public init(states: Tensor, share: Float, forward: Float, backward: Float) {
    (self.states, self.share, self.forward, self.backward) = (states, share, forward, backward)
  }
}

/// The output layer and its loss in one operation, so that the [N, V] logits exist once and become their own gradient.
extension Graph {
  /// Label-smoothed cross-entropy (Szegedy et al. 2016) of logits = h·W + b (or h·Wᵀ + b): h [N, D], labels [N], and
  /// with `second` the agreement of two passes. Adds up over tokens; the likelihood is the first pass's. Gradients,
  /// times `gradientScale`, are set at once. Cost 6·N·D·V operations a pass.
  public func crossEntropy(
    _ h: Tensor, _ weight: Parameter, bias: Parameter?, transposed: Bool, labels: [Int32], smoothing: Float,
    gradientScale: Float, agreeingWith second: AgreeingPass? = nil
  ) -> (loss: Double, logLikelihood: Double) {
    precondition(labels.count == h.rows, "\(labels.count) labels for \(h.rows) rows")
    if let second {
      precondition(
        second.states.rows == h.rows && second.states.columns == h.columns,
        "a second pass of \(second.states.rows) × \(second.states.columns), expected \(h.rows) × \(h.columns)")
    }
    let vocabulary = transposed ? weight.rows : weight.columns
    precondition(labels.allSatisfy { $0 >= 0 && $0 < vocabulary }, "a label outside 0..<\(vocabulary)")
    let targets = copied(labels)
    var (loss, likelihood) = (0.0, 0.0)
    // Logits are made and consumed a block at a time; only their gradients are kept whole, in the products' precision.
    let block = 128
    let mark = arena.mark
    let first = LogitGradient(h, weight, vocabulary, block: block, self)
    let other = second.map { LogitGradient($0.states, weight, vocabulary, block: block, self) }
    let columns = Int64(vocabulary)
    var start = 0
    while start < h.rows {
      let rows = min(block, h.rows - start)
      let x = first.logits(from: start)
      multiplyBlock(h, start: start, rows: rows, weight, transposed: transposed, into: x)
      if let second, let other {
        let y = other.logits(from: start)
        multiplyBlock(second.states, start: start, rows: rows, weight, transposed: transposed, into: y)
        mt_agreeing_cross_entropy(
          x, y, bias?.data, targets + start, Int64(rows), columns, smoothing, second.share, second.forward,
          second.backward, gradientScale, &loss, &likelihood)
        keep(other, bias, start: start, rows: rows)
      } else {
        mt_cross_entropy(
          x, bias?.data, targets + start, Int64(rows), columns, smoothing, gradientScale, &loss, &likelihood)
      }
      keep(first, bias, start: start, rows: rows)
      start += rows
    }
    if isRecording {
      propagate(first, weight, transposed: transposed)
      if let other { propagate(other, weight, transposed: transposed) }
    } else {
      arena.release(to: mark)
    }
    return (loss, likelihood)
  }

  /// A block of logits, and where their gradients are kept until all are there.
  private struct LogitGradient {
    let h: Tensor
    let vocabulary: Int
    /// Where ∂loss/∂h goes.
    let dh: UnsafeMutablePointer<Float>
    /// [paddedRows, V], one of them while learning.
    let kept16: UnsafeMutablePointer<UInt16>?
    let kept: UnsafeMutablePointer<Float>?
    private let scratch: UnsafeMutablePointer<Float>?

    init(_ h: Tensor, _ weight: Parameter, _ vocabulary: Int, block: Int, _ graph: Graph) {
      (self.h, self.vocabulary) = (h, vocabulary)
      let inBFloat16 = graph.isRecording && graph.bfloat16(weight) != nil
      let count = h.paddedRows * vocabulary
      kept16 = inBFloat16 ? graph.arena.allocate(UInt16.self, count) : nil
      kept = graph.isRecording && !inBFloat16 ? graph.arena.allocate(Float.self, count) : nil
      // The padding rows' gradients are zero, as all padding is.
      let padding = (h.paddedRows - h.rows) * vocabulary
      if let kept16 { (kept16 + h.rows * vocabulary).update(repeating: 0, count: padding) }
      if let kept { (kept + h.rows * vocabulary).update(repeating: 0, count: padding) }
      scratch = kept == nil ? graph.arena.allocate(Float.self, block * vocabulary) : nil
      dh = graph.isRecording ? graph.slot(h).0 : h.data
    }

    func logits(from start: Int) -> UnsafeMutablePointer<Float> { kept.map { $0 + start * vocabulary } ?? scratch! }
  }

  private func keep(_ gradient: LogitGradient, _ bias: Parameter?, start: Int, rows: Int) {
    guard isRecording else { return }
    let (x, columns) = (gradient.logits(from: start), Int64(gradient.vocabulary))
    if let bias { mt_column_sum(x, gradients!.zeroedSlot(bias), Int64(rows), columns) }
    if let kept16 = gradient.kept16 {
      mt_to_bfloat16(kept16 + start * gradient.vocabulary, x, Int64(rows * gradient.vocabulary))
    }
  }

  private func propagate(_ gradient: LogitGradient, _ weight: Parameter, transposed: Bool) {
    let h = gradient.h
    let (columns, size, rows) = (Int64(gradient.vocabulary), Int64(h.columns), Int64(h.paddedRows))
    let (dw, accumulate) = gradients!.slot(weight)
    if let kept16 = gradient.kept16 {
      let w = bfloat16(weight)!
      check(mt_matmul_bf16(kept16, false, w, !transposed, gradient.dh, rows, size, columns, false))
      if transposed {
        check(mt_matmul_bf16(kept16, true, bfloat16(h), false, dw, columns, size, rows, accumulate))
      } else {
        check(mt_matmul_bf16(bfloat16(h), true, kept16, false, dw, size, columns, rows, accumulate))
      }
    } else if let kept = gradient.kept {
      check(mt_matmul_f32(kept, false, weight.data, !transposed, gradient.dh, rows, size, columns, false))
      if transposed {
        check(mt_matmul_f32(kept, true, h.data, false, dw, columns, size, rows, accumulate))
      } else {
        check(mt_matmul_f32(h.data, true, kept, false, dw, size, columns, rows, accumulate))
      }
    }
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
