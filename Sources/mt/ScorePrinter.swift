import Evaluation

/// Prints scores as people or programs want them.
struct ScorePrinter {
  var format: ScoreFormat
  var width: Int
  var short: Bool
  var scoreOnly: Bool

  func print(_ tables: [ScoreTable]) throws {
    let output = StandardOutput.shared
    switch format {
    case .json: try output.write(line: ScoreRecord.json(tables.flatMap(\.records)))
    case .tsv: try output.write(line: ScoreRecord.tsv(tables.flatMap(\.records)))
    case .sacrebleu: for table in tables { try output.write(line: table.sacreBLEUJSON(width: width)) }
    case .text, .markdown:
      for (index, table) in tables.enumerated() {
        if let name = table.testSet, !scoreOnly {
          if index > 0 { try output.write(line: "") }
          try output.write(line: format == .text ? name : "### \(name)\n")
        }
        if scoreOnly {
          try output.write(line: table.scoresAlone(width: width))
        } else {
          try output.write(
            line: format == .text
              ? table.text(width: width, short: short) : table.markdown(width: width, short: short))
        }
      }
    }
  }

  /// - Parameter sentences: for each test set the scores of its lines.
  func print(sentences: [[ScoreRecord]]) throws {
    let output = StandardOutput.shared
    switch format {
    case .json: try output.write(line: ScoreRecord.json(sentences.flatMap(\.self)))
    case .tsv: try output.write(line: ScoreRecord.tsv(sentences.flatMap(\.self)))
    case .markdown:
      for records in sentences {
        if let name = records.first?.testSet { try output.write(line: "### \(name)\n") }
        try output.write(line: ScoreRecord.markdown(records, width: width))
      }
    case .text, .sacrebleu:
      // sacreBLEU prints text whatever the format.
      let several = Set(sentences.joined().map(\.system)).count > 1
      for record in sentences.joined() {
        let line = record.score.textLine(width: width, short: short, scoreOnly: scoreOnly)
        try output.write(line: several && !scoreOnly ? "\(record.system): \(line)" : line)
      }
    }
  }
}
