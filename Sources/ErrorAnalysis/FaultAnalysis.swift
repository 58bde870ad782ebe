import Evaluation
import Seq2Seq
import Translation

/// Translates a test set, or takes given translations, and scores them and the references by the model.
public struct FaultAnalysis: Sendable {
  let loaded: LoadedModel
  let options: TranslationOptions
  /// Told what is being done, in words, now and then.
  public var progress: @Sendable (String) -> Void = { _ in }
  /// What the report calls the system; nil is the model directory's name.
  public var name: String?
  /// How often the training data has each word of the target language, as `WordSplitter` cuts them.
  public var trainingCounts: [String: Int]?

  /// BLEU as it suits the target language.
  var metric: BLEU { BLEU(analysisOfLanguage: loaded.description.targetLanguage) }

  public init(_ loaded: LoadedModel, options: TranslationOptions) {
    self.loaded = loaded
    self.options = options
  }

  /// `references[i]` are all references of sentence i, at least one. With `hypotheses` nil the model translates. With
  /// `exact` the best of all outputs is looked for, at that cost a sentence, under the search's objective and, where that
  /// is another, under log P alone.
  /// Throws `TextError`, `ModelError`, or `PairTooLongError` naming the line.
  public func analyze(
    sources: [String], references: [[String]], hypotheses: [String]? = nil, exact: ExactSearch.Budget? = nil
  ) throws -> ErrorReport {
    precondition(sources.count == references.count, "\(sources.count) sources, \(references.count) references")
    let scorer = PairScorer(loaded, threads: options.threads)
    let translated = try hypotheses == nil ? Translator([loaded]).translate(sources, options: options) : nil
    let texts = hypotheses ?? translated?.map(\.text) ?? []
    precondition(texts.count == sources.count, "\(sources.count) sources, \(texts.count) hypotheses")

    // Hypotheses and references go through the same door: the model's own subwords of the text, forced.
    let hypothesisScores = try scorer.score(Array(zip(sources, texts)).map { ($0, $1) }, side: "translation")
    let best = try bestReferences(sources, references, texts, scorer)
    var records = sources.indices.map { i in
      var record = SentenceRecord(
        source: sources[i], reference: best[i].text, hypothesis: texts[i],
        logProbability: Pair(
          hypothesis: hypothesisScores[i].logProbability, reference: best[i].score.logProbability),
        objective: Pair(hypothesis: objective(hypothesisScores[i]), reference: objective(best[i].score)),
        references: references[i])
      record.referenceTokens = best[i].score.tokens.count - 1
      record.hypothesisTokens = hypothesisScores[i].tokens.count - 1
      return record
    }
    let encoded = sources.indices.map { i -> [Int32]? in
      let source = loaded.text.encodeSource(sources[i])
      // What the model is not asked to translate, or takes in parts, no search can fail at.
      if let translated, translated[i].sourceTokens != source.count { return nil }
      return source.isEmpty || source.count > loaded.maximumLength ? nil : source
    }
    if let exact {
      let items = sources.indices.map { i -> ExactItem? in
        guard let source = encoded[i] else { return nil }
        var own = hypothesis(hypothesisScores[i])
        if let candidate = translated?[i].candidates[0] {
          own = Hypothesis(
            tokens: candidate.tokens, logProbability: candidate.logProbability, score: candidate.score,
            tokenLogProbabilities: [])
        }
        return ExactItem(source: source, hypothesis: own, seeds: [hypothesis(best[i].score)], references: references[i])
      }
      let analysis = ExactAnalysis(loaded, options: options, budget: exact, progress: progress)
      let normalization = options.search.lengthNormalization
      let outcomes = analysis.run(items, normalization, "the search's objective")
      let isRaw = normalization == LengthNormalization(.none, lengthPenalty: normalization.lengthPenalty)
      let rawOutcomes = isRaw ? nil : analysis.run(items, LengthNormalization(.none), "log P alone")
      for i in records.indices {
        records[i].exact = outcomes[i]
        records[i].exactByLogProbability = rawOutcomes?[i]
      }
    }
    let forced = ForcedAnalysis(loaded, threads: options.threads, progress: progress)
    let referenceTokens = best.map { Array($0.score.tokens.dropLast()) }
    let coverage = forced.coverage(encoded, hypothesisScores.map { Array($0.tokens.dropLast()) })
    for i in records.indices { records[i].coverage = coverage[i] }
    let calibration = forced.calibration(encoded, referenceTokens)
    // Given translations were not made by this search.
    if hypotheses == nil {
      let prunes = firstPrunes(encoded, referenceTokens)
      for i in records.indices { records[i].firstPrune = prunes[i] }
    }
    let modelName = loaded.directory.url.standardizedFileURL.lastPathComponent
    var report = ErrorReport(
      search: searchInWords, model: name ?? modelName, sentences: records, references: references,
      trainingCounts: trainingCounts, metric: metric)
    if hypotheses != nil { report.judge = modelName }
    report.calibration = CalibrationTotals(calibration, report.sentences)
    return report
  }

  /// Of each sentence's references the one that equals the hypothesis, else the one the model likes best.
  private func bestReferences(
    _ sources: [String], _ references: [[String]], _ hypotheses: [String], _ scorer: PairScorer
  ) throws -> [(text: String, score: PairScore)] {
    var best: [(text: String, score: PairScore)] = []
    for rank in 0..<(references.map(\.count).max() ?? 0) {
      let texts = references.map { $0[min(rank, $0.count - 1)] }
      let scores = try scorer.score(Array(zip(sources, texts)).map { ($0, $1) }, side: "reference")
      let ranked = zip(texts, scores).map { (text: $0, score: $1) }
      if rank == 0 {
        best = ranked
        continue
      }
      for i in best.indices where best[i].text != hypotheses[i] {
        let isEqual = ranked[i].text == hypotheses[i]
        if isEqual || objective(ranked[i].score) > objective(best[i].score) { best[i] = ranked[i] }
      }
    }
    return best
  }

  /// Where the search loses each reference.
  private func firstPrunes(_ sources: [[Int32]?], _ references: [[Int32]]) -> [FirstPruneRecord?] {
    let trace = PruneTrace(options.search)
    let workers = SentenceWorkers(threads: options.threads, progress: progress)
    return workers.map(count: sources.count, "first prune") { i, workspace -> FirstPruneRecord? in
      guard let source = sources[i] else { return nil }
      let longest = min(options.search.longestOutput(sourceLength: source.count), loaded.maximumLength)
      let state = loaded.model.startDecoding(SequenceBatch([source + [SpecialToken.end]]), workspace: workspace)
      let prune = trace.run(state, SearchSentence(maximumLength: longest, source: source), output: references[i])
      return FirstPruneRecord(prune, word: prune.map { word(at: $0.step, in: references[i]) })
    }
  }

  /// The word between spaces that token `step` belongs to.
  private func word(at step: Int, in tokens: [Int32]) -> String {
    guard step < tokens.count else { return "</s>" }
    // U+2581 begins the pieces that a space precedes.
    func isStart(_ i: Int) -> Bool {
      loaded.text.targetVocabulary.piece(tokens[i]).unicodeScalars.first == "\u{2581}"
    }
    var (first, last) = (step, step + 1)
    while first > 0, !isStart(first) { first -= 1 }
    while last < tokens.count, !isStart(last) { last += 1 }
    return loaded.text.decodeTarget(Array(tokens[first..<last]))
  }

  private func objective(_ score: PairScore) -> Double {
    options.search.lengthNormalization.score(logProbability: score.logProbability, length: score.tokens.count)
  }

  private func hypothesis(_ score: PairScore) -> Hypothesis {
    Hypothesis(
      tokens: score.tokens.dropLast(), logProbability: score.logProbability, score: objective(score),
      tokenLogProbabilities: score.tokenLogProbabilities)
  }

  private var searchInWords: String {
    let normalization = options.search.lengthNormalization
    var length = normalization.kind == .none
      ? "no length normalization" : "\(normalization.kind.rawValue) normalization with A = \(normalization.lengthPenalty)"
    if normalization.wordReward != 0 { length += ", word reward \(normalization.wordReward)" }
    return "beam \(options.search.beamSize), \(length)"
  }
}
