import Foundation
import Translation

/// The page of a run's curves: one file, no script, nothing fetched; it follows the reader's light or dark.
struct TrainingPage {
  let title: String
  let records: [UpdateRecord]
  let validations: [ValidationRecord]
  let facts: [(String, String)]

  var html: String {
    let updates = records.map { Double($0.update) }
    let moments = validations.map { Double($0.update) }
    func points(_ values: [Double?]) -> [(Double, Double)] {
      zip(updates, values).compactMap { x, y in y.flatMap { $0.isFinite ? (x, $0) : nil } }
    }
    func scores(_ values: [Double?]) -> [(Double, Double)] {
      zip(moments, values).compactMap { x, y in y.flatMap { $0.isFinite ? (x, $0) : nil } }
    }
    let charts = [
      Chart(title: "Label-smoothed loss a token (nats)", points: points(records.map(\.loss))),
      Chart(title: "Learning rate", points: points(records.map(\.learningRate))),
      Chart(title: "Gradient norm before clipping", points: points(records.map(\.gradientNorm))),
      Chart(title: "Validation perplexity", points: scores(validations.map(\.perplexity)), hasDots: true),
      Chart(title: "Validation BLEU", points: scores(validations.map(\.bleu)), hasDots: true),
      Chart(title: "Validation chrF", points: scores(validations.map(\.chrf)), hasDots: true),
    ].filter { !$0.points.isEmpty }
    let rows = facts.map { "<tr><th>\(escaped($0.0))</th><td>\(escaped($0.1))</td></tr>" }
    return """
      <!DOCTYPE html>
      <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
      <title>\(escaped(title)): training</title>
      <style>
      :root { color-scheme: light dark; --ink: #1d2430; --paper: #fff; --faint: #d8dde6; --line: #1f6feb; }
      @media (prefers-color-scheme: dark) {
        :root { --ink: #e6eaf0; --paper: #14181f; --faint: #343c48; --line: #6cb0ff; }
      }
      body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
        max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
      h1 { font-size: 1.5rem; } h2 { font-size: 1rem; margin: 0 0 .3rem; font-weight: 600; }
      table { border-collapse: collapse; margin-bottom: 1.5rem; }
      th { text-align: left; font-weight: 500; padding: .1rem 1.5rem .1rem 0; } td { padding: .1rem 0; }
      .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 1.5rem; }
      figure { margin: 0; } svg { width: 100%; height: auto; display: block; }
      text { fill: var(--ink); font: 11px system-ui, sans-serif; }
      .grid { stroke: var(--faint); stroke-width: 1; }
      .curve { fill: none; stroke: var(--line); stroke-width: 1.6; stroke-linejoin: round; }
      .dot { fill: var(--line); }
      </style></head><body>
      <h1>\(escaped(title))</h1>
      <table>\(rows.joined())</table>
      <div class="charts">
      \(charts.map(\.svg).joined(separator: "\n"))
      </div>
      </body></html>

      """
  }

  /// One curve over updates.
  struct Chart {
    let title: String
    let points: [(x: Double, y: Double)]
    var hasDots = false

    private static let (width, height, left, right, top, bottom) = (460.0, 240.0, 52.0, 12.0, 10.0, 24.0)
    /// More points than this cannot be told apart; each drawn one is the mean of its neighbours.
    private static let resolution = 400

    init(title: String, points: [(Double, Double)], hasDots: Bool = false) {
      self.title = title
      self.points = Chart.thinned(points)
      self.hasDots = hasDots
    }

    private static func thinned(_ points: [(Double, Double)]) -> [(x: Double, y: Double)] {
      guard points.count > resolution else { return points.map { (x: $0.0, y: $0.1) } }
      return (0..<resolution).map { i in
        let part = points[i * points.count / resolution..<(i + 1) * points.count / resolution]
        let sum = part.reduce((0.0, 0.0)) { ($0.0 + $1.0, $0.1 + $1.1) }
        return (x: sum.0 / Double(part.count), y: sum.1 / Double(part.count))
      }
    }

    private static func label(_ value: Double) -> String {
      if value != 0, abs(value) < 0.01 || abs(value) >= 1e15 { return String(format: "%.2g", value) }
      return abs(value) >= 10 ? Format.grouped(Int(value.rounded())) : String(format: "%g", (value * 1000).rounded() / 1000)
    }

    var svg: String {
      let xs = points.map(\.x)
      let ys = points.map(\.y)
      let (x0, x1) = (min(xs.min() ?? 0, 1), max(xs.max() ?? 1, (xs.min() ?? 0) + 1))
      var (y0, y1) = (ys.min() ?? 0, ys.max() ?? 1)
      if y1 - y0 < 1e-12 { (y0, y1) = (y0 - max(abs(y0), 1) * 0.1, y1 + max(abs(y1), 1) * 0.1) }
      let (w, h) = (Chart.width - Chart.left - Chart.right, Chart.height - Chart.top - Chart.bottom)
      func place(_ x: Double, _ y: Double) -> (String, String) {
        (
          Format.fixed(Chart.left + (x - x0) / (x1 - x0) * w, 1),
          Format.fixed(Chart.top + (1 - (y - y0) / (y1 - y0)) * h, 1)
        )
      }
      var parts: [String] = []
      for tick in Axis.ticks(y0, y1, 5) {
        let (_, y) = place(x0, tick)
        parts.append(
          "<line class=\"grid\" x1=\"\(Chart.left)\" x2=\"\(Chart.width - Chart.right)\" y1=\"\(y)\" y2=\"\(y)\"/>"
            + "<text x=\"\(Chart.left - 6)\" y=\"\(y)\" dy=\"4\" text-anchor=\"end\">\(Chart.label(tick))</text>")
      }
      for tick in Axis.ticks(x0, x1, 5) {
        let (x, _) = place(tick, y0)
        // Near the edge a label in the middle would be cut off.
        let anchor = (tick - x0) / (x1 - x0) > 0.97 ? "end" : "middle"
        parts.append(
          "<text x=\"\(x)\" y=\"\(Chart.height - 6)\" text-anchor=\"\(anchor)\">\(Format.grouped(Int(tick)))</text>")
      }
      let places = points.map { place($0.x, $0.y) }
      parts.append("<polyline class=\"curve\" points=\"\(places.map { "\($0.0),\($0.1)" }.joined(separator: " "))\"/>")
      if hasDots {
        for ((x, y), point) in zip(places, points) {
          parts.append(
            "<circle class=\"dot\" cx=\"\(x)\" cy=\"\(y)\" r=\"3\"><title>update \(Int(point.x)): "
              + "\(Format.fixed(point.y, 2))</title></circle>")
        }
      }
      let name = escaped(title)
      return "<figure><h2>\(name)</h2><svg viewBox=\"0 0 \(Int(Chart.width)) \(Int(Chart.height))\" role=\"img\" "
        + "aria-label=\"\(name)\">\(parts.joined())</svg></figure>"
    }
  }
}
