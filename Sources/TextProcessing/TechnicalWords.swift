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
        if Numbers.isDigit(scalars[end]) {
          digits += 1
        } else if scalars[end] == " ", end + 1 < scalars.count,
          Numbers.isDigit(scalars[end - 1]), Numbers.isDigit(scalars[end + 1])
        {
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

  private static func isWord(_ scalar: Unicode.Scalar) -> Bool { Numbers.isDigit(scalar) || scalar.properties.isAlphabetic }

  /// Digits in groups with hyphens between (555-0142), two full stops or more (2.4.1), or a full stop and letters (7.0rc2).
  private static func isNumbered(_ word: [Unicode.Scalar]) -> Bool {
    let inner = word.indices.dropFirst().dropLast().filter { Numbers.isDigit(word[$0 - 1]) && Numbers.isDigit(word[$0 + 1]) }
    let (stops, hyphens) = (inner.filter { word[$0] == "." }.count, inner.filter { word[$0] == "-" }.count)
    guard word.allSatisfy({ isWord($0) || "-.+".unicodeScalars.contains($0) }) else { return false }
    let hasLetter = word.contains { $0.properties.isAlphabetic }
    return hasLetter ? stops > 0 : stops > 1 || hyphens > 0
  }

  /// Of few capitals and digits, one of the two in brackets: COM(1998), 1997/0042(COD).
  private static func isFileNumber(_ word: ArraySlice<Unicode.Scalar>) -> Bool {
    let parts = word.dropLast().split(separator: "(", omittingEmptySubsequences: false)
    guard word.last == ")", parts.count == 2, !parts[1].isEmpty else { return false }
    func isCapitals(_ part: ArraySlice<Unicode.Scalar>) -> Bool {
      (2...4).contains(part.count) && part.allSatisfy { ("A"..."Z").contains($0) }
    }
    func isNumber(_ part: ArraySlice<Unicode.Scalar>) -> Bool {
      part.first.map(Numbers.isDigit) == true && part.allSatisfy { Numbers.isDigit($0) || "-./".unicodeScalars.contains($0) }
    }
    return (isCapitals(parts[0]) && isNumber(parts[1])) || (isNumber(parts[0]) && isCapitals(parts[1]))
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
      let word = scalars[start..<end]
      if scalars[end - 1] == ")", word.count(where: { $0 == "(" }) >= word.count(where: { $0 == ")" }) { break }
      end -= 1
    }
    return end - start > 1 ? start..<end : nil
  }

  /// Text between backticks, as many on either side, and those.
  static func quotedCode(in scalars: [Unicode.Scalar]) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var runs: [Range<Int>] = []
    for at in scalars.indices where scalars[at] == "`" {
      if let last = runs.last, last.upperBound == at {
        runs[runs.count - 1] = last.lowerBound..<at + 1
      } else {
        runs.append(at..<at + 1)
      }
    }
    var open = 0
    while open < runs.count {
      if let close = runs[(open + 1)...].firstIndex(where: { $0.count == runs[open].count }) {
        found.append(runs[open].lowerBound..<runs[close].upperBound)
        open = close
      }
      open += 1
    }
    return found
  }

  /// Last parts of the names of hosts and files.
  private static let endings = Set(
    """
    fr com org net eu ch ca uk io info edu gov de
    txt pdf doc docx xls xlsx ppt pptx odt ods csv tsv json xml html htm css js ts py php rb rs cpp java swift sh md
    yaml yml toml zip tar gz png jpg jpeg gif svg mp3 mp4 wav exe dll log ini conf cfg sql db
    """.split(whereSeparator: \.isWhitespace).map(String.init))

  /// example.com, example.com/page, report.pdf: words with full stops between, the last of `endings`.
  private static func isHostOrFile(_ word: ArraySlice<Unicode.Scalar>) -> Bool {
    guard word.contains(".") else { return false }
    let labels = word.prefix { $0 != "/" }.split(separator: ".", omittingEmptySubsequences: false)
    guard labels.count > 1, let last = labels.last, endings.contains(String(scalars: last)) else { return false }
    return labels.allSatisfy { label in label.count > 1 && label.allSatisfy { isWord($0) || $0 == "-" || $0 == "_" } }
  }

  private static func isTechnical(_ word: ArraySlice<Unicode.Scalar>) -> Bool {
    if isHostOrFile(word) { return true }
    guard let first = word.first, word.allSatisfy(\.isASCII) else { return false }
    let (upper, lower) = (word.contains { ("A"..."Z").contains($0) }, word.contains { ("a"..."z").contains($0) })
    let digit = word.contains(where: Numbers.isDigit)
    if word.contains("_") { return upper || lower }
    // C:\Users\Public.
    if word.contains("\\") { return upper || lower }
    if first == "/" { return word.count > 2 && (upper || lower) }
    if isNumbered(Array(word)) || isFileNumber(word) { return true }
    let rest = word.dropFirst()
    if first == "#" { return (3...8).contains(rest.count) && rest.allSatisfy(\.properties.isASCIIHexDigit) }
    if first == "0", rest.first == "x" { return rest.count > 1 && rest.dropFirst().allSatisfy(\.properties.isASCIIHexDigit) }
    let plain = word.allSatisfy { $0.properties.isAlphabetic || Numbers.isDigit($0) || "-./".unicodeScalars.contains($0) }
    guard digit, plain else { return false }
    // XR-500; and what has a digit behind a small letter: arg1, wasm32-emscripten, rfc822.
    if ("A"..."Z").contains(first), !lower { return true }
    return !Numbers.isDigit(first) && zip(word, rest).contains { ("a"..."z").contains($0) && Numbers.isDigit($1) }
  }
}
