import Seq2Seq
import TextProcessing

/// What a line is turned into before any model sees it.
enum PreparedLine {
  /// Nothing to translate: this is the output.
  case unchanged(String)
  /// The parts to translate, in order: one, unless the line is longer than the model takes or does well.
  case parts([Part])

  struct Part: Sendable {
    var text: String
    /// Source ids without end symbol.
    var source: [Int32]
    var prefix: [Int32] = []
    /// What its placeholders stand for.
    var mask: MaskedText?

    /// A translation without placeholders that the model made of nothing.
    func withoutInvented(_ translation: String) -> String {
      guard mask == nil, translation.unicodeScalars.contains(where: Placeholder.contains),
        !text.unicodeScalars.contains(where: Placeholder.contains)
      else { return translation }
      return MaskedText(text: "", spans: []).restore(translation)
    }
  }
}

/// Lines → ids, by the rules for blank, symbolic and overlong lines.
struct LinePreparation: Sendable {
  let text: TextPipeline
  let splitter: SentenceSplitter
  /// Source tokens without end symbol that the model takes.
  let maximumLength: Int
  /// Whether spans to be kept become placeholders.
  var masksSpans = false
  /// How numbers are written in the other language, for lines that lose some.
  var numbers: NumberStyle?
  /// Source tokens above which a line is cut between its sentences; nil: only where the model cannot take it whole.
  var splitLength: Int?

  /// Cost: one encoding of the line; of one that is cut, as many as the logarithm of its parts, and two more.
  func prepare(_ input: TranslationInput) -> PreparedLine {
    switch LinePreparation.content(of: input.text) {
    case .blank: return .unchanged("")
    case .symbols: return .unchanged(input.text)
    case .words: break
    }
    var preparation = self
    if input.prefix != nil {
      // It would have to be masked alike, and may go on into the second sentence.
      (preparation.masksSpans, preparation.splitLength) = (false, nil)
    }
    var parts = [preparation.part(input.text)]
    // All of it is to be kept.
    if let mask = parts[0].mask, Self.content(of: mask.text) != .words { return .unchanged(mask.original) }
    let isPartial = parts[0].mask?.isPartial == true
    if isPartial || parts[0].source.count > min(preparation.splitLength ?? maximumLength, maximumLength) {
      parts = preparation.parts(of: input.text)
    }
    if parts.isEmpty || parts[0].source.isEmpty { return .unchanged(input.text) }
    parts[0].prefix = input.prefix.map { text.encodeTarget($0) } ?? []
    return .parts(parts)
  }

  private func part(_ line: String) -> PreparedLine.Part {
    var (line, mask) = (line, MaskedText?.none)
    if masksSpans {
      let masked = text.mask(line, numbers: numbers)
      if !masked.spans.isEmpty || !masked.numbers.isEmpty { (line, mask) = (masked.text, masked) }
    }
    return PreparedLine.Part(text: line, source: text.encodeSource(line), mask: mask)
  }

  /// Sentence after sentence, as many together as stay within `splitLength`; a longer one alone, and cut only where the
  /// model does not take it. What needs no translation stands with its neighbour.
  private func parts(of line: String) -> [PreparedLine.Part] {
    let limit = min(splitLength ?? 0, maximumLength)
    var parts: [PreparedLine.Part] = []
    var (group, length, gap) = ("", 0, "")
    for sentence in splitter.split(line).sentences {
      let part = part(sentence.text)
      let tokens = LinePreparation.content(of: part.text) == .words ? part.source.count : 0
      if length > 0, tokens > 0, length + tokens > limit {
        cut(group[...], into: &parts)
        (group, length) = ("", 0)
      }
      group += (group.isEmpty ? "" : gap) + sentence.text
      length += tokens
      gap = sentence.gap
    }
    cut(group[...], into: &parts)
    return parts
  }

  /// Halves what is too long for the model, or has more to keep than there are placeholders, at the white space nearest to
  /// its middle.
  private func cut(_ sentence: Substring, into parts: inout [PreparedLine.Part]) {
    let sentence = LinePreparation.trimmed(sentence)
    if sentence.isEmpty { return }
    // Encoding a megabyte just to learn that it is too long would be done over and over: a token rarely has more than
    // sixteen bytes.
    if sentence.utf8.count <= 16 * maximumLength {
      let part = part(String(sentence))
      if part.source.isEmpty { return }
      let isPartial = part.mask?.isPartial == true && sentence.unicodeScalars.contains(where: \.properties.isWhitespace)
      if part.source.count <= maximumLength, !isPartial {
        parts.append(part)
        return
      }
    }
    let scalars = sentence.unicodeScalars
    let middle = scalars.index(scalars.startIndex, offsetBy: scalars.count / 2)
    // One scalar that makes more tokens than the model takes cannot be cut; nothing of it can be kept.
    guard middle > scalars.startIndex else { return }
    let place = LinePreparation.nearestSpace(scalars, to: middle) ?? middle
    cut(sentence[..<place], into: &parts)
    cut(sentence[place...], into: &parts)
  }

  private static func nearestSpace(
    _ scalars: Substring.UnicodeScalarView, to middle: String.Index
  ) -> String.Index? {
    var (left, right) = (middle, middle)
    while left > scalars.startIndex || right < scalars.endIndex {
      if right < scalars.endIndex {
        if scalars[right].properties.isWhitespace { return right }
        right = scalars.index(after: right)
      }
      if left > scalars.startIndex {
        left = scalars.index(before: left)
        if left > scalars.startIndex, scalars[left].properties.isWhitespace { return left }
      }
    }
    return nil
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var scalars = text.unicodeScalars
    while let first = scalars.first, first.properties.isWhitespace { scalars.removeFirst() }
    while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
    return Substring(scalars)
  }

  enum Content { case blank, symbols, words }

  /// Whether a line has a letter or a digit, or else anything but white space.
  static func content(of line: String) -> Content {
    var content = Content.blank
    for scalar in line.unicodeScalars {
      if scalar.isASCII {
        switch scalar.value {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: return .words
        case 0x09...0x0D, 0x20: continue
        default: content = .symbols
        }
        continue
      }
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
        .letterNumber, .otherNumber:
        return .words
      default: if !scalar.properties.isWhitespace { content = .symbols }
      }
    }
    return content
  }
}

extension LinePreparation {
  /// As the translator and these options want it.
  init(_ translator: Translator, _ options: TranslationOptions) {
    self.init(
      text: translator.text, splitter: translator.splitter, maximumLength: translator.maximumLength,
      masksSpans: options.protectsSpans && translator.masksSpans,
      numbers: NumberStyle(
        source: translator.description.sourceLanguage, target: translator.description.targetLanguage),
      splitLength: options.splitLength)
  }
}
