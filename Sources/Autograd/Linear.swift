/// Matrix products with parameters.
extension Graph {
  /// activation(x·W + b): x [N, in], W [in, out], b [1, out] → [N, out]. 2·N·in·out operations.
  /// `transposed`: W is [out, in], as an embedding table that serves as output layer.
  public func linear(
    _ x: Tensor, _ weight: Parameter, _ bias: Parameter? = nil, activation: ActivationKind = .identity,
    transposed: Bool = false
  ) -> Tensor {
    let (inputs, outputs) = transposed ? (weight.columns, weight.rows) : (weight.rows, weight.columns)
    precondition(x.columns == inputs, "[\(x.rows), \(x.columns)] times \(weight.name) [\(inputs), \(outputs)]")
    if !isRecording, let packed = transposed ? weight.packedTransposed : weight.packed {
      let y = makeTensor(x.rows, outputs)
      let rows = Int64(x.rows)
      withScratch(mt_packed_scratch(packed.matrix, rows)) {
        check(mt_linear_packed(x.data, packed.matrix, bias?.data, activation.kernel, y.data, rows, $0))
      }
      return y
    }
    let sum = makeTensor(x.rows, outputs)
    multiply(x, weight, transposed: transposed, into: sum)
    // ReLU's slope can be read off its result; the others need the value before.
    let keep = isRecording && activation != .identity && activation != .relu
    let y = keep ? makeTensor(x.rows, outputs) : sum
    if bias != nil || activation != .identity {
      mt_bias_activation(sum.data, bias?.data, y.data, Int64(x.rows), Int64(outputs), activation.kernel)
    }
    if isRecording {
      record { [self] in
        guard let dy = incoming(y) else { return }
        let dsum: UnsafeMutablePointer<Float>
        if activation == .identity {
          dsum = dy
        } else if keep {
          dsum = arena.allocate(Float.self, y.paddedRows * outputs)
          (dsum + y.rows * outputs).update(repeating: 0, count: (y.paddedRows - y.rows) * outputs)
          mt_activation_backward(sum.data, dy, dsum, Int64(y.count), activation.kernel, false)
        } else {
          dsum = dy
          mt_activation_backward(sum.data, dy, dsum, Int64(y.count), activation.kernel, false)
        }
        if let bias { mt_column_sum(dsum, gradients!.zeroedSlot(bias), Int64(y.rows), Int64(outputs)) }
        multiplyBackward(x, weight, transposed: transposed, dy: dsum, rows: y.paddedRows)
      }
    }
    return y
  }

  /// What `choice` wants of each row of log-softmax(x·W + b), by W's packed form and without keeping the product.
  /// False if there is no packed form.
  public func choose(
    _ x: Tensor, _ weight: Parameter, _ bias: Parameter, transposed: Bool = false, _ choice: mt_choice
  ) -> Bool {
    guard !isRecording, let packed = transposed ? weight.packedTransposed : weight.packed else { return false }
    let rows = Int64(x.rows)
    withScratch(mt_choose_packed_scratch(packed.matrix, rows)) { scratch in
      withUnsafePointer(to: choice) {
        check(mt_choose_packed(x.data, packed.matrix, bias.data, rows, $0, scratch))
      }
    }
    return true
  }

  /// Adds to what `choice` has found, which has begun (`mt_choice_begin`) and not ended, what the rows of x find among some
  /// outputs, which are its columns.
  public func choose(_ x: Tensor, rows: Range<Int>, _ subset: LinearSubset, _ choice: mt_choice) {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= x.rows, "rows \(rows) of \(x.rows)")
    let (matrix, first) = (subset.matrix.matrix, x.data + rows.lowerBound * x.columns)
    withScratch(mt_choose_packed_scratch(matrix, Int64(rows.count))) { scratch in
      withUnsafePointer(to: choice) {
        check(mt_absorb_packed(first, matrix, subset.bias, Int64(rows.count), $0, scratch))
      }
    }
  }

  /// Lends memory for the time of one kernel.
  private func withScratch(_ bytes: Int64, _ body: (UnsafeMutablePointer<UInt8>) -> Void) {
    let mark = arena.mark
    body(arena.allocate(UInt8.self, Int(bytes)))
    arena.release(to: mark)
  }

  /// y = x·W by the packed form if there is one, else in the graph's precision.
  func multiply(_ x: Tensor, _ weight: Parameter, transposed: Bool, into y: Tensor) {
    let rows = min(x.paddedRows, y.paddedRows)
    if !isRecording, let packed = transposed ? weight.packedTransposed : weight.packed {
      withScratch(mt_packed_scratch(packed.matrix, Int64(rows))) {
        check(mt_matmul_packed(x.data, packed.matrix, y.data, Int64(rows), $0))
      }
    } else if let w = bfloat16(weight) {
      check(
        mt_matmul_bf16(
          bfloat16(x), false, w, transposed, y.data, Int64(rows), Int64(y.columns), Int64(x.columns), false))
    } else {
      check(
        mt_matmul_f32(
          x.data, false, weight.data, transposed, y.data, Int64(rows), Int64(y.columns), Int64(x.columns), false))
    }
  }

  /// dx += dy·Wᵀ and dW += xᵀ·dy, with dy [rows, out].
  func multiplyBackward(
    _ x: Tensor, _ weight: Parameter, transposed: Bool, dy: UnsafeMutablePointer<Float>, rows: Int
  ) {
    let rows = Int64(min(rows, x.paddedRows))
    let inputs = Int64(x.columns)
    let outputs = Int64(transposed ? weight.rows : weight.columns)
    let (dw, accumulateWeight) = gradients!.slot(weight)
    let (dx, accumulate) = slot(x)
    if let w = bfloat16(weight) {
      let mark = arena.mark
      let dy16 = arena.allocate(UInt16.self, Int(rows * outputs))
      mt_to_bfloat16(dy16, dy, rows * outputs)
      let x16 = bfloat16(x)
      check(mt_matmul_bf16(dy16, false, w, !transposed, dx, rows, inputs, outputs, accumulate))
      if transposed {
        check(mt_matmul_bf16(dy16, true, x16, false, dw, outputs, inputs, rows, accumulateWeight))
      } else {
        check(mt_matmul_bf16(x16, true, dy16, false, dw, inputs, outputs, rows, accumulateWeight))
      }
      arena.release(to: mark)
    } else {
      check(mt_matmul_f32(dy, false, weight.data, !transposed, dx, rows, inputs, outputs, accumulate))
      if transposed {
        check(mt_matmul_f32(dy, true, x.data, false, dw, outputs, inputs, rows, accumulateWeight))
      } else {
        check(mt_matmul_f32(x.data, true, dy, false, dw, inputs, outputs, rows, accumulateWeight))
      }
    }
  }

  /// The parameter's bfloat16 copy if this graph multiplies in bfloat16.
  func bfloat16(_ weight: Parameter) -> UnsafeMutablePointer<UInt16>? {
    precision == .bfloat16 ? weight.bfloat16 : nil
  }

  /// The tensor in bfloat16, converted once.
  func bfloat16(_ x: Tensor) -> UnsafeMutablePointer<UInt16> {
    if let copy = x.bfloat16 { return copy }
    let copy = arena.allocate(UInt16.self, x.paddedRows * x.columns)
    mt_to_bfloat16(copy, x.data, Int64(x.paddedRows * x.columns))
    x.bfloat16 = copy
    return copy
  }

  /// A product of ours never fails for its arguments; what is left is a library that cannot run here.
  func check(_ status: Int32) {
    precondition(status == 0, "oneDNN could not multiply: status \(status)")
  }
}

/// Functions applied to each element.
public enum ActivationKind: String, CaseIterable, Codable, Sendable {
  case identity
  case relu
  /// x·Φ(x), Hendrycks & Gimpel 2016.
  case gelu
  /// x·σ(x), also called swish, Ramachandran et al. 2017.
  case silu
  case tanh
  case sigmoid

  var kernel: mt_activation {
    switch self {
    case .identity: MT_IDENTITY
    case .relu: MT_RELU
    case .gelu: MT_GELU
    case .silu: MT_SILU
    case .tanh: MT_TANH
    case .sigmoid: MT_SIGMOID
    }
  }
}
