import TextProcessing

/// Words and marks of a text: what alignment and explanation treat as one. Places count Unicode scalars.
struct TextUnits: Sendable, Equatable {
  let scalars: [Unicode.Scalar]
  /// In order; between them stands white space or nothing.
  let ranges: [Range<Int>]

  /// A unit is a run of letters, digits, marks and underscores; hyphens and apostrophes within, points and commas between
  /// digits belong to it. After an elided article or pronoun (l'homme, qu'elle) a unit ends, before n't or 's it does not.
  /// Every other character but white space is a unit. A unit also ends at each of `cuts`.
  init(_ text: String, cuts: Set<Int> = []) {
    scalars = Array(text.unicodeScalars)
    var (ranges, start) = ([Range<Int>](), 0)
    while start < scalars.count {
      if scalars[start].properties.isWhitespace {
        start += 1
        continue
      }
      var end = start + 1
      while end < scalars.count, !cuts.contains(end), TextUnits.joins(scalars, start: start, at: end) { end += 1 }
      ranges.append(start..<end)
      start = end
    }
    self.ranges = ranges
  }

  /// Of given units.
  init(scalars: [Unicode.Scalar], ranges: [Range<Int>]) { (self.scalars, self.ranges) = (scalars, ranges) }

  var count: Int { ranges.count }
  func text(_ unit: Int) -> String { String(scalars: scalars[ranges[unit]]) }
  /// The white space behind a unit, up to the next.
  func gap(after unit: Int) -> String {
    let end = unit + 1 < ranges.count ? ranges[unit + 1].lowerBound : scalars.count
    return String(scalars: scalars[ranges[unit].upperBound..<end])
  }
  func isMark(_ unit: Int) -> Bool { !scalars[ranges[unit]].contains(where: TextUnits.isLetter) }

  /// Whether the character at `at` goes on with the unit from `start`.
  private static func joins(_ scalars: [Unicode.Scalar], start: Int, at: Int) -> Bool {
    let (last, next) = (scalars[at - 1], scalars[at])
    guard isLetter(scalars[start]), !isSingle(last), !isSingle(next) else { return isExtension(next) }
    let follows = at + 1 < scalars.count ? scalars[at + 1] : " "
    if isLetter(next) {
      // l'homme: the apostrophe has been taken with what stands before it.
      return isApostrophe(last) ? continuesContraction(scalars, from: at) : true
    }
    if isApostrophe(next) { return isLetter(last) && isLetter(follows) && !isDigit(last) }
    if next == "-" || next == "\u{2010}" || next == "\u{2011}" { return isLetter(last) && isLetter(follows) }
    if next == "." || next == "," { return isDigit(last) && isDigit(follows) }
    return isExtension(next)
  }

  private static func continuesContraction(_ scalars: [Unicode.Scalar], from start: Int) -> Bool {
    let rest = scalars[start...].prefix { isLetter($0) && !isApostrophe($0) }
    return ["t", "s", "m", "d", "ll", "re", "ve"].contains(String(scalars: rest).lowercased())
  }

  private static func isApostrophe(_ scalar: Unicode.Scalar) -> Bool { scalar == "'" || scalar == "\u{2019}" }
  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.numericType == .decimal }
  static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII {
      return (0x30...0x39).contains(scalar.value) || (0x41...0x5A).contains(scalar.value & 0xDF) || scalar == "_"
    }
    return scalar.properties.isAlphabetic || scalar.properties.numericType != nil || isExtension(scalar)
      || Placeholder.contains(scalar)
  }
  /// Accents, emoji's modifiers and joiners belong to what stands before them.
  private static func isExtension(_ scalar: Unicode.Scalar) -> Bool {
    !scalar.isASCII && (scalar.properties.isGraphemeExtend || scalar.properties.isEmojiModifier || scalar == "\u{200D}")
  }
  /// Characters of scripts that have no spaces between words are words.
  private static func isSingle(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isIdeographic || (0x3040...0x30FF).contains(scalar.value) || Placeholder.contains(scalar)
  }
}

/// Where the characters of one text stand in another that has the same words, normalised or cut otherwise.
enum ScalarMap {
  /// For each scalar of `from` its place in `to`; places never fall. Characters other than white space are counted where
  /// both texts, or both texts' words, have equally many, and else the places are proportional.
  static func places(_ from: [Unicode.Scalar], in to: [Unicode.Scalar]) -> [Int] {
    let (a, b) = (words(from), words(to))
    var places = [Int?](repeating: nil, count: from.count)
    if a.count == b.count, a.map(\.count) != b.map(\.count) {
      for (x, y) in zip(a, b) { spread(x, y, &places) }
    } else {
      spread(a.flatMap { $0 }, b.flatMap { $0 }, &places)
    }
    // White space goes with what follows.
    var next = to.count
    return Array(places.reversed().map { place -> Int in
      next = place ?? next
      return next
    }.reversed())
  }

  private static func spread(_ from: [Int], _ to: [Int], _ places: inout [Int?]) {
    guard !from.isEmpty, !to.isEmpty else { return }
    for (i, place) in from.enumerated() { places[place] = to[from.count == to.count ? i : i * to.count / from.count] }
  }

  /// Places of the characters of each word.
  private static func words(_ scalars: [Unicode.Scalar]) -> [[Int]] {
    scalars.indices.split { scalars[$0].properties.isWhitespace }.map(Array.init)
  }
}
