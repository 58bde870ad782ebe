/// Tercom's normalisation, as sacreBLEU 2.6 reproduces it.
final class TercomTokenizer {
  private let options: TER.Options
  private let buffers = [ByteBuffer(), ByteBuffer()]
  private var current = 0
  private let rules = TercomRules()

  init(_ options: TER.Options) {
    self.options = options
  }

  /// - Returns: text whose words are separated by whitespace; valid until the next call.
  func tokenize(_ text: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    var text = text
    guard !text.isEmpty else { return text }
    func step(_ body: (UnsafeBufferPointer<UInt8>, ByteBuffer) -> Void) {
      current = 1 - current
      body(text, buffers[current])
      text = buffers[current].bytes
    }
    if !options.caseSensitive { step { Lowercaser().lowercase($0, into: $1) } }
    if options.normalized {
      step(rules.normalizeWestern)
      if options.asianSupport { step(rules.normalizeAsian) }
    }
    if options.removesPunctuation {
      step { input, output in
        rules.remove(input, into: output, where: { scalar in
          switch scalar {
          case 0x21, 0x22, 0x28, 0x29, 0x2C, 0x2E, 0x3A, 0x3B, 0x3F: true
          default: options.asianSupport && TercomRules.isAsianMark(scalar)
          }
        })
      }
    }
    return text
  }
}

/// The substitutions, each a pass over the text.
struct TercomRules {
  private let prepared = ByteBuffer()
  private let western = WesternRules()

  func normalizeWestern(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer) {
    prepared.count = 0
    prepared.reserve(text.count + 2)
    prepared.put(0x20)
    prepared.append(text)
    if prepared.bytes.contains(0x0A) {
      prepared.replace("\n-", with: "")
      prepared.replace("\n", with: " ")
    }
    if prepared.bytes.contains(0x26) {
      prepared.replace("&quot;", with: "\"")
      prepared.replace("&amp;", with: "&")
      prepared.replace("&lt;", with: "<")
      prepared.replace("&gt;", with: ">")
    }
    prepared.reserve(prepared.count + 1)
    prepared.put(0x20)
    western.apply(prepared.bytes, into: output, splitsPossessives: true)
  }

  /// Isolates CJK characters and marks. sacreBLEU's three further rules for runs of kana can match only a text
  /// that is kana from end to end, which the spaces around it exclude.
  func normalizeAsian(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer) {
    output.count = 0
    output.reserve(text.count * 2 + 8)
    var position = 0
    while position < text.count {
      let start = position
      let scalar = decodeScalar(text, &position)
      let isolated = Self.isIdeograph(scalar) || Self.isAsianMark(scalar)
      if isolated { output.put(0x20) }
      for byte in text[start..<position] { output.put(byte) }
      if isolated { output.put(0x20) }
    }
  }

  /// Drops the characters for which `isDropped` holds.
  func remove(
    _ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer, where isDropped: (UInt32) -> Bool
  ) {
    output.count = 0
    output.reserve(text.count)
    var position = 0
    while position < text.count {
      let start = position
      guard !isDropped(decodeScalar(text, &position)) else { continue }
      for byte in text[start..<position] { output.put(byte) }
    }
  }

  /// CJK ideographs, strokes, radicals, compatibility forms and enclosed letters. sacreBLEU's range for the last
  /// runs from 3200 to 3F22 by a slip of digits, into Extension A, which is isolated anyway.
  static func isIdeograph(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x2E80...0x2EFF, 0x31C0...0x31EF, 0x3200...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0xFE30...0xFE4F: true
    default: false
    }
  }

  /// CJK and full-width punctuation.
  static func isAsianMark(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x3001, 0x3002, 0x3008...0x3011, 0x3014...0x301F, 0x30FB, 0xFF61...0xFF65: true
    case 0xFF01, 0xFF02, 0xFF08, 0xFF09, 0xFF0C, 0xFF0E, 0xFF1A, 0xFF1B, 0xFF1F: true
    default: false
    }
  }
}
