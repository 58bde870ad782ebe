/// Many systems under several metrics.
public struct ScoreTable: Sendable {
  /// One system's score under one metric, and how sure its difference from the baseline is.
  public struct Cell: Sendable {
    public let score: Score
    /// The p-value of the paired bootstrap, nil for the baseline.
    public var bootstrapPValue: Double?
    /// The p-value of approximate randomisation, nil for the baseline.
    public var randomizationPValue: Double?

    public init(score: Score, bootstrapPValue: Double? = nil, randomizationPValue: Double? = nil) {
      self.score = score
      self.bootstrapPValue = bootstrapPValue
      self.randomizationPValue = randomizationPValue
    }
  }

  /// Names of the systems, one for each row.
  public let systems: [String]
  /// [systems][metrics].
  public let cells: [[Cell]]
  /// Whether the first system is what the others are compared with.
  public let hasBaseline: Bool
  /// The name of the test set, where there may be several.
  public var testSet: String?

  /// - Parameter cells: [systems][metrics], with the same metrics for each system.
  public init(systems: [String], cells: [[Cell]], hasBaseline: Bool = false) {
    precondition(systems.count == cells.count, "\(systems.count) system names for \(cells.count) rows of scores")
    self.systems = systems
    self.cells = cells
    self.hasBaseline = hasBaseline
  }

  /// - Parameter scores: [systems][metrics], with the same metrics for each system.
  public init(systems: [String], scores: [[Score]], hasBaseline: Bool = false) {
    self.init(systems: systems, cells: scores.map { $0.map { Cell(score: $0) } }, hasBaseline: hasBaseline)
  }

  /// The same table, its first system the one that the others are compared with.
  public func withBaseline() -> ScoreTable {
    var table = ScoreTable(systems: systems, cells: cells, hasBaseline: true)
    table.testSet = testSet
    return table
  }

  /// Names of the metrics, one for each column.
  public var metrics: [String] { cells.first?.map(\.score.name) ?? [] }
  /// Signatures of the metrics.
  public var signatures: [Signature] { cells.first?.map(\.score.signature) ?? [] }

  /// Every cell as a record: system by system, metric by metric.
  public var records: [ScoreRecord] {
    zip(systems, cells).enumerated().flatMap { row, system in
      system.1.enumerated().map { column, cell in
        ScoreRecord(
          testSet: testSet, system: system.0, isBaseline: hasBaseline && row == 0, score: cell.score,
          difference: hasBaseline && row > 0 ? cell.score.score - cells[0][column].score.score : nil,
          bootstrapPValue: cell.bootstrapPValue, randomizationPValue: cell.randomizationPValue)
      }
    }
  }

  // MARK: For people

  /// A line for each metric of a single system, as sacreBLEU prints it; of several systems aligned columns for a
  /// terminal, with the signatures below.
  /// - Parameter width: decimals of scores.
  public func text(width: Int = 2, short: Bool = false) -> String {
    if systems.count == 1 { return ScoreList.text(cells[0].map(\.score), width: width, short: short) }
    let (rows, labels) = grid(width, padding: " ")
    var lines = alignedColumns(rows, labels: labels)
    lines.append("")
    lines += zip(metrics, signatures).map { "\($0)|\($1.format(short: short))" }
    if let explanation { lines += ["", explanation] }
    return lines.joined(separator: "\n")
  }

  /// The scores alone, one a line: system by system, metric by metric.
  public func scoresAlone(width: Int = 2) -> String {
    cells.joined().map { $0.score.textLine(width: width, scoreOnly: true) }.joined(separator: "\n")
  }

  /// A Markdown table with the signatures under it.
  public func markdown(width: Int = 2, short: Bool = false) -> String {
    let (rows, labels) = grid(width, padding: "")
    var lines = rows.map { "| " + $0.map(Self.escaped).joined(separator: " | ") + " |" }
    lines.insert("|" + rows[0].indices.map { $0 < labels ? "---|" : "---:|" }.joined(), at: 1)
    lines.append("")
    lines += zip(metrics, signatures).map { "- \($0): `\($1.format(short: short))`" }
    if let explanation { lines += ["", explanation] }
    return lines.joined(separator: "\n")
  }

  /// Header and rows, of which the first `labels` columns are names. A column for each metric; or, where certainties
  /// are to be shown, a row for each metric and system.
  /// - Parameter padding: what stands where a `*` might, to keep digits under digits.
  private func grid(_ width: Int, padding: String) -> (rows: [[String]], labels: Int) {
    let all = cells.joined()
    let intervals = all.contains { $0.score.confidence != nil }
    guard intervals || hasBaseline else {
      return (
        [["System"] + metrics]
          + zip(systems, cells).map { [$0] + $1.map { formatFixed($0.score.score, width) } }, 1
      )
    }
    let bootstrap = all.contains { $0.bootstrapPValue != nil }
    let randomization = all.contains { $0.randomizationPValue != nil }
    func marked(_ pValue: Double?) -> String {
      // As sacreBLEU marks it.
      pValue.map { formatFixed($0, 4) + ($0 <= 0.05 ? "*" : padding) } ?? ""
    }
    func row(_ values: [(shown: Bool, text: String)]) -> [String] { values.filter(\.shown).map(\.text) }
    var rows = [
      row([
        (true, "Metric"), (true, "System"), (true, "Score"), (intervals, "Mean ± 95 %"), (hasBaseline, "Difference"),
        (bootstrap, "p bootstrap"), (randomization, "p randomisation"),
      ])
    ]
    for metric in metrics.indices {
      for (system, cells) in cells.enumerated() {
        let cell = cells[metric], difference = cell.score.score - self.cells[0][metric].score.score
        let interval = cell.score.confidence.map {
          "\(formatFixed($0.mean, width)) ± \(formatFixed($0.halfWidth, width))"
        }
        rows.append(
          row([
            (true, metrics[metric]), (true, systems[system]), (true, formatFixed(cell.score.score, width)),
            (intervals, interval ?? ""),
            (hasBaseline, system == 0 ? "baseline" : formatSigned(difference, width)),
            (bootstrap, marked(cell.bootstrapPValue)), (randomization, marked(cell.randomizationPValue)),
          ]))
      }
    }
    return (rows, 2)
  }

  /// What the p-values mean, where there are any.
  private var explanation: String? {
    guard cells.joined().contains(where: { $0.bootstrapPValue != nil || $0.randomizationPValue != nil }) else {
      return nil
    }
    return """
      p: how likely chance alone is to make a difference from the baseline as large as this or larger; * marks p ≤ 0.05.
      It speaks of these test sentences only, not of how a model would vary from one training to the next.
      """
  }

  private static func escaped(_ text: String) -> String {
    text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
  }
}

/// Rows as lines whose columns stand under each other, a rule under the first: `labels` columns to the left, the
/// others to the right.
private func alignedColumns(_ rows: [[String]], labels: Int) -> [String] {
  let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
  var lines = rows.map { row in
    var line = zip(row, widths).enumerated().map { index, cell in
      let padding = String(repeating: " ", count: cell.1 - cell.0.count)
      return index < labels ? cell.0 + padding : padding + cell.0
    }.joined(separator: "  ")
    while line.last == " " { line.removeLast() }
    return line
  }
  lines.insert(String(repeating: "─", count: widths.reduce(0, +) + 2 * (widths.count - 1)), at: 1)
  return lines
}
