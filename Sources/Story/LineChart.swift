import ErrorAnalysis
import Foundation
import Training
import Translation

/// Curves over one axis, as SVG that takes its colours from the page: classes `s0` to `s7`, dashed from the ninth on.
struct LineChart {
  struct Series {
    var name: String
    /// Ascending in x; a y that is not above 0 is left out of a logarithmic axis.
    var points: [(x: Double, y: Double)]
  }

  var title: String
  var xTitle: String
  var series: [Series]
  /// A logarithmic y axis.
  var isLogarithmic = false
  /// Values where x is marked, with their labels; nil: round numbers.
  var xLabels: [(x: Double, text: String)]?
  /// Drawn as a horizontal line.
  var mark: (y: Double, name: String)?
  var hasDots = false
  /// The y axis begins at 0.
  var fromZero = false

  private static let (width, height, left, right, top, bottom) = (640.0, 300.0, 58.0, 168.0, 12.0, 40.0)

  /// With as many decimals as the step between ticks has.
  private func label(_ y: Double, step: Double) -> String {
    if isLogarithmic { return y == 1 ? "1" : String(format: "1e%d", Int(log10(y).rounded())) }
    let places = step > 0 ? max(0, Int((-log10(step) - 1e-9).rounded(.up))) : 0
    return String(format: "%.\(places)f", y)
  }

  var svg: String {
    let drawn = series.map { line in
      Series(name: line.name, points: line.points.filter { $0.y.isFinite && (!isLogarithmic || $0.y > 0) })
    }
    let xs = drawn.flatMap { $0.points.map(\.x) }
    let ys = (drawn.flatMap { $0.points.map(\.y) } + (mark.map { [$0.y] } ?? [])).map { isLogarithmic ? log10($0) : $0 }
    guard let x0 = xs.min(), let x1 = xs.max(), var y0 = ys.min(), var y1 = ys.max() else { return "" }
    if fromZero, !isLogarithmic { y0 = min(y0, 0) }
    if isLogarithmic { (y0, y1) = (y0.rounded(.down), y1.rounded(.up)) }
    if y1 - y0 < 1e-9 { (y0, y1) = (y0 - 1, y1 + 1) }
    let (w, h) = (LineChart.width - LineChart.left - LineChart.right, LineChart.height - LineChart.top - LineChart.bottom)
    func px(_ x: Double) -> Double { LineChart.left + (x1 > x0 ? (x - x0) / (x1 - x0) : 0.5) * w }
    func py(_ y: Double) -> Double {
      LineChart.top + (1 - ((isLogarithmic ? log10(y) : y) - y0) / (y1 - y0)) * h
    }
    func number(_ value: Double) -> String { String(format: "%.1f", value) }
    var parts: [String] = []
    let ticks = isLogarithmic
      ? stride(from: y0, through: y1, by: max(1, ((y1 - y0) / 6).rounded(.up))).map { pow(10, $0) }
      : Axis.ticks(y0, y1, 5)
    let end = LineChart.width - LineChart.right
    let step = ticks.count > 1 ? ticks[1] - ticks[0] : 0
    for tick in ticks {
      let y = number(py(tick))
      parts.append(
        "<line class=\"grid\" x1=\"\(LineChart.left)\" x2=\"\(end)\" y1=\"\(y)\" y2=\"\(y)\"/>"
          + "<text x=\"\(LineChart.left - 6)\" y=\"\(y)\" dy=\"4\" text-anchor=\"end\">\(label(tick, step: step))</text>")
    }
    for (x, text) in xLabels ?? Axis.ticks(x0, x1, 6).map({ ($0, String(format: "%.0f", $0)) }) {
      parts.append(
        "<text x=\"\(number(px(x)))\" y=\"\(LineChart.height - LineChart.bottom + 16)\" text-anchor=\"middle\">"
          + "\(escaped(text))</text>")
    }
    parts.append(
      "<text class=\"axis\" x=\"\(number(LineChart.left + w / 2))\" y=\"\(LineChart.height - 6)\" "
        + "text-anchor=\"middle\">\(escaped(xTitle))</text>")
    if let mark {
      let y = number(py(mark.y))
      parts.append(
        "<line class=\"mark\" x1=\"\(LineChart.left)\" x2=\"\(end)\" y1=\"\(y)\" y2=\"\(y)\"/>"
          + "<text x=\"\(number(LineChart.left + 4))\" y=\"\(number(py(mark.y) - 4))\">\(escaped(mark.name))</text>")
    }
    var names: [(y: Double, text: String)] = []
    for (i, line) in drawn.enumerated() {
      guard let last = line.points.last else { continue }
      let style = "s\(i % 8)" + (i >= 8 ? " dashed" : "")
      let points = line.points.map { "\(number(px($0.x))),\(number(py($0.y)))" }
      parts.append("<polyline class=\"curve \(style)\" points=\"\(points.joined(separator: " "))\"/>")
      if hasDots {
        for point in line.points {
          parts.append(
            "<circle class=\"dot \(style)\" cx=\"\(number(px(point.x)))\" cy=\"\(number(py(point.y)))\" r=\"3\">"
              + "<title>\(escaped(line.name)): \(String(format: "%.3g", point.y))</title></circle>")
        }
      }
      names.append((py(last.y), "class=\"name \(style)\">\(escaped(line.name))</text>"))
    }
    // Names stand beside the last points, in their order, kept apart; a stack that would leave the picture moves up.
    let sorted = names.sorted { $0.y < $1.y }
    let gap = 14.0
    var lowest = LineChart.top - gap + 4
    var places = sorted.map { name -> Double in
      lowest = max(name.y, lowest + gap)
      return lowest
    }
    var highest = LineChart.height - 4 + gap
    for i in places.indices.reversed() {
      places[i] = min(places[i], highest - gap)
      highest = places[i]
    }
    for (place, name) in zip(places, sorted) {
      parts.append("<text x=\"\(number(end + 8))\" y=\"\(number(place + 4))\" \(name.text)")
    }
    return "<figure><figcaption>\(escaped(title))</figcaption>"
      + "<svg viewBox=\"0 0 \(Int(LineChart.width)) \(Int(LineChart.height))\" role=\"img\" "
      + "aria-label=\"\(escaped(title))\">\(parts.joined(separator: "\n"))</svg></figure>"
  }
}

/// A field of numbers as shades: from nothing to `heat`, or, with negative values, from `cold` over nothing to `heat`.
struct HeatMap {
  var title: String
  /// Names of rows and columns; none: counted axes.
  var rows: [String]
  var columns: [String]
  /// [rows][columns], −1…1.
  var values: [[Double]]
  /// Of a field, in the picture's units.
  var cell = 18.0

  var svg: String {
    let (across, down) = (values.first?.count ?? 0, values.count)
    let left = 8 + 8.4 * Double(rows.map(\.count).max() ?? 0)
    let top = 8 + 8.4 * Double(columns.map(\.count).max() ?? 0)
    func number(_ value: Double) -> String { String(format: "%.1f", value) }
    var parts: [String] = []
    for (i, name) in rows.enumerated() {
      parts.append(
        "<text x=\"\(number(left - 5))\" y=\"\(number(top + cell * (Double(i) + 0.5) + 4))\" text-anchor=\"end\">"
          + "\(escaped(name))</text>")
    }
    for (j, name) in columns.enumerated() {
      let x = number(left + cell * (Double(j) + 0.5) + 4)
      parts.append("<text transform=\"translate(\(x) \(number(top - 5))) rotate(-90)\">\(escaped(name))</text>")
    }
    for (i, row) in values.enumerated() {
      for (j, value) in row.enumerated() where abs(value) >= 0.005 {
        let share = String(format: "%.3f", value)
        let name = rows.isEmpty ? "" : "<title>\(escaped(rows[i])) ← \(escaped(columns[j])): \(share)</title>"
        parts.append(
          "<rect class=\"\(value < 0 ? "cold" : "heat")\" x=\"\(number(left + cell * Double(j)))\" "
            + "y=\"\(number(top + cell * Double(i)))\" width=\"\(number(cell))\" height=\"\(number(cell))\" "
            + "fill-opacity=\"\(String(format: "%.2f", min(abs(value), 1)))\">\(name)</rect>")
      }
    }
    parts.append(
      "<rect class=\"frame\" x=\"\(number(left))\" y=\"\(number(top))\" width=\"\(number(cell * Double(across)))\" "
        + "height=\"\(number(cell * Double(down)))\"/>")
    let (width, height) = (left + cell * Double(across) + 6, top + cell * Double(down) + 6)
    return "<figure><figcaption>\(escaped(title))</figcaption>"
      + "<svg viewBox=\"0 0 \(number(width)) \(number(height))\" style=\"max-width:\(number(width))px\" role=\"img\" "
      + "aria-label=\"\(escaped(title))\">\(parts.joined(separator: "\n"))</svg></figure>"
  }
}
