import Foundation

/// A line in which placeholders stand for what a translation must carry over unchanged.
public struct MaskedText: Sendable, Equatable {
  public let text: String
  /// What the i-th placeholder stands for.
  public let spans: [String]

  /// The translation with every placeholder given back its span; placeholders that stand for nothing vanish. A letter
  /// beside a placeholder is kept apart from the span by a space, unless one stood there in the source too: an elision
  /// (d'Ella) has no space, its translation (of Ella) has one.
  public func restore(_ translation: String) -> String {
    guard !spans.isEmpty, translation.unicodeScalars.contains(where: Placeholder.contains) else { return translation }
    let (scalars, source) = (Array(translation.unicodeScalars), Array(text.unicodeScalars))
    func hasLetter(_ scalars: [Unicode.Scalar], _ place: Int) -> Bool {
      scalars.indices.contains(place) && Self.isSpacedLetter(scalars[place])
    }
    var result = ""
    for (place, scalar) in scalars.enumerated() {
      guard Placeholder.contains(scalar) else {
        result.unicodeScalars.append(scalar)
        continue
      }
      let index = Placeholder.index(scalar)
      guard index < spans.count else { continue }
      let origin = source.firstIndex(of: scalar) ?? -1
      if hasLetter(scalars, place - 1), !hasLetter(source, origin - 1) { result.append(" ") }
      result += spans[index]
      if hasLetter(scalars, place + 1), !hasLetter(source, origin + 1) { result.append(" ") }
    }
    return result
  }

  /// A letter of a script that has spaces between words: those of East Asia and of Thai and its neighbours have none.
  private static func isSpacedLetter(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isAlphabetic && scalar.value < 0x2E80 && !(0x0E00...0x109F).contains(scalar.value)
      && !Placeholder.contains(scalar)
  }

  /// The line before anything was masked.
  public var original: String { restore(text) }

  /// Spans that the translation, with placeholders or with the spans themselves, lacks or has from a placeholder too often:
  /// 0 if each stands there once.
  public func losses(in translation: String) -> Int {
    var counts = [Int](repeating: 0, count: Placeholder.count)
    for scalar in translation.unicodeScalars where Placeholder.contains(scalar) { counts[Placeholder.index(scalar)] += 1 }
    var losses = counts.reduce(0) { $0 + max(0, $1 - 1) }
    let restored = restore(translation)
    for (index, span) in spans.enumerated() where counts[index] == 0 {
      // What a placeholder of the same text gave counts for that one.
      let twins = spans.indices.count { spans[$0] == span && (counts[$0] > 0 || $0 <= index) }
      if restored.components(separatedBy: span).count - 1 < twins { losses += 1 }
    }
    return losses + counts[spans.count...].reduce(0, +)
  }
}

extension TextPipeline {
  /// Replaces by placeholders, up to `Placeholder.count` of them: protected spans (`ProtectedSpans`), technical words
  /// (codes such as XR-500, identifiers with an underscore, absolute paths, hexadecimal numbers, versions, telephone
  /// numbers), words with characters that the source vocabulary would have to spell in bytes (emoji, other scripts), and
  /// names that it would have to spell in several pieces, where it has learnt to tell names (`NameLexicon`). The spans
  /// are of the normalised line. A line that has such placeholders of its own stays as it is. Linear time.
  public func mask(_ line: String) -> MaskedText {
    let text = normalize(line)
    let untouched = MaskedText(text: line, spans: [])
    let scalars = Array(text.unicodeScalars)
    if scalars.contains(where: Placeholder.contains) { return untouched }
    var (place, passed) = (text.startIndex, 0)
    var ranges = ProtectedSpans.find(in: text).map { range in
      let start = passed + text.unicodeScalars.distance(from: place, to: range.lowerBound)
      passed = start + text.unicodeScalars.distance(from: range.lowerBound, to: range.upperBound)
      place = range.upperBound
      return start..<passed
    }
    ranges += TechnicalWords.find(in: scalars) + TechnicalWords.telephones(in: scalars)
    if let known = knownCharacters { ranges += Self.foreignWords(scalars, known) }
    ranges += names?.names(in: scalars, isRare: { !hasPiece($0) }) ?? []
    guard !ranges.isEmpty else { return untouched }
    var merged: [Range<Int>] = []
    for range in ranges.sorted(by: { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }) {
      if let last = merged.last, range.lowerBound < last.upperBound {
        merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    var (result, spans, at) = (String.UnicodeScalarView(), [String](), 0)
    for (index, range) in merged.prefix(Placeholder.count).enumerated() {
      result.append(contentsOf: scalars[at..<range.lowerBound])
      result.append(Placeholder.scalar(index))
      spans.append(String(scalars: scalars[range]))
      at = range.upperBound
    }
    result.append(contentsOf: scalars[at...])
    return MaskedText(text: String(result), spans: spans)
  }

  /// Whether one piece of the source vocabulary is the whole word.
  private func hasPiece(_ word: String) -> Bool {
    sourceVocabulary.id(String(Vocabulary.spaceMark) + word) != nil || sourceVocabulary.id(word) != nil
  }

  /// Runs around characters that are neither known nor the capital of a known one, up to white space and punctuation;
  /// two runs with one space between them, or one sign that is not known, are one.
  private static func foreignWords(_ scalars: [Unicode.Scalar], _ known: Set<Unicode.Scalar>) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    var at = 0
    while at < scalars.count {
      guard isForeign(scalars[at], known) else {
        at += 1
        continue
      }
      var (start, end) = (at, at + 1)
      let floor = runs.last?.upperBound ?? 0
      while start > floor, !endsWord(scalars[start - 1]) { start -= 1 }
      while end < scalars.count, isForeign(scalars[end], known) || !endsWord(scalars[end]) { end += 1 }
      if let last = runs.last, last.upperBound == start || (last.upperBound + 1 == start && joins(scalars[start - 1], known)) {
        runs[runs.count - 1] = last.lowerBound..<end
      } else {
        runs.append(start..<end)
      }
      at = end
    }
    return runs
  }

  private static func joins(_ scalar: Unicode.Scalar, _ known: Set<Unicode.Scalar>) -> Bool {
    scalar == " " || !(scalar.isASCII || known.contains(scalar) || scalar.properties.isWhitespace)
  }

  private static func isForeign(_ scalar: Unicode.Scalar, _ known: Set<Unicode.Scalar>) -> Bool {
    if scalar.isASCII || known.contains(scalar) || endsWord(scalar) { return false }
    let lower = scalar.properties.lowercaseMapping.unicodeScalars
    return !(lower.count == 1 && lower.first.map(known.contains) == true)
  }

  private static func endsWord(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory.isPunctuation || scalar.properties.isWhitespace
  }
}

/// Words of machines rather than of a language, in ASCII, between white space, quotes and the sentence's punctuation.
enum TechnicalWords {
  /// Groups of digits with one space between, eight digits or more in all, of which the first begins with + or 0.
  static func telephones(in scalars: [Unicode.Scalar]) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var at = 0
    while at < scalars.count {
      let begins = scalars[at] == "+" || scalars[at] == "0"
      guard begins, at == 0 || !isWord(scalars[at - 1]) else {
        at += 1
        continue
      }
      var (end, digits, groups) = (at + 1, scalars[at] == "0" ? 1 : 0, 1)
      while end < scalars.count {
        if isDigit(scalars[end]) {
          digits += 1
        } else if scalars[end] == " ", isDigit(scalars[end - 1]), end + 1 < scalars.count, isDigit(scalars[end + 1]) {
          groups += 1
        } else {
          break
        }
        end += 1
      }
      if groups > 1, digits >= 8, end == scalars.count || !isWord(scalars[end]) { found.append(at..<end) }
      at = end
    }
    return found
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
  private static func isWord(_ scalar: Unicode.Scalar) -> Bool { isDigit(scalar) || scalar.properties.isAlphabetic }

  /// Digits in groups with hyphens between (555-0142), two full stops or more (2.4.1), or a full stop and letters (7.0rc2).
  private static func isNumbered(_ word: [Unicode.Scalar]) -> Bool {
    let inner = word.indices.dropFirst().dropLast().filter { isDigit(word[$0 - 1]) && isDigit(word[$0 + 1]) }
    let (stops, hyphens) = (inner.filter { word[$0] == "." }.count, inner.filter { word[$0] == "-" }.count)
    guard word.allSatisfy({ isWord($0) || "-.+".unicodeScalars.contains($0) }) else { return false }
    let hasLetter = word.contains { $0.properties.isAlphabetic }
    return hasLetter ? stops > 0 : stops > 1 || hyphens > 0
  }

  static func find(in scalars: [Unicode.Scalar]) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var start = 0
    for at in 0...scalars.count where at == scalars.count || separates(scalars[at]) {
      if let word = trimmed(scalars, start..<at), isTechnical(scalars[word]) { found.append(word) }
      start = at + 1
    }
    return found
  }

  private static func separates(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || "'’\"«»“”".unicodeScalars.contains(scalar)
  }

  /// Without brackets and punctuation around it; a pair of brackets at the end stays where it opens in the word.
  private static func trimmed(_ scalars: [Unicode.Scalar], _ word: Range<Int>) -> Range<Int>? {
    var (start, end) = (word.lowerBound, word.upperBound)
    while start < end, "([{<".unicodeScalars.contains(scalars[start]) { start += 1 }
    while start < end, ".,;:!?…)]}>".unicodeScalars.contains(scalars[end - 1]) {
      if scalars[end - 1] == ")", scalars[start..<end].contains("(") { break }
      end -= 1
    }
    return end - start > 1 ? start..<end : nil
  }

  private static func isTechnical(_ word: ArraySlice<Unicode.Scalar>) -> Bool {
    guard let first = word.first, word.allSatisfy(\.isASCII) else { return false }
    let (upper, lower) = (word.contains { ("A"..."Z").contains($0) }, word.contains { ("a"..."z").contains($0) })
    let digit = word.contains { ("0"..."9").contains($0) }
    if word.contains("_") { return upper || lower }
    if first == "/" { return word.count > 2 && (upper || lower) }
    if isNumbered(Array(word)) { return true }
    let rest = word.dropFirst()
    if first == "#" { return (3...8).contains(rest.count) && rest.allSatisfy(\.properties.isASCIIHexDigit) }
    if first == "0", rest.first == "x" { return rest.count > 1 && rest.dropFirst().allSatisfy(\.properties.isASCIIHexDigit) }
    let plain = word.allSatisfy { $0.properties.isAlphabetic || ("0"..."9").contains($0) || "-./".unicodeScalars.contains($0) }
    return ("A"..."Z").contains(first) && digit && !lower && plain
  }
}
