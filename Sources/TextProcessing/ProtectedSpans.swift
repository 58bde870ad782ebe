/// Finds what a translation must carry over unchanged: URLs, e-mail addresses and the placeholders of programs
/// (`%s`, `%1$s`, `%(name)s`, `{name}`, `{{name}}`, `${name}`). None contains white space. Linear time.
public enum ProtectedSpans {
  /// The spans, in order, apart from one another.
  public static func find(in text: String) -> [Range<String.Index>] {
    var text = text
    let spans = text.withUTF8 { find(in: $0) }
    var from = text.startIndex
    var passed = 0
    return spans.map { span in
      let start = text.utf8.index(from, offsetBy: span.lowerBound - passed)
      from = text.utf8.index(start, offsetBy: span.count)
      passed = span.upperBound
      return start..<from
    }
  }

  static func find(in bytes: UnsafeBufferPointer<UInt8>) -> [Range<Int>] {
    // Few words have one of these; the rest leave at once.
    guard bytes.contains(where: { isIn($0, "%{@/.") }) else { return [] }
    var spans: [Range<Int>] = []
    var free = 0
    var at = 0
    while at < bytes.count {
      let end: Int?
      var start = at
      switch bytes[at] {
      case UInt8(ascii: "%"): end = percent(bytes, at)
      case UInt8(ascii: "$") where byte(bytes, at + 1) == UInt8(ascii: "{"): end = braces(bytes, at + 1)
      case UInt8(ascii: "{"): end = braces(bytes, at)
      case UInt8(ascii: ":"):
        start = schemeStart(bytes, before: at, from: free)
        end = start < at ? url(bytes, from: at) : nil
      case UInt8(ascii: "w"), UInt8(ascii: "W"): end = www(bytes, at, from: free)
      case UInt8(ascii: "@"):
        start = localStart(bytes, before: at, from: free)
        end = start < at ? domain(bytes, from: at + 1) : nil
      default: end = nil
      }
      if let end {
        spans.append(start..<end)
        free = end
        at = end
      } else {
        at += 1
      }
    }
    return spans
  }

  private static func byte(_ bytes: UnsafeBufferPointer<UInt8>, _ at: Int) -> UInt8 { at < bytes.count ? bytes[at] : 0x20 }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
  private static func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte & 0xDF) && byte < 0x80 }
  private static func isWord(_ byte: UInt8) -> Bool { isDigit(byte) || isLetter(byte) || byte == UInt8(ascii: "_") }
  private static func isIn(_ byte: UInt8, _ set: StaticString) -> Bool {
    UnsafeBufferPointer(start: set.utf8Start, count: set.utf8CodeUnitCount).contains(byte)
  }

  /// printf: `%`, a position with `$`, flags, width, precision, length, conversion; or `%(name)s`.
  private static func percent(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int? {
    var at = start + 1
    var positioned = false
    if byte(bytes, at) == UInt8(ascii: "(") {
      at += 1
      let name = at
      while isWord(byte(bytes, at)) { at += 1 }
      guard at > name, byte(bytes, at) == UInt8(ascii: ")") else { return nil }
      at += 1
      positioned = true
    } else {
      var digits = at
      while isDigit(byte(bytes, digits)) { digits += 1 }
      if digits > at, byte(bytes, digits) == UInt8(ascii: "$") {
        at = digits + 1
        positioned = true
      }
    }
    // "50%de": a percentage, not a conversion.
    if !positioned, start > 0, isDigit(bytes[start - 1]) { return nil }
    while isIn(byte(bytes, at), "-+#0'") { at += 1 }
    while isDigit(byte(bytes, at)) || byte(bytes, at) == UInt8(ascii: "*") { at += 1 }
    if byte(bytes, at) == UInt8(ascii: ".") {
      at += 1
      while isDigit(byte(bytes, at)) || byte(bytes, at) == UInt8(ascii: "*") { at += 1 }
    }
    while isIn(byte(bytes, at), "hlLqjzt") { at += 1 }
    guard isIn(byte(bytes, at), "sdiufFeEgGxXoOcCpaASDU@") else { return nil }
    at += 1
    let next = byte(bytes, at)
    return isWord(next) || next >= 0x80 ? nil : at
  }

  /// `{…}`, `{{…}}` with up to 64 bytes of letters, digits and `_.-:,#$` inside.
  private static func braces(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int? {
    let double = byte(bytes, start + 1) == UInt8(ascii: "{")
    var at = start + (double ? 2 : 1)
    let name = at
    while at - name <= 64, isWord(byte(bytes, at)) || isIn(byte(bytes, at), ".-:,#$%") { at += 1 }
    guard byte(bytes, at) == UInt8(ascii: "}") else { return nil }
    at += 1
    guard double else { return at }
    return at > name + 1 && byte(bytes, at) == UInt8(ascii: "}") ? at + 1 : nil
  }

  /// The beginning of the letters before "://", or `colon` where there are none.
  private static func schemeStart(_ bytes: UnsafeBufferPointer<UInt8>, before colon: Int, from free: Int) -> Int {
    guard byte(bytes, colon + 1) == UInt8(ascii: "/"), byte(bytes, colon + 2) == UInt8(ascii: "/") else { return colon }
    var at = colon
    while at > free, isWord(bytes[at - 1]) || isIn(bytes[at - 1], "+-.") { at -= 1 }
    while at < colon, !isLetter(bytes[at]) { at += 1 }
    return at
  }

  private static func www(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, from free: Int) -> Int? {
    guard start == free || !isWord(bytes[start - 1]), bytes.count - start > 4 else { return nil }
    guard bytes[start + 1] | 0x20 == UInt8(ascii: "w"), bytes[start + 2] | 0x20 == UInt8(ascii: "w"),
      bytes[start + 3] == UInt8(ascii: "."), isWord(bytes[start + 4])
    else { return nil }
    return url(bytes, from: start)
  }

  /// To the next white space, quote or bracket that cannot belong to it, less the sentence's own punctuation.
  private static func url(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
    var at = start
    var open = 0
    while at < bytes.count {
      let byte = bytes[at]
      if byte <= 0x20 || byte == 0x7F || isIn(byte, "<>\"`{}|\\^") { break }
      // Guillemets, curly quotes, the ellipsis and no-break spaces.
      if byte == 0xC2, [0xAB, 0xBB, 0xA0].contains(self.byte(bytes, at + 1)) { break }
      if byte == 0xE2, self.byte(bytes, at + 1) == 0x80, (0x80...0xAF).contains(self.byte(bytes, at + 2)) { break }
      if byte == 0xE3, self.byte(bytes, at + 1) == 0x80 { break }
      if byte == UInt8(ascii: "(") { open += 1 }
      if byte == UInt8(ascii: ")") {
        if open == 0 { break }
        open -= 1
      }
      at += 1
    }
    while at > start, isIn(bytes[at - 1], ".,;:!?'*") { at -= 1 }
    let least = bytes[start] == UInt8(ascii: ":") ? 4 : 5
    return at - start >= least ? at : nil
  }

  /// Letters of any script are those of an address too.
  private static func localStart(_ bytes: UnsafeBufferPointer<UInt8>, before sign: Int, from free: Int) -> Int {
    var at = sign
    while at > free {
      if isWord(bytes[at - 1]) || isIn(bytes[at - 1], ".+-%") {
        at -= 1
        continue
      }
      var start = at - 1
      while start > free, bytes[start] & 0xC0 == 0x80 { start -= 1 }
      guard letter(bytes, at: start) == at - start else { break }
      at = start
    }
    while at < sign, !isWord(bytes[at]), bytes[at] < 0x80 { at += 1 }
    return at
  }

  /// The bytes of the character at a place, if it is a letter or an accent outside ASCII; else 0.
  private static func letter(_ bytes: UnsafeBufferPointer<UInt8>, at place: Int) -> Int {
    guard byte(bytes, place) >= 0xC0 else { return 0 }
    let length = byte(bytes, place) < 0xE0 ? 2 : byte(bytes, place) < 0xF0 ? 3 : 4
    guard place + length <= bytes.count,
      let scalar = String(decoding: bytes[place..<place + length], as: UTF8.self).unicodeScalars.first
    else { return 0 }
    return scalar.properties.isAlphabetic || scalar.properties.generalCategory == .nonspacingMark ? length : 0
  }

  /// Labels with at least one dot between them.
  private static func domain(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
    var at = start
    var end: Int?
    var labels = 0
    while true {
      let label = at
      while true {
        let plain = isDigit(byte(bytes, at)) || isLetter(byte(bytes, at)) || (at > label && byte(bytes, at) == UInt8(ascii: "-"))
        let length = plain ? 1 : letter(bytes, at: at)
        if length == 0 { break }
        at += length
      }
      guard at > label, bytes[at - 1] != UInt8(ascii: "-") else { return end }
      labels += 1
      if labels > 1 { end = at }
      guard byte(bytes, at) == UInt8(ascii: ".") else { return end }
      at += 1
    }
  }
}
