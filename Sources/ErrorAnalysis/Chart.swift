import Foundation
import Translation

/// Pictures of a report, as SVG that takes its colours from the page.
enum Chart {
  private static func number(_ value: Double, _ places: Int = 1) -> String { String(format: "%.\(places)f", value) }

  private static func figure(_ title: String, _ parts: [String], height: Int = 240) -> String {
    """
    <figure><figcaption>\(escaped(title))</figcaption>
    <svg viewBox="0 0 480 \(height)" role="img" aria-label="\(escaped(title))">
    \(parts.joined(separator: "\n"))</svg></figure>
    """
  }

  private static func grid(_ y: Double, _ label: String) -> String {
    "<line x1=\"44\" x2=\"470\" y1=\"\(number(y))\" y2=\"\(number(y))\" class=\"grid\"/>"
      + "<text x=\"38\" y=\"\(number(y + 4))\" text-anchor=\"end\">\(label)</text>"
  }

  /// Bars from 0, with a label under and a note above each. `top` nil: the highest bar.
  static func bars(_ title: String, _ bars: [(label: String, value: Double, note: String)], top: Double?) -> String {
    let highest = max(top ?? bars.map(\.value).max() ?? 1, 1e-9)
    func y(_ value: Double) -> Double { 205 - 180 * value / highest }
    var parts = [0, 0.5, 1].map { share in
      grid(y(highest * share), number(highest * share, highest < 10 ? 1 : 0))
    }
    let width = 426 / Double(max(bars.count, 1))
    // Long labels side by side must not touch.
    let size = "style=\"font-size:\(bars.count > 7 ? 10 : 12)px\""
    for (i, bar) in bars.enumerated() {
      let left = 44 + width * (Double(i) + 0.15)
      let middle = number(44 + width * (Double(i) + 0.5))
      parts.append(
        "<rect class=\"mark\" x=\"\(number(left))\" width=\"\(number(width * 0.7))\" y=\"\(number(y(bar.value)))\" "
          + "height=\"\(number(205 - y(bar.value)))\"><title>\(escaped(bar.label)): \(number(bar.value, 2))</title></rect>"
          + "<text x=\"\(middle)\" y=\"\(number(y(bar.value) - 5))\" text-anchor=\"middle\" class=\"quiet\" \(size)>"
          + "\(escaped(bar.note))</text>"
          + "<text x=\"\(middle)\" y=\"224\" text-anchor=\"middle\" \(size)>\(escaped(bar.label))</text>")
    }
    return figure(title, parts)
  }

  /// How often predictions are right over what they say; a dot's area goes with its tokens.
  static func reliability(_ calibration: CalibrationTotals) -> String {
    func x(_ value: Double) -> Double { 44 + 290 * value }
    func y(_ value: Double) -> Double { 305 - 290 * value }
    var parts = [0, 0.25, 0.5, 0.75, 1].map { tick in
      "<line x1=\"44\" x2=\"334\" y1=\"\(number(y(tick)))\" y2=\"\(number(y(tick)))\" class=\"grid\"/>"
        + "<text x=\"38\" y=\"\(number(y(tick) + 4))\" text-anchor=\"end\">\(number(tick, 2))</text>"
        + "<text x=\"\(number(x(tick)))\" y=\"324\" text-anchor=\"middle\">\(number(tick, 2))</text>"
    }
    parts.append("<line x1=\"\(x(0))\" y1=\"\(y(0))\" x2=\"\(x(1))\" y2=\"\(y(1))\" class=\"ideal\"/>")
    let bins = calibration.bins.filter { $0.count > 0 }
    let points = bins.map { "\(number(x($0.confidence))),\(number(y($0.accuracy)))" }.joined(separator: " ")
    parts.append("<polyline points=\"\(points)\" style=\"stroke:var(--model)\"/>")
    for bin in bins {
      let radius = 2.5 + 12 * (Double(bin.count) / Double(max(calibration.tokens, 1))).squareRoot()
      parts.append(
        "<circle class=\"mark\" cx=\"\(number(x(bin.confidence)))\" cy=\"\(number(y(bin.accuracy)))\" "
          + "r=\"\(number(radius))\"><title>\(bin.count) tokens: says \(number(bin.confidence, 3)), is right "
          + "\(number(bin.accuracy, 3))</title></circle>")
    }
    return figure("share of right tokens over their probability", parts, height: 332)
  }

  /// chrF over the beam, a line for each A.
  static func sweep(_ sweep: SweepTotals) -> String {
    let beams = Array(Set(sweep.rows.map(\.beam))).sorted()
    let penalties = Array(Set(sweep.rows.map(\.lengthPenalty))).sorted()
    let (low, high) = (sweep.rows.map(\.chrF).min() ?? 0, sweep.rows.map(\.chrF).max() ?? 1)
    let range = max(high - low, 0.1)
    func x(_ beam: Int) -> Double { 52 + 340 * Double(beams.firstIndex(of: beam) ?? 0) / Double(max(beams.count - 1, 1)) }
    func y(_ value: Double) -> Double { 205 - 190 * (value - low) / range }
    var parts = [low, (low + high) / 2, high].map { grid(y($0), number($0)) }
    for beam in beams {
      parts.append("<text x=\"\(number(x(beam)))\" y=\"226\" text-anchor=\"middle\">\(beam)</text>")
    }
    // Names beside the last points, kept apart where lines end together.
    var names: [(y: Double, text: String)] = []
    for (i, penalty) in penalties.enumerated() {
      let rows = sweep.rows.filter { $0.lengthPenalty == penalty }.sorted { $0.beam < $1.beam }
      let points = rows.map { "\(number(x($0.beam))),\(number(y($0.chrF)))" }.joined(separator: " ")
      let hue = (220 + 360 * i / max(penalties.count, 1)) % 360
      parts.append("<polyline points=\"\(points)\" style=\"stroke:hsl(\(hue) 65% 50%)\"/>")
      if let last = rows.last {
        names.append((y(last.chrF), "style=\"fill:hsl(\(hue) 65% 50%)\">A = \(penalty)</text>"))
      }
    }
    var lowest = -Double.infinity
    for name in names.sorted(by: { $0.y < $1.y }) {
      lowest = max(name.y, lowest + 14)
      parts.append("<text x=\"402\" y=\"\(number(lowest + 4))\" \(name.text)")
    }
    return figure("chrF by beam size", parts)
  }
}
