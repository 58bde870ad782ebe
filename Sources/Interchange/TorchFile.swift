import Foundation
import Translation

/// PyTorch's file of a state dictionary, `pytorch_model.bin`: a pickle that says which tensors there are, and their
/// numbers; since 1.6 members of a zip file, before one after the other. No code of the pickle is run.
struct TorchFile: TensorFile {
  let file: String
  private let tensors: [String: PickleReader.Tensor]
  /// Numbers by the keys of their storages.
  private let storages: [String: Data]

  var names: [String] { Array(tensors.keys) }
  func shape(of name: String) -> [Int]? { tensors[name]?.shape }

  /// Throws `ModelError` naming the file and the tensor.
  init(contentsOf url: URL) throws {
    try self.init(Data(modelFile: url, isMapped: true), file: url.path)
  }

  init(_ data: Data, file: String) throws {
    self.file = file
    (tensors, storages) = try ZipArchive.isZip(data) ? Self.readArchive(data, file) : Self.readOld(data, file)
    for (name, tensor) in tensors {
      let needed = product([tensor.storage.count], times: tensor.storage.type.bytes)
      guard let bytes = storages[tensor.storage.key], needed == bytes.count else {
        throw ModelError(
          file: file, item: "tensor \(name)",
          problem: "has a storage of \(tensor.storage.count) numbers, for which the file has "
            + "\(storages[tensor.storage.key]?.count ?? 0) bytes")
      }
    }
  }

  /// Every entry must be a tensor under a name.
  private static func tensors(_ value: PickleReader.Value, _ file: String) throws -> [String: PickleReader.Tensor] {
    guard case .dictionary(let dictionary) = value else {
      throw ModelError(file: file, problem: "is not a state dictionary: its pickle is no dictionary")
    }
    var tensors: [String: PickleReader.Tensor] = [:]
    for (key, value) in dictionary.entries {
      guard case .text(let name) = key else {
        throw ModelError(file: file, problem: "is not a state dictionary: it has a key that is no text")
      }
      guard case .tensor(let tensor) = value else {
        throw ModelError(file: file, item: name, problem: "is no tensor; a state dictionary of tensors alone expected")
      }
      guard tensors.updateValue(tensor, forKey: name) == nil else {
        throw ModelError(file: file, item: "tensor \(name)", problem: "stands twice")
      }
    }
    return tensors
  }

  private static func readArchive(
    _ data: Data, _ file: String
  ) throws -> ([String: PickleReader.Tensor], [String: Data]) {
    let archive = try ZipArchive(data, file: file)
    guard let pickle = archive.members.first(where: { $0.name.hasSuffix("/data.pkl") }) else {
      throw ModelError(file: file, problem: "is not a file of PyTorch's: it has no data.pkl")
    }
    let folder = String(pickle.name.dropLast("data.pkl".count))
    func member(_ name: String) -> ZipArchive.Member? { archive.members.first { $0.name == folder + name } }
    if let order = member("byteorder"), try !archive.contents(order).elementsEqual("little".utf8) {
      throw ModelError(file: file, item: order.name, problem: "is not little; only little-endian numbers can be read")
    }
    var reader = try ByteReader(archive.contents(pickle), file: file)
    let tensors = try PickleReader.read(&reader) { try Self.tensors($0, file) }
    let prefix = folder + "data/"
    var storages: [String: Data] = [:]
    for member in archive.members where member.name.hasPrefix(prefix) {
      storages[String(member.name.dropFirst(prefix.count))] = try archive.contents(member)
    }
    return (tensors, storages)
  }

  /// Pickles of a magic number, a version, facts about the machine, the dictionary and the storages' keys, then for each
  /// key eight bytes of how many numbers there are, and the numbers.
  private static func readOld(_ data: Data, _ file: String) throws -> ([String: PickleReader.Tensor], [String: Data]) {
    var reader = ByteReader(data, file: file)
    guard data.starts(with: [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]) else {
      throw ModelError(file: file, problem: "is not a file of PyTorch's")
    }
    try PickleReader.read(&reader) { _ in }
    let version = try PickleReader.read(&reader) { value -> Int? in
      if case .integer(let version) = value { version } else { nil }
    }
    guard version == 1001 else { throw ModelError(file: file, problem: "is in an unknown version of PyTorch's old format") }
    try PickleReader.read(&reader) { value in
      guard case .dictionary(let facts) = value else { return }
      for case (.text("little_endian"), .flag(false)) in facts.entries {
        throw ModelError(file: file, problem: "was written on a big-endian machine; only little-endian numbers can be read")
      }
    }
    let tensors = try PickleReader.read(&reader) { try Self.tensors($0, file) }
    let types = Dictionary(tensors.values.map { ($0.storage.key, $0.storage.type) }, uniquingKeysWith: { one, _ in one })
    let keys = try PickleReader.read(&reader) { value -> [String] in
      guard case .list(let list) = value else { throw ModelError(file: file, problem: "has no list of its storages") }
      return list.texts
    }
    var storages: [String: Data] = [:]
    for key in keys {
      let count = try reader.size("the number of elements of storage \(key)")
      guard let type = types[key], let size = product([count], times: type.bytes) else {
        throw ModelError(file: file, problem: "has a storage \(key) that no tensor uses")
      }
      storages[key] = try reader.bytes(size)
    }
    return (tensors, storages)
  }

  func values(_ name: String, shape: [Int]) throws -> [Float] {
    try check(name, shape: shape)
    guard let tensor = tensors[name], let bytes = storages[tensor.storage.key] else { return [] }
    let count = shape.reduce(1, *)
    var values = [Float](repeating: 0, count: count)
    var index = [Int](repeating: 0, count: shape.count)
    bytes.withUnsafeBytes { bytes in
      for i in 0..<count {
        var place = tensor.offset
        for d in shape.indices { place += index[d] * tensor.strides[d] }
        switch tensor.storage.type {
        case .float32:
          values[i] = Float(
            bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * place, as: UInt32.self)))
        case .float16:
          values[i] = Safetensors.widen(
            UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * place, as: UInt16.self)))
        case .bfloat16:
          values[i] = Float(
            bitPattern: UInt32(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * place, as: UInt16.self))) << 16)
        case .int8: values[i] = Float(Int8(bitPattern: bytes[place]))
        }
        // The next index, the last dimension first.
        var d = shape.count - 1
        while d >= 0 {
          index[d] += 1
          if index[d] < shape[d] { break }
          index[d] = 0
          d -= 1
        }
      }
    }
    guard values.allSatisfy(\.isFinite) else {
      throw ModelError(file: file, item: "tensor \(name)", problem: "holds a value that is not a finite number")
    }
    return values
  }
}
