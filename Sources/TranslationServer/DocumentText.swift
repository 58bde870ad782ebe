import TextProcessing

/// A text as its sentences with what stands between them: white space and ends of lines. Joined, it is the text again, byte
/// for byte; joined with translations, a text of the same shape.
struct DocumentText {
  private(set) var sentences: [String] = []
  /// Before the first sentence, between each two, and behind the last: one more than there are sentences.
  private(set) var gaps = [""]

  /// Cuts at ends of lines, and lines at sentence ends. Linear time.
  init(_ text: String, _ splitter: SentenceSplitter) {
    var line = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      // What ends a line for a reader: LF, VT, FF, CR, NEL, line and paragraph separator.
      switch scalar.value {
      case 0x0A...0x0D, 0x85, 0x2028, 0x2029:
        add(String(line), splitter)
        line = String.UnicodeScalarView()
        gaps[gaps.count - 1].unicodeScalars.append(scalar)
      default: line.append(scalar)
      }
    }
    add(String(line), splitter)
  }

  private mutating func add(_ line: String, _ splitter: SentenceSplitter) {
    guard !line.isEmpty else { return }
    let split = splitter.split(line)
    gaps[gaps.count - 1] += split.leadingGap
    for sentence in split.sentences {
      sentences.append(sentence.text)
      gaps.append(sentence.gap)
    }
  }

  /// The text with these in place of its sentences.
  func joined(_ translations: [String]) -> String {
    precondition(translations.count == sentences.count, "\(translations.count) for \(sentences.count) sentences")
    var text = gaps[0]
    for (translation, gap) in zip(translations, gaps.dropFirst()) {
      text += translation
      text += gap
    }
    return text
  }

  /// The text up to a sentence of which only a beginning is there yet.
  func joined(upTo translations: [String]) -> String {
    var text = gaps[0]
    for (index, translation) in translations.enumerated() {
      if index > 0 { text += gaps[index] }
      text += translation
    }
    return text
  }
}
