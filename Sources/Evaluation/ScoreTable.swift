/// Many systems under several metrics, as one table.
public struct ScoreTable: Sendable {
  /// One cell: a score, and what is known about its certainty.
  public struct Cell: Sendable {
    public let score: Double
    public let confidence: ConfidenceInterval?
    public let pValue: Double?

    public init(score: Double, confidence: ConfidenceInterval? = nil, pValue: Double? = nil) {
      self.score = score
      self.confidence = confidence
      self.pValue = pValue
    }
  }

  /// Names of the systems, one for each row.
  public let systems: [String]
  /// Names of the metrics, one for each column.
  public let metrics: [String]
  /// Signatures of the metrics.
  public let signatures: [Signature]
  /// [systems][metrics].
  public let cells: [[Cell]]

  /// - Parameter scores: [systems][metrics], with the same metrics for each system.
  public init(systems: [String], scores: [[Score]]) {
    precondition(
      systems.count == scores.count, "\(systems.count) system names for \(scores.count) rows of scores")
    self.systems = systems
    metrics = scores.first?.map(\.name) ?? []
    signatures = scores.first?.map(\.signature) ?? []
    cells = scores.map { $0.map { Cell(score: $0.score, confidence: $0.confidence) } }
  }

  /// - Parameter comparisons: one for each metric, each with a result for each system, the baseline first.
  public init(systems: [String], comparisons: [PairedTest.Comparison]) {
    for comparison in comparisons {
      precondition(
        comparison.results.count == systems.count,
        "\(comparison.results.count) results of \(comparison.name) for \(systems.count) systems")
    }
    self.systems = systems
    metrics = comparisons.map(\.name)
    signatures = comparisons.map(\.signature)
    cells = systems.indices.map { system in
      comparisons.map {
        let result = $0.results[system]
        return Cell(score: result.score, confidence: result.confidence, pValue: result.pValue)
      }
    }
  }

  /// A Markdown table with the signatures under it; `*` marks p ≤ 0.05.
  public func markdown(width: Int = 2) -> String {
    var lines = ["| System | " + metrics.joined(separator: " | ") + " |"]
    lines.append("|---|" + String(repeating: "---:|", count: metrics.count))
    for (system, row) in zip(systems, cells) {
      let name = system.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
      lines.append("| \(name) | " + row.map { Self.text($0, width) }.joined(separator: " | ") + " |")
    }
    lines.append("")
    lines += zip(metrics, signatures).map { "- \($0): `\($1)`" }
    return lines.joined(separator: "\n")
  }

  /// Tab-separated values at full precision: a score column for each metric, then those of its mean, half-width
  /// and p-value if any system has them.
  public func tsv() -> String {
    var header = ["system"]
    var columns: [(Cell) -> Double?] = []
    var sources: [Int] = []
    for (index, metric) in metrics.enumerated() {
      let present = cells.map { $0[index] }
      func add(_ title: String, _ value: @escaping (Cell) -> Double?) {
        header.append(title)
        columns.append(value)
        sources.append(index)
      }
      add(metric) { $0.score }
      if present.contains(where: { $0.confidence != nil }) {
        add("\(metric) mean") { $0.confidence?.mean }
        add("\(metric) half-width") { $0.confidence?.halfWidth }
      }
      if present.contains(where: { $0.pValue != nil }) { add("\(metric) p") { $0.pValue } }
    }
    var lines = [header.joined(separator: "\t")]
    for (system, row) in zip(systems, cells) {
      let values = zip(sources, columns).map { source, value in value(row[source]).map(jsonNumber) ?? "" }
      lines.append(([Self.withoutTabs(system)] + values).joined(separator: "\t"))
    }
    return lines.joined(separator: "\n")
  }

  /// Aligned columns for a terminal.
  public func text(width: Int = 2) -> String {
    let table = [["System"] + metrics] + zip(systems, cells).map { [$0] + $1.map { Self.text($0, width) } }
    let widths = (0...metrics.count).map { column in table.map { $0[column].count }.max() ?? 0 }
    var lines = table.map { row in
      zip(row, widths).enumerated().map { index, cell in
        let padding = String(repeating: " ", count: cell.1 - cell.0.count)
        return index == 0 ? cell.0 + padding : padding + cell.0
      }.joined(separator: "  ")
    }
    lines.insert(String(repeating: "─", count: widths.reduce(0, +) + 2 * metrics.count), at: 1)
    lines.append("")
    lines += zip(metrics, signatures).map { "\($0)|\($1)" }
    return lines.joined(separator: "\n")
  }

  /// JSON at full precision: the signatures, and a record for each system.
  public func json() -> String {
    let heads = zip(metrics, signatures).map { "  \(jsonString($0)): \(jsonString($1.format()))" }
    let records = zip(systems, cells).map { system, row in
      let members = zip(metrics, row).map { metric, cell in
        var fields = ["\"score\": \(jsonNumber(cell.score))"]
        if let confidence = cell.confidence {
          fields.append("\"confidence_mean\": \(jsonNumber(confidence.mean))")
          fields.append("\"confidence_half_width\": \(jsonNumber(confidence.halfWidth))")
        }
        if let pValue = cell.pValue { fields.append("\"p_value\": \(jsonNumber(pValue))") }
        return "   \(jsonString(metric)): {\(fields.joined(separator: ", "))}"
      }
      let body = (["   \"system\": \(jsonString(system))"] + members).joined(separator: ",\n")
      return "  {\n\(body)\n  }"
    }
    return "{\n \"signatures\": {\n\(heads.joined(separator: ",\n"))\n },\n \"systems\": [\n"
      + records.joined(separator: ",\n") + "\n ]\n}"
  }

  private static func text(_ cell: Cell, _ width: Int) -> String {
    var text = formatFixed(cell.score, width)
    if let confidence = cell.confidence {
      text += " (\(formatFixed(confidence.mean, width)) ± \(formatFixed(confidence.halfWidth, width)))"
    }
    if let pValue = cell.pValue { text += " (p = \(formatFixed(pValue, 4)))" + (pValue <= 0.05 ? "*" : "") }
    return text
  }

  private static func withoutTabs(_ text: String) -> String {
    String(text.map { $0 == "\t" || $0 == "\n" ? " " : $0 })
  }
}
