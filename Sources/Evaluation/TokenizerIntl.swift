/// mteval-v14's international tokenization: three passes over Unicode categories.
///
/// Punctuation is split from what is not a number on either side, symbols are isolated. As with 13a a match
/// consumes both characters. Nothing is padded or unescaped, so a stop after a final number stays with it.
struct TokenizerIntl: Tokenizer {
  private let first = ByteBuffer()
  private let second = ByteBuffer()

  func tokenize(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer) {
    Self.substitutePairs(text, into: first) { left, right in
      left != .number && right == .punctuation ? .spaceAround(second: true) : nil
    }
    Self.substitutePairs(first.bytes, into: second) { left, right in
      left == .punctuation && right != .number ? .spaceAround(second: false) : nil
    }
    Self.isolateSymbols(second.bytes, into: output)
  }

  private enum Substitution {
    /// Spaces around the second (`a ! `) or the first (` ! a`) character of a pair.
    case spaceAround(second: Bool)
  }

  @inline(__always)
  private static func substitutePairs(
    _ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer, _ rule: (Category, Category) -> Substitution?
  ) {
    output.count = 0
    output.reserve(text.count * 2 + 8)
    var position = 0
    while position < text.count {
      let start = position
      let left = category(decodeScalar(text, &position))
      let middle = position
      var end = position
      if middle < text.count, case .spaceAround(let second)? = rule(left, category(decodeScalar(text, &end))) {
        if !second { output.put(0x20) }
        for byte in text[start..<middle] { output.put(byte) }
        output.put(0x20)
        for byte in text[middle..<end] { output.put(byte) }
        if second { output.put(0x20) }
        position = end
      } else {
        for byte in text[start..<middle] { output.put(byte) }
      }
    }
  }

  private static func isolateSymbols(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer) {
    output.count = 0
    output.reserve(text.count * 3 + 8)
    var position = 0
    while position < text.count {
      let start = position
      let symbol = category(decodeScalar(text, &position)) == .symbol
      if symbol { output.put(0x20) }
      for byte in text[start..<position] { output.put(byte) }
      if symbol { output.put(0x20) }
    }
  }

  enum Category: UInt8 {
    case number, punctuation, symbol, other
  }

  @inline(__always)
  static func category(_ scalar: UInt32) -> Category {
    scalar < 0x10000 ? basicPlane[Int(scalar)] : lookUp(scalar)
  }

  private static let basicPlane: [Category] = (0..<0x10000).map { lookUp($0) }

  private static func lookUp(_ scalar: UInt32) -> Category {
    guard let value = Unicode.Scalar(scalar) else { return .other }
    switch value.properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: return .number
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      return .punctuation
    case .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol: return .symbol
    default: return .other
    }
  }
}
