/// How text becomes token ids and back. Stored in `text.json` under snake_case keys; a key left out has its default.
public struct TextConfiguration: Codable, Sendable, Equatable {
  // Normalisation, in this order.
  public var controlCharacters = ControlCharacterHandling.remove
  /// Characters of category Cf: zero-width joiners, direction marks, soft hyphens.
  public var formatCharacters = FormatCharacterHandling.keep
  public var normalForm = NormalForm.nfc
  public var lowercase = false
  public var quotes = QuoteHandling.keep

  public var tokenizer = TokenizerKind.icu

  // Subwords.
  public var vocabulary = VocabularySharing.joint
  /// V, with special symbols, bytes and characters; of each side where they are separate.
  public var vocabularySize = 8000
  /// Spell in bytes what the vocabulary lacks. Without it such characters become `<unk>` and are lost.
  public var byteFallback = true
  /// The share of the corpus's characters that get a symbol of their own; the rarest others are spelt in bytes.
  public var characterCoverage = 0.9999
  /// Keep digits apart, so that a number is spelt and can be copied.
  public var splitDigits = true
  /// The longest piece, in Unicode scalars.
  public var longestPiece = 16

  public init() {}

  enum CodingKeys: String, CodingKey, CaseIterable {
    case controlCharacters = "control_characters"
    case formatCharacters = "format_characters"
    case normalForm = "normal_form"
    case lowercase, quotes, tokenizer, vocabulary
    case vocabularySize = "vocabulary_size"
    case byteFallback = "byte_fallback"
    case characterCoverage = "character_coverage"
    case splitDigits = "split_digits"
    case longestPiece = "longest_piece"
  }

  public init(from decoder: any Decoder) throws {
    try decoder.refuseUnknownKeys(CodingKeys.self)
    let values = try decoder.container(keyedBy: CodingKeys.self)
    func read<T: Decodable>(_ key: CodingKeys, _ value: inout T) throws {
      value = try values.decodeIfPresent(T.self, forKey: key) ?? value
    }
    try read(.controlCharacters, &controlCharacters)
    try read(.formatCharacters, &formatCharacters)
    try read(.normalForm, &normalForm)
    try read(.lowercase, &lowercase)
    try read(.quotes, &quotes)
    try read(.tokenizer, &tokenizer)
    try read(.vocabulary, &vocabulary)
    try read(.vocabularySize, &vocabularySize)
    try read(.byteFallback, &byteFallback)
    try read(.characterCoverage, &characterCoverage)
    try read(.splitDigits, &splitDigits)
    try read(.longestPiece, &longestPiece)
    do { try validate() } catch {
      throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: error.description))
    }
  }

  /// Throws where a number is out of its range.
  public func validate() throws(TextError) {
    guard (4...1_000_000).contains(vocabularySize) else {
      throw .option(name: "vocabulary_size", problem: "\(vocabularySize) is not within 4...1000000")
    }
    guard characterCoverage > 0, characterCoverage <= 1 else {
      throw .option(name: "character_coverage", problem: "\(characterCoverage) is not above 0 and at most 1")
    }
    guard (1...256).contains(longestPiece) else {
      throw .option(name: "longest_piece", problem: "\(longestPiece) is not within 1...256")
    }
  }
}

public enum ControlCharacterHandling: String, CaseIterable, Codable, Sendable {
  case remove
  case space
  case keep
}

public enum FormatCharacterHandling: String, CaseIterable, Codable, Sendable {
  case keep
  case remove
}

public enum QuoteHandling: String, CaseIterable, Codable, Sendable {
  case keep
  /// ‘ ’ ‚ ‛ ′ become ' and “ ” „ ‟ ″ « » become ".
  case ascii
}

public enum VocabularySharing: String, CaseIterable, Codable, Sendable {
  case joint
  case separate
}

/// Where words begin and end, which no subword crosses.
public enum TokenizerKind: String, CaseIterable, Codable, Sendable {
  /// ICU's word boundaries with rules for French and English: see `WordTokenizer`.
  case icu
  /// Letters and digits apart from signs, and signs from each other; an apostrophe goes with the letters before it.
  /// Whether a word ends is told by two neighbouring characters alone, so no learnt piece holds a boundary, and
  /// SentencePiece, which knows no words but merges only into pieces it has, cuts exactly alike: exportable.
  case marks
  /// Words are what stands between spaces: exportable too, but signs stick to words.
  case whitespace
}

/// Any key, to look for those nobody knows.
struct AnyCodingKey: CodingKey {
  var stringValue: String
  var intValue: Int? { nil }
  init?(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

extension Decoder {
  func refuseUnknownKeys<Key: CodingKey & CaseIterable>(_: Key.Type) throws {
    let known = Key.allCases.map(\.stringValue)
    for key in try container(keyedBy: AnyCodingKey.self).allKeys where !known.contains(key.stringValue) {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: codingPath + [key],
          debugDescription: "unknown key; known are \(known.sorted().joined(separator: ", "))"))
    }
  }
}
