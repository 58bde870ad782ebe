import Evaluation
import Seq2Seq
import Translation

/// How good the best of the n best outputs is: what re-ranking could win (Niehues et al. 2017).
public struct OracleTotals: Codable, Sendable, Equatable {
  public struct Row: Codable, Sendable, Equatable {
    /// Of how many outputs the best was taken.
    public var candidates: Int
    /// Of the corpus made of the best outputs, by sentence chrF.
    public var bleu: Double
    public var chrF: Double
    /// Of the best among the n, from 1.
    public var meanRank: Double
    /// Sentences whose first output is not the best.
    public var improved: ErrorReport.Share

    enum CodingKeys: String, CodingKey {
      case candidates, bleu, improved
      case chrF = "chrf"
      case meanRank = "mean_rank"
    }
  }

  /// Of the search that made the list.
  public var beam: Int
  /// The first is that of one candidate: no choice.
  public var rows: [Row]
}

extension FaultAnalysis {
  public static let oracleSizes = [1, 5, 10, 50, 100]

  /// Translates with a beam of the largest of `sizes`. Cost: that of such a search.
  public func oracle(
    sources: [String], references: [[String]], sizes: [Int] = FaultAnalysis.oracleSizes
  ) throws -> OracleTotals {
    let most = sizes.max() ?? 1
    var options = options
    (options.search.beamSize, options.search.hypothesisCount) = (most, most)
    progress("n-best oracle: translating with a beam of \(most)")
    let lines = try Translator([loaded]).translate(sources, options: options)
    let scores = zip(lines, references).map { line, references in
      line.candidates.map { sentenceChrF($0.text, references) }
    }
    let rows = sizes.sorted().map { size in
      let best = scores.map { scores in
        scores.indices.prefix(size).max { (scores[$0], -$0) < (scores[$1], -$1) } ?? 0
      }
      let texts = zip(lines, best).map { $0.candidates[$1].text }
      let improved = zip(scores, best).count { $0[$1] > $0[0] }
      return OracleTotals.Row(
        candidates: size, bleu: corpusScore(metric, texts, references), chrF: corpusScore(ChrF(), texts, references),
        meanRank: Double(best.reduce(0) { $0 + $1 + 1 }) / Double(max(best.count, 1)),
        improved: .init(improved, of: best.count))
    }
    return OracleTotals(beam: most, rows: rows)
  }
}
