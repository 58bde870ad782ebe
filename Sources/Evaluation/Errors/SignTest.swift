import Foundation

/// Whether one of two systems wins more often than chance would have it, ties left out: the two-sided exact binomial
/// test of equal chances.
public enum SignTest {
  /// The probability of a division at least as uneven, 1 of nothing. Cost: one logarithm of Γ for each term.
  public static func pValue(wins: Int, losses: Int) -> Double {
    precondition(wins >= 0 && losses >= 0, "\(wins) wins, \(losses) losses")
    let count = wins + losses
    guard count > 0 else { return 1 }
    let logTotal = logGamma(count + 1) - Double(count) * log(2)
    let tail = (0...min(wins, losses)).reduce(0.0) { sum, k in
      sum + exp(logTotal - logGamma(k + 1) - logGamma(count - k + 1))
    }
    return min(1, 2 * tail)
  }

  /// log Γ(n), by Stirling's series where it is exact to a double, by the product below.
  private static func logGamma(_ n: Int) -> Double {
    if n < 20 { return log((1..<max(n, 2)).reduce(1.0) { $0 * Double($1) }) }
    let x = Double(n)
    return (x - 0.5) * log(x) - x + 0.5 * log(2 * .pi) + 1 / (12 * x) - 1 / (360 * x * x * x)
      + 1 / (1260 * x * x * x * x * x)
  }
}
