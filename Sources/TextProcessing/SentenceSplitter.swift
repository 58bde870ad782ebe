import Synchronization

/// A text as sentences with what stood between them; joined, they are the text again, byte for byte.
public struct SplitText: Sendable, Equatable {
  public struct Sentence: Sendable, Equatable {
    public var text: String
    /// The white space that follows.
    public var gap: String
  }

  /// The white space before the first sentence.
  public var leadingGap: String
  public var sentences: [Sentence]

  public var joined: String { sentences.reduce(leadingGap) { $0 + $1.text + $1.gap } }
}

/// Cuts a text at sentence ends: ICU's boundaries (UAX #29), but not after abbreviations and initials that a name or
/// number follows, nor behind an ASCII character that no white space follows (https://a.fr/b?c=d). Linear time; any number
/// of threads.
public final class SentenceSplitter: Sendable {
  /// Before these a full stop ends no sentence, whatever follows. Compared with case.
  static let abbreviations: Set<String> = [
    // French
    "M", "MM", "Mme", "Mmes", "Mlle", "Mlles", "Dr", "Drs", "Pr", "Me", "Mgr", "St", "Ste", "av", "bd", "boul", "art",
    "chap", "cf", "éd", "fig", "hab", "ibid", "id", "env", "not", "réf", "tél", "vol", "p", "pp", "ex", "n", "no", "No",
    "al", "c.-à-d", "p. ex",
    // English
    "Mr", "Mrs", "Ms", "Messrs", "Prof", "Rev", "Hon", "Gen", "Col", "Capt", "Lt", "Sgt", "Sen", "Rep", "Gov", "Pres",
    "Sr", "Jr", "vs", "e.g", "i.e", "viz", "approx", "Fig", "Figs", "Eq", "Sec", "Vol", "Nos", "Art", "Mt", "Ft",
  ]

  private let idle: Mutex<[BreakIteratorBox]>

  /// A break iterator that one thread has at a time.
  private final class BreakIteratorBox: @unchecked Sendable {
    let breaks: BreakIterator
    init() throws(TextError) { breaks = try BreakIterator(.sentence) }
  }

  public init() throws {
    idle = Mutex([try BreakIteratorBox()])
  }

  public func split(_ text: String) -> SplitText {
    var text = text
    return text.withUTF8 { bytes in
      var ends: [Int] = []
      // A thread that finds none idle and cannot open one leaves the text whole.
      if let box = idle.withLock({ $0.popLast() }) ?? (try? BreakIteratorBox()) {
        box.breaks.forEachBoundary(in: bytes) { end, _ in ends.append(end) }
        idle.withLock { $0.append(box) }
      } else {
        ends = bytes.isEmpty ? [] : [bytes.count]
      }
      var result = SplitText(leadingGap: "", sentences: [])
      var start = 0
      for (index, end) in ends.enumerated() {
        let isLast = index == ends.count - 1
        if !isLast, bytes[end - 1] < 0x80, !Self.isSpace(bytes[end - 1]) { continue }
        var end = end
        if !isLast, let after = Self.end(ofGuillemetAt: end, in: bytes) {
          guard let after else { continue }
          end = after
        }
        let piece = String(decoding: bytes[start..<end], as: UTF8.self)
        if !isLast, Self.endsInAbbreviation(piece) { continue }
        start = end
        append(piece, to: &result)
      }
      return result
    }
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  /// French parts a closing guillemet from its sentence by a space. Where one stands at `at`: the end of it and of the
  /// white space behind, if a capital follows there, else nothing, as the sentence goes on.
  private static func end(ofGuillemetAt at: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Int?? {
    let rest = String(decoding: bytes[at..<min(at + 16, bytes.count)], as: UTF8.self).unicodeScalars
    guard rest.first == "»" else { return nil }
    let gap = rest.dropFirst().prefix { $0.properties.isWhitespace }
    guard let next = rest.dropFirst(1 + gap.count).first, !gap.isEmpty,
      next.properties.isUppercase || "«“\"—–-".unicodeScalars.contains(next)
    else { return .some(nil) }
    return at + 2 + gap.reduce(0) { $0 + UTF8.width($1) }
  }

  private func append(_ piece: String, to result: inout SplitText) {
    let scalars = piece.unicodeScalars
    let first = scalars.firstIndex { !$0.properties.isWhitespace }
    guard let first, let last = scalars.lastIndex(where: { !$0.properties.isWhitespace }) else {
      if result.sentences.isEmpty {
        result.leadingGap += piece
      } else {
        result.sentences[result.sentences.count - 1].gap += piece
      }
      return
    }
    let before = String(scalars[..<first])
    if result.sentences.isEmpty {
      result.leadingGap += before
    } else {
      result.sentences[result.sentences.count - 1].gap += before
    }
    let after = scalars.index(after: last)
    result.sentences.append(.init(text: String(scalars[first..<after]), gap: String(scalars[after...])))
  }

  /// True for "… M. ", "… J. ", "… p. ex. ", and for a numeral at the beginning: "I. "; "… am I. " ends a sentence.
  static func endsInAbbreviation(_ piece: String) -> Bool {
    var scalars = piece.unicodeScalars[...]
    while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
    guard scalars.last == "." else { return false }
    scalars.removeLast()
    let wordStart = scalars.lastIndex { $0.properties.isWhitespace || "(«“\"'’[".unicodeScalars.contains($0) }
    let word = wordStart.map { scalars[scalars.index(after: $0)...] } ?? scalars
    if word.count == 1, let letter = word.first { return letter.properties.isUppercase && (letter != "I" || wordStart == nil) }
    return abbreviations.contains(String(word))
  }
}
