import Foundation
import Synchronization

/// A matrix that is learnt: its values, and the forms of them that products want.
public final class Parameter: @unchecked Sendable {
  public let name: String
  public let rows: Int
  public let columns: Int
  let initialization: Initialization
  /// Whether learning leaves it as it is.
  public var isFrozen = false
  /// Place in the store's flat buffer, in elements.
  public let offset: Int
  let index: Int
  /// [rows, columns]
  public internal(set) var data: UnsafeMutablePointer<Float>
  /// A copy in bfloat16 for training in that precision; refreshed after each update.
  var bfloat16: UnsafeMutablePointer<UInt16>?
  /// What `data` and `bfloat16` are part of.
  var memory: ParameterMemory?
  /// For translation: x·W, and x·Wᵀ where the output layer shares an embedding table.
  var packed: PackedMatrix?
  var packedTransposed: PackedMatrix?
  /// Some columns of these, for `commonSubset`.
  let latestSubset = Mutex<LinearSubset?>(nil)

  init(
    name: String, rows: Int, columns: Int, initialization: Initialization, offset: Int, index: Int,
    data: UnsafeMutablePointer<Float>
  ) {
    (self.name, self.rows, self.columns, self.initialization) = (name, rows, columns, initialization)
    (self.offset, self.index, self.data) = (offset, index, data)
  }

  /// Where rows are looked up.
  enum Rows {
    case values
    /// In `packedTransposed`; `data` holds nothing.
    case packed(PackedMatrix)
    /// In these numbers [rows, columns]; `data` holds nothing.
    case bfloat16([UInt16])
  }

  var rowsForLookup = Rows.values

  /// Whether products with it use a packed form while nothing is recorded.
  public var isPacked: Bool { packed != nil || packedTransposed != nil }
  /// The bfloat16 copy, if the store keeps one.
  public var bfloat16Copy: UnsafeMutablePointer<UInt16>? { bfloat16 }
  public var count: Int { rows * columns }
  public var buffer: UnsafeMutableBufferPointer<Float> { .init(start: data, count: count) }

  /// A copy of the values [rows, columns] of a table, also where they are kept in another form.
  public var values: [Float] {
    [Float](unsafeUninitializedCapacity: count) { values, written in
      lookUp((0..<Int32(rows)).map { $0 }, count: rows, into: values.baseAddress!)
      written = count
    }
  }

  /// y[r] = scale·row(ids[r]) + signal[positions[r]], zeros in place of the row for ids below 0.
  func lookUp(
    _ ids: UnsafePointer<Int32>, count: Int, into y: UnsafeMutablePointer<Float>, scale: Float = 1,
    signal: UnsafePointer<Float>? = nil, positions: UnsafePointer<Int32>? = nil
  ) {
    let (n, width) = (Int64(count), Int64(columns))
    switch rowsForLookup {
    case .values: mt_embed(y, data, ids, signal, positions, n, width, scale)
    case .packed(let matrix): mt_embed_packed(y, matrix.matrix, ids, signal, positions, n, scale)
    case .bfloat16(let table): mt_embed_bfloat16(y, table, ids, signal, positions, n, width, scale)
    }
  }
}

extension Parameter {
  /// The matrices side by side of which it consists, where it is multiplied with a layer's input; nil for embeddings,
  /// biases and norms.
  public var layerBlocks: Int? {
    switch initialization {
    case .glorot(let parts, _): parts
    case .orthogonal, .identity: columns / rows
    case .zeros, .ones, .leadingOnes, .normal, .uniform: nil
    }
  }
}

/// How a parameter starts.
public enum Initialization: Sendable, Equatable {
  case zeros
  case ones
  /// Ones in the first columns, zeros in the rest: an LSTM's forget gates start open (Jozefowicz et al. 2015).
  case leadingOnes(Int)
  /// Uniform in ±gain·√(6/(rows+columns)), Glorot & Bengio 2010, for a matrix that is `parts` such matrices side by side.
  case glorot(parts: Int = 1, gain: Double = 1)
  case normal(deviation: Float)
  case uniform(Float)
  /// Ones on the diagonal of each of the square blocks side by side, zeros elsewhere.
  case identity
  /// Each of the square blocks side by side orthogonal (Saxe et al. 2014).
  case orthogonal

  func fill(_ p: Parameter, random: inout RandomGenerator) {
    switch self {
    case .zeros: p.buffer.update(repeating: 0)
    case .ones: p.buffer.update(repeating: 1)
    case .leadingOnes(let columns):
      for i in 0..<p.count { p.data[i] = i % p.columns < columns ? 1 : 0 }
    case .glorot(let parts, let gain):
      let limit = gain * (6 / Double(p.rows + p.columns / parts)).squareRoot()
      for i in 0..<p.count { p.data[i] = Float((2 * random.uniform() - 1) * limit) }
    case .normal(let deviation):
      for i in 0..<p.count { p.data[i] = Float(random.gaussian()) * deviation }
    case .uniform(let limit):
      for i in 0..<p.count { p.data[i] = Float(2 * random.uniform() - 1) * limit }
    case .identity:
      for i in 0..<p.rows { for j in 0..<p.columns { p.data[i * p.columns + j] = j % p.rows == i ? 1 : 0 } }
    case .orthogonal:
      for block in 0..<(p.columns / p.rows) {
        let q = Initialization.orthogonalMatrix(p.rows, random: &random)
        for i in 0..<p.rows {
          for j in 0..<p.rows { p.data[i * p.columns + block * p.rows + j] = Float(q[i * p.rows + j]) }
        }
      }
    }
  }

  /// Gram–Schmidt, twice for accuracy, over random normal rows. 4·size³ operations.
  private static func orthogonalMatrix(_ size: Int, random: inout RandomGenerator) -> [Double] {
    var q = (0..<size * size).map { _ in random.gaussian() }
    q.withUnsafeMutableBufferPointer { q in
      guard let base = q.baseAddress else { return }
      for i in 0..<size {
        let row = base + i * size
        for _ in 0..<2 {
          for k in 0..<i {
            let earlier = base + k * size
            let inner = innerProduct(row, earlier, size)
            for j in 0..<size { row[j] -= inner * earlier[j] }
          }
        }
        let norm = innerProduct(row, row, size).squareRoot()
        for j in 0..<size { row[j] /= norm }
      }
    }
    return q
  }

  /// In eight partial sums, so that it runs in vectors.
  private static func innerProduct(_ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, _ count: Int) -> Double {
    var lanes = SIMD8<Double>.zero
    var j = 0
    while j + 8 <= count {
      lanes += UnsafeRawPointer(a + j).loadUnaligned(as: SIMD8<Double>.self)
        * UnsafeRawPointer(b + j).loadUnaligned(as: SIMD8<Double>.self)
      j += 8
    }
    var sum = lanes.sum()
    while j < count {
      sum += a[j] * b[j]
      j += 1
    }
    return sum
  }
}

/// The numbers of a store's parameters; it goes when neither the store nor one of them is left.
final class ParameterMemory: @unchecked Sendable {
  /// [count], zeros at first. The system fills in a page when it is first written to.
  let values: UnsafeMutablePointer<Float>
  /// [count], once the store makes it.
  fileprivate(set) var bfloat16: UnsafeMutablePointer<UInt16>?
  private let bytes: Int

  init(count: Int) {
    bytes = max(count, 1) * MemoryLayout<Float>.stride
    let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | Int32(MAP_ANONYMOUS), -1, 0)
    guard let memory, memory != MAP_FAILED else { preconditionFailure("no memory for \(count) parameters") }
    values = memory.bindMemory(to: Float.self, capacity: max(count, 1))
  }

  deinit {
    munmap(values, bytes)
    bfloat16?.deallocate()
  }
}

/// All parameters of a model in one flat buffer, in the order in which they were declared.
public final class ParameterStore: @unchecked Sendable {
  public private(set) var parameters: [Parameter] = []
  private var byName: [String: Parameter] = [:]
  /// Elements in the flat buffer; each parameter starts at a multiple of 16.
  public private(set) var count = 0
  private var memory: ParameterMemory?

  public init() {}

  public subscript(name: String) -> Parameter? { byName[name] }

  /// Numbers that are learnt, without the gaps between parameters.
  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.count } }

  /// Adds a parameter; its memory comes with `allocate()`.
  public func declare(_ name: String, _ rows: Int, _ columns: Int, _ initialization: Initialization) -> Parameter {
    precondition(memory == nil, "\(name) declared after the store was allocated")
    precondition(byName[name] == nil, "\(name) declared twice")
    let unset = UnsafeMutablePointer<Float>(bitPattern: Arena.alignment)!
    let parameter = Parameter(
      name: name, rows: rows, columns: columns, initialization: initialization, offset: count, index: parameters.count,
      data: unset)
    parameters.append(parameter)
    byName[name] = parameter
    count += (rows * columns + 15) & ~15
    return parameter
  }

  /// Gives every parameter its memory, zeroed.
  public func allocate() {
    precondition(memory == nil, "allocated twice")
    let memory = ParameterMemory(count: count)
    for p in parameters { (p.memory, p.data) = (memory, memory.values + p.offset) }
    self.memory = memory
  }

  /// Starting values, drawn in the order of declaration; matrices then times `gain`.
  public func initialize(seed: UInt64, gain: (Parameter) -> Float = { _ in 1 }) {
    var random = RandomGenerator(seed: seed)
    for p in parameters {
      p.initialization.fill(p, random: &random)
      let factor = gain(p)
      if factor != 1, p.rows > 1 { for i in 0..<p.count { p.data[i] *= factor } }
    }
  }

  /// The flat buffer, [count].
  public var values: UnsafeMutableBufferPointer<Float> {
    .init(start: memory?.values, count: memory == nil ? 0 : count)
  }

  /// The flat bfloat16 copy, made on first use.
  public func bfloat16Values() -> UnsafeMutablePointer<UInt16> {
    precondition(memory != nil, "a copy asked for before the store was allocated")
    if let copy = memory?.bfloat16 { return copy }
    let copy = ParameterStore.zeroed(UInt16.self, count)
    memory?.bfloat16 = copy
    for p in parameters { p.bfloat16 = copy + p.offset }
    refreshBFloat16()
    return copy
  }

  /// Brings the bfloat16 copy, if there is one, up to date with the values.
  public func refreshBFloat16() {
    guard let memory, let copy = memory.bfloat16 else { return }
    mt_to_bfloat16(copy, memory.values, Int64(count))
  }

  static func zeroed<T: Numeric>(_ type: T.Type, _ count: Int) -> UnsafeMutablePointer<T> {
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: max(count, 1) * MemoryLayout<T>.stride, alignment: Arena.alignment)
    let pointer = raw.bindMemory(to: type, capacity: max(count, 1))
    pointer.initialize(repeating: 0, count: max(count, 1))
    return pointer
  }
}

/// Gradients of one shard, laid out as the parameters are.
public final class GradientBuffer: @unchecked Sendable {
  public let count: Int
  /// [count]
  public let data: UnsafeMutablePointer<Float>
  private let store: ParameterStore
  private var isSet: [Bool]

  public init(_ store: ParameterStore) {
    self.store = store
    count = store.count
    data = ParameterStore.zeroed(Float.self, count)
    isSet = Array(repeating: false, count: store.parameters.count)
  }

  deinit { data.deallocate() }

  /// Forgets everything; cheap, since the first operation to write a parameter's gradient overwrites it.
  public func clear() {
    for i in isSet.indices { isSet[i] = false }
  }

  /// Where to write, and whether to add to what is there.
  func slot(_ p: Parameter) -> (data: UnsafeMutablePointer<Float>, accumulate: Bool) {
    defer { isSet[p.index] = true }
    return (data + p.offset, isSet[p.index])
  }

  /// Where to add; zeroed if nothing is there yet.
  func zeroedSlot(_ p: Parameter) -> UnsafeMutablePointer<Float> {
    let (pointer, accumulate) = slot(p)
    if !accumulate { pointer.update(repeating: 0, count: p.count) }
    return pointer
  }

  /// Zeroes what no operation wrote, and what is not to be learnt, so that the whole buffer can be summed.
  public func finish() {
    for p in store.parameters {
      if p.isFrozen {
        (data + p.offset).update(repeating: 0, count: p.count)
      } else if !isSet[p.index] {
        _ = zeroedSlot(p)
      }
    }
  }

  /// The gradient of one parameter, for tests and reports.
  public func gradient(_ p: Parameter) -> [Float] {
    Array(UnsafeBufferPointer(start: data + p.offset, count: p.count))
  }
}
