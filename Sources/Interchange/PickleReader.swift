import Foundation
import Translation

/// Reads Python pickles that describe tensors, and runs none of their code: of all that a pickle can name, a dictionary
/// and the few functions that put a tensor together are known here, as data; any other name is an error.
///
/// Source: CPython, `Lib/pickletools.py`, which documents every opcode; PyTorch, `torch/serialization.py` and
/// `torch/_utils.py`.
struct PickleReader {
  indirect enum Value {
    case none
    case flag(Bool)
    case integer(Int)
    /// A number that nobody asks for.
    case number
    case text(String)
    /// `depth` bounds how deep tuples lie in each other.
    case tuple([Value], depth: Int)
    case dictionary(Dictionary)
    /// Only what a list of texts holds is kept.
    case list(List)
    /// Module and name.
    case global(String)
    case storage(Storage)
    case tensor(Tensor)
  }

  /// Filled after it was made, as pickles do. Emptied when its reader ends, so that none holds another for ever.
  final class Dictionary {
    fileprivate(set) var entries: [(key: Value, value: Value)] = []
  }

  final class List {
    fileprivate(set) var texts: [String] = []
  }

  /// Numbers that lie elsewhere in the file.
  struct Storage: Equatable {
    let type: TensorType
    let key: String
    let count: Int
  }

  /// A view of a storage: element (i, j …) is number offset + i·strides[0] + j·strides[1] ….
  struct Tensor {
    let storage: Storage
    let offset: Int
    let shape: [Int]
    let strides: [Int]
  }

  private var reader: ByteReader
  private var stack: [Value] = []
  private var marks: [Int] = []
  private var memo: [Int: Value] = [:]
  private var dictionaries: [Dictionary] = []

  /// Reads one pickle, from where `reader` stands to the end of the pickle, and gives its value to `body`.
  static func read<Result>(_ reader: inout ByteReader, _ body: (Value) throws -> Result) throws -> Result {
    var pickle = PickleReader(reader: reader)
    defer { for dictionary in pickle.dictionaries { dictionary.entries = [] } }
    let value = try pickle.run()
    reader = pickle.reader
    return try body(value)
  }

  private init(reader: ByteReader) { self.reader = reader }

  private func fail(_ problem: String) -> ModelError {
    ModelError(file: reader.file, item: "pickle, byte \(reader.place)", problem: problem)
  }

  private mutating func pop() throws -> Value {
    guard stack.count > (marks.last ?? 0), let value = stack.popLast() else { throw fail("takes from an empty stack") }
    return value
  }

  /// Everything since the last mark.
  private mutating func popMarked() throws -> [Value] {
    guard let mark = marks.popLast() else { throw fail("has no mark") }
    let values = Array(stack[mark...])
    stack.removeSubrange(mark...)
    return values
  }

  private func tuple(_ values: [Value]) throws -> Value {
    var depth = 1
    for case .tuple(_, let inner) in values { depth = max(depth, inner + 1) }
    guard depth <= 16 else { throw fail("has tuples \(depth) deep") }
    return .tuple(values, depth: depth)
  }

  private mutating func text(_ length: Int) throws -> Value {
    guard let text = String(validating: try reader.bytes(length), as: UTF8.self) else {
      throw fail("has text that is not UTF-8")
    }
    return .text(text)
  }

  private mutating func line() throws -> String {
    var bytes: [UInt8] = []
    while true {
      let byte = try reader.u8()
      if byte == 0x0A { break }
      guard bytes.count < 256 else { throw fail("has a name of more than 256 bytes") }
      bytes.append(byte)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private mutating func newDictionary() -> Value {
    let dictionary = Dictionary()
    dictionaries.append(dictionary)
    return .dictionary(dictionary)
  }

  private mutating func run() throws -> Value {
    while true {
      let opcode = try reader.u8()
      switch Unicode.Scalar(opcode) {
      case ".": return try pop()
      case "\u{80}": _ = try reader.u8()
      case "\u{95}": _ = try reader.u64()
      case "N": stack.append(.none)
      case "\u{88}": stack.append(.flag(true))
      case "\u{89}": stack.append(.flag(false))
      case "K": stack.append(.integer(Int(try reader.u8())))
      case "M": stack.append(.integer(Int(try reader.u16())))
      case "J": stack.append(.integer(Int(Int32(bitPattern: try reader.u32()))))
      case "\u{8A}": stack.append(try long())
      case "G":
        _ = try reader.u64()
        stack.append(.number)
      case "X": stack.append(try text(Int(reader.u32())))
      case "\u{8C}", "U": stack.append(try text(Int(reader.u8())))
      case "(": marks.append(stack.count)
      case ")": stack.append(.tuple([], depth: 1))
      case "t": stack.append(try tuple(popMarked()))
      case "\u{85}", "\u{86}", "\u{87}":
        var values: [Value] = []
        for _ in 0..<(opcode - 0x84) { values.insert(try pop(), at: 0) }
        stack.append(try tuple(values))
      case "}": stack.append(newDictionary())
      case "]": stack.append(.list(List()))
      case "a": try append { [try $0.pop()] }
      case "e": try append { try $0.popMarked() }
      case "s":
        try set {
          let value = try $0.pop()
          return [try $0.pop(), value]
        }
      case "u": try set { try $0.popMarked() }
      case "q": try put(Int(reader.u8()))
      case "r": try put(Int(reader.u32()))
      case "\u{94}": try put(memo.count)
      case "h": stack.append(try get(Int(reader.u8())))
      case "j": stack.append(try get(Int(reader.u32())))
      case "c": stack.append(.global("\(try line()).\(try line())"))
      case "\u{93}":
        guard case .text(let name) = try pop(), case .text(let module) = try pop() else {
          throw fail("has a name that is no text")
        }
        stack.append(.global("\(module).\(name)"))
      case "R":
        let (arguments, function) = (try pop(), try pop())
        stack.append(try call(function, arguments))
      case "b":
        // A state beside the entries, such as PyTorch's versions of modules.
        _ = try pop()
        guard case .dictionary? = stack.last else { throw fail("sets the state of something that is no dictionary") }
      case "Q": stack.append(try storage(pop()))
      default:
        throw fail("has the opcode 0x\(String(opcode, radix: 16)), which no file of tensors needs")
      }
    }
  }

  private mutating func long() throws -> Value {
    let bytes = try Array(reader.bytes(Int(reader.u8())))
    guard bytes.count <= 8 else { return .number }
    var bits: UInt64 = bytes.last.map { $0 >= 0x80 } == true ? .max : 0
    for byte in bytes.reversed() { bits = bits << 8 | UInt64(byte) }
    return .integer(Int(Int64(bitPattern: bits)))
  }

  private mutating func put(_ index: Int) throws {
    guard let value = stack.last else { throw fail("remembers nothing") }
    memo[index] = value
  }

  private func get(_ index: Int) throws -> Value {
    guard let value = memo[index] else { throw fail("recalls number \(index), which was never remembered") }
    return value
  }

  /// Takes values off the stack, and puts them into the dictionary that lies beneath.
  private mutating func set(_ take: (inout PickleReader) throws -> [Value]) throws {
    let values = try take(&self)
    guard case .dictionary(let dictionary)? = stack.last, values.count.isMultiple(of: 2) else {
      throw fail("sets entries of something that is no dictionary")
    }
    for i in stride(from: 0, to: values.count, by: 2) { dictionary.entries.append((values[i], values[i + 1])) }
  }

  private mutating func append(_ take: (inout PickleReader) throws -> [Value]) throws {
    let values = try take(&self)
    guard case .list(let list)? = stack.last else { throw fail("appends to something that is no list") }
    for case .text(let text) in values { list.texts.append(text) }
  }

  // MARK: What may be called

  private mutating func call(_ function: Value, _ arguments: Value) throws -> Value {
    guard case .global(let name) = function, case .tuple(let arguments, _) = arguments else {
      throw fail("calls something that is no function")
    }
    switch name {
    case "collections.OrderedDict":
      guard arguments.isEmpty else { throw fail("makes an OrderedDict from something") }
      return newDictionary()
    case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2":
      guard arguments.count >= 4, case .storage(let storage) = arguments[0], case .integer(let offset) = arguments[1],
        let shape = integers(arguments[2]), let strides = integers(arguments[3])
      else { throw fail("makes a tensor from other things than storage, offset, shape and strides") }
      return .tensor(try tensor(storage, offset, shape, strides))
    case "torch._utils._rebuild_parameter":
      guard let first = arguments.first, case .tensor = first else {
        throw fail("makes a parameter from something that is no tensor")
      }
      return first
    default:
      throw fail("wants to call \(name); that is no part of a tensor, and nothing is run")
    }
  }

  private func integers(_ value: Value) -> [Int]? {
    guard case .tuple(let values, _) = value, values.count <= 8 else { return nil }
    var result: [Int] = []
    for value in values {
      guard case .integer(let integer) = value, integer >= 0 else { return nil }
      result.append(integer)
    }
    return result
  }

  /// A tensor has no more elements than its storage, all of which lie in it.
  private func tensor(_ storage: Storage, _ offset: Int, _ shape: [Int], _ strides: [Int]) throws -> Tensor {
    guard shape.count == strides.count, let count = product(shape, times: 1), count <= storage.count, offset >= 0,
      offset <= storage.count
    else { throw fail("has a tensor of shape \(shape) in a storage of \(storage.count) numbers") }
    if count > 0 {
      var last = offset
      for (size, stride) in zip(shape, strides) {
        let (reach, overflow) = (size - 1).multipliedReportingOverflow(by: stride)
        guard !overflow, reach < storage.count, last + reach < storage.count else {
          throw fail("has a tensor of shape \(shape) and strides \(strides) in a storage of \(storage.count) numbers")
        }
        last += reach
      }
      guard last < storage.count else { throw fail("has a tensor that begins behind its storage") }
    }
    return Tensor(storage: storage, offset: offset, shape: shape, strides: strides)
  }

  /// ("storage", type, key, device, count, …)
  private func storage(_ value: Value) throws -> Value {
    guard case .tuple(let parts, _) = value, parts.count >= 5, case .text("storage") = parts[0],
      case .global(let type) = parts[1], case .text(let key) = parts[2], case .integer(let count) = parts[4], count >= 0
    else { throw fail("names a storage in an unknown way") }
    let types: [String: TensorType] = [
      "torch.FloatStorage": .float32, "torch.HalfStorage": .float16, "torch.BFloat16Storage": .bfloat16,
    ]
    guard let element = types[type] else {
      throw fail("has numbers in a \(type); torch.FloatStorage, torch.HalfStorage or torch.BFloat16Storage expected")
    }
    return .storage(Storage(type: element, key: key, count: count))
  }
}
