import Foundation

/// How the log-probabilities of hypotheses of different lengths are made comparable.
public enum LengthPenaltyKind: String, CaseIterable, Codable, Sendable {
  /// log P: favours short outputs.
  case none
  /// log P / |Y|^α.
  case power
  /// log P / ((5 + |Y|) / 6)^α, Wu et al. 2016, eq. 14.
  case gnmt
}

/// score(Y) = log P(Y | X) / lp(|Y|) + β · Σ_i log min(Σ_j a_ij, 1) + γ · |Y|, where |Y| counts the end symbol and a_ij
/// is the attention of output token j on source token i (Wu et al. 2016, eq. 14; the word reward γ: Murray & Chiang
/// 2018).
public struct LengthNormalization: Sendable, Equatable {
  public var kind: LengthPenaltyKind
  /// α
  public var lengthPenalty: Double
  /// β; needs a model with attention.
  public var coveragePenalty: Double
  /// γ
  public var wordReward: Double

  public init(
    _ kind: LengthPenaltyKind = .power, lengthPenalty: Double = 1, coveragePenalty: Double = 0, wordReward: Double = 0
  ) {
    self.kind = kind
    self.lengthPenalty = lengthPenalty
    self.coveragePenalty = coveragePenalty
    self.wordReward = wordReward
  }

  /// lp(|Y|) for |Y| = `length`, counting the end symbol.
  public func penalty(length: Int) -> Double {
    switch kind {
    case .none: 1
    case .power: pow(Double(length), lengthPenalty)
    case .gnmt: pow((5 + Double(length)) / 6, lengthPenalty)
    }
  }

  /// The score of a complete output of `length` tokens, counting the end symbol. `coverage` [S] is the attention each
  /// source token has received in all, nil where there is none.
  public func score(logProbability: Double, length: Int, coverage: [Float]? = nil) -> Double {
    var score = logProbability / penalty(length: length) + wordReward * Double(length)
    if coveragePenalty != 0, let coverage {
      // A source token never looked at would make the sum −∞; as little as 1e−10 of attention is as bad as none.
      let sum = coverage.reduce(0.0) { $0 + log(min(max(Double($1), 1e-10), 1)) }
      score += coveragePenalty * sum
    }
    return score
  }

  /// No continuation of a live hypothesis of log-probability `logProbability` whose complete length will lie in
  /// `lengths` scores more than this: later tokens only lower log P, and the coverage term is never positive.
  public func bound(logProbability: Double, lengths: ClosedRange<Int>) -> Double {
    let (penalty, reward) = extremes(lengths)
    return coveragePenalty < 0 ? .infinity : logProbability / penalty + reward
  }

  /// The inverse of `bound`: a beginning of at most this log-probability has no continuation that scores more than
  /// `score`.
  func leastLogProbability(beating score: Double, lengths: ClosedRange<Int>) -> Double {
    let (penalty, reward) = extremes(lengths)
    return coveragePenalty < 0 ? -.infinity : (score - reward) * penalty
  }

  /// The largest lp(|Y|) and the largest γ · |Y|: both are monotone, in whichever direction α and γ point.
  private func extremes(_ lengths: ClosedRange<Int>) -> (penalty: Double, reward: Double) {
    (
      max(penalty(length: lengths.lowerBound), penalty(length: lengths.upperBound)),
      wordReward * Double(wordReward > 0 ? lengths.upperBound : lengths.lowerBound)
    )
  }
}
