import Seq2Seq
import TextProcessing

/// One worker's way from source ids to hypotheses. Not thread-safe: it owns the memory its models compute in.
final class BatchTranslator {
  private let models: [any EncoderDecoder]
  private let workspaces: [Workspace]
  private let text: TextPipeline
  private let search: any Search
  /// For parts of which no hypothesis keeps every placeholder.
  private let widerSearch: (any Search)?
  private let options: SearchOptions
  private let maximumLength: Int

  init(_ translator: Translator, _ options: TranslationOptions) {
    models = translator.models.map(\.model)
    workspaces = translator.models.map { _ in Workspace() }
    var search = options.search
    // To choose among, for lines with spans to protect.
    if options.protectsSpans, search.sampling == nil {
      search.hypothesisCount = max(search.hypothesisCount, search.beamSize)
    }
    self.options = search
    self.search = search.makeSearch()
    text = translator.text
    maximumLength = translator.maximumLength
    // Greedy search is asked for to save time.
    if options.protectsSpans, search.sampling == nil, search.beamSize > 1 {
      search.beamSize *= 4
      search.hypothesisCount = search.beamSize
      widerSearch = search.makeSearch()
    } else {
      widerSearch = nil
    }
  }

  /// Hypotheses of each part, best first; those of a wider search where none had every placeholder. `lines` are the
  /// numbers of the parts' lines, for random draws.
  func translate(_ parts: [PreparedLine.Part], lines: [Int]) -> [[Hypothesis]] {
    var found = run(search, parts, lines)
    guard let widerSearch else { return found }
    let open = parts.indices.filter { i in
      parts[i].mask != nil && !found[i].contains { losses(parts[i], $0) == 0 }
    }
    guard !open.isEmpty else { return found }
    let wider = run(widerSearch, open.map { parts[$0] }, open.map { lines[$0] })
    for (i, more) in zip(open, wider) where fewest(parts[i], more) < fewest(parts[i], found[i]) { found[i] = more }
    return found
  }

  private func losses(_ part: PreparedLine.Part, _ hypothesis: Hypothesis) -> Int {
    Placeholder.difference(part.text, text.decodeTarget(hypothesis.tokens))
  }

  private func fewest(_ part: PreparedLine.Part, _ hypotheses: [Hypothesis]) -> Int {
    hypotheses.map { losses(part, $0) }.min() ?? Int.max
  }

  private func run(_ search: any Search, _ parts: [PreparedLine.Part], _ lines: [Int]) -> [[Hypothesis]] {
    let sources = SequenceBatch(parts.map { $0.source + [SpecialToken.end] })
    let states = zip(models, workspaces).map { $0.startDecoding(sources, workspace: $1) }
    let state = states.count == 1 ? states[0] : EnsembleState(states)
    return search.run(
      state,
      zip(parts, lines).map { part, line in
        let longest = min(options.longestOutput(sourceLength: part.source.count), maximumLength)
        return SearchSentence(maximumLength: longest, prefix: Array(part.prefix.prefix(maximumLength)), index: line)
      })
  }
}
