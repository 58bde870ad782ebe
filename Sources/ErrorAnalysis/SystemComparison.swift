import Evaluation
import Seq2Seq
import Translation

/// Another system beside the one analysed: where it wins, where it loses, and what the models think of each other's
/// outputs. "other" is the second system throughout.
public struct SystemComparison: Codable, Sendable, Equatable {
  public struct MetricScore: Codable, Sendable, Equatable {
    public var name: String
    public var signature: String
    public var score: Double
    public var other: Double
    /// Of the difference, by paired bootstrap.
    public var pValue: Double

    enum CodingKeys: String, CodingKey {
      case name, signature, score, other
      case pValue = "p_value"
    }
  }

  /// One number of both systems.
  public struct Row: Codable, Sendable, Equatable {
    public var title: String
    /// Of what there are so many.
    public var count: Int
    public var value: Double
    public var other: Double
  }

  public struct NGram: Codable, Sendable, Equatable {
    public var text: String
    /// How often each has it where the reference does.
    public var count: Int
    public var other: Int
    /// Lines, from 1, where they differ.
    public var lines: [Int]
  }

  /// What one model thinks of both systems' outputs, over the sentences where these differ.
  public struct Judgement: Codable, Sendable, Equatable {
    public var model: String
    /// Scores the other system's output higher than its own, by its own objective: a proven search error, if its own was
    /// found by that objective.
    public var prefersOther: ErrorReport.Share
    /// Of those, the sentences where the other system's output has the better chrF.
    public var otherIsBetter: ErrorReport.Share
    /// Of all differing sentences, those where the output that the model prefers has the better chrF, ties left out.
    public var agreesWithChrF: ErrorReport.Share

    enum CodingKeys: String, CodingKey {
      case model
      case prefersOther = "prefers_other"
      case otherIsBetter = "other_is_better"
      case agreesWithChrF = "agrees_with_chrf"
    }
  }

  /// A sentence's other output.
  public struct Record: Codable, Sendable, Equatable {
    public var hypothesis: String
    public var chrF: Double
    /// The first model's objective of the first system's output and of this one.
    public var objective: [Double]
    /// The same of the other's model, where it is known.
    public var objectiveOfOther: [Double]?

    enum CodingKeys: String, CodingKey {
      case hypothesis, objective
      case chrF = "chrf"
      case objectiveOfOther = "objective_of_other"
    }
  }

  public var name: String
  public var other: String
  public var metrics: [MetricScore]
  /// Sentences by chrF; the p-value is that of a sign test.
  public var wins: ErrorReport.Share
  public var losses: ErrorReport.Share
  public var ties: ErrorReport.Share
  public var signTest: Double
  /// Mean chrF of the other less that of the first.
  public var meanDifference: Double
  /// chrF by source length, F1 of words by training count, errors a word by class, sentences with a flag.
  public var lengths: [Row]
  public var frequencies: [Row]
  public var errorClasses: [Row]
  public var flags: [Row]
  /// n-grams that the other gets right more often, and those that it gets right less often.
  public var gained: [NGram]
  public var lost: [NGram]
  public var judgements: [Judgement]
  /// Lines, from 1, where the other wins and loses most.
  public var bestLines: [Int]
  public var worstLines: [Int]
  public var sentences: [Record]

  enum CodingKeys: String, CodingKey {
    case name, other, metrics, wins, losses, ties, lengths, frequencies, flags, gained, lost, judgements, sentences
    case signTest = "sign_test"
    case meanDifference = "mean_difference"
    case errorClasses = "error_classes"
    case bestLines = "best_lines"
    case worstLines = "worst_lines"
  }
}

/// The second system of a comparison.
public struct OtherSystem: Sendable {
  public var name: String
  /// What made the outputs; nil where only these are known.
  public var model: LoadedModel?
  public var options: TranslationOptions
  /// Nil: the model translates.
  public var hypotheses: [String]?

  /// At least one of `model` and `hypotheses`.
  public init(name: String, model: LoadedModel?, options: TranslationOptions, hypotheses: [String]?) {
    precondition(model != nil || hypotheses != nil, "a system without a model and without outputs")
    (self.name, self.model, self.options, self.hypotheses) = (name, model, options, hypotheses)
  }
}

extension FaultAnalysis {
  /// Sets another system beside the one of `report`, which this analysis made. Throws as `analyze` does, and
  /// `EvaluationError`.
  public func compare(_ report: ErrorReport, references: [[String]], with other: OtherSystem) throws -> SystemComparison {
    let sources = report.sentences.map(\.source)
    progress("comparing with \(other.name)")
    let texts = try other.hypotheses
      ?? other.model.map { try Translator([$0]).translate(sources, options: other.options).map(\.text) } ?? []
    precondition(texts.count == sources.count, "\(sources.count) sources, \(texts.count) other outputs")
    // Both systems' outputs under both models.
    let mine = report.sentences.map(\.hypothesis)
    let scorer = PairScorer(loaded, threads: options.threads)
    let otherScores = try scorer.score(zip(sources, texts).map { ($0, $1) }, side: "other translation")
    var judged: [[Double]]?
    if let model = other.model {
      let theirs = PairScorer(model, threads: options.threads)
      let normalization = other.options.search.lengthNormalization
      let both = try [mine, texts].map { try theirs.score(zip(sources, $0).map { ($0, $1) }) }
      judged = zip(both[0], both[1]).map { [FaultAnalysis.score($0, normalization), FaultAnalysis.score($1, normalization)] }
    }
    let normalization = options.search.lengthNormalization
    let otherRecords = sources.indices.map { i in
      let record = report.sentences[i]
      let score = FaultAnalysis.score(otherScores[i], normalization)
      var other = SentenceRecord(
        source: record.source, reference: record.reference, hypothesis: texts[i],
        logProbability: Pair(hypothesis: otherScores[i].logProbability, reference: record.logProbability.reference),
        objective: Pair(hypothesis: score, reference: record.objective.reference), references: references[i])
      other.hypothesisTokens = otherScores[i].tokens.count - 1
      other.referenceTokens = record.referenceTokens
      return other
    }
    return try SystemComparison(
      report, otherRecords, judgedByOther: judged, references, name: report.model, other: other.name,
      metric, trainingCounts: trainingCounts)
  }

  private static func score(_ score: PairScore, _ normalization: LengthNormalization) -> Double {
    normalization.score(logProbability: score.logProbability, length: score.tokens.count)
  }
}

extension SystemComparison {
  /// `others` are the other system's outputs with what the first model thinks of them; `judgedByOther` is what the other
  /// model thinks of both outputs of each sentence.
  init(
    _ report: ErrorReport, _ others: [SentenceRecord], judgedByOther: [[Double]]?, _ references: [[String]],
    name: String, other: String, _ metric: BLEU, trainingCounts: [String: Int]?, kept: Int = 10
  ) throws {
    (self.name, self.other) = (name, other)
    let sentences = report.sentences
    let streams = (0..<(references.map(\.count).min() ?? 0)).map { stream in references.map { $0[stream] } }
    let systems = [
      (name: name, hypotheses: sentences.map(\.hypothesis)), (name: other, hypotheses: others.map(\.hypothesis)),
    ]
    let kinds: [any Metric] = [metric, ChrF(), TER()]
    metrics = try kinds.map { metric in
      let comparison = try PairedTest().compare(systems: systems, references: streams, metric: metric)
      return MetricScore(
        name: comparison.name, signature: "\(comparison.signature)", score: comparison.results[0].score,
        other: comparison.results[1].score, pValue: comparison.results[1].pValue ?? 1)
    }
    let differences = zip(sentences, others).map { $1.chrF - $0.chrF }
    let (won, gone) = (differences.count { $0 > 0 }, differences.count { $0 < 0 })
    wins = .init(won, of: sentences.count)
    losses = .init(gone, of: sentences.count)
    ties = .init(sentences.count - won - gone, of: sentences.count)
    signTest = SignTest.pValue(wins: won, losses: gone)
    meanDifference = differences.reduce(0, +) / Double(max(sentences.count, 1))
    let order = differences.indices.sorted { (differences[$0], $0) < (differences[$1], $1) }
    worstLines = order.filter { differences[$0] < 0 }.prefix(kept).map { $0 + 1 }
    bestLines = order.reversed().filter { differences[$0] > 0 }.prefix(kept).map { $0 + 1 }

    let (mine, theirs) = (
      report.statistics, ErrorStatistics(others, references, metric, trainingCounts: trainingCounts)
    )
    lengths = zip(mine.lengths, theirs.lengths).map {
      Row(title: $0.words, count: $0.count, value: $0.chrF, other: $1.chrF)
    }
    frequencies = zip(mine.frequencies, theirs.frequencies).map {
      Row(title: $0.trainingCount, count: $0.inReferences, value: $0.f1, other: $1.f1)
    }
    errorClasses = ErrorClasses.Class.allCases.map(\.rawValue).map {
      Row(title: $0, count: sentences.count, value: mine.errorClasses[$0] ?? 0, other: theirs.errorClasses[$0] ?? 0)
    }
    flags = mine.flags.compactMap { flag in
      theirs.flags.first { $0.name == flag.name }.map {
        Row(
          title: flag.name, count: sentences.count, value: Double(flag.share.count), other: Double($0.share.count))
      }
    }
    let splitter = WordSplitter()
    var ngrams = NGramComparison()
    for i in sentences.indices {
      ngrams.add(
        first: splitter.words(sentences[i].hypothesis), second: splitter.words(others[i].hypothesis),
        reference: splitter.words(sentences[i].reference), segment: i)
    }
    func named(_ entries: [NGramComparison.Entry]) -> [NGram] {
      entries.map { NGram(text: $0.text, count: $0.first, other: $0.second, lines: $0.examples.map { $0 + 1 }) }
    }
    (gained, lost) = (named(ngrams.secondBetter(kept)), named(ngrams.firstBetter(kept)))
    self.sentences = others.indices.map { i in
      Record(
        hypothesis: others[i].hypothesis, chrF: others[i].chrF,
        objective: [sentences[i].objective.hypothesis, others[i].objective.hypothesis],
        objectiveOfOther: judgedByOther?[i])
    }
    let differing = others.indices.filter { others[$0].hypothesis != sentences[$0].hypothesis }
    /// `own` and `foreign` are a model's scores of its own outputs and the other system's; `gains` is what the other
    /// system's output has more of chrF.
    func judge(_ model: String, _ own: (Int) -> Double, _ foreign: (Int) -> Double, _ gain: (Int) -> Double) -> Judgement {
      let preferred = differing.filter { foreign($0) > own($0) }
      let decided = differing.filter { gain($0) != 0 }
      return Judgement(
        model: model, prefersOther: .init(preferred.count, of: differing.count),
        otherIsBetter: .init(preferred.count { gain($0) > 0 }, of: preferred.count),
        agreesWithChrF: .init(decided.count { (foreign($0) > own($0)) == (gain($0) > 0) }, of: decided.count))
    }
    judgements = [
      judge(
        name, { sentences[$0].objective.hypothesis }, { others[$0].objective.hypothesis }, { differences[$0] })
    ]
    if let judgedByOther {
      judgements.append(judge(other, { judgedByOther[$0][1] }, { judgedByOther[$0][0] }, { -differences[$0] }))
    }
  }
}
