import Foundation

@testable import Evaluation

/// The table made by Scripts/golden-scores: corpora, and what sacreBLEU says about them.
struct GoldenScores: Decodable {
  struct Corpus: Decodable {
    let hypotheses: [String]
    let references: [[String?]]
  }

  struct Options: Decodable {
    let lowercase: Bool?
    let tokenize: String?
    let smooth_method: String?
    let smooth_value: Double?
    let max_ngram_order: Int?
    let effective_order: Bool?
    let char_order: Int?
    let word_order: Int?
    let beta: Int?
    let whitespace: Bool?
    let eps_smoothing: Bool?
    let normalized: Bool?
    let no_punct: Bool?
    let asian_support: Bool?
    let case_sensitive: Bool?
  }

  struct Case: Decodable {
    let corpus: String
    let metric: String
    let options: Options
    let score: Double
    let signature: String
    let short: String
    let sentences: [Double]
    let text: [String]?
    let json: [String]?
  }

  struct Significance: Decodable {
    struct Confidence: Decodable {
      let metric: String
      let options: Options
      let resamples: Int
      let score: Double
      let mean: Double
      let half_width: Double
      let signature: String
      let text: String
      let json: String
    }

    struct Paired: Decodable {
      struct Result: Decodable {
        let score: Double
        let p: Double?
        let mean: Double?
        let half_width: Double?
      }

      let metric: String
      let options: Options
      let test: String
      let samples: Int
      let confidence: Int
      let signature: String
      let results: [Result]
    }

    let references: [[String]]
    let systems: [String: [String]]
    let confidence: [Confidence]
    let paired: [Paired]
  }

  let generator: String
  let corpora: [String: Corpus]
  let cases: [Case]
  let significance: Significance?

  static func load(_ url: URL) throws -> GoldenScores {
    try JSONDecoder().decode(GoldenScores.self, from: Data(contentsOf: url))
  }

  static func committed() throws -> GoldenScores {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    return try load(folder.appendingPathComponent("Fixtures/golden-scores.json"))
  }

  /// The metric that sacreBLEU's keyword arguments describe.
  static func metric(_ name: String, _ options: Options) -> any Metric {
    switch name {
    case "bleu":
      let smoothing: BLEU.Smoothing =
        switch options.smooth_method {
        case "floor": .floor(options.smooth_value ?? 0.1)
        case "add-k": .addK(options.smooth_value ?? 1)
        case "none": .none
        default: .exponential
        }
      return BLEU(
        .init(
          tokenization: options.tokenize.flatMap(BLEU.Tokenization.init(rawValue:)) ?? .v13a,
          smoothing: smoothing, maximumOrder: options.max_ngram_order ?? 4,
          effectiveOrder: options.effective_order ?? false, lowercase: options.lowercase ?? false))
    case "chrf":
      return ChrF(
        .init(
          characterOrder: options.char_order ?? 6, wordOrder: options.word_order ?? 0, beta: options.beta ?? 2,
          lowercase: options.lowercase ?? false, whitespace: options.whitespace ?? false,
          epsilonSmoothing: options.eps_smoothing ?? false))
    default:
      return TER(
        .init(
          normalized: options.normalized ?? false, removesPunctuation: options.no_punct ?? false,
          asianSupport: options.asian_support ?? false, caseSensitive: options.case_sensitive ?? false))
    }
  }

  /// sacreBLEU's signature as this implementation signs.
  static func signed(_ signature: String) -> String {
    signature.replacingOccurrences(of: ":2.6.0", with: ":\(Signature.version)")
  }
}

/// How far a case's corpus and sentence scores are from the table, and whether its signatures are equal.
func difference(of golden: GoldenScores.Case, in table: GoldenScores) throws -> (Double, signaturesAgree: Bool) {
  guard let corpus = table.corpora[golden.corpus] else { return (.infinity, false) }
  let metric = GoldenScores.metric(golden.metric, golden.options)
  let score = try metric.corpusScore(hypotheses: corpus.hypotheses, optionalReferences: corpus.references)
  var worst = abs(score.score - golden.score)
  if corpus.references.allSatisfy({ !$0.contains(nil) }) {
    let complete = corpus.references.map { $0.compactMap(\.self) }
    let direct = try metric.corpusScore(hypotheses: corpus.hypotheses, references: complete)
    worst = max(worst, abs(direct.score - golden.score))
  }
  for (segment, expected) in golden.sentences.enumerated() {
    let references = corpus.references.compactMap { $0[segment] }
    let sentence = try metric.sentenceScore(hypothesis: corpus.hypotheses[segment], references: references)
    worst = max(worst, abs(sentence.score - expected))
  }
  let agree =
    score.signature.format() == GoldenScores.signed(golden.signature)
    && score.signature.format(short: true) == GoldenScores.signed(golden.short)
  return (worst, agree)
}
