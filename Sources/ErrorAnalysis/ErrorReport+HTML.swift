import Foundation
import Translation

extension ErrorReport {
  /// Sentences that the page shows; all are in the JSON.
  static let shownSentences = 60

  /// One self-contained page: no network, no script, light and dark.
  public func html() -> String {
    let sections = detailSections.map { section in
      "<h2>\(escaped(section.title))</h2>\n\(charts(section.title))\n<div class=\"tables\">"
        + section.tables.map(table).joined(separator: "\n") + "</div>"
    }
    let glossary = glossary.map { "<dt>\(escaped($0.word))</dt><dd>\(escaped($0.meaning))</dd>" }
    return """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
      <title>Error analysis of \(escaped(model))</title><style>
      \(ErrorReport.style)
      </style></head><body>
      <h1>Is it the search or the model?</h1>
      <p>\(count) sentences, \(escaped(origin(", "))). BLEU \(decimal(bleu, 1)), chrF \
      \(decimal(chrF, 1)).</p>
      <p class="advice">\(escaped(advice))</p>
      \(faultBars)
      <div class="tables">\(tables.map(table).joined(separator: "\n"))</div>
      \(sections.joined(separator: "\n"))
      \(comparedSentences)
      <h2>Sentences</h2>
      <p>The \(min(count, ErrorReport.shownSentences)) worst by chrF of \(count).</p>
      \(sentenceTable(worst.prefix(ErrorReport.shownSentences).map { $0 }))
      \(worstSearch)
      <h2>Words</h2>
      <dl>
      \(glossary.joined(separator: "\n"))
      </dl></body></html>

      """
  }

  private func table(_ table: Table) -> String {
    func isNumber(_ cell: String) -> Bool { Double(cell.hasPrefix("+") ? String(cell.dropFirst()) : cell) != nil }
    // A column of numbers is read down its right edge.
    let right = table.columns.indices.map { column in
      let cells = table.rows.map { $0.cells[column] }.filter { !$0.isEmpty }
      return !cells.isEmpty && cells.allSatisfy(isNumber)
    }
    let head = "<th scope=\"col\">\(escaped(table.title))</th>"
      + zip(table.columns, right).map { "<th scope=\"col\"\($1 ? " class=\"n\"" : "")>\(escaped($0))</th>" }.joined()
    let rows = table.rows.map { row in
      "<tr><th scope=\"row\">\(escaped(row.title))</th>"
        + zip(row.cells, right).map { "<td\($1 ? " class=\"n\"" : "")>\(escaped(dotted($0)))</td>" }.joined() + "</tr>"
    }
    return "<div class=\"scroll\"><table><thead><tr>\(head)</tr></thead><tbody>\n\(rows.joined(separator: "\n"))"
      + "</tbody></table></div>"
  }

  /// Shares of the faults, of all sentences and of the bad ones, as bars.
  private var faultBars: String {
    func bar(_ title: String, _ totals: Totals) -> String {
      let parts = [("search", totals.search), ("model", totals.model), ("none", totals.none)].map { name, share -> String in
        let percent = decimal(share.share * 100, 2)
        guard share.count > 0 else { return "" }
        let label = share.share > 0.08 ? "\(name) \(decimal(share.share * 100, 0)) %" : ""
        return "<span class=\"\(name)\" style=\"width:\(percent)%\" title=\"\(name) \(percent) %\">\(label)</span>"
      }
      return "<p class=\"caption\">\(escaped(title))</p><div class=\"bar\">\(parts.joined())</div>"
    }
    return bar("all sentences, by the search's objective", faults)
      + bar("sentences with chrF below \(decimal(bad.chrFBelow, 1))", bad.faults)
  }

  /// The charts that belong to a section.
  private func charts(_ section: String) -> String {
    var charts: [String] = []
    switch section {
    case "The search": if let sweep { charts.append(Chart.sweep(sweep)) }
    case "Lengths and words":
      charts.append(
        Chart.bars("chrF by source words", statistics.lengths.map { ($0.words, $0.chrF, "\($0.count)") }, top: 100))
      charts.append(
        Chart.bars(
          "sentences by chrF", statistics.qualities.map { ($0.chrF, Double($0.count), "\($0.count)") }, top: nil))
      let words = statistics.frequencies.filter { $0.inReferences > 0 }
      if !words.isEmpty {
        charts.append(
          Chart.bars(
            "F1 of words by their count in training", words.map { ($0.trainingCount, $0.f1 * 100, "\($0.inReferences)") },
            top: 100))
      }
    case "What is wrong":
      charts.append(
        Chart.bars(
          "errors a hundred words",
          statistics.errorClasses.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
            ($0.key, $0.value * 100, decimal($0.value * 100, 1))
          }, top: nil))
    case "Attention and probabilities": if let calibration { charts.append(Chart.reliability(calibration)) }
    default: break
    }
    return charts.isEmpty ? "" : "<div class=\"charts\">\(charts.joined(separator: "\n"))</div>"
  }

  /// Places of the sentences, the worst first.
  var worst: [Int] { sentences.indices.sorted { (sentences[$0].chrF, $0) < (sentences[$1].chrF, $1) } }

  private var worstSearch: String {
    let places = sentences.indices.filter { sentences[$0].fault == .search }.sorted {
      let gaps = [$0, $1].map { sentences[$0].objective.reference - sentences[$0].objective.hypothesis }
      return (-gaps[0], $0) < (-gaps[1], $1)
    }
    guard !places.isEmpty else { return "" }
    return "<h3>Where the search missed the reference by most</h3>\n" + sentenceTable(Array(places.prefix(10)))
  }

  private func sentenceTable(_ places: [Int]) -> String {
    let rows = places.map { i in
      let record = sentences[i]
      var texts: [(String, String)] = []
      if omitsTexts != true {
        texts = [("source", record.source), ("output", record.hypothesis), ("reference", record.reference)]
        for (name, outcome) in [("optimum", record.exact), ("optimum by log P", record.exactByLogProbability)] {
          guard let outcome, outcome.searchError == true else { continue }
          texts.append((outcome.settled ? name : "better than the output", outcome.text))
        }
      }
      if let prune = record.firstPrune, !prune.completed, let word = prune.word { texts.append(("lost at", word)) }
      return """
        <tr><td class="n">\(i + 1)</td><td class="\(record.fault.rawValue)">\(record.fault.rawValue)</td>
        <td class="texts">\(paragraphs(texts))</td><td class="n">\(decimal(record.chrF, 1))</td>
        <td class="n">\(decimal(record.logProbability.hypothesis, 2))<br>\(decimal(record.logProbability.reference, 2))</td>
        <td class="n">\(decimal(record.objective.hypothesis, 3))<br>\(decimal(record.objective.reference, 3))</td></tr>
        """
    }.joined(separator: "\n")
    return """
      <div class="scroll"><table><thead><tr><th class="n">line</th><th>fault</th><th>texts</th><th class="n">chrF</th>
      <th class="n">log P: output, reference</th><th class="n">objective: both</th></tr></thead><tbody>
      \(rows)</tbody></table></div>
      """
  }

  private func paragraphs(_ texts: [(String, String)]) -> String {
    texts.map { "<p><small>\($0)</small> <span>\($1.isEmpty ? "(empty)" : escaped($1))</span></p>" }.joined()
  }

  /// Where the other system wins and loses most.
  private var comparedSentences: String {
    guard let comparison else { return "" }
    let lists = [("wins", comparison.bestLines), ("loses", comparison.worstLines)]
    return lists.filter { !$0.1.isEmpty }.map { verb, lines in
      let rows = lines.map { line in
        let (record, other) = (sentences[line - 1], comparison.sentences[line - 1])
        let texts = omitsTexts == true ? [] : [
          ("source", record.source), (comparison.name, record.hypothesis), (comparison.other, other.hypothesis),
          ("reference", record.reference),
        ]
        return "<tr><td class=\"n\">\(line)</td><td class=\"texts\">\(paragraphs(texts.map { (escaped($0), $1) }))</td>"
          + "<td class=\"n\">\(decimal(record.chrF, 1))</td><td class=\"n\">\(decimal(other.chrF, 1))</td></tr>"
      }
      return """
        <h3>Where \(escaped(comparison.other)) \(verb) most</h3>
        <div class="scroll"><table><thead><tr><th class="n">line</th><th>texts</th>
        <th class="n">chrF of \(escaped(comparison.name))</th><th class="n">of \(escaped(comparison.other))</th></tr></thead>
        <tbody>\(rows.joined(separator: "\n"))</tbody></table></div>
        """
    }.joined(separator: "\n")
  }

  static let style = """
    :root { color-scheme: light dark; --ink: #1d2430; --paper: #fff; --faint: #d8dde6; --quiet: #5b6675;
    --search: #c2410c; --model: #1d4ed8; --none: #15803d; --on: #fff }
    @media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --paper: #14181f; --faint: #343c48; --quiet: #9aa5b4;
    --search: #fb923c; --model: #93c5fd; --none: #86efac; --on: #111 } }
    body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 72rem;
    margin: 2rem auto; padding: 0 1rem }
    h1 { font-size: 1.6rem } h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem } h3 { font-size: 1rem; margin: 1.6rem 0 .4rem }
    table { border-collapse: collapse; margin: .8rem 0 } .scroll { overflow-x: auto }
    th, td { text-align: left; vertical-align: top; border-bottom: 1px solid var(--faint); padding: .25rem .8rem .25rem 0;
    font-variant-numeric: tabular-nums } thead th { border-bottom-color: var(--quiet); font-weight: 600 }
    th[scope=row] { font-weight: normal } .n { text-align: right; white-space: nowrap }
    .tables { display: flex; flex-wrap: wrap; gap: 0 3rem; align-items: flex-start } .tables > .scroll { max-width: 100% }
    .bar { display: flex; height: 1.8rem } .bar span { color: var(--on); text-indent: .4rem; overflow: hidden;
    white-space: nowrap; box-sizing: border-box; font-size: .9rem; line-height: 1.8rem }
    .caption { margin: .8rem 0 .2rem } .advice { font-weight: bold; font-size: 1.15rem }
    span.search { background: var(--search) } span.model { background: var(--model) }
    span.none { background: var(--none) }
    td.search { color: var(--search) } td.model { color: var(--model) } td.none { color: var(--none) }
    .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1.5rem; margin: .8rem 0 }
    figure { margin: 0 } figcaption { font-weight: 600; margin-bottom: .2rem }
    svg { width: 100%; max-width: 34rem; height: auto; display: block }
    svg text { font: 12px system-ui, sans-serif; fill: var(--ink) } svg .quiet { fill: var(--quiet) }
    svg .grid { stroke: var(--faint) } svg .ideal { stroke: var(--quiet); stroke-dasharray: 4 4 }
    svg .mark { fill: var(--model) } svg polyline { fill: none; stroke-width: 2; stroke-linejoin: round }
    td.texts { min-width: 22rem } td p { margin: 0; display: flex; gap: .6rem }
    small { color: var(--quiet); flex: 0 0 5.2rem; overflow-wrap: anywhere } dt { font-weight: bold } dd { margin: 0 0 .6rem 1rem }
    """
}
