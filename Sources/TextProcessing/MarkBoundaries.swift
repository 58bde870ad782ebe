/// Words by a rule that sees two neighbouring characters: see `TokenizerKind.marks`.
enum MarkBoundaries {
  private enum Class: Equatable {
    /// Letters, digits, and whatever is not known to be a sign.
    case word
    case apostrophe
    case mark(UInt32)
  }

  /// Calls `body` with each word of a stretch without spaces, in order; end to end they are the stretch.
  static func forEachWord(in stretch: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void) {
    var start = 0
    var at = 0
    var previous: Class?
    while at < stretch.count {
      let (kind, length) = classify(stretch, at)
      if let previous, isBoundary(previous, kind) {
        body(start..<at)
        start = at
      }
      previous = kind
      at += length
    }
    if start < at { body(start..<at) }
  }

  private static func isBoundary(_ a: Class, _ b: Class) -> Bool {
    switch (a, b) {
    case (.word, .word), (.word, .apostrophe): false
    case (.mark(let x), .mark(let y)): x != y
    default: true
    }
  }

  private static func classify(_ bytes: UnsafeBufferPointer<UInt8>, _ at: Int) -> (Class, length: Int) {
    let first = bytes[at]
    if first < 0x80 {
      switch first {
      case UInt8(ascii: "'"): return (.apostrophe, 1)
      case UInt8(ascii: "!")...UInt8(ascii: "/"), UInt8(ascii: ":")...UInt8(ascii: "@"),
        UInt8(ascii: "[")...UInt8(ascii: "`"), UInt8(ascii: "{")...UInt8(ascii: "~"):
        return (.mark(UInt32(first)), 1)
      default: return (.word, 1)
      }
    }
    let length = min(first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4, bytes.count - at)
    var scalar = UInt32(first) & (0x7F >> UInt32(length))
    for i in 1..<max(length, 1) { scalar = scalar << 6 | UInt32(bytes[at + i] & 0x3F) }
    switch scalar {
    case 0x2019: return (.apostrophe, length)
    // Latin-1 signs but ª and º; general punctuation without its spaces and format characters; currency; arrows and
    // mathematics; CJK and full-width signs.
    case 0xA1...0xA9, 0xAB, 0xAC, 0xAE...0xB4, 0xB6...0xB9, 0xBB...0xBF, 0xD7, 0xF7, 0x2010...0x2027, 0x2030...0x205E,
      0x20A0...0x20CF, 0x2190...0x22FF, 0x3001...0x3003, 0x3008...0x3011, 0xFF01...0xFF0F, 0xFF1A...0xFF20:
      return (.mark(scalar), length)
    default: return (.word, length)
    }
  }
}
