/// A matrix of floats, row-major and dense: rows are tokens, sentences or hypotheses, columns their features.
/// It lives in its graph's arena, which stays as long as it does; what is in it stays until the graph's `reset`.
///
/// The memory behind a tensor is rounded up to `paddedRows` rows and the surplus is zero: products may then run over
/// few different row counts, and zero rows add nothing to a sum over rows.
public final class Tensor {
  public let rows: Int
  public let columns: Int
  /// [rows, columns]
  public let data: UnsafeMutablePointer<Float>
  let paddedRows: Int
  var gradient: UnsafeMutablePointer<Float>?
  /// The matrix this one is a window of; its gradient is a window of that one's gradient too.
  let parent: (tensor: Tensor, firstRow: Int)?
  /// The same values in bfloat16 once a product has asked for them, [paddedRows, columns].
  var bfloat16: UnsafeMutablePointer<UInt16>?

  /// The arena that `data` is part of; nil for memory that its caller keeps.
  private let arena: Arena?

  init(
    rows: Int, columns: Int, data: UnsafeMutablePointer<Float>, paddedRows: Int, arena: Arena? = nil,
    parent: (Tensor, Int)? = nil
  ) {
    self.rows = rows
    self.columns = columns
    self.data = data
    self.paddedRows = paddedRows
    self.arena = arena
    self.parent = parent
  }

  public var count: Int { rows * columns }

  /// The values, copied: for tests and reports.
  public var array: [Float] { Array(UnsafeBufferPointer(start: data, count: count)) }

  /// Rows as they are laid out: exact where few, then a multiple of 8, 32 and 64, so that a run meets few shapes and
  /// at most an eighth of a product's rows are padding.
  static func padded(_ rows: Int) -> Int {
    let multiple = rows <= 32 ? 1 : rows <= 128 ? 8 : rows <= 512 ? 32 : 64
    return (rows + multiple - 1) / multiple * multiple
  }
}
