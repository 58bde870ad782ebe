/// SplitMix64 (Steele et al. 2014), so that every run sees the same texts.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Texts made to break a text pipeline.
enum RandomText {
  /// Things of every kind that has ever been cut, composed, collapsed or dropped wrongly.
  private static let pieces: [String] = [
    "a", "b", "e", "s", "t", "E", "É", "é", "e\u{301}", "œ", "ß", "İ", "Σ", "ς", "l'", "L’", "d'", "qu'", "n't", "'s",
    "aujourd'hui", "-t-il", "-vous", "-", "--", "\u{2010}", "\u{2011}", "10:30", "3,14", "3.14", "10h30", ":", ".", "...",
    ",", "'", "’", "«", "»", "\"", "“", "”", "%", "%1$s", "{name}", "{", "}", "http://a.fr/b?c=d", "www.a.fr", "x@y.org",
    "@", "/", "<0x41>", "<0xff>", "</s>", "<unk>", "<", ">", "▁", "▁▁", "\u{FFED}", "\u{FFED}\u{FFED}", "##", "@@",
    " ", "  ", "\t", "\n", "\r\n", "\u{B}", "\u{C}", "\u{1C}", "\u{1F}", "\u{85}", "\u{A0}", "\u{1680}", "\u{2003}",
    "\u{2028}", "\u{2029}", "\u{202F}", "\u{205F}", "\u{3000}", "\u{0}", "\u{1}", "\u{7F}", "\u{9F}", "\u{AD}",
    "\u{200B}", "\u{200C}", "\u{200D}", "\u{200E}", "\u{202E}", "\u{2060}", "\u{FEFF}", "\u{FFFE}", "\u{FFFF}",
    "\u{1FFFE}", "\u{10FFFF}", String(decoding: [0xFDD0 as UInt16], as: UTF16.self), "\u{E000}", "\u{F8FF}", "\u{100000}", "\u{FFFD}", "\u{301}", "\u{308}",
    "\u{327}", "\u{345}", "\u{338}", "\u{315}", "\u{300}\u{316}", "\u{20E3}", "\u{FE0F}", "שלום", "ﷺ", "العربية", "\u{5B0}",
    "हिन्दी", "ไทย", "한국어", "\u{1100}\u{1161}\u{11A8}", "日本語", "カ", "ﾊﾟ", "①", "ﬁ", "Å", "\u{212B}", "\u{2126}", "½", "¨", "´",
    "👩‍👩‍👧‍👦", "👍🏽", "🇫🇷", "🇫", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "\u{1D160}", "\u{10400}", "0", "7", "12", "€", "<", "≮", "=",
  ]

  /// A text of up to `most` parts: made ones, scalars from anywhere, and UTF-16 with unpaired surrogates repaired.
  static func make(upTo most: Int, _ random: inout SeededGenerator) -> String {
    var text = ""
    for _ in 0..<Int.random(in: 0...most, using: &random) {
      switch Int.random(in: 0..<10, using: &random) {
      case 0:
        text.unicodeScalars.append(scalar(&random))
      case 1:
        let units = (0..<3).map { _ in UInt16.random(in: 0xD700...0xE0FF, using: &random) }
        text += String(decoding: units, as: UTF16.self)
      default:
        text += pieces.randomElement(using: &random) ?? ""
      }
    }
    return text
  }

  static func scalar(_ random: inout SeededGenerator) -> Unicode.Scalar {
    let ends: [UInt32] = [0x80, 0x250, 0x3000, 0x10000, 0x110000]
    let end = ends.randomElement(using: &random) ?? 0x80
    while true {
      if let scalar = Unicode.Scalar(UInt32.random(in: 0..<end, using: &random)) { return scalar }
    }
  }
}
