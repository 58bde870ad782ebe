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
}
