import Evaluation
import Foundation
import Seq2Seq

/// How much of a source was looked at while its output was made.
public struct CoverageRecord: Codable, Sendable, Equatable {
  /// Σ_i log min(c_i, 1), GNMT's coverage term with β = 1 (Wu et al. 2016, eq. 14); never positive.
  public var penalty: Double
  /// −1/|x| · Σ_i log(1 + (1 − c_i)²); never positive.
  public var deviation: Double
  /// Content words of the source that were hardly looked at, and those looked at for more than two tokens.
  public var under: [String]
  public var over: [String]
  /// Content words in all.
  public var contentWords: Int
  /// Share of the attention on the end symbol and on marks.
  public var onMarks: Double
  /// Share of the source's tokens with less attention than `least`.
  public var unattended: Double

  /// Below this, or above that, a word counts as under- or over-translated.
  public static let least = 0.2
  public static let most = 2.0

  enum CodingKeys: String, CodingKey {
    case penalty, deviation, under, over, unattended
    case contentWords = "content_words"
    case onMarks = "on_marks"
  }

  /// `attention` is [output tokens and end][source tokens and end]; `words` are the source's words as ranges of its
  /// tokens with their text. A word has the coverage of its token that was looked at most.
  init(attention: [[Float]], words: [(text: String, tokens: Range<Int>)]) {
    let length = attention.first?.count ?? 0
    var coverage = [Double](repeating: 0, count: length)
    for row in attention { for (i, value) in row.enumerated() { coverage[i] += Double(value) } }
    penalty = coverage.reduce(0) { $0 + log(min(max($1, 1e-10), 1)) }
    deviation = -coverage.reduce(0) { $0 + log(1 + (1 - $1) * (1 - $1)) } / Double(max(length, 1))
    unattended = Double(coverage.count { $0 < CoverageRecord.least }) / Double(max(length, 1))
    (under, over, contentWords) = ([], [], 0)
    var onWords = 0.0
    for word in words {
      onWords += coverage[word.tokens].reduce(0, +)
      guard CoverageRecord.isContent(word.text) else { continue }
      contentWords += 1
      let most = coverage[word.tokens].max() ?? 0
      let bare = word.text.trimmingCharacters(in: .punctuationCharacters)
      if most < CoverageRecord.least { under.append(bare) }
      if most > CoverageRecord.most { over.append(bare) }
    }
    onMarks = attention.isEmpty ? 0 : 1 - onWords / Double(attention.count)
  }

  /// Four letters or more: most articles, prepositions and pronouns have fewer.
  static func isContent(_ word: String) -> Bool {
    word.unicodeScalars.count { $0.properties.isAlphabetic } >= 4
  }

  /// Words of pieces, without what holds no letter and no digit.
  static func words(_ pieces: [String], text: ([Int]) -> String) -> [(text: String, tokens: Range<Int>)] {
    var words: [(text: String, tokens: Range<Int>)] = []
    var first = 0
    for end in 1...max(pieces.count, 1) where !pieces.isEmpty {
      // U+2581 begins the pieces that a space precedes; a mark is no part of the word before it.
      guard end == pieces.count || pieces[end].unicodeScalars.first == "\u{2581}" || isMark(pieces[end])
        || isMark(pieces[end - 1])
      else { continue }
      let word = text(Array(first..<end))
      if !isMark(word) { words.append((word, first..<end)) }
      first = end
    }
    return words
  }

  private static func isMark(_ text: String) -> Bool {
    !text.unicodeScalars.contains { $0.properties.isAlphabetic || $0.properties.numericType != nil }
  }
}

/// Coverage over a corpus.
public struct CoverageTotals: Codable, Sendable, Equatable {
  public struct Word: Codable, Sendable, Equatable {
    public var word: String
    public var count: Int
  }

  /// Content words of all sources.
  public var under: ErrorReport.Share
  public var over: ErrorReport.Share
  /// Sentences with at least one such word.
  public var sentencesUnder: ErrorReport.Share
  public var sentencesOver: ErrorReport.Share
  /// Means over the sentences.
  public var penalty: Double
  public var deviation: Double
  public var onMarks: Double
  /// chrF of the corpus' sentences with and without an under-translated word.
  public var chrFUnder: Double
  public var chrFOther: Double
  /// The words most often under-translated.
  public var underWords: [Word]
  public var overWords: [Word]

  enum CodingKeys: String, CodingKey {
    case under, over, penalty, deviation
    case sentencesUnder = "sentences_under"
    case sentencesOver = "sentences_over"
    case onMarks = "on_marks"
    case chrFUnder = "chrf_under"
    case chrFOther = "chrf_other"
    case underWords = "under_words"
    case overWords = "over_words"
  }

  /// Nil where no output's attention was seen.
  init?(_ sentences: [SentenceRecord]) {
    let seen = sentences.compactMap { record in record.coverage.map { (record, $0) } }
    guard !seen.isEmpty else { return nil }
    let words = seen.reduce(0) { $0 + $1.1.contentWords }
    under = .init(seen.reduce(0) { $0 + $1.1.under.count }, of: words)
    over = .init(seen.reduce(0) { $0 + $1.1.over.count }, of: words)
    sentencesUnder = .init(seen.count { !$0.1.under.isEmpty }, of: seen.count)
    sentencesOver = .init(seen.count { !$0.1.over.isEmpty }, of: seen.count)
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(values.count, 1)) }
    penalty = mean(seen.map(\.1.penalty))
    deviation = mean(seen.map(\.1.deviation))
    onMarks = mean(seen.map(\.1.onMarks))
    chrFUnder = mean(seen.filter { !$0.1.under.isEmpty }.map(\.0.chrF))
    chrFOther = mean(seen.filter { $0.1.under.isEmpty }.map(\.0.chrF))
    underWords = CoverageTotals.frequent(seen.flatMap(\.1.under))
    overWords = CoverageTotals.frequent(seen.flatMap(\.1.over))
  }

  private static func frequent(_ words: [String], kept: Int = 12) -> [Word] {
    var counts: [String: Int] = [:]
    for word in words { counts[word, default: 0] += 1 }
    return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(kept).map { Word(word: $0.key, count: $0.value) }
  }
}

/// Whether the model's probabilities mean what they say.
public struct CalibrationTotals: Codable, Sendable, Equatable {
  public struct Bin: Codable, Sendable, Equatable {
    public var low: Double
    public var high: Double
    public var count: Int
    /// Mean probability, and share of right tokens.
    public var confidence: Double
    public var accuracy: Double
  }

  /// Tokens of the references, end symbols among them, each predicted after the reference's beginning.
  public var tokens: Int
  public var expectedError: Double
  public var confidence: Double
  public var accuracy: Double
  /// exp of the mean −log P of a token.
  public var referencePerplexity: Double
  public var hypothesisPerplexity: Double
  public var bins: [Bin]

  enum CodingKeys: String, CodingKey {
    case tokens, confidence, accuracy, bins
    case expectedError = "expected_error"
    case referencePerplexity = "reference_perplexity"
    case hypothesisPerplexity = "hypothesis_perplexity"
  }

  init?(_ calibration: Calibration, _ sentences: [SentenceRecord]) {
    guard calibration.count > 0 else { return nil }
    tokens = calibration.count
    (expectedError, confidence, accuracy) = (calibration.expectedError, calibration.confidence, calibration.accuracy)
    bins = calibration.bins.map {
      Bin(low: $0.low, high: $0.high, count: $0.count, confidence: $0.confidence, accuracy: $0.accuracy)
    }
    func perplexity(_ sum: Double, _ tokens: Int) -> Double { exp(-sum / Double(max(tokens, 1))) }
    referencePerplexity = perplexity(
      sentences.reduce(0) { $0 + $1.logProbability.reference }, sentences.reduce(0) { $0 + $1.referenceTokens + 1 })
    hypothesisPerplexity = perplexity(
      sentences.reduce(0) { $0 + $1.logProbability.hypothesis }, sentences.reduce(0) { $0 + $1.hypothesisTokens + 1 })
  }
}
