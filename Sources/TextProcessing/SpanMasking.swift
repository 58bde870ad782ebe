import Foundation

/// A line in which placeholders stand for what a translation must carry over unchanged.
public struct MaskedText: Sendable, Equatable {
  public let text: String
  /// What the i-th placeholder stands for.
  public let spans: [String]
  /// Numbers of the line outside the spans, which a translation is to keep too: the model is shown them as they are, and
  /// placeholders only where it loses them (`withNumbersMasked`).
  public let numbers: [Number]
  /// The language whose words for small numbers count as those numbers; nil: none do.
  let targetLanguage: String?
  /// Whether the line had more spans than there are placeholders: those behind the last stand in `text`.
  package let isPartial: Bool

  /// A number of the line.
  public struct Number: Sendable, Equatable {
    /// Scalars of `text`.
    let range: Range<Int>
    /// As the target language writes it.
    let translation: String
    let digits: String
  }

  package init(
    text: String, spans: [String], numbers: [Number] = [], targetLanguage: String? = nil, isPartial: Bool = false
  ) {
    (self.text, self.spans, self.numbers) = (text, spans, numbers)
    (self.targetLanguage, self.isPartial) = (targetLanguage, isPartial)
  }

  /// The text with placeholders for its numbers as well, those after the spans'; nil without numbers, or with more than
  /// there are placeholders left.
  public var withNumbersMasked: String? {
    guard !numbers.isEmpty, spans.count + numbers.count <= Placeholder.count else { return nil }
    let scalars = Array(text.unicodeScalars)
    var (result, at) = (String.UnicodeScalarView(), 0)
    for (index, number) in numbers.enumerated() {
      result.append(contentsOf: scalars[at..<number.range.lowerBound])
      result.append(Placeholder.scalar(spans.count + index))
      at = number.range.upperBound
    }
    result.append(contentsOf: scalars[at...])
    return String(result)
  }

  /// The translation with every placeholder given back its span; placeholders that stand for nothing vanish. A letter
  /// beside a placeholder is kept apart from the span by a space, unless one stood there in the
  /// source too: an elision (d'Ella) has no space, its translation (of Ella) has one. So are another placeholder and a
  /// comma, semicolon or closing bracket before it, where the source has a space there.
  public func restore(_ translation: String) -> String {
    guard translation.unicodeScalars.contains(where: Placeholder.contains) else { return translation }
    let (scalars, source) = (Array(translation.unicodeScalars), Array(text.unicodeScalars))
    let replacements = spans + numbers.map(\.translation)
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
      guard index < replacements.count else { continue }
      let origin = index < spans.count
        ? source.firstIndex(of: scalar).map { $0..<($0 + 1) } ?? 0..<0 : numbers[index - spans.count].range
      if place > 0 {
        let (before, sourceBefore) = (scalars[place - 1], origin.lowerBound - 1)
        let isApart = source.indices.contains(sourceBefore) && source[sourceBefore].properties.isWhitespace
        if hasLetter(scalars, place - 1) ? !hasLetter(source, sourceBefore) : isApart && Self.wantsSpaceAfter(before) {
          result.append(" ")
        }
      }
      result += replacements[index]
      if hasLetter(scalars, place + 1), !hasLetter(source, origin.upperBound) { result.append(" ") }
    }
    return result
  }

  private static func wantsSpaceAfter(_ scalar: Unicode.Scalar) -> Bool {
    Placeholder.contains(scalar) || ",;)]}".unicodeScalars.contains(scalar)
  }

  /// A letter of a script that has spaces between words: those of East Asia and of Thai and its neighbours have none.
  private static func isSpacedLetter(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isAlphabetic && scalar.value < 0x2E80 && !(0x0E00...0x109F).contains(scalar.value)
      && !Placeholder.contains(scalar)
  }

  /// What the placeholders of `withNumbersMasked` stand for in the line, and in its translation.
  package var everything: (source: [String], target: [String]) {
    let scalars = Array(text.unicodeScalars)
    return (spans + numbers.map { String(scalars: scalars[$0.range]) }, spans + numbers.map(\.translation))
  }

  /// The line before anything was masked.
  public var original: String { restore(text) }

  /// Spans and numbers that the translation, with placeholders or with what they stand for, lacks or has from a placeholder
  /// too often: 0 if each stands there once. With `acceptingWords` small whole numbers may stand there in words.
  public func losses(in translation: String, acceptingWords: Bool = false) -> Int {
    var counts = [Int](repeating: 0, count: Placeholder.count)
    for scalar in translation.unicodeScalars where Placeholder.contains(scalar) { counts[Placeholder.index(scalar)] += 1 }
    var losses = counts.reduce(0) { $0 + max(0, $1 - 1) }
    let restored = restore(translation)
    for (index, span) in spans.enumerated() where counts[index] == 0 {
      // What a placeholder of the same text gave counts for that one.
      let twins = spans.indices.count { spans[$0] == span && (counts[$0] > 0 || $0 <= index) }
      if restored.components(separatedBy: span).count - 1 < twins { losses += 1 }
    }
    let known = spans.count + numbers.count
    return losses + counts[min(known, counts.count)...].reduce(0, +) + lostNumbers(restored, acceptingWords: acceptingWords)
  }

  /// Of `losses`, those that masking the numbers might cure.
  public func numberLosses(in translation: String) -> Int {
    numbers.isEmpty ? 0 : lostNumbers(restore(translation), acceptingWords: false)
  }

  private func lostNumbers(_ restored: String, acceptingWords: Bool) -> Int {
    let missing = Numbers.missing(numbers.map(\.digits), in: restored)
    guard acceptingWords, let targetLanguage, !missing.isEmpty else { return missing.count }
    let spellable = missing.filter { numbers[$0].translation == numbers[$0].digits }
      .compactMap { Int(numbers[$0].digits) }.filter(SpelledNumbers.range.contains)
    guard !spellable.isEmpty else { return missing.count }
    var spelled = SpelledNumbers.counts(in: restored, language: targetLanguage)
    return spellable.reduce(missing.count) { losses, number in
      guard let count = spelled[number], count > 0 else { return losses }
      spelled[number] = count - 1
      return losses - 1
    }
  }
}

extension TextPipeline {
  /// Replaces by placeholders, up to `Placeholder.count` of them: protected spans (`ProtectedSpans`), technical words
  /// (codes such as XR-500, file numbers such as COM(1998), identifiers with an underscore or a digit behind a small letter,
  /// absolute paths, hexadecimal numbers, versions, telephone numbers, names of hosts and files, text between backticks),
  /// words with characters that the source vocabulary would have to spell in bytes (emoji, other scripts, signs), and names
  /// that it would have to spell in several pieces, where it has learnt to tell names (`NameLexicon`). The spans are of the
  /// normalised line. A line that has such placeholders of its own stays as it is. With `numbers` the rest of the line's
  /// numbers are noted too. Linear time.
  public func mask(_ line: String, numbers style: NumberStyle? = nil) -> MaskedText {
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
    ranges += TechnicalWords.quotedCode(in: scalars)
    if let known = knownCharacters { ranges += Self.foreignWords(scalars, known) }
    ranges += names?.names(in: scalars, isRare: { !hasPiece($0) }) ?? []
    let numbers = style == nil ? [] : Numbers.find(in: scalars)
    guard !ranges.isEmpty || !numbers.isEmpty else { return untouched }
    var merged: [Range<Int>] = []
    for range in ranges.sorted(by: { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }) {
      if let last = merged.last, range.lowerBound < last.upperBound {
        merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    var (result, spans, at) = (String.UnicodeScalarView(), [String](), 0)
    var kept: [MaskedText.Number] = []
    var rest = numbers[...]
    // Numbers up to a place of the line, moved by what masking has taken out before them; those that spans hold are theirs.
    func note(upTo place: Int, shift: Int) {
      while let range = rest.first, range.lowerBound < place {
        rest.removeFirst()
        guard let style, range.lowerBound >= at, range.upperBound <= place else { continue }
        kept.append(
          MaskedText.Number(
            range: range.lowerBound - shift..<range.upperBound - shift,
            translation: style.convert(String(scalars: scalars[range])), digits: Numbers.digits(scalars[range])))
      }
    }
    var shift = 0
    for (index, range) in merged.prefix(Placeholder.count).enumerated() {
      note(upTo: range.lowerBound, shift: shift)
      result.append(contentsOf: scalars[at..<range.lowerBound])
      result.append(Placeholder.scalar(index))
      spans.append(String(scalars: scalars[range]))
      at = range.upperBound
      shift += range.count - 1
    }
    note(upTo: scalars.count, shift: shift)
    result.append(contentsOf: scalars[at...])
    return MaskedText(
      text: String(result), spans: spans, numbers: kept, targetLanguage: style?.targetLanguage,
      isPartial: merged.count > spans.count)
  }

  /// Whether one piece of the source vocabulary is the whole word.
  private func hasPiece(_ word: String) -> Bool {
    sourceVocabulary.id(String(Vocabulary.spaceMark) + word) != nil || sourceVocabulary.id(word) != nil
  }
}
