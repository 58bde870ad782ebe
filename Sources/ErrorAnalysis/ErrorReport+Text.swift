import Foundation
import Translation

extension ErrorReport {
  /// JSON, keys in order, numbers at full precision: pretty, but for the sentences, of which each has a line.
  public func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .named
    func lines(_ records: [some Encodable]) throws -> String {
      try records.map { "    " + String(decoding: try encoder.encode($0), as: UTF8.self) }.joined(separator: ",\n")
    }
    let (own, others) = (try lines(sentences), try lines(comparison?.sentences ?? []))
    var frame = self
    frame.sentences = []
    frame.comparison?.sentences = []
    encoder.outputFormatting.insert(.prettyPrinted)
    // Quotes inside strings are escaped, so that this key is found only where it is one: the comparison's comes first.
    var parts = String(decoding: try encoder.encode(frame), as: UTF8.self).components(separatedBy: "\"sentences\" : [")
    for (i, part) in parts.enumerated().dropFirst() {
      guard let end = part.firstIndex(of: "]") else { continue }
      let text = i == parts.count - 1 ? own : others
      parts[i] = (text.isEmpty ? "" : "\n\(text)\n  ") + part[end...]
    }
    return parts.joined(separator: "\"sentences\" : [") + "\n"
  }

  /// Where the outputs are from: the model and its search, or who judged those that were given.
  func origin(_ separator: String) -> String {
    judge.map { "outputs \(model)\(separator)judged by \($0)" } ?? "model \(model)\(separator)\(search)"
  }

  /// A screenful, ending in one sentence of advice.
  public func text() -> String {
    let scores = "BLEU \(decimal(bleu, 1)) · chrF \(decimal(chrF, 1))"
    var lines = ["\(count) sentences · \(origin(" · ")) · \(scores)", ""]
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
    for record in worstSearchErrors(1) where omitsTexts != true {
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
    typealias Row = (title: String, cells: [String])
    var title: String
    var columns: [String]
    var rows: [Row]
  }

  var tables: [Table] {
    [faultTable("fault", faults, faultsByLogProbability), badTable] + [exactTable, firstPruneTable].compactMap { $0 }
  }

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
    // Of nothing settled there is nothing to say.
    func ofSettled(_ cell: (ExactTotals) -> String) -> [String] { totals.map { $0.settled.count == 0 ? "–" : cell($0) } }
    return Table(
      title: "exact search", columns: Array(ErrorReport.objectives.prefix(totals.count)),
      rows: [
        ("settled", cells { shown($0.settled) }),
        ("search errors", ofSettled { shown($0.searchErrors) }),
        ("  at least, of all", cells { shown($0.provenSearchErrors) }),
        ("optimum is empty", ofSettled { shown($0.emptyOptima) }),
        (
          "length: optimum, output",
          ofSettled { "\(decimal($0.lengthRatio, 2)), \(decimal($0.hypothesisLengthRatio, 2))" }
        ),
        ("BLEU: optimum, output", ofSettled { "\(decimal($0.bleu, 1)), \(decimal($0.hypothesisBLEU, 1))" }),
        ("chrF: optimum, output", ofSettled { "\(decimal($0.chrF, 1)), \(decimal($0.hypothesisChrF, 1))" }),
        (
          "optimum better/equal/worse",
          ofSettled { "\($0.optimum.better) / \($0.optimum.equal) / \($0.optimum.worse) of the search errors" }
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
    if let coverage {
      let words = coverage.underWords.prefix(4).map(\.word).joined(separator: ", ")
      lines.append(
        "attention           \(percent(coverage.under)) of content words hardly looked at"
          + (words.isEmpty ? "" : " (\(words))") + ", \(percent(coverage.over)) too long")
    }
    if let calibration {
      lines.append(
        "probabilities       ECE \(decimal(calibration.expectedError, 3)): says \(decimal(calibration.confidence, 2)), "
          + "is right \(decimal(calibration.accuracy, 2)); perplexity \(decimal(calibration.referencePerplexity, 2))")
    }
    let dearest = recoverable.prefix(4).filter { $0.bleu >= 0.05 }
    if !dearest.isEmpty {
      lines.append(
        "BLEU without        " + dearest.map { "\($0.cause) +\(decimal($0.bleu, 1))" }.joined(separator: ", "))
    }
    let flags = statistics.flags.filter { $0.share.count > 0 }.sorted { ($1.share.count, $0.name) < ($0.share.count, $1.name) }
    if !flags.isEmpty {
      lines.append("plainly wrong       " + flags.prefix(4).map { "\($0.name) \($0.share.count)" }.joined(separator: ", "))
    }
    lines += comparisonLines
    return lines
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

  func percent(_ share: Share) -> String { "\(decimal(share.share * 100, 1)) %" }

  func decimal(_ value: Double, _ places: Int) -> String { String(format: "%.\(places)f", value) }

  private func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
