/// Which words with a capital are the model's own business: those that a translation changes (Londres, Anglais, Dieu), and
/// names so frequent that it has learnt them. All others, where they stand inside a sentence, can be taken for names that
/// a translation carries over.
///
/// Learnt from aligned text, since no list of names is ever complete, while the words with a capital that have a
/// translation are few: about four thousand in a million French–English pairs.
public struct NameLexicon: Sendable, Equatable {
  public let known: Set<String>

  public init(known: Set<String>) { self.known = known }

  /// A word that stood unchanged on the other side less often than this is translated.
  static let keptShare = 0.7
  /// A name seen so often is learnt.
  static let frequent = 20

  /// The stretches of a line to be carried over: words in title case inside a sentence that are not
  /// known, neighbours with one space between them together, if `isRare` holds for one of them. A line of which that
  /// is more than half, such as a heading, has none. Linear time.
  func names(in scalars: [Unicode.Scalar], isRare: (String) -> Bool) -> [Range<Int>] {
    let words = Self.words(in: scalars)
    guard 2 * words.count(where: { $0.isTitle && !$0.isInitial }) <= words.count else { return [] }
    var found: [Range<Int>] = []
    var at = 0
    while at < words.count {
      guard isName(words[at]) else {
        at += 1
        continue
      }
      var last = at
      while last + 1 < words.count, isName(words[last + 1]), touches(words[last], words[last + 1], scalars) { last += 1 }
      var first = at
      // What begins the sentence would have a capital anyway; before a name it is most likely one.
      if at > 0, words[at - 1].isInitial, words[at - 1].isTitle, touches(words[at - 1], words[at], scalars),
        isRare(words[at - 1].text), isRare(words[at - 1].text.lowercased()), !known.contains(words[at - 1].text)
      {
        first = at - 1
      }
      if words[first...last].contains(where: { isRare($0.text) }) {
        found.append(words[first].range.lowerBound..<words[last].range.upperBound)
      }
      at = last + 1
    }
    return found
  }

  private func isName(_ word: Word) -> Bool { word.isTitle && !word.isInitial && !known.contains(word.text) }

  private func touches(_ a: Word, _ b: Word, _ scalars: [Unicode.Scalar]) -> Bool {
    a.range.upperBound + 1 == b.range.lowerBound && scalars[a.range.upperBound] == " "
  }

  // MARK: Words

  struct Word {
    let text: String
    let range: Range<Int>
    /// A capital first and a small letter somewhere after.
    let isTitle: Bool
    /// Whether a sentence may begin here.
    let isInitial: Bool
  }

  /// Letters with their marks; a hyphen between letters belongs to the word, an apostrophe only after one capital (O'Brien).
  static func words(in scalars: [Unicode.Scalar]) -> [Word] {
    var words: [Word] = []
    var at = 0
    var isInitial = true
    while at < scalars.count {
      guard scalars[at].properties.isAlphabetic else {
        if endsSentence(scalars, at) { isInitial = true }
        // A word after a digit begins nothing: 3 Mai, 5e Armée.
        if scalars[at].properties.numericType != nil { isInitial = false }
        at += 1
        continue
      }
      let start = at
      while at < scalars.count, isInside(scalars, start, at) { at += 1 }
      words.append(
        Word(
          text: String(scalars: scalars[start..<at]), range: start..<at,
          isTitle: isCapital(scalars[start]) && scalars[start..<at].contains { $0.properties.isLowercase },
          isInitial: isInitial))
      isInitial = false
    }
    return words
  }

  private static func isCapital(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isUppercase || scalar.properties.generalCategory == .titlecaseLetter
  }

  private static func isInside(_ scalars: [Unicode.Scalar], _ start: Int, _ at: Int) -> Bool {
    let scalar = scalars[at]
    if scalar.properties.isAlphabetic || scalar.properties.generalCategory == .nonspacingMark { return true }
    guard at + 1 < scalars.count, scalars[at + 1].properties.isAlphabetic else { return false }
    switch scalar {
    case "-", "\u{2010}", "\u{2011}": return true
    case "'", "\u{2019}": return at == start + 1 && isCapital(scalars[start]) && isCapital(scalars[at + 1])
    default: return false
    }
  }

  /// Anything a sentence may begin after: stops, colons, quotes, brackets, bars and dashes, but not the full stop of an
  /// abbreviation, an initial or up to three letters without a vowel (M. Dupont, Dr. Who), nor an apostrophe or hyphen in a word.
  private static func endsSentence(_ scalars: [Unicode.Scalar], _ at: Int) -> Bool {
    switch scalars[at] {
    case ".":
      var start = at
      while start > 0, scalars[start - 1].properties.isAlphabetic { start -= 1 }
      guard (1...3).contains(at - start), isCapital(scalars[start]) else { return true }
      return at - start > 1 && scalars[start..<at].contains { "aeiouyAEIOUY".unicodeScalars.contains($0) }
    // A dash as it is typed, and an alternative: "Step 2 - Close the window".
    case "-", "\u{2010}", "\u{2011}", "/": return at == 0 || scalars[at - 1].properties.isWhitespace
    // Cells of a table.
    case "|": return true
    case ",", ";", "'", "\u{2019}", "&", "%", "@", "#": return false
    default:
      let category = scalars[at].properties.generalCategory
      return category.isPunctuation && category != .connectorPunctuation
    }
  }
}

/// Learns a `NameLexicon` from aligned lines.
public struct NameLearner: Sendable {
  /// How often a word stood inside a source sentence, and how often the target had it too.
  private var counts: [String: (seen: Int, kept: Int)] = [:]

  public init() {}

  public mutating func add(source: String, target: String) {
    let names = NameLexicon.words(in: Array(source.unicodeScalars)).filter { $0.isTitle && !$0.isInitial }
    guard !names.isEmpty else { return }
    let other = Set(NameLexicon.words(in: Array(target.unicodeScalars)).lazy.filter(\.isTitle).map(\.text))
    for name in names {
      let kept = other.contains(name.text) ? 1 : 0
      counts[name.text, default: (0, 0)].seen += 1
      counts[name.text, default: (0, 0)].kept += kept
    }
  }

  public mutating func add(_ learner: NameLearner) {
    for (word, count) in learner.counts {
      counts[word, default: (0, 0)].seen += count.seen
      counts[word, default: (0, 0)].kept += count.kept
    }
  }

  /// How many of the words seen once the target had too: the best guess for words never seen (after Good 1953).
  public var keptShareOfUnseen: Double {
    let once = counts.values.filter { $0.seen == 1 }
    return once.isEmpty ? 0 : Double(once.count { $0.kept == 1 }) / Double(once.count)
  }

  /// Nil where names are mostly not carried over as they are, as between two scripts, or too few were seen to tell.
  public var lexicon: NameLexicon? {
    guard counts.count >= 100, keptShareOfUnseen >= 0.5 else { return nil }
    let known = counts.filter {
      $0.value.seen >= NameLexicon.frequent || Double($0.value.kept) < NameLexicon.keptShare * Double($0.value.seen)
    }
    return NameLexicon(known: Set(known.keys))
  }
}
