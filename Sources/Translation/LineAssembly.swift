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
    let isMasked = parts.contains { $0.mask != nil }
    // What protects needs alternatives; all others are not worth a string.
    let isGuarded = options.protectsSpans && (isMasked || !ProtectedSpans.find(in: input.text).isEmpty)
    let wanted = isGuarded ? Int.max : max(1, options.search.hypothesisCount)
    let choices = zip(parts, hypotheses).map { part, found in
      let choices = texts(part, found.prefix(wanted))
      // One part's loss is no reason for other words in the others.
      return isGuarded && parts.count > 1 ? keeping(part, choices) : choices
    }
    // The i-th candidate of a line is made of the i-th choices of its parts; a part with fewer gives its last.
    var candidates = (0..<(choices.map(\.count).max() ?? 0)).map { rank in
      join(parts, choices.map { $0[min(rank, $0.count - 1)] })
    }
    var line = TranslatedLine(candidates: [])
    line.sourceTokens = parts.reduce(0) { $0 + $1.source.count }
    if parts.count > 1, line.sourceTokens > translator.maximumLength {
      line.warnings.append(
        "longer than the \(translator.maximumLength) tokens the model takes; translated in \(parts.count) parts")
    }
    if choices.contains(where: { $0.first?.hypothesis.isEnded == false }) {
      line.warnings.append(
        "broken off, for the model finds nothing probable to go on with: its numbers overflow, or all is forbidden")
    }
    if isGuarded {
      protect(input.text, &candidates, &line.warnings)
      candidates = Array(candidates.prefix(max(1, options.search.hypothesisCount)))
    }
    line.outputTokens = candidates.first?.tokens.count ?? 0
    line.candidates = candidates.isEmpty ? [.init(text: "")] : candidates
    return line
  }

  /// A hypothesis with its text.
  private typealias Choice = (hypothesis: Hypothesis, text: String)

  /// The hypotheses of a part, best first; of one with placeholders, which get their spans back, in the order of how few
  /// were lost, and then as they were; those that lose more than the best are left out.
  private func texts(_ part: PreparedLine.Part, _ hypotheses: ArraySlice<Hypothesis>) -> [Choice] {
    let texts = hypotheses.map { (hypothesis: $0, text: translator.text.decodeTarget($0.tokens)) }
    guard let mask = part.mask else { return texts.map { ($0.hypothesis, part.withoutInvented($0.text)) } }
    let losses = texts.map { mask.losses(in: $0.text) }
    let order = texts.indices.sorted { (losses[$0], $0) < (losses[$1], $1) }
    // Another wording may spell a number, but is none if it loses what the best keeps.
    let least = order.first.map { mask.losses(in: texts[$0].text, acceptingWords: true) } ?? 0
    return order.filter { losses[$0] <= least || mask.losses(in: texts[$0].text, acceptingWords: true) <= least }.map { index in
      (texts[index].hypothesis, mask.restore(texts[index].text))
    }
  }

  /// The best choice that keeps every protected span of the part first.
  private func keeping(_ part: PreparedLine.Part, _ choices: [Choice]) -> [Choice] {
    let wanted = LineAssembly.spans(part.mask?.original ?? part.text)
    guard !wanted.isEmpty, let keeper = choices.firstIndex(where: { LineAssembly.keeps(wanted, $0.text) }) else {
      return choices
    }
    return [choices[keeper]] + choices[..<keeper] + choices[(keeper + 1)...]
  }

  private static func keeps(_ wanted: [String: Int], _ text: String) -> Bool {
    let found = spans(text)
    return wanted.allSatisfy { found[$0.key] == $0.value }
  }

  private func join(_ parts: [PreparedLine.Part], _ choices: [Choice]) -> TranslatedLine.Candidate {
    var candidate = TranslatedLine.Candidate(text: "")
    if options.search.keepsAttention { candidate.alignment = [] }
    for (part, (hypothesis, _)) in zip(parts, choices) {
      candidate.logProbability += hypothesis.logProbability
      candidate.score += hypothesis.score
      let source = hypothesis.source ?? part.source
      if let attention = hypothesis.attention {
        for (target, row) in attention.prefix(hypothesis.tokens.count).enumerated() {
          guard let column = row.indices.max(by: { row[$0] < row[$1] }), column < source.count else { continue }
          candidate.alignment?.append(
            .init(source: candidate.sourcePieces.count + column, target: candidate.tokens.count + target))
        }
      } else {
        candidate.alignment = nil
      }
      if options.search.keepsAttention {
        let spans = part.mask?.everything
        candidate.sourcePieces += PieceSpans.shown(source, translator.text.sourceVocabulary, spans?.source ?? [])
        candidate.targetPieces += PieceSpans.shown(hypothesis.tokens, translator.text.targetVocabulary, spans?.target ?? [])
      }
      candidate.tokens += hypothesis.tokens
    }
    candidate.partCount = parts.count
    candidate.text = choices.map(\.text).filter { !$0.isEmpty }.joined(separator: joiner)
    return candidate
  }

  /// Between the parts of a line: a space, but in writing systems that have none between words.
  var joiner: String {
    let language = translator.description.targetLanguage.prefix { $0 != "-" }.lowercased()
    return ["zh", "ja", "th", "lo", "km", "my", "yue"].contains(language) ? "" : " "
  }

  /// Moves the best candidate that keeps every protected span to the front.
  private func protect(
    _ source: String, _ candidates: inout [TranslatedLine.Candidate], _ warnings: inout [String]
  ) {
    let wanted = LineAssembly.spans(source)
    guard !wanted.isEmpty else { return }
    if let keeper = candidates.firstIndex(where: { LineAssembly.keeps(wanted, $0.text) }) {
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
