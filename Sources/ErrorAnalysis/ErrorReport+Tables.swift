import Foundation

/// What only the page has room for.
extension ErrorReport {
  /// Tables by what they are about.
  var detailSections: [(title: String, tables: [Table])] {
    [
      ("The search", searchTables), ("Lengths and words", wordTables), ("What is wrong", flawTables),
      ("Attention and probabilities", probabilityTables), (comparisonTitle, comparisonTables),
    ].filter { !$0.1.isEmpty }
  }

  private var searchTables: [Table] {
    var tables = [(ErrorReport.objectives[0], exact), (ErrorReport.objectives[1], exactByLogProbability)]
      .compactMap { title, totals in totals.map { crossTable(title, $0) } }
    if let oracle {
      tables.append(
        Table(
          title: "best of n (beam \(oracle.beam))", columns: ["chrF", "BLEU", "mean rank", "better than the first"],
          rows: oracle.rows.map {
            ("\($0.candidates)", [decimal($0.chrF, 1), decimal($0.bleu, 1), decimal($0.meanRank, 1), shown($0.improved)])
          }))
    }
    if let sweep {
      tables.append(
        Table(
          title: "beam, A",
          columns: ["chrF", "BLEU", "length ratio", "empty", "search at fault", "tokens/s"],
          rows: sweep.rows.map {
            (
              "\($0.beam), \($0.lengthPenalty)",
              [
                decimal($0.chrF, 1), decimal($0.bleu, 1), decimal($0.lengthRatio, 3), "\($0.empty)",
                shown($0.searchFaults), decimal($0.tokensPerSecond, 0),
              ]
            )
          }))
    }
    return tables
  }

  /// Ng's rule against the truth.
  private func crossTable(_ title: String, _ totals: ExactTotals) -> Table {
    Table(
      title: "fault, \(title)", columns: ["search error", "none", "open"],
      rows: Fault.allCases.map { fault in
        let row = totals.crossTable[fault.rawValue] ?? .init()
        return (fault.rawValue, ["\(row.searchError)", "\(row.noSearchError)", "\(row.open)"])
      })
  }

  private var wordTables: [Table] {
    var tables = [
      Table(
        title: "source words", columns: ["sentences", "chrF", "BLEU", "F1 of words", "length ratio", "search at fault"],
        rows: statistics.lengths.map {
          (
            $0.words,
            [
              "\($0.count)", decimal($0.chrF, 1), decimal($0.bleu, 1), decimal($0.f1, 3), decimal($0.lengthRatio, 3),
              shown($0.searchFaults),
            ]
          )
        }),
      Table(
        title: "chrF", columns: ["sentences", "F1 of words", "length ratio", "log P a token", "search at fault"],
        rows: statistics.qualities.map {
          (
            $0.chrF,
            [
              "\($0.count)", decimal($0.f1, 3), decimal($0.lengthRatio, 3), decimal($0.logProbability, 2),
              shown($0.searchFaults),
            ]
          )
        }),
    ]
    if !statistics.frequencies.isEmpty {
      tables.append(
        Table(
          title: "count in training", columns: ["words in references", "precision", "recall", "F1"],
          rows: statistics.frequencies.filter { $0.inReferences > 0 }.map {
            ($0.trainingCount, ["\($0.inReferences)", decimal($0.precision, 3), decimal($0.recall, 3), decimal($0.f1, 3)])
          }))
    }
    for (title, ngrams) in [("too often", statistics.producedTooOften), ("too rarely", statistics.producedTooRarely)]
    where !ngrams.isEmpty {
      tables.append(
        Table(
          title: title, columns: ["over", "under", "lines"],
          rows: ngrams.prefix(12).map { ($0.text, ["\($0.over)", "\($0.under)", listed($0.lines)]) }))
    }
    return tables
  }

  private var flawTables: [Table] {
    let classes = statistics.errorClasses.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    var tables = [
      Table(
        title: "error class", columns: ["a word"],
        rows: classes.map { ($0.key, [decimal($0.value, 3)]) }
          + [("OTEM", [decimal(statistics.otem, 4)]), ("UTEM", [decimal(statistics.utem, 4)])]),
      Table(
        title: "plainly wrong", columns: ["sentences", "lines"],
        rows: statistics.flags.map { ($0.name, [shown($0.share), listed($0.lines)]) }),
      Table(
        title: "what it costs", columns: ["sentences", "BLEU without it"],
        rows: recoverable.map { ($0.cause, [shown($0.sentences), "+" + decimal($0.bleu, 2)]) }),
    ]
    if !hallucinationCandidates.isEmpty {
      tables.append(
        Table(
          title: "hallucination candidates", columns: ["log P a token", "chrF", "other signs"],
          rows: hallucinationCandidates.prefix(20).map {
            (
              "line \($0.line)",
              [decimal($0.logProbability, 2), decimal($0.chrF, 1), $0.signs.joined(separator: ", ")]
            )
          }))
    }
    return tables
  }

  private var probabilityTables: [Table] {
    var tables: [Table] = []
    if let coverage {
      func words(_ words: [CoverageTotals.Word]) -> String { words.map { "\($0.word) \($0.count)" }.joined(separator: ", ") }
      tables.append(
        Table(
          title: "attention to the source", columns: ["hardly looked at", "looked at too long"],
          rows: [
            ("content words", [shown(coverage.under), shown(coverage.over)]),
            ("sentences with one", [shown(coverage.sentencesUnder), shown(coverage.sentencesOver)]),
            ("most often", [words(coverage.underWords), words(coverage.overWords)]),
          ]))
      tables.append(
        Table(
          title: "means a sentence", columns: ["value"],
          rows: [
            ("coverage term", [decimal(coverage.penalty, 3)]), ("coverage deviation", [decimal(coverage.deviation, 3)]),
            ("attention on end and marks", [decimal(coverage.onMarks * 100, 1) + " %"]),
            ("chrF with a word hardly looked at", [decimal(coverage.chrFUnder, 1)]),
            ("chrF without", [decimal(coverage.chrFOther, 1)]),
          ]))
    }
    if let calibration {
      tables.append(
        Table(
          title: "probability", columns: ["tokens", "mean probability", "right"],
          rows: calibration.bins.filter { $0.count > 0 }.map {
            (
              "\(decimal($0.low, 1))–\(decimal($0.high, 1))",
              ["\($0.count)", decimal($0.confidence, 3), decimal($0.accuracy, 3)]
            )
          } + [
            ("all", ["\(calibration.tokens)", decimal(calibration.confidence, 3), decimal(calibration.accuracy, 3)]),
            ("ECE", [decimal(calibration.expectedError, 4), "", ""]),
            ("perplexity: references", [decimal(calibration.referencePerplexity, 3), "", ""]),
            ("perplexity: outputs", [decimal(calibration.hypothesisPerplexity, 3), "", ""]),
          ]))
    }
    return tables
  }

  /// A cell whose parts stand apart by spaces on the screen, for where spaces run together.
  func dotted(_ cell: String) -> String {
    cell.components(separatedBy: "  ").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
      .joined(separator: " · ")
  }

  func listed(_ lines: [Int]) -> String { lines.map(String.init).joined(separator: ", ") }
}
