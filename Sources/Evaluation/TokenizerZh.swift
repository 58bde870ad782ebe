/// Chinese: every "Chinese" character becomes a word, then the four substitutions of 13a (no unescaping).
struct TokenizerZh: Tokenizer {
  private let isolated = ByteBuffer()
  private let rules = WesternRules()

  func tokenize(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer) {
    let text = strippedLeft(text)
    isolated.count = 0
    isolated.reserve(text.count * 3)
    var position = 0
    while position < text.count {
      let start = position
      let chinese = Self.isChinese(decodeScalar(text, &position))
      if chinese { isolated.put(0x20) }
      for byte in text[start..<position] { isolated.put(byte) }
      if chinese { isolated.put(0x20) }
    }
    rules.apply(isolated.bytes, into: output)
  }

  /// The ranges that sacreBLEU calls Chinese. Two of its supplementary-plane ranges are written with four-digit
  /// escapes and compared as strings, so that U+2001–2A6D and U+2F81–2FA1 (general punctuation, €, arrows, box
  /// drawing …) count as Chinese while Extension B does not. Copied, because scores depend on it.
  static func isChinese(_ scalar: UInt32) -> Bool {
    switch scalar {
    case ..<0x2001: false
    case 0x2001...0x2A6D: true
    case 0x2E80...0x2EFF, 0x2F00...0x2FDF, 0x2FF0...0x303F, 0x3100...0x312F, 0x31A0...0x31BF: true
    case 0x31C0...0x31EF, 0x3200...0x4DB5, 0x4E00...0x9FBB: true
    case 0xF900...0xFA2D, 0xFA30...0xFA6A, 0xFA70...0xFAD9: true
    case 0xFE10...0xFE1F, 0xFE30...0xFE4F, 0xFF00...0xFFEF: true
    default: false
    }
  }
}
