/// Translation Memory eXchange (TMX 1.4b): each `<tu>` with a `<seg>` in both languages gives a pair.
///
/// Markup inside a segment goes: native codes (`bpt`, `ept`, `it`, `ph`, `ut`) with their content, highlights (`hi`)
/// without it. Only the five entities of XML and character references are known. A file is read line by line.
public final class TMXReader: ParallelCorpusReader {
  /// Units without one of the languages, which are passed over.
  public private(set) var incompleteUnits = 0

  private let lines: LineReader
  private let sourceLanguage: String
  private let targetLanguage: String
  private var pairs: [SentencePair] = []
  private var next = 0
  private var hasPair = false

  private enum Place { case text, tag, comment, data }
  private var place = Place.text
  private var tag: [UInt8] = []
  private var quote: UInt8?
  private var depth = 0
  private var sawRoot = false
  private var isInUnit = false
  private var language = ""
  private var segment: [UInt8]?
  private var codeDepth = 0
  private var source: String?
  private var target: String?

  /// - Parameters: `sourceLanguage` and `targetLanguage` as in `xml:lang`; `fr` also takes `FR` and `fr-CA`.
  public init(
    path: String, sourceLanguage: String, targetLanguage: String, invalidUTF8: LineReader.InvalidUTF8 = .fail
  ) throws(TextError) {
    lines = try LineReader(path: path, invalidUTF8: invalidUTF8)
    self.sourceLanguage = sourceLanguage
    self.targetLanguage = targetLanguage
  }

  public func nextPair() throws(TextError) -> SentencePair? {
    while next == pairs.count {
      pairs.removeAll(keepingCapacity: true)
      next = 0
      guard let line = try lines.nextLine() else {
        guard sawRoot else { throw problem("no <tmx> element: not a TMX file") }
        guard place == .text, depth == 0 else { throw problem("the file ends inside \(place == .text ? "an element" : "a tag")") }
        guard hasPair || incompleteUnits == 0 else {
          throw problem("none of the \(incompleteUnits) units has both \(sourceLanguage) and \(targetLanguage)")
        }
        return nil
      }
      for byte in line.utf8 { try take(byte) }
      try take(0x0A)
    }
    hasPair = true
    defer { next += 1 }
    return pairs[next]
  }

  private func problem(_ text: String) -> TextError { .line(path: lines.path, line: lines.lineNumber, problem: text) }

  private func take(_ byte: UInt8) throws(TextError) {
    switch place {
    case .text:
      if byte == UInt8(ascii: "<") {
        place = .tag
        tag.removeAll(keepingCapacity: true)
        quote = nil
      } else if codeDepth == 0 {
        segment?.append(byte)
      }
    case .tag:
      if let quote {
        if byte == quote { self.quote = nil }
      } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
        quote = byte
      } else if byte == UInt8(ascii: ">") {
        place = .text
        try finishTag(String(decoding: tag, as: UTF8.self))
        return
      }
      tag.append(byte)
      if tag.count == 3, tag == Array("!--".utf8) {
        place = .comment
        tag.removeAll(keepingCapacity: true)
      } else if tag.count == 8, tag == Array("![CDATA[".utf8) {
        place = .data
        tag.removeAll(keepingCapacity: true)
      }
    case .comment:
      tag.append(byte)
      if tag.count > 3 { tag.removeFirst() }
      if tag == Array("-->".utf8) { place = .text }
    case .data:
      tag.append(byte)
      guard tag.suffix(3).elementsEqual("]]>".utf8) else { return }
      place = .text
      if codeDepth == 0, segment != nil {
        // Its text is literal: hide what would be read as an entity.
        for byte in tag.dropLast(3) {
          if byte == UInt8(ascii: "&") { segment?.append(contentsOf: "&amp;".utf8) } else { segment?.append(byte) }
        }
      }
    }
  }

  private func finishTag(_ tag: String) throws(TextError) {
    if tag.hasPrefix("?") || tag.hasPrefix("!") { return }
    let closes = tag.hasPrefix("/")
    let empty = tag.hasSuffix("/")
    let name = tag.drop { $0 == "/" }.prefix { !$0.isWhitespace && $0 != "/" }
    if !closes, !empty { depth += 1 }
    if closes { depth -= 1 }
    guard depth >= 0 else { throw problem("</\(name)> closes nothing") }
    switch name {
    case "tmx" where !closes: sawRoot = true
    case "tu" where !closes:
      guard !isInUnit else { throw problem("a <tu> inside a <tu>") }
      isInUnit = true
      source = nil
      target = nil
    case "tu":
      isInUnit = false
      if let source, let target {
        pairs.append(SentencePair(source: source, target: target))
      } else {
        incompleteUnits += 1
      }
    case "tuv" where !closes:
      guard let found = Self.attribute("xml:lang", in: tag) ?? Self.attribute("lang", in: tag) else {
        throw problem("a <tuv> without xml:lang")
      }
      language = found
    case "seg" where !closes && !empty:
      segment = []
      codeDepth = 0
    case "seg":
      guard let text = Self.decode(segment ?? []) else { throw problem("a segment with an unknown entity") }
      segment = nil
      // The first of several translations counts.
      let isSource = Self.matches(language, sourceLanguage)
      let isTarget = Self.matches(language, targetLanguage)
      // pt-BR is pt too, but where both are asked for it is the one that says more.
      if isSource, !isTarget || sourceLanguage.count >= targetLanguage.count {
        source = source ?? text
      } else if isTarget {
        target = target ?? text
      }
    case "bpt", "ept", "it", "ph", "ut":
      if segment != nil, !empty { codeDepth += closes ? -1 : 1 }
    default: break
    }
  }

  private static func matches(_ found: String, _ wanted: String) -> Bool {
    let (found, wanted) = (found.lowercased(), wanted.lowercased())
    return found == wanted || (found.hasPrefix(wanted) && "-_".contains(found.dropFirst(wanted.count).prefix(1)))
  }

  private static func attribute(_ name: String, in tag: String) -> String? {
    var rest = tag[...]
    while let equals = rest.firstIndex(of: "=") {
      let key = rest[..<equals].split(whereSeparator: \.isWhitespace).last
      let value = rest[rest.index(after: equals)...].drop(while: \.isWhitespace)
      guard let quote = value.first, quote == "\"" || quote == "'" else { return nil }
      let text = value.dropFirst()
      guard let end = text.firstIndex(of: quote) else { return nil }
      if let key, key == name { return String(text[..<end]) }
      rest = text[text.index(after: end)...]
    }
    return nil
  }

  /// The text of a segment on one line, or nothing where an entity is unknown.
  private static func decode(_ bytes: [UInt8]) -> String? {
    var scalars = String.UnicodeScalarView()
    var text = String(decoding: bytes, as: UTF8.self).unicodeScalars[...]
    while let scalar = text.popFirst() {
      guard scalar == "&" else {
        scalars.append(scalar == "\n" || scalar == "\r" ? " " : scalar)
        continue
      }
      guard let end = text.prefix(12).firstIndex(of: ";") else { return nil }
      let name = String(text[..<end])
      text = text[text.index(after: end)...]
      switch name {
      case "lt": scalars.append("<")
      case "gt": scalars.append(">")
      case "amp": scalars.append("&")
      case "quot": scalars.append("\"")
      case "apos": scalars.append("'")
      default:
        let isHexadecimal = name.hasPrefix("#x") || name.hasPrefix("#X")
        guard name.hasPrefix("#"),
          let value = UInt32(name.dropFirst(isHexadecimal ? 2 : 1), radix: isHexadecimal ? 16 : 10),
          let scalar = Unicode.Scalar(value)
        else { return nil }
        scalars.append(scalar == "\n" || scalar == "\r" ? " " : scalar)
      }
    }
    while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
    return String(scalars[(scalars.firstIndex { !$0.properties.isWhitespace } ?? scalars.endIndex)...])
  }
}
