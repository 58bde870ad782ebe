/// One computation: the arena its tensors live in and, while learning, the tape of what must be undone.
///
/// Operations are methods, in the files beside this one; each computes at once and, if the graph records, appends the
/// closure that carries gradients back. Without recording they only compute. One graph belongs to one thread.
public final class Graph {
  public let arena: Arena
  /// Where gradients of parameters go; nil when only computing.
  public let gradients: GradientBuffer?
  /// Of matrix products. Where a parameter has a packed form, that form's precision is used instead.
  public let precision: Precision
  /// Seeds of dropout masks come from here; nil switches dropout off.
  public var random: RandomGenerator?
  private var tape: [() -> Void] = []
  /// Whether tensors are laid out in few different row counts.
  private let padsRows: Bool

  /// A graph that only computes. With `padsRows` false tensors have no surplus rows: for models whose weights are
  /// packed, since packed products cut rows into few shapes by themselves.
  public init(arena: Arena, precision: Precision = .float32, padsRows: Bool = true) {
    self.arena = arena
    self.padsRows = padsRows
    self.precision = precision == .int8 ? .float32 : precision.supported
    gradients = nil
  }

  /// A graph that records. With `random` nil, dropout is off.
  public init(arena: Arena, gradients: GradientBuffer, precision: Precision = .float32, random: RandomGenerator?) {
    self.arena = arena
    self.gradients = gradients
    self.precision = precision.supported
    self.random = random
    padsRows = true
  }

  public var isRecording: Bool { gradients != nil }

  /// Appends the backward step of an operation.
  func record(_ step: @escaping () -> Void) {
    tape.append(step)
  }

  /// Carries gradients from the loss back through everything recorded, last operation first.
  public func backward() {
    while let step = tape.popLast() { step() }
    gradients?.finish()
  }

  /// Forgets the tape and gives back all tensors.
  public func reset() {
    tape.removeAll(keepingCapacity: true)
    arena.reset()
  }

  /// The dropout rate in force: 0 unless learning with dropout on.
  func rate(_ p: Float) -> Float { random == nil ? 0 : p }

  func nextSeed() -> UInt64 { random?.next() ?? 0 }

  // MARK: Memory

  /// An uninitialised tensor whose padding rows are zero.
  public func makeTensor(_ rows: Int, _ columns: Int) -> Tensor {
    let padded = padsRows ? Tensor.padded(rows) : rows
    let data = arena.allocate(Float.self, padded * columns)
    if padded > rows { (data + rows * columns).update(repeating: 0, count: (padded - rows) * columns) }
    return Tensor(rows: rows, columns: columns, data: data, paddedRows: padded, arena: arena)
  }

  public func makeTensor(_ rows: Int, _ columns: Int, _ values: [Float]) -> Tensor {
    precondition(values.count == rows * columns, "\(values.count) values for [\(rows), \(columns)]")
    let tensor = makeTensor(rows, columns)
    values.withUnsafeBufferPointer { tensor.data.update(from: $0.baseAddress!, count: values.count) }
    return tensor
  }

  public func zeros(_ rows: Int, _ columns: Int) -> Tensor {
    let tensor = makeTensor(rows, columns)
    tensor.data.update(repeating: 0, count: tensor.count)
    return tensor
  }

  /// Rows `range` of `x` as a window: same memory, same gradient. The window's padding is not zero.
  public func rows(_ x: Tensor, _ range: Range<Int>) -> Tensor {
    precondition(range.upperBound <= x.rows, "rows \(range) of [\(x.rows), \(x.columns)]")
    return Tensor(
      rows: range.count, columns: x.columns, data: x.data + range.lowerBound * x.columns, paddedRows: range.count,
      arena: arena, parent: (x, range.lowerBound))
  }

  /// The result of `body`; what it made on the way is given back at once, so that a stack of layers works in the same
  /// few pages. While recording all of it is kept.
  public func compacting(_ body: () -> Tensor) -> Tensor {
    guard !isRecording else { return body() }
    let mark = arena.mark
    let x = body()
    arena.release(to: mark)
    let padded = padsRows ? Tensor.padded(x.rows) : x.rows
    let data = arena.allocate(Float.self, padded * x.columns)
    // Both places may overlap, so the padding comes last.
    data.update(from: x.data, count: x.count)
    if padded > x.rows { (data + x.count).update(repeating: 0, count: (padded - x.rows) * x.columns) }
    return Tensor(rows: x.rows, columns: x.columns, data: data, paddedRows: padded, arena: arena)
  }

  /// A computation in which no row of the result depends on another row of `x`, a few rows at a time where nothing is
  /// recorded: what it makes on the way then stays in the processor's cache.
  public func byRows(_ x: Tensor, _ body: (Tensor) -> Tensor) -> Tensor {
    let most = 32
    guard !isRecording, !padsRows, x.rows > most else { return body(x) }
    var result: Tensor?
    for first in stride(from: 0, to: x.rows, by: most) {
      let range = first..<min(first + most, x.rows)
      let y = result
      let mark = arena.mark
      let part = body(rows(x, range))
      if let y {
        (y.data + first * y.columns).update(from: part.data, count: part.count)
        arena.release(to: mark)
      } else {
        arena.release(to: mark)
        let whole = makeTensor(x.rows, part.columns)
        whole.data.update(from: part.data, count: part.count)
        result = whole
      }
    }
    return result!
  }

  func copied<T>(_ values: [T]) -> UnsafeMutablePointer<T> {
    let pointer = arena.allocate(T.self, values.count)
    values.withUnsafeBufferPointer { if let base = $0.baseAddress { pointer.initialize(from: base, count: $0.count) } }
    return pointer
  }

  // MARK: Gradients

  /// Where a tensor's gradient is written, and whether to add to what is there.
  func slot(_ x: Tensor) -> (data: UnsafeMutablePointer<Float>, accumulate: Bool) {
    if let g = x.gradient { return (g, true) }
    if let parent = x.parent {
      let g = zeroedSlot(parent.tensor) + parent.firstRow * x.columns
      x.gradient = g
      return (g, true)
    }
    let g = arena.allocate(Float.self, x.paddedRows * x.columns)
    if x.paddedRows > x.rows {
      (g + x.rows * x.columns).update(repeating: 0, count: (x.paddedRows - x.rows) * x.columns)
    }
    x.gradient = g
    return (g, false)
  }

  /// Where to add to a tensor's gradient; zeroed if nothing is there yet.
  func zeroedSlot(_ x: Tensor) -> UnsafeMutablePointer<Float> {
    let (g, accumulate) = slot(x)
    if !accumulate { g.update(repeating: 0, count: x.count) }
    return g
  }

  /// The gradient that has reached an operation's result, or nil if none has: then the operation has nothing to do.
  func incoming(_ y: Tensor) -> UnsafeMutablePointer<Float>? {
    if let g = y.gradient { return g }
    guard let parent = y.parent, let g = incoming(parent.tensor) else { return nil }
    return g + parent.firstRow * y.columns
  }

  /// The gradient of a tensor after `backward`, for tests: zero where none reached it.
  public func gradient(_ x: Tensor) -> [Float] {
    guard let g = incoming(x) else { return Array(repeating: 0, count: x.count) }
    return Array(UnsafeBufferPointer(start: g, count: x.count))
  }

  /// Seeds a tensor's gradient, for tests and for losses computed outside.
  public func setGradient(_ x: Tensor, _ values: [Float]) {
    precondition(values.count == x.count, "\(values.count) gradient values for \(x.count)")
    let g = zeroedSlot(x)
    for i in 0..<values.count { g[i] = values[i] }
  }
}
