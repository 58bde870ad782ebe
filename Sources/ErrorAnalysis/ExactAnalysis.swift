import Seq2Seq
import Translation

/// A sentence to search exactly. Ids are without end symbols.
struct ExactItem: Sendable {
  var source: [Int32]
  /// What the search made of it, with the log-probability of its own tokens.
  var hypothesis: Hypothesis
  /// Other known outputs: they only make the search faster.
  var seeds: [Hypothesis]
  var references: [String]
}

/// Exact search over a corpus: the workers take sentence after sentence.
struct ExactAnalysis: Sendable {
  private let loaded: LoadedModel
  private let options: TranslationOptions
  private let budget: ExactSearch.Budget
  private let progress: @Sendable (String) -> Void

  init(
    _ loaded: LoadedModel, options: TranslationOptions, budget: ExactSearch.Budget,
    progress: @escaping @Sendable (String) -> Void
  ) {
    (self.loaded, self.options, self.budget, self.progress) = (loaded, options, budget, progress)
  }

  /// The outcome of each item, nil for those that are nil. Cost: at most the budget for each.
  func run(_ items: [ExactItem?], _ normalization: LengthNormalization, _ objective: String) -> [ExactOutcome?] {
    var searchOptions = options.search
    searchOptions.lengthNormalization = normalization
    let search = ExactSearch(searchOptions, budget: budget)
    let searched = items.indices.filter { items[$0] != nil }
    let found = SentenceWorkers(threads: options.threads, progress: progress)
      .map(count: searched.count, "exact search by \(objective)") { i, workspace in
        items[searched[i]].map { run($0, search, workspace) }
      }
    var outcomes = [ExactOutcome?](repeating: nil, count: items.count)
    for (i, outcome) in zip(searched, found) { outcomes[i] = outcome }
    return outcomes
  }

  private func run(_ item: ExactItem, _ search: ExactSearch, _ workspace: Workspace) -> ExactOutcome {
    // Known outputs are scored step by step, as the search itself does it: in low precision another order of
    // computation is another number, and a search error is a matter of 0.0001.
    let known = stepwise([item.hypothesis] + item.seeds, item.source, search.options, workspace)
    let own = known[0]
    let space = options.search.longestOutput(sourceLength: item.source.count)
    let wanted = max(
      ExactSearch.longestOutput(sourceLength: item.source.count), known.map(\.tokens.count).max() ?? 0)
    let longest = min(wanted, space, loaded.maximumLength)
    // A given text may break a rule of the search, such as the shortest length; then it is no output of it.
    let allowed = (options.search.noRepeatNgram == 0 ? known : [own]).filter { seed in
      (min(options.search.minimumLength, longest)...longest).contains(seed.tokens.count)
        && !seed.tokens.contains { options.search.forbiddenTokens.contains($0) }
    }
    let state = loaded.model.startDecoding(
      SequenceBatch([item.source + [SpecialToken.end]]), workspace: workspace)
    let result = search.run(state, maximumLength: longest, seeds: allowed)
    let text = loaded.text.decodeTarget(result.best.tokens)
    return ExactOutcome(
      settled: result.isSettled, tokens: result.best.tokens,
      pieces: result.best.tokens.map { loaded.text.targetVocabulary.piece($0) }, text: text, score: result.best.score,
      logProbability: result.best.logProbability, hypothesisScore: own.score, bound: result.bound,
      nodes: result.nodes, chrF: sentenceChrF(text, item.references))
  }

  /// The same outputs with the log-probabilities and scores that decoding them gives.
  private func stepwise(
    _ outputs: [Hypothesis], _ source: [Int32], _ searchOptions: SearchOptions, _ workspace: Workspace
  ) -> [Hypothesis] {
    let sources = SequenceBatch(outputs.map { _ in source + [SpecialToken.end] })
    let state = loaded.model.startDecoding(sources, workspace: workspace)
    let forced = outputs.map { SearchSentence(maximumLength: $0.tokens.count, prefix: $0.tokens) }
    return GreedySearch(searchOptions).run(state, forced).map { $0[0] }
  }
}
