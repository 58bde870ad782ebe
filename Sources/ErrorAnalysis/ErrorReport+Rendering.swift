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
    var lines = ["\(count) sentences · model \(model) · \(search)", "", "fault      by the search's objective        by log P alone"]
    for (name, path) in ErrorReport.rows {
      lines.append(
        pad(name, 9) + "  " + pad(ErrorReport.percent(faults[keyPath: path]), 31) + "  "
          + ErrorReport.percent(faultsByLogProbability[keyPath: path]))
    }
    let worst = worstSearchErrors(3)
    if !worst.isEmpty { lines += ["", "Where the search missed most:"] }
    for record in worst {
      lines += [
        "  source      \(record.source)",
        "  reference   \(record.reference)  (\(decimal(record.objective.reference)))",
        "  hypothesis  \(record.hypothesis)  (\(decimal(record.objective.hypothesis)))", "",
      ]
    }
    if worst.isEmpty { lines.append("") }
    return lines.joined(separator: "\n") + "\n" + advice + "\n"
  }

  /// One self-contained page: no network, no script, light and dark.
  public func html() -> String {
    let bars = ErrorReport.rows.map { name, path in
      let share = faults[keyPath: path]
      return """
        <tr><th scope="row">\(name)</th><td class="bar"><span style="width:\(decimal(share.share * 100))%"></span></td>
        <td>\(ErrorReport.percent(share))</td><td>\(ErrorReport.percent(faultsByLogProbability[keyPath: path]))</td></tr>
        """
    }.joined(separator: "\n")
    let rows = sentences.map { record in
      """
      <tr class="\(record.fault.rawValue)"><td>\(record.fault.rawValue)</td>
      <td><p>\(escaped(record.source))</p><p>\(escaped(record.hypothesis))</p><p>\(escaped(record.reference))</p></td>
      <td>\(decimal(record.logProbability.hypothesis))<br>\(decimal(record.logProbability.reference))</td>
      <td>\(decimal(record.objective.hypothesis))<br>\(decimal(record.objective.reference))</td></tr>
      """
    }.joined(separator: "\n")
    return """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
      <title>Error analysis</title><style>
      :root { color-scheme: light dark; --line: #8884; --search: #c2410c; --model: #1d4ed8; --none: #15803d }
      @media (prefers-color-scheme: dark) { :root { --search: #fb923c; --model: #93c5fd; --none: #86efac } }
      body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
      table { border-collapse: collapse; width: 100% } th, td { text-align: left; vertical-align: top;
      border-bottom: 1px solid var(--line); padding: .4rem .6rem; font-variant-numeric: tabular-nums }
      .bar { width: 40% } .bar span { display: block; height: 1.2rem; background: var(--model) }
      tr.search td:first-child { color: var(--search) } tr.model td:first-child { color: var(--model) }
      tr.none td:first-child { color: var(--none) } p { margin: 0 } p + p { opacity: .8 }
      </style></head><body>
      <h1>Is it the search or the model?</h1>
      <p>\(count) sentences, model \(escaped(model)), \(escaped(search)).</p>
      <table><tr><th>fault</th><th></th><th>by the search's objective</th><th>by log P alone</th></tr>
      \(bars)</table>
      <p><strong>\(escaped(advice))</strong></p>
      <h2>Words</h2>
      <p><b>search</b>: the model gives the reference a higher score than the output, so the search failed to find it.
      <b>model</b>: the model prefers its output to the reference. <b>none</b>: both are the same text.
      Intervals are 95 % Wilson score intervals. Log-probabilities are natural logarithms with the end symbol; the
      objective is the same divided as the search divides by length.</p>
      <h2>Sentences</h2>
      <table><tr><th>fault</th><th>source, output, reference</th><th>log P of output and reference</th>
      <th>objective of both</th></tr>
      \(rows)</table></body></html>

      """
  }

  private static let rows: [(String, KeyPath<Totals, Share> & Sendable)] = [
    ("search", \.search), ("model", \.model), ("none", \.none),
  ]

  /// Sentences whose reference the model prefers by the widest margin.
  private func worstSearchErrors(_ count: Int) -> [SentenceRecord] {
    sentences.filter { $0.fault == .search }
      .sorted { $0.objective.reference - $0.objective.hypothesis > $1.objective.reference - $1.objective.hypothesis }
      .prefix(count).map { $0 }
  }

  private static func percent(_ share: Share) -> String {
    String(
      format: "%5d  %5.1f %% (%.1f–%.1f)", share.count, share.share * 100, share.low * 100, share.high * 100)
  }

  private func decimal(_ value: Double) -> String { String(format: "%.3f", value) }

  private func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  private func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
      .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
  }
}
