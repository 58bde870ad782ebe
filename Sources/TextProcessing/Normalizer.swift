/// Brings a line into one spelling: control and format characters, normal form, case, quotes, spaces.
///
/// Every character with the property White_Space, every line break and the four ASCII separators (U+001C–U+001F, which
/// some programs split at) becomes U+0020; runs of it become one, and none stands at an end. Normalising twice changes
/// nothing. Lines of characters below U+3000 that the normal form leaves alone never reach ICU.
public struct Normalizer: Sendable {
  /// What becomes of one character.
  enum Action: UInt8 {
    case keep, space, drop, singleQuote, doubleQuote, consultICU
  }

  /// The first scalar that the table does not hold.
  private static let tableEnd = 0x3000
  private let table: [Action]
  private let configuration: TextConfiguration

  public init(_ configuration: TextConfiguration) {
    self.configuration = configuration
    table = (0..<UInt32(Self.tableEnd)).map { value in
      guard let scalar = Unicode.Scalar(value) else { return .consultICU }
      let action = Self.action(of: scalar, configuration)
      switch action {
      case .space, .drop: return action
      default: break
      }
      // A removed character's neighbours may compose, but plain ones never do.
      guard ICU.isPlain(value, in: configuration.normalForm) else { return .consultICU }
      if configuration.lowercase, value >= 0x80 || (0x41...0x5A).contains(value) { return .consultICU }
      return action == .keep ? Self.quoteAction(of: scalar, configuration) : action
    }
  }

  /// The normalised line.
  public func normalize(_ line: String) -> String {
    var line = line
    return line.withUTF8 { bytes in
      var output = [UInt8]()
      let count = normalize(bytes, into: &output)
      return String(decoding: output[..<count], as: UTF8.self)
    }
  }

  /// Writes the normalised line at the beginning of `output`, which only grows, and returns its length in bytes.
  func normalize(_ line: UnsafeBufferPointer<UInt8>, into output: inout [UInt8]) -> Int {
    if output.count < line.count {
      output.append(contentsOf: repeatElement(0, count: line.count - output.count))
    }
    let fast = output.withUnsafeMutableBufferPointer { output in
      table.withUnsafeBufferPointer { plain(line, $0, into: output) }
    }
    if let fast { return fast }
    let text = consultingICU(line)
    output = Array(text)
    return output.count
  }

  /// The length of the result, or nothing where a character needs ICU. Every action keeps or shortens.
  @inline(__always)
  private func plain(
    _ line: UnsafeBufferPointer<UInt8>, _ table: UnsafeBufferPointer<Action>, into output: UnsafeMutableBufferPointer<UInt8>
  ) -> Int? {
    var read = 0
    var written = 0
    var spacePending = false
    let count = line.count
    while read < count {
      let first = line[read]
      var scalar = Int(first)
      var width = 1
      if first >= 0x80 {
        if first < 0xE0 {
          scalar = Int(first & 0x1F) << 6 | Int(line[read + 1] & 0x3F)
          width = 2
        } else if first < 0xF0 {
          scalar = Int(first & 0x0F) << 12 | Int(line[read + 1] & 0x3F) << 6 | Int(line[read + 2] & 0x3F)
          width = 3
        } else {
          return nil
        }
        if scalar >= Self.tableEnd { return nil }
      }
      let action = table[scalar]
      switch action {
      case .consultICU:
        return nil
      case .space:
        spacePending = written > 0
      case .drop:
        break
      case .keep, .singleQuote, .doubleQuote:
        if spacePending {
          output[written] = 0x20
          written += 1
          spacePending = false
        }
        if action == .keep {
          for offset in 0..<width { output[written + offset] = line[read + offset] }
          written += width
        } else {
          output[written] = action == .singleQuote ? 0x27 : 0x22
          written += 1
        }
      }
      read += width
    }
    return written
  }

  /// The same for any text. Falls back on the text as it is only where ICU has no room left for it.
  func consultingICU(_ line: UnsafeBufferPointer<UInt8>) -> String.UTF8View {
    var scalars = String.UnicodeScalarView()
    for scalar in String(decoding: line, as: UTF8.self).unicodeScalars {
      switch Self.action(of: scalar, configuration) {
      case .space: scalars.append(" ")
      case .drop: break
      default: scalars.append(scalar)
      }
    }
    var text = String(scalars)
    if let formed = try? Self.formed(Array(text.utf16), configuration) { text = String(decoding: formed, as: UTF16.self) }
    var result = String.UnicodeScalarView()
    var spacePending = false
    for scalar in text.unicodeScalars {
      // The normal form may have made spaces of other characters.
      if scalar == " " {
        spacePending = !result.isEmpty
        continue
      }
      if spacePending { result.append(" ") }
      spacePending = false
      switch Self.quoteAction(of: scalar, configuration) {
      case .singleQuote: result.append("'")
      case .doubleQuote: result.append("\"")
      default: result.append(scalar)
      }
    }
    return String(result).utf8
  }

  private static func formed(_ text: [UInt16], _ configuration: TextConfiguration) throws(TextError) -> [UInt16] {
    let formed = try ICU.normalize(text, to: configuration.normalForm)
    guard configuration.lowercase else { return formed }
    return try ICU.normalize(ICU.lowercase(formed), to: configuration.normalForm)
  }

  private static func action(of scalar: Unicode.Scalar, _ configuration: TextConfiguration) -> Action {
    let value = scalar.value
    if scalar.properties.isWhitespace || (0x1C...0x1F).contains(value) { return .space }
    if value < 0x20 || (0x7F...0x9F).contains(value) {
      switch configuration.controlCharacters {
      case .remove: return .drop
      case .space: return .space
      case .keep: return .keep
      }
    }
    if configuration.formatCharacters == .remove, scalar.properties.generalCategory == .format { return .drop }
    return .keep
  }

  private static func quoteAction(of scalar: Unicode.Scalar, _ configuration: TextConfiguration) -> Action {
    guard configuration.quotes == .ascii else { return .keep }
    switch scalar.value {
    case 0x2018...0x201B, 0x2032: return .singleQuote
    case 0x201C...0x201F, 0x2033, 0xAB, 0xBB: return .doubleQuote
    default: return .keep
    }
  }
}
