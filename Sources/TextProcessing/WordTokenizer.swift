/// Cuts the stretches between spaces into words.
///
/// `.icu` takes protected spans (`ProtectedSpans`) whole and the rest at ICU's boundaries (UAX #29), then mends what those
/// cut badly:
/// - letters around a hyphen stay one word (dix-sept, week-end, arc-en-ciel), but the pronouns of an inversion stand
///   alone with their hyphen (a | -t-il, avez | -vous, celui | -ci);
/// - an elided article or pronoun stands alone with its apostrophe (l' | homme, qu' | il, jusqu' | à), except within
///   words like aujourd'hui;
/// - an English clitic stands alone (do | n't, it | 's, we | 'll);
/// - times stay whole (10:30), and so do runs of one sign (..., --, !!!).
///
/// The words of a stretch, end to end, are the stretch. One thread at a time.
final class WordTokenizer {
  let kind: TokenizerKind
  private let breaks: BreakIterator?
  private var words: [Word] = []

  struct Word {
    var start: Int
    var end: Int
    var status: BreakIterator.Status
    var isProtected = false
  }

  init(_ kind: TokenizerKind) throws(TextError) {
    self.kind = kind
    breaks = kind == .icu ? try BreakIterator(.word) : nil
  }

  /// Calls `body` with each word of a stretch without spaces, in order.
  func forEachWord(in stretch: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void) {
    guard !stretch.isEmpty else { return }
    guard let breaks else {
      if kind == .marks { MarkBoundaries.forEachWord(in: stretch, body) } else { body(0..<stretch.count) }
      return
    }
    words.removeAll(keepingCapacity: true)
    let protected = ProtectedSpans.find(in: stretch)
    var from = 0
    for span in protected {
      cut(stretch, from..<span.lowerBound, breaks)
      words.append(Word(start: span.lowerBound, end: span.upperBound, status: .other, isProtected: true))
      from = span.upperBound
    }
    cut(stretch, from..<stretch.count, breaks)
    join(stretch)
    for word in words {
      if word.isProtected || word.status != .letter {
        body(word.start..<word.end)
      } else {
        split(stretch, word.start..<word.end, body)
      }
    }
  }

  private func cut(_ stretch: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ breaks: BreakIterator) {
    var start = range.lowerBound
    breaks.forEachBoundary(in: UnsafeBufferPointer(rebasing: stretch[range])) { end, status in
      var end = range.lowerBound + end
      // Whether a colon holds letters together depends on the version of ICU; here it never does.
      if status == .letter {
        var at = start
        while at < end {
          if stretch[at] == UInt8(ascii: ":") {
            if at > start { words.append(Word(start: start, end: at, status: status)) }
            words.append(Word(start: at, end: at + 1, status: .other))
            start = at + 1
          }
          at += 1
        }
      }
      end = max(end, start)
      if end > start { words.append(Word(start: start, end: end, status: status)) }
      start = end
    }
  }

  /// Joins hyphened letters, times, and runs of one sign, in place.
  private func join(_ stretch: UnsafeBufferPointer<UInt8>) {
    guard words.count > 1 else { return }
    var kept = 0
    var index = 1
    while index < words.count {
      let word = words[index]
      let before = words[kept]
      if !word.isProtected, !before.isProtected, word.status == .other {
        if index + 1 < words.count, !words[index + 1].isProtected {
          let after = words[index + 1]
          let hyphened = before.status == .letter && after.status == .letter && isHyphen(stretch, word)
          let timed = before.status == .number && after.status == .number && word.end - word.start == 1
            && stretch[word.start] == UInt8(ascii: ":")
          if hyphened || timed {
            words[kept].end = after.end
            index += 2
            continue
          }
        }
        if before.status == .other, continues(stretch, before, word) {
          words[kept].end = word.end
          index += 1
          continue
        }
      }
      kept += 1
      words[kept] = word
      index += 1
    }
    words.removeSubrange((kept + 1)...)
  }

  /// U+002D, U+2010 or U+2011.
  private func isHyphen(_ stretch: UnsafeBufferPointer<UInt8>, _ word: Word) -> Bool {
    switch word.end - word.start {
    case 1: stretch[word.start] == UInt8(ascii: "-")
    case 3: stretch[word.start] == 0xE2 && stretch[word.start + 1] == 0x80 && (0x90...0x91).contains(stretch[word.start + 2])
    default: false
    }
  }

  /// True where a run of one ASCII sign goes on.
  private func continues(_ stretch: UnsafeBufferPointer<UInt8>, _ run: Word, _ word: Word) -> Bool {
    word.end - word.start == 1 && stretch[word.start] < 0x80
      && stretch[run.start..<run.end].allSatisfy { $0 == stretch[word.start] }
  }

  // MARK: Elisions, clitics, inversions

  private static let elided: Set<String> = [
    "l", "d", "j", "n", "s", "c", "m", "t", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu", "presqu", "quelqu",
  ]
  /// What begins like an elision and is one word; a word that begins so stays whole.
  private static let whole = ["aujourd'hui", "presqu'île", "presqu'ile", "prud'hom", "quelqu'un", "entr'"]
  private static let inversions: Set<String> = [
    "je", "tu", "il", "elle", "on", "nous", "vous", "ils", "elles", "ce", "moi", "toi", "lui", "leur", "y", "en", "le",
    "la", "les", "là", "ci",
  ]
  private static let hyphened: Set<String> = ["rendez-vous", "au-delà"]
  private static let clitics: Set<String> = ["s", "re", "ve", "ll", "d", "m"]

  private func split(_ stretch: UnsafeBufferPointer<UInt8>, _ word: Range<Int>, _ body: (Range<Int>) -> Void) {
    let marks = marks(stretch, word)
    // A word with very many marks is no word of either language.
    guard !marks.isEmpty, marks.count <= 16, word.count <= 256 else {
      body(word)
      return
    }
    var start = word.lowerBound
    var rest = marks[...]
    while let mark = rest.first, mark.isApostrophe {
      let tail = lowercased(stretch, start..<word.upperBound)
      if Self.whole.contains(where: tail.hasPrefix) {
        rest = rest.dropFirst()
        break
      }
      guard Self.elided.contains(lowercased(stretch, start..<mark.start)), mark.end < word.upperBound else { break }
      body(start..<mark.end)
      start = mark.end
      rest = rest.dropFirst()
    }
    var end = word.upperBound
    var endings: [Range<Int>] = []
    while let mark = rest.last, mark.start > start {
      var cut = mark.start
      if mark.isApostrophe {
        let suffix = lowercased(stretch, mark.end..<end)
        if suffix == "t", mark.start - start > 1, stretch[mark.start - 1] | 0x20 == UInt8(ascii: "n") {
          cut = mark.start - 1
        } else if !Self.clitics.contains(suffix) {
          break
        }
      } else {
        guard Self.inversions.contains(lowercased(stretch, mark.end..<end)),
          !Self.hyphened.contains(lowercased(stretch, start..<end))
        else { break }
        // The t that keeps two vowels apart goes with the pronoun.
        if let before = rest.dropLast().last, !before.isApostrophe, before.start > start,
          mark.start - before.end == 1, stretch[before.end] | 0x20 == UInt8(ascii: "t") {
          cut = before.start
          rest = rest.dropLast()
        }
      }
      endings.append(cut..<end)
      end = cut
      rest = rest.dropLast()
    }
    if end > start { body(start..<end) }
    for ending in endings.reversed() { body(ending) }
  }

  private struct Mark {
    var start: Int
    var end: Int
    var isApostrophe: Bool
  }

  /// The apostrophes (U+0027, U+2019) and hyphens of a word.
  private func marks(_ stretch: UnsafeBufferPointer<UInt8>, _ word: Range<Int>) -> [Mark] {
    var marks: [Mark] = []
    var at = word.lowerBound
    while at < word.upperBound {
      switch stretch[at] {
      case UInt8(ascii: "'"): marks.append(Mark(start: at, end: at + 1, isApostrophe: true))
      case UInt8(ascii: "-"): marks.append(Mark(start: at, end: at + 1, isApostrophe: false))
      case 0xE2 where at + 2 < word.upperBound && stretch[at + 1] == 0x80:
        switch stretch[at + 2] {
        case 0x99: marks.append(Mark(start: at, end: at + 3, isApostrophe: true))
        case 0x90, 0x91: marks.append(Mark(start: at, end: at + 3, isApostrophe: false))
        default: break
        }
      default: break
      }
      at += 1
    }
    return marks
  }

  /// Lower case, with U+0027 and U+002D for their likes, to look up.
  private func lowercased(_ stretch: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> String {
    var result = ""
    for scalar in String(decoding: stretch[range], as: UTF8.self).unicodeScalars {
      switch scalar.value {
      case 0x2019: result += "'"
      case 0x2010, 0x2011: result += "-"
      default: result += scalar.properties.lowercaseMapping
      }
    }
    return result
  }
}
