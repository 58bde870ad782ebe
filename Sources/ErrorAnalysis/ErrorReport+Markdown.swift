extension ErrorReport {
  /// The same numbers as the page, for a repository.
  public func markdown() -> String {
    var lines = [
      "# Error analysis of \(model)", "",
      "\(count) sentences, \(judge.map { "judged by \($0)" } ?? search). BLEU \(decimal(bleu, 1)), chrF \(decimal(chrF, 1)).", "",
      "**\(advice)**", "",
    ]
    for table in tables { lines += rendered(table) }
    for section in detailSections {
      lines += ["## \(section.title)", ""]
      for table in section.tables { lines += rendered(table) }
    }
    lines += ["## The worst by chrF", ""]
    for i in worst.prefix(10) {
      let record = sentences[i]
      lines.append("\(i + 1). fault \(record.fault.rawValue), chrF \(decimal(record.chrF, 1))")
      if omitsTexts == true { continue }
      lines += [
        "   - source: \(cell(record.source))", "   - output: \(cell(record.hypothesis))",
        "   - reference: \(cell(record.reference))",
      ]
    }
    lines += ["", "## Words", ""] + glossary.map { "- **\($0.word)**: \($0.meaning)" }
    return lines.joined(separator: "\n") + "\n"
  }

  private func rendered(_ table: Table) -> [String] {
    ["| " + ([table.title] + table.columns).map(cell).joined(separator: " | ") + " |"]
      + ["|" + String(repeating: "---|", count: table.columns.count + 1)]
      + table.rows.map { "| " + ([$0.title] + $0.cells).map { cell(dotted($0)) }.joined(separator: " | ") + " |" } + [""]
  }

  /// Text that ends no cell and begins no markup.
  private func cell(_ text: String) -> String {
    var result = ""
    for character in text.split(separator: " ").joined(separator: " ") {
      if "|\\`*_<>[]".contains(character) { result.append("\\") }
      result.append(character)
    }
    return result
  }
}
