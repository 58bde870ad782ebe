import Foundation

/// The axis of a chart.
package enum Axis {
  /// About `count` round numbers that span low…high; `low` alone where that is no range.
  package static func ticks(_ low: Double, _ high: Double, _ count: Int) -> [Double] {
    guard high > low, low.isFinite, high.isFinite else { return [low] }
    let raw = (high - low) / Double(count)
    let power = pow(10, floor(log10(raw)))
    let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= raw } ?? raw
    guard max(abs(low), abs(high)) / step < 1e15 else { return [low] }
    let first = Int((low / step - 1e-9).rounded(.up))
    let last = Int((high / step + 1e-9).rounded(.down))
    return first <= last ? (first...last).map { Double($0) * step } : [low]
  }
}
