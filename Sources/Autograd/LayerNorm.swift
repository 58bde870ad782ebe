extension Graph {
  /// LayerNorm(residual + dropout(x))·scale + bias (Ba, Kiros & Hinton 2016), each row over its columns.
  /// x, residual [N, D] → [N, D]; residual nil: of dropout(x) alone.
  public func layerNorm(
    _ x: Tensor, residual: Tensor? = nil, scale: Parameter, bias: Parameter, epsilon: Float, dropout p: Float = 0
  ) -> Tensor {
    precondition(residual == nil || residual!.count == x.count, "residual of another shape")
    let p = rate(p)
    let seed = p > 0 ? nextSeed() : 0
    let (rows, columns) = (Int64(x.rows), Int64(x.columns))
    let y = makeTensor(x.rows, x.columns)
    let sum = isRecording ? arena.allocate(Float.self, x.count) : nil
    let statistics = isRecording ? arena.allocate(Float.self, 2 * x.rows) : nil
    mt_layer_norm(
      y.data, sum, statistics, x.data, residual?.data, scale.data, bias.data, rows, columns, epsilon, p, seed)
    if isRecording {
      record { [self] in
        guard let dy = incoming(y) else { return }
        let dscale = gradients!.zeroedSlot(scale)
        let dbias = gradients!.zeroedSlot(bias)
        // The sum's gradient lands where it is wanted if nothing is there yet.
        let target = residual.map { slot($0) } ?? (data: arena.allocate(Float.self, x.count), accumulate: false)
        let ds = target.accumulate ? arena.allocate(Float.self, x.count) : target.data
        mt_layer_norm_backward(ds, dscale, dbias, dy, sum, statistics, scale.data, rows, columns)
        if target.accumulate { mt_add(target.data, ds, Int64(x.count)) }
        let dx = slot(x)
        if p > 0 {
          mt_dropout(dx.data, ds, Int64(x.count), p, seed, dx.accumulate)
        } else {
          mt_scale(dx.data, ds, 1, Int64(x.count), dx.accumulate)
        }
      }
    }
    return y
  }
}
