import Evaluation

/// The whole report. The names of its fields are those of the JSON.
public struct ErrorReport: Codable, Sendable, Equatable {
  /// A share with its 95 % Wilson score interval.
  public struct Share: Codable, Sendable, Equatable {
    public var count: Int
    public var total: Int
    public var share: Double
    public var low: Double
    public var high: Double

    public init(_ count: Int, of total: Int) {
      let proportion = Proportion(count, of: total)
      let interval = proportion.wilsonInterval()
      (self.count, self.total, share) = (count, total, proportion.share)
      (low, high) = (interval.lowerBound, interval.upperBound)
    }
  }

  public struct Totals: Codable, Sendable, Equatable {
    public var search: Share
    public var model: Share
    public var none: Share

    init(_ faults: [Fault]) {
      func share(_ fault: Fault) -> Share { Share(faults.count { $0 == fault }, of: faults.count) }
      (search, model, none) = (share(.search), share(.model), share(.none))
    }
  }

  /// The sentences that are actually bad: chrF below the median of all.
  public struct BadSentences: Codable, Sendable, Equatable {
    /// The median of the sentences' chrF.
    public var chrFBelow: Double
    public var count: Int
    public var faults: Totals
    public var faultsByLogProbability: Totals

    init(_ sentences: [SentenceRecord]) {
      let median = median(sentences.map(\.chrF))
      let bad = sentences.filter { $0.chrF < median }
      (chrFBelow, count) = (median, bad.count)
      faults = Totals(bad.map(\.fault))
      faultsByLogProbability = Totals(bad.map(\.faultByLogProbability))
    }

    enum CodingKeys: String, CodingKey {
      case count, faults
      case chrFBelow = "chrf_below"
      case faultsByLogProbability = "faults_by_log_probability"
    }
  }

  /// Words on the search, e.g. "beam 5, power, A = 1".
  public var search: String
  public var model: String
  public var count: Int
  /// Of the whole corpus, against all references.
  public var bleu: Double
  public var chrF: Double
  /// By the objective the search maximises, and by the unnormalised log-probability.
  public var faults: Totals
  public var faultsByLogProbability: Totals
  public var bad: BadSentences
  /// The true optima, by both, where exact search was asked for.
  public var exact: ExactTotals?
  public var exactByLogProbability: ExactTotals?
  /// Where the search lost the references, if that was followed.
  public var firstPrune: FirstPruneTotals?
  public var oracle: OracleTotals?
  public var sweep: SweepTotals?
  /// What the attention says of over- and under-translation, where the model has one.
  public var coverage: CoverageTotals?
  /// Set by the analysis that made this report.
  public var calibration: CalibrationTotals?
  public var hallucinationCandidates: [HallucinationCandidate]
  public var recoverable: [RecoverableScore]
  /// Another system beside this one.
  public var comparison: SystemComparison?
  public var statistics: ErrorStatistics
  /// The model that scored given translations, which `model` then names.
  public internal(set) var judge: String?
  /// True where the texts of the sentences were left out (`withoutTexts`).
  public internal(set) var omitsTexts: Bool?
  public var sentences: [SentenceRecord]

  /// `references[i]` are all references of sentence i; nil means each record's own. `trainingCounts` is how often the
  /// training data has each word of the target language; `metric` is BLEU as it suits that language.
  public init(
    search: String, model: String, sentences: [SentenceRecord], references: [[String]]? = nil,
    trainingCounts: [String: Int]? = nil, metric: BLEU = BLEU()
  ) {
    (self.search, self.model, self.sentences) = (search, model, sentences)
    count = sentences.count
    faults = Totals(sentences.map(\.fault))
    faultsByLogProbability = Totals(sentences.map(\.faultByLogProbability))
    bad = BadSentences(sentences)
    let references = references ?? sentences.map { [$0.reference] }
    let hypotheses = sentences.map(\.hypothesis)
    bleu = corpusScore(metric, hypotheses, references)
    chrF = corpusScore(ChrF(), hypotheses, references)
    exact = ExactTotals(sentences, references, metric, outcome: \.exact)
    exactByLogProbability = ExactTotals(sentences, references, metric, outcome: \.exactByLogProbability)
    firstPrune = FirstPruneTotals(sentences)
    coverage = CoverageTotals(sentences)
    hallucinationCandidates = HallucinationCandidate.candidates(sentences)
    recoverable = RecoverableScore.all(sentences, references, metric, bleu: bleu, trainingCounts: trainingCounts)
    statistics = ErrorStatistics(sentences, references, metric, trainingCounts: trainingCounts)
  }

  enum CodingKeys: String, CodingKey {
    case search, model, judge, count, bleu, faults, bad, exact, oracle, sweep, coverage, calibration, recoverable, comparison
    case statistics, sentences
    case chrF = "chrf"
    case omitsTexts = "omits_texts"
    case faultsByLogProbability = "faults_by_log_probability"
    case firstPrune = "first_prune"
    case hallucinationCandidates = "hallucination_candidates"
    case exactByLogProbability = "exact_by_log_probability"
  }
}

/// A corpus score, 0 where there is no sentence. `references[i]` are those of sentence i, at least one.
func corpusScore(_ metric: any Metric, _ hypotheses: [String], _ references: [[String]]) -> Double {
  var corpus = CorpusScorer(metric: metric)
  for (hypothesis, references) in zip(hypotheses, references) { corpus.add(hypothesis: hypothesis, references: references) }
  // Throws only for an empty corpus.
  return (try? corpus.score())?.score ?? 0
}

/// Sentence chrF against all references, at least one.
func sentenceChrF(_ hypothesis: String, _ references: [String]) -> Double {
  corpusScore(ChrF(), [hypothesis], [references])
}
