import Evaluation
import Seq2Seq

/// What became of one sentence's reference in the search.
public struct FirstPruneRecord: Codable, Sendable, Equatable {
  /// The search completed it; then nothing else is said.
  public var completed: Bool
  /// As in `FirstPrune`.
  public var step: Int?
  public var rank: Int?
  public var gap: Double?
  public var reason: FirstPrune.Reason?
  /// The reference's word that holds the lost token, between its spaces; `</s>` for the end.
  public var word: String?

  public init(_ prune: FirstPrune?, word: String?) {
    completed = prune == nil
    (step, rank, gap, reason) = (prune?.step, prune?.rank, prune?.gap, prune?.reason)
    self.word = word
  }
}

/// Where references are lost.
public struct FirstPruneTotals: Codable, Sendable, Equatable {
  /// A word of references, and how often they were lost there.
  public struct KillerWord: Codable, Sendable, Equatable {
    public var word: String
    public var lost: Int
    /// Occurrences in all references that were followed.
    public var occurrences: Int
  }

  /// Of all references that differ from the output.
  public var byBeam: ErrorReport.Share
  public var byScore: ErrorReport.Share
  /// Completed by the search, which then found another better.
  public var completed: ErrorReport.Share
  /// Place of the loss, over the reference's length in tokens; 0 is its beginning.
  public var meanPlace: Double
  public var medianRank: Double
  /// Median of what log P it lacked where the beam dropped it, by fault.
  public var medianGap: [String: Double]
  public var words: [KillerWord]

  /// Nil where no reference was followed.
  init?(_ sentences: [SentenceRecord], kept: Int = 12) {
    let followed = sentences.filter { $0.firstPrune != nil && $0.fault != .none }
    guard !followed.isEmpty else { return nil }
    let lost = followed.filter { $0.firstPrune?.completed == false }
    func share(_ reason: FirstPrune.Reason) -> ErrorReport.Share {
      .init(lost.count { $0.firstPrune?.reason == reason }, of: followed.count)
    }
    (byBeam, byScore) = (share(.beam), share(.score))
    completed = .init(followed.count - lost.count, of: followed.count)
    let places = lost.map { Double($0.firstPrune?.step ?? 0) / Double(max($0.referenceTokens, 1)) }
    meanPlace = places.isEmpty ? 0 : places.reduce(0, +) / Double(places.count)
    medianRank = median(lost.compactMap { $0.firstPrune?.rank }.map(Double.init))
    let byBeamOnly = lost.filter { $0.firstPrune?.reason == .beam }
    medianGap = [:]
    for fault in [Fault.search, .model] {
      let gaps = byBeamOnly.filter { $0.fault == fault }.compactMap { $0.firstPrune?.gap }
      if !gaps.isEmpty { medianGap[fault.rawValue] = median(gaps) }
    }
    var counts: [String: Int] = [:]
    for record in byBeamOnly { if let word = record.firstPrune?.word { counts[word, default: 0] += 1 } }
    var occurrences = ["</s>": followed.count]
    for record in followed {
      for word in record.reference.split(separator: " ") { occurrences[String(word), default: 0] += 1 }
    }
    words = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(kept).map {
      KillerWord(word: $0.key, lost: $0.value, occurrences: max(occurrences[$0.key] ?? 0, $0.value))
    }
  }

  enum CodingKeys: String, CodingKey {
    case completed, words
    case byBeam = "by_beam"
    case byScore = "by_score"
    case meanPlace = "mean_place"
    case medianRank = "median_rank"
    case medianGap = "median_gap"
  }
}

/// The middle value, 0 of nothing.
func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  return sorted.isEmpty ? 0 : (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}
