import Foundation
import Translation

/// A member of an `.npz` file: one array in NumPy's format.
///
/// Source: numpy.lib.format, versions 1.0 to 3.0: six bytes of magic, two of version, the length of a header that is the
/// text of a Python dictionary, the header, the numbers.
struct NumpyArray {
  /// Such as `<f4`.
  let type: String
  let shape: [Int]
  let bytes: Data

  /// Throws `ModelError` naming the file and `name`.
  init(_ data: Data, file: String, name: String) throws {
    func fail(_ problem: String) -> ModelError { ModelError(file: file, item: "tensor \(name)", problem: problem) }
    var reader = ByteReader(data, file: "\(file): tensor \(name)")
    guard data.count >= 10, try reader.bytes(6).elementsEqual([0x93] + Array("NUMPY".utf8)) else {
      throw fail("is no NumPy array")
    }
    let version = try reader.u16()
    guard [1, 2, 3].contains(version & 0xFF), version >> 8 == 0 else {
      throw fail("is in version \(version & 0xFF).\(version >> 8) of NumPy's format; 1.0, 2.0 or 3.0 expected")
    }
    let length = try version == 1 ? Int(reader.u16()) : Int(reader.u32())
    guard length <= 1 << 16 else { throw fail("has a header of \(length) bytes") }
    var parser = PythonDictionary(Array(try reader.bytes(length)))
    guard let header = parser.read(), case .text(let type)? = header["descr"],
      case .flag(let isColumnMajor)? = header["fortran_order"], case .numbers(let shape)? = header["shape"]
    else { throw fail("has no NumPy header with descr, fortran_order and shape") }
    guard !isColumnMajor else { throw fail("is stored column by column (fortran_order); row by row expected") }
    guard let size = Self.size(of: type) else {
      throw fail("is of type \(type); little-endian numbers of 1, 2, 4 or 8 bytes expected")
    }
    guard let count = product(shape, times: size), count == data.count - reader.place else {
      throw fail("has \(data.count - reader.place) bytes; shape \(shape) of \(type) needs another number")
    }
    (self.type, self.shape, bytes) = (type, shape, data[(data.startIndex + reader.place)...])
  }

  /// Bytes of a number.
  private static func size(of type: String) -> Int? {
    let characters = Array(type.utf8)
    guard characters.count == 3, "<|".utf8.contains(characters[0]), "fiub".utf8.contains(characters[1]) else { return nil }
    switch characters[2] {
    case UInt8(ascii: "1"): return 1
    case UInt8(ascii: "2"): return 2
    case UInt8(ascii: "4"): return 4
    case UInt8(ascii: "8"): return 8
    default: return nil
    }
  }

  /// The array as a file's member.
  static func data(type: String, shape: [Int], _ bytes: Data) -> Data {
    let sizes = shape.count == 1 ? "\(shape[0])," : shape.map(String.init).joined(separator: ", ")
    var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(sizes)), }"
    // With its end of line it ends at a multiple of 16 bytes.
    while (10 + header.utf8.count + 1) % 16 != 0 { header += " " }
    header += "\n"
    var data = Data([0x93] + Array("NUMPY".utf8) + [1, 0])
    data.append(little: UInt16(header.utf8.count))
    data.append(contentsOf: header.utf8)
    data.append(bytes)
    return data
  }
}

/// `size` times all of `shape`; nil where a factor is below zero or the product beyond what a machine can address.
func product(_ shape: [Int], times size: Int) -> Int? {
  var result = size
  for factor in shape {
    let (product, overflow) = result.multipliedReportingOverflow(by: factor)
    guard factor >= 0, !overflow else { return nil }
    result = product
  }
  return result
}

/// As much of Python's dictionaries as headers of arrays have: texts, truth values and tuples of whole numbers.
private struct PythonDictionary {
  enum Value {
    case text(String)
    case flag(Bool)
    case numbers([Int])
  }

  private let bytes: [UInt8]
  private var at = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x0A { at += 1 }
    guard at < bytes.count, bytes[at] == UInt8(ascii: character) else { return false }
    at += 1
    return true
  }

  private mutating func word() -> String {
    _ = take(" ")
    let start = at
    while at < bytes.count, Unicode.Scalar(bytes[at]).properties.isAlphabetic { at += 1 }
    return String(decoding: bytes[start..<at], as: UTF8.self)
  }

  private mutating func text() -> String? {
    guard take("'") || take("\"") else { return nil }
    let quote = bytes[at - 1]
    let start = at
    while at < bytes.count, bytes[at] != quote { at += 1 }
    guard at < bytes.count else { return nil }
    at += 1
    return String(decoding: bytes[start..<at - 1], as: UTF8.self)
  }

  private mutating func tuple() -> [Int]? {
    guard take("(") else { return nil }
    var numbers: [Int] = []
    while !take(")") {
      _ = take(" ")
      var value = 0
      let start = at
      while at < bytes.count, (0x30...0x39).contains(bytes[at]), at - start < 18 {
        value = value * 10 + Int(bytes[at] - 0x30)
        at += 1
      }
      guard at > start, numbers.count < 8 else { return nil }
      numbers.append(value)
      if !take(",") {
        guard take(")") else { return nil }
        break
      }
    }
    return numbers
  }

  mutating func read() -> [String: Value]? {
    guard take("{") else { return nil }
    var result: [String: Value] = [:]
    while !take("}") {
      guard let key = text(), take(":") else { return nil }
      if let text = text() {
        result[key] = .text(text)
      } else if let numbers = tuple() {
        result[key] = .numbers(numbers)
      } else {
        switch word() {
        case "True": result[key] = .flag(true)
        case "False": result[key] = .flag(false)
        default: return nil
        }
      }
      if !take(",") {
        guard take("}") else { return nil }
        break
      }
    }
    return result
  }
}
