/// Attention over sentences laid end to end: no padding, so no masks but the causal one.
extension Graph {
  /// A part of a tensor's columns: queries, keys and values share one product's result.
  public struct Columns {
    let tensor: Tensor
    let start: Int

    public init(_ tensor: Tensor, from start: Int = 0) {
      self.tensor = tensor
      self.start = start
    }

    var data: UnsafeMutablePointer<Float> { tensor.data + start }
    var stride: Int64 { Int64(tensor.columns) }
  }

  /// Multi-head scaled dot-product attention (Vaswani et al. 2017): softmax(q·kᵀ/√d)·v in each head.
  /// queries [N, D] with offsets [B+1], keys and values [M, D] with offsets [B+1] → [N, D]. Causal: query i of a
  /// sentence sees its keys 0…i. Cost 4·T·S·D operations a sentence.
  public func attention(
    queries: Columns, keys: Columns, values: Columns, queryOffsets: [Int32], keyOffsets: [Int32], size: Int, heads: Int,
    causal: Bool, dropout p: Float = 0
  ) -> Tensor {
    precondition(size % heads == 0, "\(size) features do not divide into \(heads) heads")
    precondition(queryOffsets.count == keyOffsets.count, "\(queryOffsets.count - 1) and \(keyOffsets.count - 1) sentences")
    precondition(keys.tensor === values.tensor || keys.stride == values.stride, "keys and values of different strides")
    let p = rate(p)
    let seed = p > 0 ? nextSeed() : 0
    let sentences = queryOffsets.count - 1
    let (qOffsets, kOffsets) = (copied(queryOffsets), copied(keyOffsets))
    var longest = 0
    var weightCount = 0
    let starts = arena.allocate(Int64.self, sentences)
    for b in 0..<sentences {
      let (t, s) = (Int(queryOffsets[b + 1] - queryOffsets[b]), Int(keyOffsets[b + 1] - keyOffsets[b]))
      starts[b] = Int64(weightCount)
      weightCount += heads * t * s
      longest = max(longest, s)
    }
    let y = makeTensor(queries.tensor.rows, size)
    let weights = isRecording ? arena.allocate(Float.self, weightCount) : nil
    let (headCount, headSize) = (Int64(heads), Int64(size / heads))
    let mark = arena.mark
    let scratch = arena.allocate(Float.self, Int(mt_attention_scratch(Int64(longest), headSize)))
    mt_attention(
      y.data, Int64(size), queries.data, queries.stride, keys.data, values.data, keys.stride, qOffsets, kOffsets,
      Int64(sentences), headCount, headSize, causal, weights, starts, p, seed, scratch)
    arena.release(to: mark)
    if isRecording {
      record { [self] in
        guard let dy = incoming(y) else { return }
        let dq = zeroedSlot(queries.tensor) + queries.start
        let dk = zeroedSlot(keys.tensor) + keys.start
        let dv = zeroedSlot(values.tensor) + values.start
        let mark = arena.mark
        let scratch = arena.allocate(Float.self, Int(mt_attention_scratch(Int64(longest), headSize)))
        mt_attention_backward(
          dq, queries.stride, dk, dv, keys.stride, dy, Int64(size), queries.data, queries.stride, keys.data,
          values.data, keys.stride, qOffsets, kOffsets, Int64(sentences), headCount, headSize, causal, weights, starts,
          p, seed, scratch)
        arena.release(to: mark)
      }
    }
    return y
  }

  /// Additive attention of one query a row (Bahdanau et al. 2015): e_j = v·tanh(q + k_j), context = Σ softmax(e)_j·values_j.
  /// Row r sees key rows first[r] ..< first[r]+counts[r]. queries [R, A], keys [M, A], values [M, C], v [1, A] → [R, C]
  /// and where the weights of each row start (valid until the graph is reset).
  public func additiveAttention(
    queries: Tensor, keys: Tensor, values: Tensor, v: Parameter, first: [Int32], counts: [Int32]
  ) -> (context: Tensor, weights: UnsafeMutablePointer<Float>, starts: UnsafeMutablePointer<Int64>) {
    let rows = queries.rows
    precondition(first.count == rows && counts.count == rows, "\(first.count) key ranges for \(rows) queries")
    let (firsts, lengths) = (copied(first), copied(counts))
    let starts = arena.allocate(Int64.self, rows)
    var total = 0
    for r in 0..<rows {
      starts[r] = Int64(total)
      total += Int(counts[r])
    }
    let weights = arena.allocate(Float.self, total)
    let context = makeTensor(rows, values.columns)
    let (size, width) = (Int64(keys.columns), Int64(values.columns))
    mt_additive_attention(
      context.data, weights, starts, queries.data, keys.data, values.data, v.data, firsts, lengths, Int64(rows), size,
      width)
    if isRecording {
      let longest = Int(counts.max() ?? 0)
      record { [self] in
        guard let d = incoming(context) else { return }
        let (dq, dk, dvalues) = (zeroedSlot(queries), zeroedSlot(keys), zeroedSlot(values))
        let dv = gradients!.zeroedSlot(v)
        let mark = arena.mark
        let scratch = arena.allocate(Float.self, longest)
        mt_additive_attention_backward(
          dq, dk, dvalues, dv, d, weights, starts, queries.data, keys.data, values.data, v.data, firsts, lengths,
          Int64(rows), size, width, scratch)
        arena.release(to: mark)
      }
    }
    return (context, weights, starts)
  }
}
