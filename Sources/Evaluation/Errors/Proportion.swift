/// A share of sentences with its uncertainty.
public struct Proportion: Sendable, Equatable {
  public let successes: Int
  public let trials: Int

  public init(_ successes: Int, of trials: Int) {
    precondition(
      successes >= 0 && successes <= trials, "\(successes) successes in \(trials) trials")
    self.successes = successes
    self.trials = trials
  }

  /// 0 without trials.
  public var share: Double { trials == 0 ? 0 : Double(successes) / Double(trials) }

  /// Wilson's score interval (1927) at the given quantile of the normal distribution; 0…1 without trials.
  ///
  /// Centre (p + z²/2n) / (1 + z²/n), half-width z √(p(1−p)/n + z²/4n²) / (1 + z²/n).
  public func wilsonInterval(z: Double = 1.959963984540054) -> ClosedRange<Double> {
    guard trials > 0 else { return 0...1 }
    let n = Double(trials), p = share
    let scale = 1 + z * z / n
    let centre = (p + z * z / (2 * n)) / scale
    let half = z * (p * (1 - p) / n + z * z / (4 * n * n)).squareRoot() / scale
    return max(0, centre - half)...min(1, centre + half)
  }
}
