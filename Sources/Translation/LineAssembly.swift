import Foundation
import Seq2Seq
import TextProcessing

/// Hypotheses of a line's parts → its translated line.
struct LineAssembly {
  let translator: Translator
  let options: TranslationOptions

  func assemble(
    _ input: TranslationInput, parts: [PreparedLine.Part], hypotheses: [[Hypothesis]]
  ) -> TranslatedLine {
    // The i-th candidate of a line is made of the i-th hypotheses of its parts; a part with fewer gives its last.
    let mask = parts.first?.mask
    // What protects needs alternatives; all others are not worth a string.
    let isGuarded = options.protectsSpans && (mask != nil || !ProtectedSpans.find(in: input.text).isEmpty)
    let count = min(
      hypotheses.map(\.count).max() ?? 0, isGuarded ? Int.max : max(1, options.search.hypothesisCount))
    var candidates = (0..<count).map { rank in
      join(parts, hypotheses.map { $0[min(rank, $0.count - 1)] })
    }
    var line = TranslatedLine(candidates: [])
    if parts.count > 1 {
      line.warnings.append(
        "longer than the \(translator.maximumLength) tokens the model takes; translated in \(parts.count) parts")
    }
    if isGuarded {
      if let mask { unmask(mask, &candidates) }
      protect(input.text, &candidates, &line.warnings)
      candidates = Array(candidates.prefix(max(1, options.search.hypothesisCount)))
    }
    line.sourceTokens = parts.reduce(0) { $0 + $1.source.count }
    line.outputTokens = candidates.first?.tokens.count ?? 0
    line.candidates = candidates.isEmpty ? [.init(text: "")] : candidates
    return line
  }

  private func join(_ parts: [PreparedLine.Part], _ hypotheses: [Hypothesis]) -> TranslatedLine.Candidate {
    var candidate = TranslatedLine.Candidate(text: "")
    if options.search.keepsAttention { candidate.alignment = [] }
    var (sourceOffset, texts) = (0, [String]())
    for (part, hypothesis) in zip(parts, hypotheses) {
      texts.append(translator.text.decodeTarget(hypothesis.tokens))
      candidate.logProbability += hypothesis.logProbability
      candidate.score += hypothesis.score
      if let attention = hypothesis.attention {
        for (target, row) in attention.prefix(hypothesis.tokens.count).enumerated() {
          guard let source = row.indices.max(by: { row[$0] < row[$1] }), source < part.source.count else { continue }
          candidate.alignment?.append(
            .init(source: sourceOffset + source, target: candidate.tokens.count + target))
        }
      } else {
        candidate.alignment = nil
      }
      candidate.tokens += hypothesis.tokens
      sourceOffset += part.source.count
    }
    candidate.text = texts.filter { !$0.isEmpty }.joined(separator: joiner)
    return candidate
  }

  /// Between the parts of a line: a space, but in writing systems that have none between words.
  var joiner: String {
    let language = translator.description.targetLanguage.prefix { $0 != "-" }.lowercased()
    return ["zh", "ja", "th", "lo", "km", "my", "yue"].contains(language) ? "" : " "
  }

  /// Gives placeholders back their spans, in the order of how few were lost, and then as they were.
  private func unmask(_ mask: MaskedText, _ candidates: inout [TranslatedLine.Candidate]) {
    let losses = candidates.map { mask.losses(in: $0.text) }
    candidates = candidates.indices.sorted { (losses[$0], $0) < (losses[$1], $1) }.map { index in
      var candidate = candidates[index]
      candidate.text = mask.restore(candidate.text)
      return candidate
    }
  }

  /// Moves the best candidate that keeps every protected span to the front.
  private func protect(
    _ source: String, _ candidates: inout [TranslatedLine.Candidate], _ warnings: inout [String]
  ) {
    let wanted = LineAssembly.spans(source)
    guard !wanted.isEmpty else { return }
    let keeper = candidates.firstIndex { candidate in
      let found = LineAssembly.spans(candidate.text)
      return wanted.allSatisfy { found[$0.key] == $0.value }
    }
    if let keeper {
      candidates.insert(candidates.remove(at: keeper), at: 0)
    } else {
      let found = LineAssembly.spans(candidates[0].text)
      let lost = wanted.filter { found[$0.key] != $0.value }.keys.sorted().joined(separator: ", ")
      warnings.append("the translation does not keep \(lost)")
    }
  }

  /// How often each protected span occurs.
  static func spans(_ text: String) -> [String: Int] {
    ProtectedSpans.find(in: text).reduce(into: [:]) { $0[String(text[$1]), default: 0] += 1 }
  }
}
