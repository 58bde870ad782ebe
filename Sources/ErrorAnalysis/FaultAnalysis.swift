import Seq2Seq
import Translation

/// Translates a test set, or takes given translations, and scores them and the references by the model.
public struct FaultAnalysis {
  private let loaded: LoadedModel
  private let options: TranslationOptions

  public init(_ loaded: LoadedModel, options: TranslationOptions) {
    self.loaded = loaded
    self.options = options
  }

  /// `references[i]` are all references of sentence i, at least one. With `hypotheses` nil the model translates.
  /// Throws `TextError`, `ModelError`, or `PairTooLongError` naming the line.
  public func analyze(
    sources: [String], references: [[String]], hypotheses: [String]? = nil
  ) throws -> ErrorReport {
    precondition(sources.count == references.count, "\(sources.count) sources, \(references.count) references")
    let scorer = PairScorer(loaded, threads: options.threads)
    let translated = try hypotheses ?? Translator([loaded]).translate(sources, options: options).map(\.text)
    precondition(translated.count == sources.count, "\(sources.count) sources, \(translated.count) hypotheses")

    // Hypotheses and references go through the same door: the model's own subwords of the text, forced.
    let hypothesisScores = try scorer.score(Array(zip(sources, translated)).map { ($0, $1) })
    var best: [(text: String, score: PairScore)] = []
    let most = references.map(\.count).max() ?? 0
    for rank in 0..<most {
      let texts = references.map { $0[min(rank, $0.count - 1)] }
      let scores = try scorer.score(Array(zip(sources, texts)).map { ($0, $1) })
      let ranked = zip(texts, scores).map { (text: $0, score: $1) }
      if rank == 0 {
        best = ranked
        continue
      }
      for i in best.indices where best[i].text != translated[i] {
        if ranked[i].text == translated[i] || objective(ranked[i].score) > objective(best[i].score) { best[i] = ranked[i] }
      }
    }
    let records = sources.indices.map { i in
      SentenceRecord(
        source: sources[i], reference: best[i].text, hypothesis: translated[i],
        logProbability: Pair(
          hypothesis: hypothesisScores[i].logProbability, reference: best[i].score.logProbability),
        objective: Pair(hypothesis: objective(hypothesisScores[i]), reference: objective(best[i].score)))
    }
    return ErrorReport(search: searchInWords, model: loaded.directory.url.lastPathComponent, sentences: records)
  }

  private func objective(_ score: PairScore) -> Double {
    options.search.lengthNormalization.score(logProbability: score.logProbability, length: score.tokens.count)
  }

  private var searchInWords: String {
    let normalization = options.search.lengthNormalization
    let length = normalization.kind == .none
      ? "no length normalization" : "\(normalization.kind.rawValue) normalization with A = \(normalization.lengthPenalty)"
    return "beam \(options.search.beamSize), \(length)"
  }
}
