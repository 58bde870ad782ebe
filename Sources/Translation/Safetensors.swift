import Autograd
import Foundation

/// The element types that models are stored in.
public enum TensorType: String, CaseIterable, Sendable {
  case float32 = "F32"
  case bfloat16 = "BF16"
  case float16 = "F16"
  case int8 = "I8"

  public var bytes: Int {
    switch self {
    case .float32: 4
    case .bfloat16, .float16: 2
    case .int8: 1
    }
  }
}

/// A file of named tensors in the safetensors format: eight bytes of header length, a JSON header, the numbers.
/// The file is mapped, not read. Every name, type, shape and place is checked before any number is looked at.
///
/// Source: github.com/huggingface/safetensors, README, "Format".
public struct Safetensors: Sendable {
  public struct Entry: Sendable, Equatable {
    public let type: TensorType
    public let shape: [Int]
    /// Bytes from the beginning of the file.
    let range: Range<Int>

    public var count: Int { shape.reduce(1, *) }
  }

  public let file: String
  public let entries: [String: Entry]
  public let metadata: [String: String]
  private let data: Data
  private let isMapped: Bool
  /// More than any model has; a longer header is not one.
  static let longestHeader = 100 << 20

  /// Maps the file and checks its header. Throws `ModelError` naming the file and the tensor.
  public init(contentsOf url: URL) throws {
    try self.init(Data(modelFile: url, isMapped: true), file: url.path, isMapped: true)
  }

  /// The same from bytes in memory; `file` is for messages.
  init(_ data: Data, file: String, isMapped: Bool = false) throws {
    (self.data, self.file, self.isMapped) = (data, file, isMapped)
    (entries, metadata) = try Safetensors.parse(data, file: file)
  }

  private static func parse(_ data: Data, file: String) throws -> ([String: Entry], [String: String]) {
    func fail(_ problem: String, _ item: String? = nil) -> ModelError {
      ModelError(file: file, item: item.map { "tensor \($0)" }, problem: problem)
    }
    guard data.count >= 8 else { throw fail("is not a safetensors file: \(data.count) bytes, at least 8 expected") }
    let length = data.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    guard length <= UInt64(min(longestHeader, data.count - 8)) else {
      throw fail("is truncated or not a safetensors file: a header of \(length) bytes in \(data.count) bytes")
    }
    let start = 8 + Int(length)
    let json: Any
    do {
      json = try JSONSerialization.jsonObject(with: data.subdata(in: 8..<start))
    } catch {
      throw fail("is not a safetensors file: its header is not JSON")
    }
    guard let header = json as? [String: Any] else { throw fail("is not a safetensors file: its header is no object") }

    var entries: [String: Entry] = [:]
    var metadata: [String: String] = [:]
    for (name, value) in header {
      if name == "__metadata__" {
        guard let strings = value as? [String: String] else { throw fail("__metadata__ is not a map of strings") }
        metadata = strings
        continue
      }
      guard let fields = value as? [String: Any] else { throw fail("is no object in the header", name) }
      guard let typeName = fields["dtype"] as? String else { throw fail("has no dtype", name) }
      guard let type = TensorType(rawValue: typeName) else {
        let known = TensorType.allCases.map(\.rawValue).joined(separator: ", ")
        throw fail("has dtype \(typeName); expected one of \(known)", name)
      }
      guard let shape = integers(fields["shape"]), shape.count <= 8 else {
        throw fail("has no shape of whole numbers", name)
      }
      guard let offsets = integers(fields["data_offsets"]), offsets.count == 2, offsets[0] <= offsets[1] else {
        throw fail("has no data_offsets of two ascending whole numbers", name)
      }
      var bytes = type.bytes
      for size in shape {
        let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
        guard !overflow else { throw fail("has an impossible shape \(shape)", name) }
        bytes = product
      }
      guard offsets[1] - offsets[0] == bytes else {
        throw fail("has \(offsets[1] - offsets[0]) bytes; shape \(shape) of \(typeName) needs \(bytes)", name)
      }
      guard offsets[1] <= data.count - start else {
        throw fail("ends at byte \(offsets[1]) of \(data.count - start): the file is truncated", name)
      }
      entries[name] = Entry(type: type, shape: shape, range: start + offsets[0]..<start + offsets[1])
    }

    // The tensors cover the data without gaps or overlaps: no byte has two meanings, none has none.
    var end = start
    for (name, entry) in entries.sorted(by: { ($0.value.range.lowerBound, $0.value.range.upperBound, $0.key)
      < ($1.value.range.lowerBound, $1.value.range.upperBound, $1.key) }) {
      guard entry.range.lowerBound == end else {
        let what = entry.range.lowerBound < end ? "overlaps the one before it" : "leaves a gap before it"
        throw fail("\(what) at byte \(entry.range.lowerBound - start)", name)
      }
      end = entry.range.upperBound
    }
    guard end == data.count else { throw fail("has \(data.count - end) bytes that belong to no tensor") }
    return (entries, metadata)
  }

  /// An array of whole numbers not below zero.
  private static func integers(_ value: Any?) -> [Int]? {
    guard let numbers = value as? [NSNumber] else { return nil }
    var result: [Int] = []
    for number in numbers {
      let double = number.doubleValue
      guard double >= 0, double < 0x1p53, double == double.rounded() else { return nil }
      result.append(Int(double))
    }
    return result
  }

  /// The tensor of this name. Throws where it is missing or has another shape.
  public func entry(_ name: String, shape: [Int]) throws -> Entry {
    guard let entry = entries[name] else {
      throw ModelError(file: file, item: "tensor \(name)", problem: "is missing; expected shape \(shape)")
    }
    guard entry.shape == shape else {
      throw ModelError(file: file, item: "tensor \(name)", problem: "has shape \(entry.shape); expected \(shape)")
    }
    return entry
  }

  /// The bytes of a tensor, little-endian, not aligned.
  public func withBytes<Result>(_ entry: Entry, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try data.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[entry.range])) }
  }

  /// Lets go of the memory in which a tensor's part of the file is mapped; it would be read from the file again.
  func release(_ entry: Entry) {
    guard isMapped else { return }
    withBytes(entry) { mt_discard($0.baseAddress, Int64($0.count)) }
  }

  /// Copies a tensor of a floating-point type as float32. Throws for integers and where a value is not finite.
  public func read(_ name: String, _ entry: Entry, into target: UnsafeMutableBufferPointer<Float>) throws {
    precondition(target.count == entry.count, "\(target.count) places for \(entry.count) values")
    guard let values = target.baseAddress else { return }
    // Somebody waits for these values: no check is left inside the loops.
    withBytes(entry) { bytes in
      switch entry.type {
      case .float32: UnsafeMutableRawBufferPointer(target).copyMemory(from: bytes)
      case .bfloat16:
        let bits = bytes.baseAddress!
        for i in 0..<entry.count {
          values[i] = Float(bitPattern: UInt32(bits.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)) << 16)
        }
      case .float16:
        for i in target.indices {
          target[i] = Safetensors.widen(bytes.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self))
        }
      case .int8: for i in target.indices { target[i] = Float(Int8(bitPattern: bytes[i])) }
      }
    }
    var largest: UInt32 = 0
    for i in 0..<entry.count { largest = max(largest, values[i].magnitude.bitPattern) }
    guard largest < Float.infinity.bitPattern else {
      throw ModelError(file: file, item: "tensor \(name)", problem: "holds a value that is not a finite number")
    }
  }

  /// IEEE half precision to single; `Float16` does not exist on every processor.
  public static func widen(_ half: UInt16) -> Float {
    let sign = UInt32(half & 0x8000) << 16
    let exponent = UInt32(half >> 10) & 0x1F
    let fraction = UInt32(half & 0x3FF)
    switch exponent {
    case 0:
      let magnitude = Float(fraction) * 0x1p-24
      return sign == 0 ? magnitude : -magnitude
    case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
    default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
  }
}
