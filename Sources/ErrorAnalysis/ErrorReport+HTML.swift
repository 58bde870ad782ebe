import Foundation

extension ErrorReport {
  /// One self-contained page: no network, no script, light and dark.
  public func html() -> String {
    return """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
      <title>Error analysis</title><style>
      \(ErrorReport.style)
      </style></head><body>
      <h1>Is it the search or the model?</h1>
      <p>\(count) sentences, model \(escaped(model)), \(escaped(search)). BLEU \(decimal(bleu, 1)), chrF \
      \(decimal(chrF, 1)).</p>
      <p class="advice">\(escaped(advice))</p>
      \(chart)
      \(tables.map(table).joined(separator: "\n"))
      \(crossTable)
      \(sweep.map(ErrorReport.picture) ?? "")
      \(detailTables.map(table).joined(separator: "\n"))
      <h2>Sentences</h2>
      <p>The worst by chrF first.</p>
      \(sentenceTable)
      <h2>Words</h2>
      <dl>
      \(glossary)
      </dl></body></html>

      """
  }

  private func table(_ table: Table) -> String {
    let head = ([table.title] + table.columns).map { "<th scope=\"col\">\(escaped($0))</th>" }.joined()
    let rows = table.rows.map { row in
      "<tr><th scope=\"row\">\(escaped(row.title))</th>"
        + row.cells.map { "<td>\(escaped($0))</td>" }.joined() + "</tr>"
    }
    return "<div class=\"scroll\"><table><tr>\(head)</tr>\n\(rows.joined(separator: "\n"))</table></div>"
  }

  /// chrF over the beam, a line for each A.
  static func picture(_ sweep: SweepTotals) -> String {
    let beams = Array(Set(sweep.rows.map(\.beam))).sorted()
    let penalties = Array(Set(sweep.rows.map(\.lengthPenalty))).sorted()
    let (low, high) = (sweep.rows.map(\.chrF).min() ?? 0, sweep.rows.map(\.chrF).max() ?? 1)
    let range = max(high - low, 0.1)
    func x(_ beam: Int) -> Double { 60 + 560 * Double(beams.firstIndex(of: beam) ?? 0) / Double(max(beams.count - 1, 1)) }
    func y(_ value: Double) -> Double { 250 - 220 * (value - low) / range }
    func number(_ value: Double, _ places: Int = 1) -> String { String(format: "%.\(places)f", value) }
    var parts: [String] = []
    for value in [low, (low + high) / 2, high] {
      parts.append("<line x1=\"60\" x2=\"620\" y1=\"\(number(y(value)))\" y2=\"\(number(y(value)))\" class=\"grid\"/>")
      parts.append("<text x=\"52\" y=\"\(number(y(value) + 4))\" text-anchor=\"end\">\(number(value))</text>")
    }
    for beam in beams {
      parts.append("<text x=\"\(number(x(beam)))\" y=\"272\" text-anchor=\"middle\">\(beam)</text>")
    }
    for (i, penalty) in penalties.enumerated() {
      let rows = sweep.rows.filter { $0.lengthPenalty == penalty }.sorted { $0.beam < $1.beam }
      let points = rows.map { "\(number(x($0.beam))),\(number(y($0.chrF)))" }.joined(separator: " ")
      let hue = 360 * i / max(penalties.count, 1)
      parts.append("<polyline points=\"\(points)\" style=\"stroke:hsl(\(hue) 70% 50%)\"/>")
      if let last = rows.last {
        parts.append(
          "<text x=\"628\" y=\"\(number(y(last.chrF) + 4 + Double(i % 2) * 10))\" style=\"fill:hsl(\(hue) 70% 50%)\">"
            + "A = \(penalty)</text>")
      }
    }
    return """
      <h2>chrF by beam size</h2>
      <svg viewBox="0 0 720 280" role="img" aria-label="chrF over beam size, a line for each A">
      \(parts.joined(separator: "\n"))</svg>
      """
  }

  /// Shares of the faults, of all sentences and of the bad ones, as bars.
  private var chart: String {
    func bar(_ title: String, _ totals: Totals) -> String {
      let parts = [("search", totals.search), ("model", totals.model), ("none", totals.none)].map { name, share in
        let percent = decimal(share.share * 100, 2)
        let label = share.share > 0.06 ? "\(name) \(decimal(share.share * 100, 0)) %" : ""
        return "<span class=\"\(name)\" style=\"width:\(percent)%\" title=\"\(name) \(percent) %\">\(label)</span>"
      }
      return "<p class=\"caption\">\(escaped(title))</p><div class=\"bar\">\(parts.joined())</div>"
    }
    return bar("all sentences, by the search's objective", faults)
      + bar("sentences with chrF below \(decimal(bad.chrFBelow, 1))", bad.faults)
  }

  /// Ng's rule against the truth.
  private var crossTable: String {
    [(ErrorReport.objectives[0], exact), (ErrorReport.objectives[1], exactByLogProbability)].compactMap { title, totals in
      guard let totals else { return nil }
      let rows = Fault.allCases.map { fault in
        let row = totals.crossTable[fault.rawValue] ?? .init()
        return "<tr><th scope=\"row\">\(fault.rawValue)</th><td>\(row.searchError)</td><td>\(row.noSearchError)</td>"
          + "<td>\(row.open)</td></tr>"
      }.joined(separator: "\n")
      return """
        <table><tr><th scope="col">fault, \(escaped(title))</th><th scope="col">search error</th>
        <th scope="col">none</th><th scope="col">open</th></tr>
        \(rows)</table>
        """
    }.joined(separator: "\n")
  }

  private var sentenceTable: String {
    let ordered = sentences.indices.sorted { (sentences[$0].chrF, $0) < (sentences[$1].chrF, $1) }
    let rows = ordered.map { i in
      let record = sentences[i]
      var texts = [("source", record.source), ("output", record.hypothesis), ("reference", record.reference)]
      for (name, outcome) in [("optimum", record.exact), ("optimum by log P", record.exactByLogProbability)] {
        guard let outcome, outcome.searchError == true else { continue }
        texts.append((outcome.settled ? name : "better than the output", outcome.text.isEmpty ? "(empty)" : outcome.text))
      }
      let paragraphs = texts.map { "<p><small>\($0)</small> \(escaped($1))</p>" }.joined()
      return """
        <tr><td>\(i + 1)</td><td class="\(record.fault.rawValue)">\(record.fault.rawValue)</td><td>\(paragraphs)</td>
        <td>\(decimal(record.chrF, 1))</td>
        <td>\(decimal(record.logProbability.hypothesis, 2))<br>\(decimal(record.logProbability.reference, 2))</td>
        <td>\(decimal(record.objective.hypothesis, 3))<br>\(decimal(record.objective.reference, 3))</td></tr>
        """
    }.joined(separator: "\n")
    return """
      <div class="scroll"><table><tr><th>line</th><th>fault</th><th>texts</th><th>chrF</th>
      <th>log P of output and reference</th><th>objective of both</th></tr>
      \(rows)</table></div>
      """
  }

  private var glossary: String {
    var words = ErrorReport.words + ErrorReport.statisticWords
    if oracle != nil { words += ErrorReport.oracleWords }
    if sweep != nil { words += ErrorReport.sweepWords }
    if firstPrune != nil { words += ErrorReport.firstPruneWords }
    if exact != nil { words += ErrorReport.exactWords }
    return words.map { "<dt>\(escaped($0))</dt><dd>\(escaped($1))</dd>" }.joined(separator: "\n")
  }

  static let words: [(String, String)] = [
    (
      "fault",
      """
      Ng's rule. search: the model gives the reference a higher score than the output, so the search failed to find it. \
      model: the model prefers its output to the reference. none: both are the same text. It is a lower bound on the \
      search's errors: an output better than both stays unseen.
      """
    ),
    (
      "objective",
      """
      What the search maximises: log P(Y | X) divided by |Y|^A (power) or ((5 + |Y|) / 6)^A (gnmt; Wu et al. 2016), plus \
      any word reward times |Y| (Murray & Chiang 2018). |Y| counts the end symbol; logarithms are natural.
      """
    ),
    ("log P", "log P(Y | X) of a text's subwords and its end symbol, by forced decoding."),
    ("intervals", "95 % Wilson score intervals (Wilson 1927)."),
    ("chrF", "F2 of character n-grams up to 6 (Popović 2015), as sacreBLEU computes it. Bad sentences: below its median."),
    ("BLEU", "Papineni et al. 2002, tokenizer 13a, exponential smoothing, as sacreBLEU computes it."),
  ]

  static let statisticWords: [(String, String)] = [
    ("length ratio", "Words of the outputs over words of the references."),
    (
      "error classes",
      """
      After Hjerson (Popović 2011), from the word error alignment and sets that ignore position. inflection: the first four \
      letters are right, the form is not. order: in both texts, but misplaced. missing: only in the reference, per word of \
      it. extra: only in the output. lexical: any other wrong word.
      """
    ),
    (
      "OTEM, UTEM",
      "Over- and under-translation by n-grams up to 2 and 4 (Yang et al. 2018), 0 to 1; lower is better."
    ),
    (
      "too often, too rarely",
      "n-grams up to 4 by clipped counts beyond the reference's and beyond the output's (compare-mt, Neubig et al. 2019)."
    ),
    (
      "plainly wrong",
      """
      a word twice in a row: where neither source nor reference has it so. a repeated n-gram: 2 to 4 words, more often than \
      in reference and source. oscillates: its most frequent 4-gram occurs at least twice more than the source's (Raunak et \
      al. 2021). copied: source words that the reference does not keep; mostly: above half. numbers differ: by their digits \
      from the reference's. least probable 2 %: by log P a token, the best sign of a hallucination that needs no reference \
      (Guerreiro et al. 2023).
      """
    ),
    (
      "count in training",
      """
      Words by how often the training data has them; identical words of output and reference are matched one to one \
      (compare-mt).
      """
    ),
  ]

  static let oracleWords: [(String, String)] = [
    (
      "best of n",
      """
      Of the n best outputs of one search with the largest beam, the best by sentence chrF: what re-ranking could win at \
      most (Niehues et al. 2017). The row of 1 is that search's own choice.
      """
    )
  ]

  static let sweepWords: [(String, String)] = [
    (
      "beam sweep",
      """
      The test set translated under each setting. search at fault: Ng's rule under that setting's own objective, against the \
      first reference. Recommended is the smallest beam within 0.1 of the best chrF.
      """
    )
  ]

  static let firstPruneWords: [(String, String)] = [
    (
      "first prune",
      """
      The reference is followed through the search: the first token after which its beginning is no longer among the live \
      hypotheses. rank: its place among all continuations of all live hypotheses, the median. gap: what log P it lacked \
      against the last that stayed, the median, by fault; a small gap where the search is at fault asks for a larger beam, \
      a large one where the model is says that the model finds the word improbable. it could not win: whatever followed, \
      it would not have scored more than an output already found. it was completed: the search had it and another scored \
      more. The words are those at which the beam dropped it most, with their number in all these references.
      """
    )
  ]

  static let exactWords: [(String, String)] = [
    (
      "exact search",
      """
      Depth-first over all outputs of at most 2·|x| + 10 tokens, at most 60 unless the output or the reference is longer, \
      leaving out beginnings that cannot beat the best output so far (Stahlberg & Byrne 2019). settled: done within the \
      budget, so that the optimum is proven.
      """
    ),
    (
      "search error",
      """
      The optimum scores more than the output by over 0.0001. Its rate is taken over the settled sentences; "at least, of \
      all" counts the proven errors among all, also where a better output but no optimum was found.
      """
    ),
    ("optimum is empty", "The best of all outputs has no word: a fault of the model that the beam hides."),
    ("length", "Tokens of optimum and output over those of the reference, in the settled sentences."),
    (
      "better / equal / worse",
      "By chrF of the optimum against the output, where the search erred: where it is worse, the error was lucky."
    ),
  ]

  static let style = """
    :root { color-scheme: light dark; --line: #8884; --search: #c2410c; --model: #1d4ed8; --none: #15803d; --on: #fff }
    @media (prefers-color-scheme: dark) { :root { --search: #fb923c; --model: #93c5fd; --none: #86efac; --on: #111 } }
    body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
    table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
    th, td { text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); padding: .3rem .6rem;
    font-variant-numeric: tabular-nums }
    th[scope=row] { font-weight: normal }
    .bar { display: flex; height: 1.8rem } .bar span { color: var(--on); padding: 0 .4rem; overflow: hidden;
    white-space: nowrap; box-sizing: border-box; font-size: .9rem; line-height: 1.8rem }
    .caption { margin: .8rem 0 .2rem } .advice { font-weight: bold; font-size: 1.15rem }
    span.search { background: var(--search) } span.model { background: var(--model) }
    span.none { background: var(--none) }
    td.search { color: var(--search) } td.model { color: var(--model) } td.none { color: var(--none) }
    svg { width: 100%; max-width: 46rem } svg text { font-size: 12px; fill: currentColor } svg .grid { stroke: var(--line) }
    svg polyline { fill: none; stroke-width: 2 }
    td p { margin: 0 } small { opacity: .7 } .scroll { overflow-x: auto } dt { font-weight: bold } dd { margin: 0 0 .6rem 1rem }
    """

  private func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
      .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
  }
}
