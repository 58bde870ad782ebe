import Evaluation

/// What exact search found for one sentence.
public struct ExactOutcome: Codable, Sendable, Equatable {
  /// No output scores more.
  public var settled: Bool
  /// Ids without end symbol, and the same as pieces.
  public var tokens: [Int32]
  public var pieces: [String]
  public var text: String
  public var score: Double
  /// log P(tokens, end | source), nats.
  public var logProbability: Double
  /// What the search had: the score of the hypothesis' own tokens.
  public var hypothesisScore: Double
  /// No output scores more than this; `score` where it is settled.
  public var bound: Double
  /// Beginnings expanded.
  public var nodes: Int
  /// Sentence chrF of `text`.
  public var chrF: Double

  /// An output that is better by no more than this is the same up to rounding.
  public static let tolerance = 1e-4

  /// Whether the search missed a better output; nil where that is still open.
  public var searchError: Bool? {
    if score > hypothesisScore + ExactOutcome.tolerance { return true }
    return settled ? false : nil
  }

  public init(
    settled: Bool, tokens: [Int32], pieces: [String], text: String, score: Double, logProbability: Double,
    hypothesisScore: Double, bound: Double, nodes: Int, chrF: Double
  ) {
    (self.settled, self.tokens, self.pieces, self.text) = (settled, tokens, pieces, text)
    (self.score, self.logProbability, self.hypothesisScore) = (score, logProbability, hypothesisScore)
    (self.bound, self.nodes, self.chrF) = (bound, nodes, chrF)
  }

  enum CodingKeys: String, CodingKey {
    case settled, tokens, pieces, text, score, bound, nodes
    case chrF = "chrf"
    case logProbability = "log_probability"
    case hypothesisScore = "hypothesis_score"
  }
}

/// What exact search says of a corpus under one objective.
public struct ExactTotals: Codable, Sendable, Equatable {
  /// Sentences of one fault by Ng's rule, by what exact search says of the search.
  public struct Row: Codable, Sendable, Equatable {
    public var searchError = 0
    public var noSearchError = 0
    public var open = 0

    enum CodingKeys: String, CodingKey {
      case open
      case searchError = "search_error"
      case noSearchError = "no_search_error"
    }
  }

  /// The search's errors by whether the optimum is the better translation: the search was lucky where it is worse.
  public struct Luck: Codable, Sendable, Equatable {
    public var better = 0
    public var equal = 0
    public var worse = 0
  }

  /// Of all sentences searched.
  public var settled: ErrorReport.Share
  /// Of the settled ones.
  public var searchErrors: ErrorReport.Share
  /// Of all, where those still open count as none: the rate is at least this.
  public var provenSearchErrors: ErrorReport.Share
  /// Settled sentences whose optimum is the empty line.
  public var emptyOptima: ErrorReport.Share
  /// Tokens against the reference's, over the settled sentences.
  public var lengthRatio: Double
  public var hypothesisLengthRatio: Double
  /// Over the settled sentences.
  public var bleu: Double
  public var hypothesisBLEU: Double
  public var chrF: Double
  public var hypothesisChrF: Double
  /// By chrF, over the settled search errors.
  public var optimum: Luck
  /// By fault.
  public var crossTable: [String: Row]
  /// Beginnings expanded, of all sentences.
  public var nodes: Int

  /// Nil where no sentence has such an outcome.
  init?(
    _ sentences: [SentenceRecord], _ references: [[String]], _ metric: BLEU,
    outcome: KeyPath<SentenceRecord, ExactOutcome?>
  ) {
    let searched = sentences.indices.filter { sentences[$0][keyPath: outcome] != nil }
    guard !searched.isEmpty else { return nil }
    var (rows, luck, total) = ([String: Row](), Luck(), 0)
    for fault in Fault.allCases { rows[fault.rawValue] = Row() }
    var (errors, proven, empty) = (0, 0, 0)
    var (optimumTokens, hypothesisTokens, referenceTokens) = (0, 0, 0)
    var settledOnes: [(record: SentenceRecord, optimum: ExactOutcome, references: [String])] = []
    for i in searched {
      let record = sentences[i]
      guard let optimum = record[keyPath: outcome] else { continue }
      total += optimum.nodes
      let isRaw = outcome == \SentenceRecord.exactByLogProbability
      let fault = isRaw ? record.faultByLogProbability : record.fault
      switch optimum.searchError {
      case true?: rows[fault.rawValue]?.searchError += 1
      case false?: rows[fault.rawValue]?.noSearchError += 1
      case nil: rows[fault.rawValue]?.open += 1
      }
      if optimum.searchError == true { proven += 1 }
      guard optimum.settled else { continue }
      settledOnes.append((record, optimum, references[i]))
      if optimum.tokens.isEmpty { empty += 1 }
      optimumTokens += optimum.tokens.count
      hypothesisTokens += record.hypothesisTokens
      referenceTokens += record.referenceTokens
      guard optimum.searchError == true else { continue }
      errors += 1
      if optimum.chrF > record.chrF {
        luck.better += 1
      } else if optimum.chrF < record.chrF {
        luck.worse += 1
      } else {
        luck.equal += 1
      }
    }
    let count = settledOnes.count
    settled = .init(count, of: searched.count)
    searchErrors = .init(errors, of: count)
    provenSearchErrors = .init(proven, of: searched.count)
    emptyOptima = .init(empty, of: count)
    lengthRatio = Double(optimumTokens) / Double(max(referenceTokens, 1))
    hypothesisLengthRatio = Double(hypothesisTokens) / Double(max(referenceTokens, 1))
    let (optima, hypotheses) = (settledOnes.map(\.optimum.text), settledOnes.map(\.record.hypothesis))
    let settledReferences = settledOnes.map(\.references)
    bleu = corpusScore(metric, optima, settledReferences)
    hypothesisBLEU = corpusScore(metric, hypotheses, settledReferences)
    chrF = corpusScore(ChrF(), optima, settledReferences)
    hypothesisChrF = corpusScore(ChrF(), hypotheses, settledReferences)
    (self.optimum, crossTable, nodes) = (luck, rows, total)
  }

  enum CodingKeys: String, CodingKey {
    case settled, bleu, optimum, nodes
    case chrF = "chrf"
    case searchErrors = "search_errors"
    case provenSearchErrors = "proven_search_errors"
    case emptyOptima = "empty_optima"
    case lengthRatio = "length_ratio"
    case hypothesisLengthRatio = "hypothesis_length_ratio"
    case hypothesisBLEU = "hypothesis_bleu"
    case hypothesisChrF = "hypothesis_chrf"
    case crossTable = "by_fault"
  }
}
