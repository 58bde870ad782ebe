/// A fragment of HTML cut into tags and what stands between. Tolerant: what is no tag is text, and joined, the tokens
/// are the fragment, byte for byte. Linear time.
struct MarkupTokens: Sequence, IteratorProtocol {
  enum Token: Equatable {
    /// Text with its character references.
    case text(Substring)
    case open(String, Substring)
    case close(String, Substring)
    /// A tag without content, a comment, a declaration: `isBlock` if text before and after it are apart.
    case mark(Substring, isBlock: Bool)
    /// An element that is not translated, from its opening to its closing tag: `isBlock` as above.
    case frozen(Substring, isBlock: Bool)
  }

  private let html: Substring.UTF8View
  private var at: String.Index
  private let lastClose: String.Index?
  /// A quotation mark in a tag has no partner: from then on tags end at the next `>`.
  private var quotesAreBroken = false

  init(_ html: String) {
    var html = html
    html.makeContiguousUTF8()
    self.html = html[...].utf8
    at = html.startIndex
    lastClose = html.utf8.lastIndex(of: UInt8(ascii: ">"))
  }

  mutating func next() -> Token? {
    guard at < html.endIndex else { return nil }
    let start = at
    // Text up to the next tag.
    while at < html.endIndex, html[at] != UInt8(ascii: "<") || !beginsTag(at) { at = html.index(after: at) }
    if at > start { return .text(Substring(html[start..<at])) }
    return tag()
  }

  /// Whether a `<` begins something that ends.
  private func beginsTag(_ place: String.Index) -> Bool {
    guard let lastClose, place < lastClose else { return false }
    let next = html[html.index(after: place)]
    if next == UInt8(ascii: "!") || next == UInt8(ascii: "?") || Self.isLetter(next) { return true }
    guard next == UInt8(ascii: "/") else { return false }
    let second = html.index(place, offsetBy: 2)
    return second < html.endIndex && Self.isLetter(html[second])
  }

  private mutating func tag() -> Token {
    let start = at
    let rest = html[start...]
    for (opening, closing) in [("<!--", "-->"), ("<![CDATA[", "]]>")] where rest.starts(with: opening.utf8) {
      let from = html.index(start, offsetBy: opening.utf8.count)
      at = find(closing, from: from) ?? html.endIndex
      return .mark(Substring(html[start..<at]), isBlock: false)
    }
    at = end(ofTag: start)
    let raw = Substring(html[start..<at])
    let second = html[html.index(after: start)]
    if second == UInt8(ascii: "!") || second == UInt8(ascii: "?") { return .mark(raw, isBlock: true) }
    let isClosing = second == UInt8(ascii: "/")
    let name = raw.utf8.dropFirst(isClosing ? 2 : 1).prefix { Self.isName($0) }
    let tag = String(Substring(name)).lowercased()
    if isClosing { return .close(tag, raw) }
    let isBlock = MarkupElements.blocks.contains(tag)
    if MarkupElements.voids.contains(tag) || raw.utf8.dropLast().last == UInt8(ascii: "/") {
      return .mark(raw, isBlock: isBlock)
    }
    guard MarkupElements.raw.contains(tag) || MarkupElements.isKept(raw) else { return .open(tag, raw) }
    skipContent(of: tag)
    return .frozen(Substring(html[start..<at]), isBlock: isBlock)
  }

  /// Behind the `>` that ends the tag at `start`, quoted values passed over.
  private mutating func end(ofTag start: String.Index) -> String.Index {
    var place = html.index(after: start)
    var quote: UInt8?
    while place < html.endIndex {
      let byte = html[place]
      if let open = quote {
        if byte == open { quote = nil }
      } else if byte == UInt8(ascii: ">") {
        return html.index(after: place)
      } else if !quotesAreBroken, byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
        quote = byte
      }
      place = html.index(after: place)
    }
    quotesAreBroken = true
    return html[start...].firstIndex(of: UInt8(ascii: ">")).map { html.index(after: $0) } ?? html.endIndex
  }

  /// Moves behind the closing tag that belongs to the element just opened, or to the end where there is none.
  private mutating func skipContent(of tag: String) {
    var depth = 1
    while let next = find("<", from: at) {
      let place = html.index(before: next)
      at = next
      let isClosing = next < html.endIndex && html[next] == UInt8(ascii: "/")
      let nameStart = isClosing ? html.index(after: next) : next
      let name = html[nameStart...].prefix { Self.isName($0) }
      guard String(Substring(name)).lowercased() == tag else { continue }
      // Within a script, a tag's name in a string opens nothing.
      if !isClosing, MarkupElements.text.contains(tag) { continue }
      guard beginsTag(place) else { continue }
      at = end(ofTag: place)
      depth += isClosing ? -1 : 1
      if depth == 0 { return }
    }
    at = html.endIndex
  }

  /// Behind the next `needle`.
  private func find(_ needle: String, from start: String.Index) -> String.Index? {
    let bytes = Array(needle.utf8)
    var place = start
    while let first = html[place...].firstIndex(of: bytes[0]) {
      if html[first...].starts(with: bytes) { return html.index(first, offsetBy: bytes.count) }
      place = html.index(after: first)
    }
    return nil
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte & 0xDF) && byte < 0x80 }
  private static func isName(_ byte: UInt8) -> Bool {
    isLetter(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ":")
      || byte == UInt8(ascii: "_")
  }
}

/// What there is to know of HTML's elements; those not named stand in a line of text.
enum MarkupElements {
  /// A sentence does not go on across these.
  static let blocks = set("""
    address article aside audio blockquote body br button caption center col colgroup dd details dialog dir div dl dt
    fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html iframe legend li
    link main menu meta nav noscript object ol optgroup option p param picture pre script search section select source
    style summary table tbody td template textarea tfoot th thead title tr track ul video
    """)
  static let voids = set("area base br col embed frame hr img input link meta param source track wbr")
  /// What is in these is not a language's text.
  static let raw = set("""
    code iframe kbd math noscript object pre samp script style svg template textarea tt var
    """)
  /// In these a tag is text.
  static let text = set("script style textarea iframe noscript")

  private static func set(_ names: String) -> Set<String> {
    Set(names.split(whereSeparator: \.isWhitespace).map(String.init))
  }

  /// Whether a tag says that its content is not to be translated: `translate="no"` or the class `notranslate`.
  static func isKept(_ tag: Substring) -> Bool {
    let lower = tag.lowercased()
    guard lower.contains("translate") else { return false }
    return attributes(lower).contains { name, value in
      name == "translate" && value == "no"
        || name == "class" && value.split(whereSeparator: \.isWhitespace).contains("notranslate")
    }
  }

  /// Names and values of a tag's attributes.
  static func attributes(_ tag: String) -> [(name: Substring, value: Substring)] {
    var found: [(Substring, Substring)] = []
    var rest = tag.drop { !$0.isWhitespace }
    func isSpace(_ character: Character) -> Bool { character.isWhitespace || character == "/" }
    while true {
      rest = rest.drop(while: isSpace)
      guard let first = rest.first, first != ">" else { return found }
      let name = rest.prefix { !$0.isWhitespace && $0 != "=" && $0 != ">" && $0 != "/" }
      rest = rest.dropFirst(max(name.count, 1)).drop(while: \.isWhitespace)
      guard rest.first == "=" else {
        found.append((name, ""))
        continue
      }
      rest = rest.dropFirst().drop(while: \.isWhitespace)
      if let quote = rest.first, quote == "\"" || quote == "'" {
        let value = rest.dropFirst().prefix { $0 != quote }
        found.append((name, value))
        rest = rest.dropFirst(value.count + 2)
      } else {
        let value = rest.prefix { !$0.isWhitespace && $0 != ">" }
        found.append((name, value))
        rest = rest.dropFirst(value.count)
      }
    }
  }
}
