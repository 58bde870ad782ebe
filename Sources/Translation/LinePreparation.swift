import Seq2Seq
import TextProcessing

/// What a line is turned into before any model sees it.
enum PreparedLine {
  /// Nothing to translate: this is the output.
  case unchanged(String)
  /// The parts to translate, in order: one, unless the line is longer than the model takes.
  case parts([Part])

  struct Part: Sendable {
    var text: String
    /// Source ids without end symbol.
    var source: [Int32]
    var prefix: [Int32]
    /// What its placeholders stand for, all of the line's.
    var mask: MaskedText?
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

  /// Cost: one encoding of the line; of an overlong one, as many as the logarithm of its parts.
  func prepare(_ input: TranslationInput) -> PreparedLine {
    switch LinePreparation.content(of: input.text) {
    case .blank: return .unchanged("")
    case .symbols: return .unchanged(input.text)
    case .words: break
    }
    let prefix = input.prefix.map { text.encodeTarget($0) } ?? []
    var (line, mask) = (input.text, MaskedText?.none)
    // A prefix would have to be masked alike.
    if masksSpans, input.prefix == nil {
      let masked = text.mask(line, numbers: numbers)
      if !masked.spans.isEmpty || !masked.numbers.isEmpty { (line, mask) = (masked.text, masked) }
    }
    // All of it is to be kept.
    if let mask, Self.content(of: mask.text) != .words { return .unchanged(mask.original) }
    let ids = text.encodeSource(line)
    if ids.isEmpty { return .unchanged(input.text) }
    if ids.count <= maximumLength {
      return .parts([PreparedLine.Part(text: line, source: ids, prefix: prefix, mask: mask)])
    }
    var parts: [PreparedLine.Part] = []
    for sentence in splitter.split(line).sentences { cut(sentence.text[...], into: &parts) }
    if !parts.isEmpty { parts[0].prefix = prefix }
    for index in parts.indices { parts[index].mask = mask }
    return parts.isEmpty ? .unchanged(input.text) : .parts(parts)
  }

  /// Halves what is still too long, at the white space nearest to its middle.
  private func cut(_ sentence: Substring, into parts: inout [PreparedLine.Part]) {
    let sentence = LinePreparation.trimmed(sentence)
    if sentence.isEmpty { return }
    // Encoding a megabyte just to learn that it is too long would be done over and over: a token rarely has more than
    // sixteen bytes.
    if sentence.utf8.count <= 16 * maximumLength {
      let ids = text.encodeSource(String(sentence))
      if ids.isEmpty { return }
      if ids.count <= maximumLength {
        parts.append(PreparedLine.Part(text: String(sentence), source: ids, prefix: []))
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
        source: translator.description.sourceLanguage, target: translator.description.targetLanguage))
  }
}
