/// The other system in words and tables.
extension ErrorReport {
  var comparisonTitle: String { comparison.map { "\($0.other) against \($0.name)" } ?? "" }

  /// Who judged outputs that were given, or made by the model itself.
  private func name(of judgement: SystemComparison.Judgement) -> String {
    judgement.model == comparison?.name ? judge ?? judgement.model : judgement.model
  }

  /// A few lines for the screen.
  var comparisonLines: [String] {
    guard let comparison else { return [] }
    let scores = comparison.metrics.map {
      "\($0.name) \(decimal($0.score, 1)) → \(decimal($0.other, 1)) (p = \(decimal($0.pValue, 3)))"
    }
    var lines = ["", "\(comparisonTitle): " + scores.joined(separator: ", ")]
    lines.append(
      "by sentence         wins \(comparison.wins.count), loses \(comparison.losses.count), ties "
        + "\(comparison.ties.count) (sign test p = \(decimal(comparison.signTest, 3)))")
    for judgement in comparison.judgements {
      let foreign = judgement.model == comparison.name ? comparison.other : comparison.name
      lines.append(
        "cross-scoring       \(name(of: judgement))'s model prefers the output of \(foreign) in "
          + "\(judgement.prefersOther.count) of \(judgement.prefersOther.total) that differ; it is better in "
          + "\(judgement.otherIsBetter.count)")
    }
    return lines
  }

  var comparisonTables: [Table] {
    guard let comparison else { return [] }
    func rows(_ rows: [SystemComparison.Row], _ places: Int, _ scale: Double = 1) -> [Table.Row] {
      rows.map {
        (
          $0.title,
          [
            "\($0.count)", decimal($0.value * scale, places), decimal($0.other * scale, places),
            signed(($0.other - $0.value) * scale, places),
          ]
        )
      }
    }
    func table(_ title: String, _ what: String, _ rows: [Table.Row]) -> Table {
      Table(title: title, columns: [what, comparison.name, comparison.other, "difference"], rows: rows)
    }
    var tables = [
      Table(
        title: "score", columns: [comparison.name, comparison.other, "difference", "p", "signature"],
        rows: comparison.metrics.map {
          (
            $0.name,
            [
              decimal($0.score, 2), decimal($0.other, 2), signed($0.other - $0.score, 2), decimal($0.pValue, 4),
              $0.signature,
            ]
          )
        }),
      Table(
        title: "by sentence", columns: ["sentences"],
        rows: [
          ("\(comparison.other) wins", [shown(comparison.wins)]), ("loses", [shown(comparison.losses)]),
          ("ties", [shown(comparison.ties)]), ("p, sign test", [decimal(comparison.signTest, 4)]),
          ("mean difference of chrF", [signed(comparison.meanDifference, 2)]),
        ]),
      Table(
        title: "cross-scoring",
        columns: ["prefers the other's output", "of these the other's is better", "prefers the better output"],
        rows: comparison.judgements.map {
          ("\(name(of: $0))'s model", [shown($0.prefersOther), shown($0.otherIsBetter), shown($0.agreesWithChrF)])
        }),
      table("chrF by source words", "sentences", rows(comparison.lengths, 1)),
    ]
    if !comparison.frequencies.isEmpty {
      tables.append(table("F1 by count in training", "words", rows(comparison.frequencies.filter { $0.count > 0 }, 3)))
    }
    tables.append(table("errors a word", "sentences", rows(comparison.errorClasses, 3)))
    tables.append(table("sentences plainly wrong", "of", rows(comparison.flags.filter { $0.value + $0.other > 0 }, 0)))
    for (title, ngrams) in [("right more often", comparison.gained), ("right less often", comparison.lost)]
    where !ngrams.isEmpty {
      tables.append(
        Table(
          title: title, columns: [comparison.name, comparison.other, "lines"],
          rows: ngrams.map { ($0.text, ["\($0.count)", "\($0.other)", listed($0.lines)]) }))
    }
    return tables
  }

  private func signed(_ value: Double, _ places: Int) -> String { (value > 0 ? "+" : "") + decimal(value, places) }
}
