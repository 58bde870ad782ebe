/// A metric's verdict on a corpus or a sentence.
public struct Score: Sendable {
  /// `BLEU`, `chrF2`, `chrF2++`, `TER` …
  public let name: String
  /// On the scale 0…100; TER, a rate of errors, can exceed 100.
  public let score: Double
  public var signature: Signature
  /// What the number is made of, in sacreBLEU's words; empty for chrF and TER.
  public let verbose: String
  /// The parts of the number at full precision.
  public let details: Details
  /// 95 % interval, when one was asked for.
  public var confidence: ConfidenceInterval?

  /// The parts of which a score is made.
  public enum Details: Sendable, Equatable {
    /// `precisions` in percent, one for each n-gram order; lengths in tokens.
    case bleu(precisions: [Double], correct: [Double], total: [Double], brevityPenalty: Double,
      hypothesisLength: Int, referenceLength: Int)
    case chrF(characterOrder: Int, wordOrder: Int, beta: Int)
    /// `referenceLength` is the sum over segments of the mean length of the references, in words.
    case ter(edits: Int, referenceLength: Double)
  }
}

/// A 95 % interval: mean of the bootstrap scores ± half of the width between their 2.5 % and 97.5 % points.
public struct ConfidenceInterval: Sendable, Equatable {
  public let mean: Double
  public let halfWidth: Double

  public init(mean: Double, halfWidth: Double) {
    self.mean = mean
    self.halfWidth = halfWidth
  }
}
