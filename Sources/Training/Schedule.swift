import Foundation

/// How the learning rate moves after its linear warm-up.
public enum ScheduleKind: String, CaseIterable, Codable, Sendable {
  /// √(warmup / update), Vaswani et al. 2017, §5.3.
  case inverseSquareRoot = "inverse_sqrt"
  /// A straight line to zero at the last update.
  case linear
  /// Half a cosine to zero at the last update (Loshchilov & Hutter 2017).
  case cosine
  case constant
}

/// The learning rate of every update: a linear warm-up from 0 to `peak`, then `kind`.
///
/// It depends on the number of the update only, never on time, so that a run can be repeated bit for bit.
public struct Schedule: Sendable, Equatable {
  public var kind: ScheduleKind
  public var peak: Double
  /// Updates until the peak is reached; 0 starts there.
  public var warmup: Int
  /// Where `linear` and `cosine` reach zero.
  public var totalUpdates: Int

  public init(kind: ScheduleKind, peak: Double, warmup: Int, totalUpdates: Int) {
    (self.kind, self.peak, self.warmup, self.totalUpdates) = (kind, peak, warmup, totalUpdates)
  }

  /// The rate of an update, counted from 1.
  public func rate(_ update: Int) -> Double {
    precondition(update >= 1, "update \(update), expected 1 or more")
    if update < warmup { return peak * Double(update) / Double(warmup) }
    switch kind {
    case .constant: return peak
    case .inverseSquareRoot: return peak * (Double(max(warmup, 1)) / Double(update)).squareRoot()
    case .linear: return peak * remaining(update)
    case .cosine: return peak * 0.5 * (1 + cos(.pi * (1 - remaining(update))))
    }
  }

  /// What is left of the way from the end of the warm-up to one past the last update, so that the last update still
  /// learns: 1 … 0.
  private func remaining(_ update: Int) -> Double {
    let length = totalUpdates + 1 - warmup
    guard length > 0 else { return 0 }
    return min(1, max(0, Double(totalUpdates + 1 - update) / Double(length)))
  }
}
