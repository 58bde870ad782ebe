/// One score of one system, of a corpus or of a line, at full precision: what programs read.
public struct ScoreRecord: Sendable {
  /// The name of the test set, where there may be several.
  public var testSet: String?
  public var system: String
  /// Counted from 1, in scores of single lines.
  public var line: Int?
  /// Whether the other systems are compared with this one.
  public var isBaseline = false
  public var score: Score
  /// This score less the baseline's.
  public var difference: Double?
  /// p-values of the two paired tests against the baseline.
  public var bootstrapPValue: Double?
  public var randomizationPValue: Double?

  public init(
    testSet: String? = nil, system: String, line: Int? = nil, isBaseline: Bool = false, score: Score,
    difference: Double? = nil, bootstrapPValue: Double? = nil, randomizationPValue: Double? = nil
  ) {
    self.testSet = testSet
    self.system = system
    self.line = line
    self.isBaseline = isBaseline
    self.score = score
    self.difference = difference
    self.bootstrapPValue = bootstrapPValue
    self.randomizationPValue = randomizationPValue
  }

  /// An object with `system`, `name`, `score`, `signature` and the parts of the score; and with `test_set`, `line`,
  /// `confidence_mean` and `confidence_half_width`, `baseline` or `difference`, `paired_bootstrap` and
  /// `approximate_randomization` where they apply.
  public func json() -> String {
    var members: [(String, String)] = []
    if let testSet { members.append(("test_set", jsonString(testSet))) }
    members.append(("system", jsonString(system)))
    if let line { members.append(("line", "\(line)")) }
    members += score.jsonMembers
    if isBaseline { members.append(("baseline", "true")) }
    if let difference { members.append(("difference", jsonNumber(difference))) }
    if let bootstrapPValue { members.append(("paired_bootstrap", Self.test(bootstrapPValue))) }
    if let randomizationPValue { members.append(("approximate_randomization", Self.test(randomizationPValue))) }
    return jsonObject(members)
  }

  private static func test(_ pValue: Double) -> String { "{\"p_value\": \(jsonNumber(pValue))}" }

  /// An array of the records' objects.
  public static func json(_ records: [ScoreRecord]) -> String {
    records.isEmpty ? "[]" : "[\n" + records.map { $0.json() }.joined(separator: ",\n") + "\n]"
  }

  /// Tab-separated values, a line for each record below a header: `system`, `metric`, `score` and `signature`, then
  /// those of the other columns that any record fills.
  public static func tsv(_ records: [ScoreRecord]) -> String {
    func number(_ value: Double?) -> String? { value.map(jsonNumber) }
    let all: [(title: String, value: (ScoreRecord) -> String?)] = [
      ("system", { $0.system }), ("metric", { $0.score.name }), ("score", { number($0.score.score) }),
      ("signature", { $0.score.signature.format() }), ("test_set", { $0.testSet }),
      ("line", { $0.line.map { "\($0)" } }), ("confidence_mean", { number($0.score.confidence?.mean) }),
      ("confidence_half_width", { number($0.score.confidence?.halfWidth) }),
      ("difference", { number($0.difference) }), ("paired_bootstrap_p", { number($0.bootstrapPValue) }),
      ("approximate_randomization_p", { number($0.randomizationPValue) }),
    ]
    let columns = all[..<4] + all[4...].filter { column in records.contains { column.value($0) != nil } }
    let lines = records.map { record in
      columns.map { withoutTabs($0.value(record) ?? "") }.joined(separator: "\t")
    }
    return ([columns.map(\.title).joined(separator: "\t")] + lines).joined(separator: "\n")
  }

  /// A Markdown table of scores of lines: a row for each system and line, a column for each metric.
  public static func markdown(_ records: [ScoreRecord], width: Int = 2) -> String {
    var metrics: [Score] = []
    for record in records {
      if metrics.contains(where: { $0.name == record.score.name }) { break }
      metrics.append(record.score)
    }
    var lines = ["| System | Line | " + metrics.map(\.name).joined(separator: " | ") + " |"]
    lines.append("|---|---:|" + metrics.map { _ in "---:|" }.joined())
    for start in stride(from: 0, to: records.count, by: max(metrics.count, 1)) {
      let row = records[start..<min(start + metrics.count, records.count)]
      let system = records[start].system.split(separator: "|", omittingEmptySubsequences: false)
        .joined(separator: "\\|")
      let scores = row.map { formatFixed($0.score.score, width) }.joined(separator: " | ")
      lines.append("| \(system) | \(records[start].line ?? 0) | \(scores) |")
    }
    lines.append("")
    lines += metrics.map { "- \($0.name): `\($0.signature)`" }
    return lines.joined(separator: "\n")
  }

  private static func withoutTabs(_ text: String) -> String {
    String(text.map { $0 == "\t" || $0.isNewline ? " " : $0 })
  }
}
