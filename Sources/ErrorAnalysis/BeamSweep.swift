import Evaluation
import Seq2Seq
import Translation

/// The same test set under many settings of the search.
public struct SweepTotals: Codable, Sendable, Equatable {
  public struct Row: Codable, Sendable, Equatable {
    public var beam: Int
    /// α
    public var lengthPenalty: Double
    public var bleu: Double
    public var chrF: Double
    /// Words of outputs over those of references, as BLEU counts them.
    public var lengthRatio: Double
    public var empty: Int
    /// By Ng's rule, under this setting's own objective.
    public var searchFaults: ErrorReport.Share
    public var tokensPerSecond: Double

    enum CodingKeys: String, CodingKey {
      case beam, bleu, empty
      case lengthPenalty = "length_penalty"
      case chrF = "chrf"
      case lengthRatio = "length_ratio"
      case searchFaults = "search_faults"
      case tokensPerSecond = "tokens_per_second"
    }
  }

  public var rows: [Row]

  /// The fastest setting, that is the smallest beam, within 0.1 of the best chrF.
  public var recommended: Row? {
    let best = rows.map(\.chrF).max() ?? 0
    return rows.filter { $0.chrF >= best - 0.1 }.min { ($0.beam, -$0.chrF) < ($1.beam, -$1.chrF) }
  }
}

extension FaultAnalysis {
  public static let sweepBeams = [1, 2, 4, 5, 8, 16, 32, 64]
  public static let sweepPenalties = [0, 0.6, 1, 1.4]

  /// Translates once for each beam and each α. Cost: the sum of these searches; a beam costs in proportion to its width.
  public func sweep(
    sources: [String], references: [[String]], beams: [Int] = FaultAnalysis.sweepBeams,
    penalties: [Double] = FaultAnalysis.sweepPenalties
  ) throws -> SweepTotals {
    let translator = try Translator([loaded])
    let scorer = PairScorer(loaded, threads: options.threads)
    let firstReferences = references.map { $0[0] }
    let referenceScores = try scorer.score(zip(sources, firstReferences).map { ($0, $1) }, side: "reference")
    var rows: [SweepTotals.Row] = []
    for beam in beams {
      for penalty in penalties {
        progress("beam sweep: beam \(beam), A = \(penalty)")
        var options = options
        (options.search.beamSize, options.search.hypothesisCount) = (beam, 1)
        let kind = options.search.lengthNormalization.kind
        options.search.lengthNormalization.kind = kind == .none ? .power : kind
        options.search.lengthNormalization.lengthPenalty = penalty
        let start = ContinuousClock.now
        let lines = translator.translate(sources, options: options)
        let elapsed = ContinuousClock.now - start
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
        let texts = lines.map(\.text)
        let hypothesisScores = try scorer.score(zip(sources, texts).map { ($0, $1) })
        let normalization = options.search.lengthNormalization
        func objective(_ score: PairScore) -> Double {
          normalization.score(logProbability: score.logProbability, length: score.tokens.count)
        }
        let searchFaults = sources.indices.count { i in
          texts[i] != firstReferences[i] && objective(referenceScores[i]) > objective(hypothesisScores[i])
        }
        var bleu = CorpusScorer(metric: metric)
        for (text, references) in zip(texts, references) { bleu.add(hypothesis: text, references: references) }
        let score = try bleu.score()
        var ratio = 0.0
        if case .bleu(_, _, _, _, let hypothesisLength, let referenceLength) = score.details {
          ratio = Double(hypothesisLength) / Double(max(referenceLength, 1))
        }
        rows.append(
          SweepTotals.Row(
            beam: beam, lengthPenalty: penalty, bleu: score.score, chrF: corpusScore(ChrF(), texts, references),
            lengthRatio: ratio, empty: zip(sources, texts).count { !$0.isEmpty && $1.isEmpty },
            searchFaults: .init(searchFaults, of: sources.count),
            tokensPerSecond: Double(lines.reduce(0) { $0 + $1.outputTokens }) / max(seconds, 1e-9)))
      }
    }
    return SweepTotals(rows: rows)
  }
}
