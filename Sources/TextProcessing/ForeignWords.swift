extension TextPipeline {
  /// Runs of characters that are neither known nor the capital of a known one. Letters, and the signs of names (R&D, C#,
  /// @me), take the word around them along, up to white space and punctuation; symbols (emoji, ★, °) stand alone, but for
  /// powers and indices of a unit (m², CO₂). Two runs that begin outside ASCII, with one space or one sign that is
  /// not known between them, are one.
  static func foreignWords(_ scalars: [Unicode.Scalar], _ known: Set<Unicode.Scalar>) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    var isLastForeign = false
    var at = 0
    while at < scalars.count {
      guard isForeign(scalars[at], known) else {
        at += 1
        continue
      }
      var (start, end) = (at, at + 1)
      let floor = runs.last?.upperBound ?? 0
      if takesWord(scalars[at]) {
        while start > floor, !endsWord(scalars[start - 1]) { start -= 1 }
        while end < scalars.count, isForeign(scalars[end], known) || !endsWord(scalars[end]) { end += 1 }
      } else {
        while end < scalars.count, isForeign(scalars[end], known), !takesWord(scalars[end]) { end += 1 }
        let unit = scalars[floor..<start].reversed().prefix { $0.properties.isAlphabetic }.count
        if scalars[at].properties.generalCategory == .otherNumber, (1...3).contains(unit) { start -= unit }
        // 1️⃣: what turns a sign into an emoji belongs to it.
        if scalars[at].properties.isGraphemeExtend, start > floor, !endsWord(scalars[start - 1]) { start -= 1 }
      }
      let areForeign = isLastForeign && !scalars[at].isASCII
      isLastForeign = !scalars[at].isASCII
      if let last = runs.last,
        last.upperBound == start || (areForeign && last.upperBound + 1 == start && joins(scalars[start - 1], known))
      {
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

  private static func takesWord(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return "#&@\\^_".unicodeScalars.contains(scalar) }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark: return !scalar.properties.isVariationSelector
    case .otherNumber: return false
    default: return scalar.properties.isAlphabetic || scalar.properties.numericType != nil
    }
  }

  /// Letters and digits are known to every model that is asked to translate them, and a sentence's punctuation is left to it.
  private static func isForeign(_ scalar: Unicode.Scalar, _ known: Set<Unicode.Scalar>) -> Bool {
    if known.contains(scalar) { return false }
    if scalar.isASCII { return "#$&*+<=>@\\^_`{|}~".unicodeScalars.contains(scalar) }
    if endsWord(scalar) { return false }
    let lower = scalar.properties.lowercaseMapping.unicodeScalars
    return !(lower.count == 1 && lower.first.map(known.contains) == true)
  }

  private static func endsWord(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory.isPunctuation || scalar.properties.isWhitespace
  }
}
