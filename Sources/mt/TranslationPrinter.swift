import Foundation
import Translation

/// Prints translated lines as `mt translate` was asked to.
final class TranslationPrinter {
  private let format: OutputFormat
  private let nBest: Bool
  private let alignments: Bool
  /// The number of the line to come, counted from 0.
  private(set) var line = 0

  init(format: OutputFormat, nBest: Bool, alignments: Bool) {
    (self.format, self.nBest, self.alignments) = (format, nBest, alignments)
  }

  func print(_ source: String, _ translated: TranslatedLine) throws {
    defer { line += 1 }
    let candidates = nBest ? translated.candidates : Array(translated.candidates.prefix(1))
    switch format {
    case .text:
      for candidate in candidates {
        var fields = [candidate.text]
        if nBest {
          fields = [String(line), candidate.text, number(candidate.logProbability), number(candidate.score)]
        }
        if alignments { fields.append(pairs(candidate).map { "\($0[0])-\($0[1])" }.joined(separator: " ")) }
        try StandardOutput.shared.write(line: fields.joined(separator: " ||| "))
      }
    case .tsv:
      for candidate in candidates {
        var fields = [untabbed(source), untabbed(candidate.text), number(candidate.logProbability), number(candidate.score)]
        if nBest { fields.insert(String(line), at: 0) }
        if alignments { fields.append(pairs(candidate).map { "\($0[0])-\($0[1])" }.joined(separator: " ")) }
        try StandardOutput.shared.write(line: fields.joined(separator: "\t"))
      }
    case .jsonl:
      let best = record(translated.candidates[0])
      let entry = LineRecord(
        line: line, source: source, translation: best.text, log_probability: best.log_probability, score: best.score,
        alignment: best.alignment,
        source_pieces: alignments && translated.sourceTokens > 0 ? translated.candidates[0].sourcePieces : nil,
        target_pieces: best.pieces, n_best: nBest ? candidates.map(record) : nil,
        warnings: translated.warnings.isEmpty ? nil : translated.warnings)
      try StandardOutput.shared.write(line: json(entry))
    }
  }

  private struct LineRecord: Encodable {
    var line: Int
    var source, translation: String
    var log_probability, score: Double
    var alignment: [[Int]]?
    var source_pieces, target_pieces: [String]?
    var n_best: [CandidateRecord]?
    var warnings: [String]?
  }

  private struct CandidateRecord: Encodable {
    var text: String
    var log_probability, score: Double
    var alignment: [[Int]]?
    var pieces: [String]?
  }

  private func record(_ candidate: TranslatedLine.Candidate) -> CandidateRecord {
    CandidateRecord(
      text: candidate.text, log_probability: candidate.logProbability, score: candidate.score,
      alignment: alignments ? pairs(candidate) : nil,
      pieces: alignments ? candidate.targetPieces : nil)
  }

  private func pairs(_ candidate: TranslatedLine.Candidate) -> [[Int]] {
    (candidate.alignment ?? []).map { [$0.source, $0.target] }
  }

  private func number(_ value: Double) -> String { String(format: "%.6f", value) }

  private func untabbed(_ text: String) -> String { text.replacingOccurrences(of: "\t", with: " ") }
}

/// One line of JSON, keys in order.
func json(_ value: some Encodable) throws -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  encoder.nonConformingFloatEncodingStrategy = .named
  return String(decoding: try encoder.encode(value), as: UTF8.self)
}
