/// Splits text into the words that BLEU counts.
///
/// A tokenizer writes text in which words are separated by whitespace; `forEachWord` then finds them.
protocol Tokenizer {
  /// - Parameter text: a segment without whitespace at its right end.
  /// - Parameter output: is emptied first.
  func tokenize(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer)
}

extension BLEU {
  /// The tokenizers that need no dictionary.
  public enum Tokenization: String, Sendable, CaseIterable {
    /// mteval-v13a, WMT's: the default.
    case v13a = "13a"
    /// mteval-v14's international tokenization, by Unicode categories.
    case international = "intl"
    /// Every character is a word.
    case character = "char"
    /// Chinese: every Chinese character is a word, the rest as 13a.
    case chinese = "zh"
    /// Words as separated by whitespace in the text.
    case none = "none"

    func makeTokenizer() -> any Tokenizer {
      switch self {
      case .v13a: Tokenizer13a()
      case .international: TokenizerIntl()
      case .character: TokenizerChar()
      case .chinese: TokenizerZh()
      case .none: TokenizerNone()
      }
    }

    /// sacreBLEU's default for a target language (a BCP 47 tag): Chinese has its own. Japanese and Korean need
    /// dictionaries that are not here; its default for them is out of reach.
    public static func forLanguage(_ tag: String) -> Tokenization { primary(tag) == "zh" ? .chinese : .v13a }

    /// The same, but characters where a language is written without spaces and 13a would find a sentence to be one word: by
    /// that, all translations would be equally bad.
    public static func forAnalysis(ofLanguage tag: String) -> Tokenization {
      ["ja", "th", "lo", "km", "my", "bo", "yue", "wuu"].contains(primary(tag)) ? .character : forLanguage(tag)
    }

    /// `zh` of `zh-Hans`.
    private static func primary(_ tag: String) -> String {
      tag.split { $0 == "-" || $0 == "_" }.first.map { $0.lowercased() } ?? ""
    }
  }
}

extension BLEU {
  /// BLEU that tells translations into a language apart: `Tokenization.forAnalysis`.
  public init(analysisOfLanguage tag: String) { self.init(Options(tokenization: .forAnalysis(ofLanguage: tag))) }
}

/// Leaves the text as it is.
struct TokenizerNone: Tokenizer {
  func tokenize(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer) {
    output.count = 0
    output.append(text)
  }
}

/// Puts a space after every character.
struct TokenizerChar: Tokenizer {
  func tokenize(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer) {
    output.count = 0
    output.reserve(text.count * 2 + 1)
    for (position, byte) in text.enumerated() {
      // A byte that starts a character ends the one before it.
      if position > 0 && byte & 0xC0 != 0x80 { output.put(0x20) }
      output.put(byte)
    }
  }
}
