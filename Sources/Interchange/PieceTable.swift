import Foundation
import Translation

/// `vocab.json`: one JSON object of pieces and their ids. Read byte by byte, because pieces that are canonically
/// equivalent are different pieces, which Swift's dictionaries, and so its JSON readers, take for one.
enum PieceTable {
  /// Pieces by id. Throws `ModelError` unless every id from 0 to the number of pieces stands exactly once.
  static func read(_ url: URL) throws -> [String] {
    let data = try Data(modelFile: url)
    var parser = Parser(bytes: Array(data), file: url.path)
    let entries = try parser.object()
    var pieces = [String?](repeating: nil, count: entries.count)
    for (piece, id) in entries {
      guard id < pieces.count else {
        throw ModelError(
          file: url.path, item: piece, problem: "has id \(id) among \(pieces.count) pieces; ids must have no gap")
      }
      if let other = pieces[id] {
        throw ModelError(file: url.path, item: piece, problem: "has id \(id), which \(other) has too")
      }
      pieces[id] = piece
    }
    return pieces.compactMap { $0 }
  }

  /// The same object, in the order of ids.
  static func json(_ pieces: [String]) -> Data {
    var text = "{"
    for (id, piece) in pieces.enumerated() {
      text += (id == 0 ? "\n  " : ",\n  ") + quoted(piece) + ": \(id)"
    }
    return Data((text + "\n}\n").utf8)
  }

  /// A string of JSON's, and so of YAML's.
  static func quoted(_ piece: String) -> String {
    var text = "\""
    for scalar in piece.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case _ where scalar.value < 0x20:
        let hex = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }

  private struct Parser {
    let bytes: [UInt8]
    let file: String
    var at = 0

    init(bytes: [UInt8], file: String) { (self.bytes, self.file) = (bytes, file) }

    func fail(_ expected: String) -> ModelError {
      ModelError(file: file, problem: "is not a JSON object of pieces and ids: \(expected) expected at byte \(at)")
    }

    mutating func skipSpace() {
      while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
      skipSpace()
      guard at < bytes.count, bytes[at] == UInt8(ascii: character) else { return false }
      at += 1
      return true
    }

    mutating func object() throws -> [(String, Int)] {
      guard take("{") else { throw fail("{") }
      var entries: [(String, Int)] = []
      if !take("}") {
        repeat {
          let piece = try string()
          guard take(":") else { throw fail(":") }
          entries.append((piece, try number()))
        } while take(",")
        guard take("}") else { throw fail(", or }") }
      }
      skipSpace()
      guard at == bytes.count else { throw fail("the end") }
      return entries
    }

    mutating func number() throws -> Int {
      skipSpace()
      let start = at
      var value = 0
      while at < bytes.count, (0x30...0x39).contains(bytes[at]), at - start < 10 {
        value = value * 10 + Int(bytes[at] - 0x30)
        at += 1
      }
      guard at > start else { throw fail("a whole number") }
      return value
    }

    mutating func string() throws -> String {
      guard take("\"") else { throw fail("a string") }
      var text: [UInt8] = []
      while at < bytes.count {
        let byte = bytes[at]
        at += 1
        if byte == UInt8(ascii: "\"") {
          guard let string = String(validating: text, as: UTF8.self) else { throw fail("UTF-8 before this place,") }
          return string
        }
        if byte == UInt8(ascii: "\\") { try text.append(contentsOf: escape()) } else { text.append(byte) }
      }
      throw fail("the end of a string")
    }

    private mutating func escape() throws -> [UInt8] {
      guard at < bytes.count else { throw fail("an escape") }
      let byte = bytes[at]
      at += 1
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
      case UInt8(ascii: "b"): return [0x08]
      case UInt8(ascii: "f"): return [0x0C]
      case UInt8(ascii: "n"): return [0x0A]
      case UInt8(ascii: "r"): return [0x0D]
      case UInt8(ascii: "t"): return [0x09]
      case UInt8(ascii: "u"):
        var value = try unit()
        if (0xD800..<0xDC00).contains(value) {
          guard at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"), bytes[at + 1] == UInt8(ascii: "u") else {
            throw fail("the other half of a surrogate pair")
          }
          at += 2
          let low = try unit()
          guard (0xDC00..<0xE000).contains(low) else { throw fail("a low surrogate before this place,") }
          value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(value) else { throw fail("a character before this place,") }
        return Array(String(Character(scalar)).utf8)
      default: throw fail("a known escape before this place,")
      }
    }

    /// Four hexadecimal digits.
    private mutating func unit() throws -> UInt32 {
      guard at + 4 <= bytes.count, bytes[at..<at + 4].allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }),
        let value = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16)
      else { throw fail("four hexadecimal digits") }
      at += 4
      return value
    }
  }
}
