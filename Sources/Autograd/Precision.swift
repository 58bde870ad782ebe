/// How matrix products are computed. Everything else is always in 32-bit floating point.
public enum Precision: String, CaseIterable, Codable, Sendable {
  case float32
  /// bfloat16 factors, float32 sums.
  case bfloat16
  /// 8-bit integer factors (weights per output column, activations per row), 32-bit sums. For translation only.
  case int8

  /// The same precision where this processor has it, else float32, which every processor has.
  public var supported: Precision {
    switch self {
    case .float32: .float32
    case .bfloat16: mt_has_bfloat16() ? .bfloat16 : .float32
    case .int8: mt_has_int8() ? .int8 : .float32
    }
  }

  var kernel: mt_precision {
    switch self {
    case .float32: MT_FLOAT32
    case .bfloat16: MT_BFLOAT16
    case .int8: MT_INT8
    }
  }
}
