import Foundation

/// OTEM and UTEM (Yang et al. 2018): how much a system over-translates (n-grams up to 2) and under-translates
/// (n-grams up to 4). Both lie on the scale of BLEU turned round: lower is better.
///
/// OTEM counts an n-gram's occurrences beyond the reference's largest count, or beyond the first if no reference
/// has it, in the hypothesis' n-grams. UTEM counts the reference's occurrences that the hypothesis lacks, in the
/// reference's n-grams. Rates are combined geometrically with one added to counts for n > 1, and multiplied by a
/// penalty for length: exp(1 − r/h) for OTEM if h ≥ r, exp(1 − h/r) for UTEM if h ≤ r, 1 otherwise.
public struct OverUnderTranslation: Sendable, Equatable {
  static let overOrder = 2
  static let underOrder = 4
  private var overCounts: [Int]
  private var overTotals: [Int]
  private var underCounts: [Int]
  private var underTotals: [Int]
  private var hypothesisLength = 0
  private var referenceLength = 0

  public init() {
    overCounts = [Int](repeating: 0, count: Self.overOrder)
    overTotals = overCounts
    underCounts = [Int](repeating: 0, count: Self.underOrder)
    underTotals = underCounts
  }

  public mutating func add(hypothesis: [String], reference: [String]) {
    hypothesisLength += hypothesis.count
    referenceLength += reference.count
    for order in 1...Self.underOrder {
      let produced = counts(ngrams(hypothesis, order: order))
      let wanted = counts(ngrams(reference, order: order))
      if order <= Self.overOrder {
        for (ngram, count) in produced {
          overTotals[order - 1] += count
          overCounts[order - 1] += max(0, count - (wanted[ngram] ?? 1))
        }
      }
      for (ngram, count) in wanted {
        underTotals[order - 1] += count
        underCounts[order - 1] += max(0, count - (produced[ngram] ?? 0))
      }
    }
  }

  /// Over-translation, 0…1.
  public var otem: Double {
    guard hypothesisLength > 0 else { return 0 }
    let penalty =
      hypothesisLength >= referenceLength ? exp(1 - Double(referenceLength) / Double(hypothesisLength)) : 1
    return penalty * Self.geometricMean(overCounts, overTotals)
  }

  /// Under-translation, 0…1.
  public var utem: Double {
    guard referenceLength > 0 else { return 0 }
    let penalty =
      hypothesisLength <= referenceLength ? exp(1 - Double(hypothesisLength) / Double(referenceLength)) : 1
    return penalty * Self.geometricMean(underCounts, underTotals)
  }

  private static func geometricMean(_ counts: [Int], _ totals: [Int]) -> Double {
    var logarithms = 0.0
    for order in counts.indices {
      let added = order > 0 ? 1 : 0
      let count = counts[order] + added, total = totals[order] + added
      guard count > 0, total > 0 else { return 0 }
      logarithms += log(Double(count) / Double(total))
    }
    return exp(logarithms / Double(counts.count))
  }
}
