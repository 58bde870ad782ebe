import Foundation
import TextProcessing
import Translation

/// A model file of Marian's, `.npz` or `.bin`: named tensors and the configuration embedded among them. The file is
/// mapped; every name, type, shape and place is checked before any number is looked at.
///
/// Source: marian-dev, `src/common/{io,binary,types}`, and browsermt/marian-dev, whose codes of 8-bit types differ.
struct MarianFile: TensorFile {
  enum Element: Equatable {
    case float16, float32, float64, int8
    /// Marian's integers for fast products, transposed, with one float32 multiplier after them: value = integer / it.
    case intgemm8, intgemm16
    /// What no parameter is stored in.
    case other(String)

    /// Bytes of a number, 0 where it does not matter.
    var size: Int {
      switch self {
      case .int8, .intgemm8: 1
      case .float16, .intgemm16: 2
      case .float32: 4
      case .float64: 8
      case .other: 0
      }
    }
  }

  struct Tensor {
    let element: Element
    /// Of two dimensions at least; vectors are [1, n].
    let shape: [Int]
    fileprivate let bytes: Data
  }

  static let configurationName = "special:model.yml"

  let file: String
  let tensors: [String: Tensor]
  /// The embedded configuration, YAML.
  let configuration: String

  /// Throws `ModelError` naming the file and the tensor.
  init(contentsOf url: URL) throws {
    try self.init(Data(modelFile: url, isMapped: true), file: url.path)
  }

  init(_ data: Data, file: String) throws {
    self.file = file
    tensors = try ZipArchive.isZip(data) ? Self.readArchive(data, file) : Self.readBinary(data, file)
    guard let text = tensors[Self.configurationName] else {
      throw ModelError(
        file: file, item: Self.configurationName, problem: "is missing; only models with their configuration can be read")
    }
    // Filled up with NULs.
    configuration = String(decoding: text.bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  private static func readArchive(_ data: Data, _ file: String) throws -> [String: Tensor] {
    let archive = try ZipArchive(data, file: file)
    var tensors: [String: Tensor] = [:]
    for member in archive.members {
      guard member.name.hasSuffix(".npy") else {
        throw ModelError(file: file, item: member.name, problem: "is no array: its name does not end in .npy")
      }
      let name = String(member.name.dropLast(4))
      let array = try NumpyArray(archive.contents(member), file: file, name: name)
      let element: Element =
        switch array.type {
        case "<f2": .float16
        case "<f4": .float32
        case "<f8": .float64
        case "<i1", "|i1": .int8
        default: .other("NumPy's \(array.type)")
        }
      tensors[name] = Tensor(element: element, shape: matrixShape(array.shape), bytes: array.bytes)
    }
    return tensors
  }

  private static func matrixShape(_ shape: [Int]) -> [Int] {
    shape.count >= 2 ? shape : Array(repeating: 1, count: 2 - shape.count) + shape
  }

  /// Codes of element types in `.bin` files.
  private static func element(_ code: UInt64) -> Element? {
    switch code {
    case 0x101: .int8
    case 0x402: .float16
    case 0x404: .float32
    case 0x408: .float64
    case 0x10001, 0x4101: .intgemm8
    case 0x10002, 0x4102: .intgemm16
    case 0x102, 0x104, 0x108, 0x201, 0x202, 0x204, 0x208: .other("a type of whole numbers")
    case 0x802, 0x1801, 0x2801: .other("FBGEMM's packed layout of one kind of processor; convert the .npz file anew")
    case 0x11001, 0x12001, 0x13001, 0x18001, 0x11002, 0x12002, 0x14002:
      .other("intgemm's layout of one kind of processor; convert the .npz file with --gemm-type intgemm8")
    default: nil
    }
  }

  private static func readBinary(_ data: Data, _ file: String) throws -> [String: Tensor] {
    func fail(_ problem: String, _ item: String? = nil) -> ModelError {
      ModelError(file: file, item: item.map { "tensor \($0)" }, problem: problem)
    }
    var reader = ByteReader(data, file: file)
    guard data.count >= 16 else { throw fail("is no model of Marian's: \(data.count) bytes") }
    let version = try reader.u64()
    guard version == 1 else {
      throw fail(version == 2 ? "is encrypted" : "is no model of Marian's: neither a zip file nor a .bin of version 1")
    }
    let count = try reader.size("the number of tensors")
    guard count <= (data.count - 16) / 32 else { throw fail("is truncated: \(count) tensors in \(data.count) bytes") }
    var headers: [(name: Int, code: UInt64, dimensions: Int, bytes: Int)] = []
    for _ in 0..<count {
      headers.append(
        (
          try reader.size("the length of a name"), try reader.u64(), try reader.size("the number of dimensions"),
          try reader.size("the size of a tensor")
        ))
    }
    var names: [String] = []
    for header in headers {
      let bytes = try reader.bytes(header.name)
      guard let last = bytes.last, last == 0, let name = String(validating: bytes.dropLast(), as: UTF8.self) else {
        throw fail("is damaged: the name of tensor \(names.count) is no text that ends in NUL")
      }
      names.append(name)
    }
    var shapes: [[Int]] = []
    for (header, name) in zip(headers, names) {
      guard (0...8).contains(header.dimensions) else { throw fail("has \(header.dimensions) dimensions", name) }
      var shape: [Int] = []
      for _ in 0..<header.dimensions { shape.append(Int(Int32(bitPattern: try reader.u32()))) }
      shapes.append(shape)
    }
    _ = try reader.bytes(reader.size("the gap before the numbers"))
    var tensors: [String: Tensor] = [:]
    for (i, (header, name)) in zip(headers, names).enumerated() {
      let place = reader.place
      guard header.bytes <= data.count - place else {
        throw fail("has \(header.bytes) bytes at \(place) of \(data.count): the file is truncated", name)
      }
      let bytes = try reader.bytes(header.bytes)
      guard let element = element(header.code) else {
        throw fail("has the unknown type 0x\(String(header.code, radix: 16))", name)
      }
      let multiplier = element == .intgemm8 || element == .intgemm16 ? 4 : 0
      guard let needed = product(shapes[i], times: element.size), needed <= bytes.count - multiplier else {
        throw fail("has \(bytes.count) bytes, too few for shape \(shapes[i])", name)
      }
      guard tensors.updateValue(
        Tensor(element: element, shape: matrixShape(shapes[i]), bytes: bytes), forKey: name) == nil
      else { throw fail("stands twice", name) }
    }
    return tensors
  }

  // MARK: Values

  var names: [String] { Array(tensors.keys) }
  func shape(of name: String) -> [Int]? { tensors[name]?.shape }

  /// All values of a tensor as float32. Throws where it is missing, of another shape or of a type that no parameter is
  /// stored in, or holds no finite number.
  func values(_ name: String, shape: [Int]) throws -> [Float] {
    try check(name, shape: shape)
    guard let tensor = tensors[name] else { return [] }
    let count = shape.reduce(1, *)
    func fail(_ problem: String) -> ModelError { ModelError(file: file, item: "tensor \(name)", problem: problem) }
    let values = try tensor.bytes.withUnsafeBytes { bytes -> [Float] in
      func load<T: FixedWidthInteger>(_ i: Int, as type: T.Type) -> T {
        T(littleEndian: bytes.loadUnaligned(fromByteOffset: i * MemoryLayout<T>.size, as: T.self))
      }
      switch tensor.element {
      case .float16: return (0..<count).map { Safetensors.widen(load($0, as: UInt16.self)) }
      case .float32: return (0..<count).map { Float(bitPattern: load($0, as: UInt32.self)) }
      case .float64: return (0..<count).map { Float(Double(bitPattern: load($0, as: UInt64.self))) }
      case .intgemm8, .intgemm16:
        let size = tensor.element.size
        let multiplier = Float(
          bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: count * size, as: UInt32.self)))
        guard multiplier.isFinite, multiplier != 0 else { throw fail("has the multiplier \(multiplier)") }
        // Tables stay as they are; all other matrices lie transposed.
        let isTable = name.contains("Wemb")
        let (rows, columns) = (shape[0], shape[1])
        return (0..<count).map { i in
          let place = isTable ? i : (i % columns) * rows + i / columns
          let integer = size == 1 ? Int(load(place, as: Int8.self)) : Int(load(place, as: Int16.self))
          return Float(integer) / multiplier
        }
      case .int8, .other:
        let kind: String
        if case .other(let name) = tensor.element { kind = name } else { kind = "int8" }
        throw fail("is stored as \(kind); floating-point numbers or intgemm8 expected")
      }
    }
    guard values.allSatisfy(\.isFinite) else { throw fail("holds a value that is not a finite number") }
    return values
  }
}

/// Writes a model file of Marian's, `.npz` or `.bin`, all in float32.
enum MarianWriter {
  struct Tensor {
    let name: String
    let shape: [Int]
    /// Little-endian float32.
    let bytes: () throws -> Data
  }

  static func writeArchive(_ tensors: [Tensor], configuration: String, to url: URL) throws {
    var writer = try ZipWriter(url)
    for tensor in tensors {
      try writer.add("\(tensor.name).npy", NumpyArray.data(type: "<f4", shape: tensor.shape, tensor.bytes()))
    }
    let text = Data(configuration.utf8) + [0]
    try writer.add("\(MarianFile.configurationName).npy", NumpyArray.data(type: "|i1", shape: [text.count], text))
    try writer.finish()
  }

  static func writeBinary(_ tensors: [Tensor], configuration: String, to url: URL) throws {
    let text = Data(configuration.utf8) + [0]
    // Numbers begin at multiples of 256 bytes; sizes count what they are filled up with.
    func padded(_ count: Int) -> Int { (count + 255) / 256 * 256 }
    var items = tensors.map { (name: $0.name, shape: $0.shape, code: UInt64(0x404), bytes: $0.bytes) }
    items.append((MarianFile.configurationName, [1, text.count], 0x101, { text }))
    var head = Data()
    head.append(little: UInt64(1))
    head.append(little: UInt64(items.count))
    for item in items {
      let size = item.shape.reduce(item.code == 0x404 ? 4 : 1, *)
      for value in [UInt64(item.name.utf8.count + 1), item.code, UInt64(item.shape.count), UInt64(padded(size))] {
        head.append(little: value)
      }
    }
    for item in items { head.append(contentsOf: Array(item.name.utf8) + [0]) }
    for item in items { for size in item.shape { head.append(little: Int32(size)) } }
    let gap = padded(head.count + 8) - head.count - 8
    head.append(little: UInt64(gap))
    head.append(Data(count: gap))
    let file = try AtomicFile(url)
    try head.withUnsafeBytes { try file.append($0) }
    for item in items {
      var bytes = try item.bytes()
      bytes.append(Data(count: padded(bytes.count) - bytes.count))
      try bytes.withUnsafeBytes { try file.append($0) }
    }
    try file.commit()
  }
}
