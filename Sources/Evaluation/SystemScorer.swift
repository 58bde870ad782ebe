/// What is asked about systems besides their scores.
public struct Resampling: Sendable, Equatable {
  /// Bootstrap resamples behind each system's 95 % interval.
  public var confidence: Int?
  /// Resamples of the paired bootstrap of each system against the first; they give the intervals too.
  public var pairedBootstrap: Int?
  /// Trials of approximate randomisation of each system against the first.
  public var randomization: Int?
  public var seed: Bootstrap.Seed

  public init(
    confidence: Int? = nil, pairedBootstrap: Int? = nil, randomization: Int? = nil, seed: Bootstrap.Seed = .standard
  ) {
    self.confidence = confidence
    self.pairedBootstrap = pairedBootstrap
    self.randomization = randomization
    self.seed = seed
  }

  /// Whether every segment's statistics are needed.
  public var needsSegments: Bool { confidence != nil || pairs }
  /// Whether systems are compared with the first.
  public var pairs: Bool { pairedBootstrap != nil || randomization != nil }
}

/// Scores several systems under several metrics in one pass over the lines, in memory that does not grow with them
/// unless segments are kept.
public struct SystemScorer {
  public let systems: [String]
  public let metrics: [any Metric]
  /// [systems][metrics]
  private var scorers: [[CorpusScorer]]

  /// - Parameter keepsSegments: keeps every segment's statistics, as resampling and sentence scores need them.
  public init(systems: [String], metrics: [any Metric], keepsSegments: Bool = false) {
    precondition(
      !systems.isEmpty && !metrics.isEmpty,
      "\(systems.count) systems and \(metrics.count) metrics, expected at least one of each")
    self.systems = systems
    self.metrics = metrics
    scorers = systems.map { _ in metrics.map { CorpusScorer(metric: $0, keepsSegments: keepsSegments) } }
  }

  public var segmentCount: Int { scorers[0][0].segmentCount }

  /// Adds one segment: its translation by each system, and its references.
  public mutating func add(hypotheses: [String], references: [String]) {
    precondition(
      hypotheses.count == systems.count, "\(hypotheses.count) hypotheses of \(systems.count) systems")
    for system in systems.indices {
      for metric in metrics.indices {
        scorers[system][metric].add(hypothesis: hypotheses[system], references: references)
      }
    }
  }

  /// The scores of everything added so far.
  /// - Parameter resampling: needs a scorer that keeps segments, if it asks for anything.
  /// - Throws: `EvaluationError` where nothing was added, for a comparison of fewer than two systems, or for too few
  ///   resamples.
  public func table(_ resampling: Resampling = Resampling()) throws -> ScoreTable {
    guard resampling.needsSegments else {
      return ScoreTable(systems: systems, scores: try scorers.map { try $0.map { try $0.score() } })
    }
    guard segmentCount > 0 else { throw EvaluationError.noSegments }
    let columns = try metrics.indices.map { metric in
      try cells(metrics[metric], scorers.map { $0[metric].statistics() }, resampling)
    }
    return ScoreTable(
      systems: systems, cells: systems.indices.map { system in columns.map { $0[system] } },
      hasBaseline: resampling.pairs)
  }

  /// One metric's cells, one for each system.
  private func cells(
    _ metric: any Metric, _ statistics: [SegmentStatistics], _ resampling: Resampling
  ) throws -> [ScoreTable.Cell] {
    guard resampling.pairs else {
      let resamples = resampling.confidence ?? Bootstrap.defaultResamples
      return try statistics.map { .init(score: try metric.confidentScore($0, resamples, resampling.seed)) }
    }
    func compare(_ kind: PairedTest.Kind) throws -> PairedTest.Comparison {
      try PairedTest(kind, seed: resampling.seed).compare(statistics, metric: metric)
    }
    let bootstrap = try resampling.pairedBootstrap.map { try compare(.bootstrap(resamples: $0)) }
    let randomization = try resampling.randomization.map {
      try compare(
        .approximateRandomization(trials: $0, confidence: bootstrap == nil ? resampling.confidence : nil))
    }
    return statistics.indices.map { system in
      var score = metric.score(sums: statistics[system].sums(), references: statistics[system].references)
      let results = (bootstrap?.results[system], randomization?.results[system])
      score.confidence = results.0?.confidence ?? results.1?.confidence
      score.signature.bootstrapResamples =
        bootstrap?.signature.bootstrapResamples ?? randomization?.signature.bootstrapResamples
      score.signature.randomizationTrials = randomization?.signature.randomizationTrials
      score.signature.seed = bootstrap?.signature.seed ?? randomization?.signature.seed
      return ScoreTable.Cell(
        score: score, bootstrapPValue: results.0?.pValue, randomizationPValue: results.1?.pValue)
    }
  }

  /// The scores of every segment, in a scorer that keeps them: system by system, line by line, metric by metric.
  public func sentenceRecords(testSet: String? = nil) -> [ScoreRecord] {
    systems.indices.flatMap { system in
      let statistics = scorers[system].map { $0.statistics() }
      return (0..<segmentCount).flatMap { segment in
        metrics.indices.map { metric in
          ScoreRecord(
            testSet: testSet, system: systems[system], line: segment + 1,
            score: metrics[metric].sentenceScore(statistics[metric], segment: segment))
        }
      }
    }
  }
}
