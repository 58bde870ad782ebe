import Seq2Seq

/// One worker's way from source ids to hypotheses. Not thread-safe: it owns the memory its models compute in.
final class BatchTranslator {
  private let models: [any EncoderDecoder]
  private let workspaces: [Workspace]
  private let search: any Search
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
    maximumLength = translator.maximumLength
  }

  /// Hypotheses of each part, best first. `lines` are the numbers of the parts' lines, for random draws.
  func translate(_ parts: [PreparedLine.Part], lines: [Int]) -> [[Hypothesis]] {
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
