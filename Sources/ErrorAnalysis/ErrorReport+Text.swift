import Foundation

extension ErrorReport {
  /// Pretty JSON, keys in order, numbers at full precision.
  public func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }

  /// A screenful, ending in one sentence of advice.
  public func text() -> String {
    let scores = "BLEU \(decimal(bleu, 1)) · chrF \(decimal(chrF, 1))"
    var lines = ["\(count) sentences · model \(model) · \(search) · \(scores)", ""]
    for table in tables {
      if !table.rows.isEmpty {
        let width = max(9, (table.rows.map(\.title) + [table.title]).map(\.count).max() ?? 0)
        lines.append(pad(table.title, width) + "  " + table.columns.map { pad($0, 31) }.joined(separator: "  "))
        for row in table.rows {
          lines.append(pad(row.title, width) + "  " + row.cells.map { pad($0, 31) }.joined(separator: "  "))
        }
        lines.append("")
      }
    }
    let others = others
    if !others.isEmpty { lines += others + [""] }
    for record in worstSearchErrors(1) {
      lines += [
        "Where the search missed most:",
        "  source      \(record.source)",
        "  reference   \(record.reference)  (\(decimal(record.objective.reference, 3)))",
        "  hypothesis  \(record.hypothesis)  (\(decimal(record.objective.hypothesis, 3)))", "",
      ]
    }
    let trimmed = lines.map { line in
      String(line.reversed().drop { $0 == " " }.reversed())
    }
    return trimmed.joined(separator: "\n") + "\n" + advice + "\n"
  }

  /// Numbers as the text and the page show them.
  struct Table {
    var title: String
    var columns: [String]
    var rows: [(title: String, cells: [String])]
  }

  var tables: [Table] { [faultTable("fault", faults, faultsByLogProbability), badTable] + [exactTable, firstPruneTable].compactMap { $0 } }

  private var badTable: Table {
    faultTable(
      "chrF below \(decimal(bad.chrFBelow, 1))", bad.faults, bad.faultsByLogProbability)
  }

  private func faultTable(_ title: String, _ byObjective: Totals, _ byLogProbability: Totals) -> Table {
    let rows: [(String, KeyPath<Totals, Share>)] = [("search", \.search), ("model", \.model), ("none", \.none)]
    return Table(
      title: title, columns: ErrorReport.objectives,
      rows: rows.map { ($0, [shown(byObjective[keyPath: $1]), shown(byLogProbability[keyPath: $1])]) })
  }

  static let objectives = ["by the search's objective", "by log P alone"]

  private var exactTable: Table? {
    let totals = [exact, exactByLogProbability].compactMap { $0 }
    guard !totals.isEmpty else { return nil }
    func cells(_ cell: (ExactTotals) -> String) -> [String] { totals.map(cell) }
    return Table(
      title: "exact search", columns: Array(ErrorReport.objectives.prefix(totals.count)),
      rows: [
        ("settled", cells { shown($0.settled) }),
        ("search errors", cells { shown($0.searchErrors) }),
        ("  at least, of all", cells { shown($0.provenSearchErrors) }),
        ("optimum is empty", cells { shown($0.emptyOptima) }),
        ("length: optimum, output", cells { "\(decimal($0.lengthRatio, 2)), \(decimal($0.hypothesisLengthRatio, 2))" }),
        ("BLEU: optimum, output", cells { "\(decimal($0.bleu, 1)), \(decimal($0.hypothesisBLEU, 1))" }),
        ("chrF: optimum, output", cells { "\(decimal($0.chrF, 1)), \(decimal($0.hypothesisChrF, 1))" }),
        (
          "optimum better/equal/worse",
          cells { "\($0.optimum.better) / \($0.optimum.equal) / \($0.optimum.worse) of the search errors" }
        ),
      ])
  }

  /// The rest in a line each.
  private var others: [String] {
    var lines: [String] = []
    if let oracle {
      let rows = oracle.rows.map { "\($0.candidates): \(decimal($0.chrF, 1))" }
      lines.append("best of n, chrF     " + rows.joined(separator: "  "))
    }
    if let sweep, let best = sweep.recommended {
      lines.append(
        "recommended         --beam \(best.beam) --length-penalty \(best.lengthPenalty): chrF \(decimal(best.chrF, 1)), BLEU "
          + "\(decimal(best.bleu, 1)), \(decimal(best.tokensPerSecond, 0)) tokens/s")
    }
    let lengths = statistics.lengths.map { "\($0.words): \(decimal($0.chrF, 1))" }
    lines.append("chrF by length      " + lengths.joined(separator: "  "))
    if !statistics.frequencies.isEmpty {
      let words = statistics.frequencies.filter { $0.inReferences > 0 }
      lines.append(
        "F1 by word count    " + words.map { "\($0.trainingCount): \(decimal($0.f1 * 100, 0))" }.joined(separator: "  "))
    }
    let classes = statistics.errorClasses.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    lines.append(
      "errors a word       "
        + classes.map { "\($0.key) \(decimal($0.value * 100, 1)) %" }.joined(separator: "  "))
    let flags = statistics.flags.filter { $0.share.count > 0 }
    if !flags.isEmpty {
      lines.append("plainly wrong       " + flags.prefix(7).map { "\($0.name) \($0.share.count)" }.joined(separator: ", "))
    }
    return lines
  }

  /// What only the page has room for.
  var detailTables: [Table] {
    var tables: [Table] = []
    if let oracle {
      tables.append(
        Table(
          title: "best of n (beam \(oracle.beam))", columns: ["chrF", "BLEU", "mean rank", "better than the first"],
          rows: oracle.rows.map {
            (
              "\($0.candidates)",
              [decimal($0.chrF, 1), decimal($0.bleu, 1), decimal($0.meanRank, 1), shown($0.improved)]
            )
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
    tables.append(
      Table(
        title: "source words", columns: ["sentences", "chrF", "BLEU", "length ratio", "search at fault"],
        rows: statistics.lengths.map {
          (
            $0.words,
            [
              "\($0.count)", decimal($0.chrF, 1), decimal($0.bleu, 1), decimal($0.lengthRatio, 3),
              shown($0.searchFaults),
            ]
          )
        }))
    if !statistics.frequencies.isEmpty {
      tables.append(
        Table(
          title: "count in training", columns: ["words in references", "precision", "recall", "F1"],
          rows: statistics.frequencies.map {
            (
              $0.trainingCount,
              ["\($0.inReferences)", decimal($0.precision, 3), decimal($0.recall, 3), decimal($0.f1, 3)]
            )
          }))
    }
    tables.append(
      Table(
        title: "plainly wrong", columns: ["sentences", "lines"],
        rows: statistics.flags.map { ($0.name, [shown($0.share), $0.lines.map(String.init).joined(separator: ", ")]) }))
    let classes = statistics.errorClasses.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    tables.append(
      Table(
        title: "error class", columns: ["per word"],
        rows: classes.map { ($0.key, [decimal($0.value, 3)]) }
          + [("OTEM", [decimal(statistics.otem, 4)]), ("UTEM", [decimal(statistics.utem, 4)])]))
    for (title, ngrams) in [
      ("too often", statistics.producedTooOften), ("too rarely", statistics.producedTooRarely),
    ] where !ngrams.isEmpty {
      tables.append(
        Table(
          title: title, columns: ["over", "under", "lines"],
          rows: ngrams.map {
            ($0.text, ["\($0.over)", "\($0.under)", $0.lines.map(String.init).joined(separator: ", ")])
          }))
    }
    return tables
  }

  private var firstPruneTable: Table? {
    guard let firstPrune else { return nil }
    let gaps = [Fault.search, .model].compactMap { fault in
      firstPrune.medianGap[fault.rawValue].map { "\(decimal($0, 2)) (\(fault.rawValue))" }
    }
    let words = firstPrune.words.prefix(6).map { "\($0.word) \($0.lost)/\($0.occurrences)" }
    return Table(
      title: "first prune", columns: ["references that differ"],
      rows: [
        ("the beam dropped it", [shown(firstPrune.byBeam)]), ("it could not win", [shown(firstPrune.byScore)]),
        ("it was completed", [shown(firstPrune.completed)]),
        (
          "where, rank, gap",
          [
            "\(decimal(firstPrune.meanPlace * 100, 0)) % into it, rank \(decimal(firstPrune.medianRank, 0)), gap "
              + gaps.joined(separator: ", ")
          ]
        ),
        ("at the words", [words.joined(separator: ", ")]),
      ])
  }

  /// Sentences whose reference the model prefers by the widest margin.
  func worstSearchErrors(_ count: Int) -> [SentenceRecord] {
    sentences.filter { $0.fault == .search }
      .sorted { $0.objective.reference - $0.objective.hypothesis > $1.objective.reference - $1.objective.hypothesis }
      .prefix(count).map { $0 }
  }

  func shown(_ share: Share) -> String {
    String(
      format: "%5d  %5.1f %% (%.1f–%.1f)", share.count, share.share * 100, share.low * 100, share.high * 100)
  }

  func decimal(_ value: Double, _ places: Int) -> String { String(format: "%.\(places)f", value) }

  private func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}

extension ErrorReport {
  /// What to do about it: one sentence.
  public var advice: String {
    let differing = faults.search.count + faults.model.count
    if differing == 0 { return "Every output is its reference: nothing to improve here." }
    if let exact, exact.settled.count >= 20 { return advice(exact) }
    let bySearch = Double(faults.search.count) / Double(differing)
    let percent = Int((bySearch * 100).rounded())
    switch bySearch {
    case 0.5...:
      return "Work on the search: in \(percent) % of the differing sentences the model prefers the reference; try a "
        + "larger beam or another length penalty."
    case 0.15...:
      return "Work on the model first, then on the search: it misses what the model prefers in \(percent) % of the "
        + "differing sentences."
    default:
      return "Work on the model: the search is at fault in only \(percent) % of the differing sentences, so a larger "
        + "beam cannot help much."
    }
  }

  /// With the truth about the search at hand.
  private func advice(_ exact: ExactTotals) -> String {
    let errors = Int((exact.searchErrors.share * 100).rounded())
    let gain = exact.bleu - exact.hypothesisBLEU
    if exact.searchErrors.share < 0.1 {
      return "Work on the model: the search misses the optimum in only \(errors) % of the settled sentences."
    }
    if gain > 0.5 {
      return "Work on the search: the optimum it misses in \(errors) % of the settled sentences is worth "
        + "\(decimal(gain, 1)) BLEU; try a larger beam."
    }
    return "Work on the model: the search misses the optimum in \(errors) % of the settled sentences, but finding it would "
      + (gain < -0.5 ? "cost \(decimal(-gain, 1)) BLEU." : "win no more than \(decimal(max(gain, 0), 1)) BLEU.")
  }
}
