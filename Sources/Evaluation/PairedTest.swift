/// Is the difference between a baseline and another system likely to be chance? Two answers: paired bootstrap
/// resampling (Koehn 2004) and approximate randomisation (Riezler and Maxwell 2005), both as sacreBLEU 2.6
/// computes them, with its random numbers and so its p-values.
///
/// A small p speaks of these test sentences only; it says nothing about how a model would vary with its seed.
public struct PairedTest: Sendable {
  /// The two tests, each with its number of samples.
  public enum Kind: Sendable, Equatable {
    case bootstrap(resamples: Int = 1000)
    /// With `confidence`, every system also gets an interval from this many bootstrap resamples.
    case approximateRandomization(trials: Int = 10000, confidence: Int? = nil)
  }

  /// What the test says about one system and one metric.
  public struct Result: Sendable, Equatable {
    public let score: Double
    /// `nil` for the baseline.
    public let pValue: Double?
    public let confidence: ConfidenceInterval?
  }

  /// All systems under one metric, the baseline first.
  public struct Comparison: Sendable {
    /// The metric's name.
    public let name: String
    public let signature: Signature
    public let results: [Result]
  }

  public let kind: Kind
  public let seed: Bootstrap.Seed

  public init(_ kind: Kind = .bootstrap(), seed: Bootstrap.Seed = .standard) {
    self.kind = kind
    // sacreBLEU takes a seed of 0 for none in its paired tests.
    self.seed = seed == .fixed(0) ? .none : seed
  }

  /// Compares every system with the first.
  /// - Parameter systems: the baseline, then the others, each with as many segments as the references.
  /// - Throws: `EvaluationError` for fewer than two systems or unequal numbers of segments.
  public func compare(
    systems: [(name: String, hypotheses: [String])], references: [[String]], metric: any Metric
  ) throws -> Comparison {
    for system in systems.dropFirst() where system.hypotheses.count != systems[0].hypotheses.count {
      throw EvaluationError.systemLengthMismatch(
        system: system.name, segments: system.hypotheses.count, baselineSegments: systems[0].hypotheses.count)
    }
    let statistics = try systems.map {
      try metric.segmentStatistics(hypotheses: $0.hypotheses, references: references)
    }
    return try compare(statistics, metric: metric)
  }

  /// Compares from statistics already counted, the baseline's first.
  public func compare(_ systems: [SegmentStatistics], metric: any Metric) throws -> Comparison {
    guard systems.count >= 2 else { throw EvaluationError.tooFewSystems(found: systems.count) }
    for (index, system) in systems.enumerated() where system.segmentCount != systems[0].segmentCount {
      throw EvaluationError.systemLengthMismatch(
        system: "\(index + 1)", segments: system.segmentCount, baselineSegments: systems[0].segmentCount)
    }
    let samples: Int, intervalResamples: Int?
    switch kind {
    case .bootstrap(let resamples): (samples, intervalResamples) = (resamples, resamples)
    case .approximateRandomization(let trials, let confidence): (samples, intervalResamples) = (trials, confidence)
    }
    guard samples >= 1 else {
      throw EvaluationError.invalidOption(name: "samples", value: "\(samples)", expected: "at least 1")
    }
    if let intervalResamples, intervalResamples < 1 {
      throw EvaluationError.invalidOption(name: "confidence", value: "\(intervalResamples)", expected: "at least 1")
    }

    let scores = systems.map { metric.score(sums: $0.sums(), references: $0.references) }
    var baselineInterval: ConfidenceInterval?
    if let intervalResamples {
      baselineInterval = try metric.confidentScore(systems[0], max(intervalResamples, 2), seed).confidence
    }
    var results = [Result(score: scores[0].score, pValue: nil, confidence: baselineInterval)]
    for (system, score) in zip(systems, scores).dropFirst() {
      let difference = abs(scores[0].score - score.score)
      switch kind {
      case .bootstrap:
        results.append(bootstrap(systems[0], system, metric, samples, difference, score.score))
      case .approximateRandomization:
        results.append(
          randomization(systems[0], system, metric, samples, intervalResamples, difference, score.score))
      }
    }
    var signature = scores[0].signature
    signature.seed = "\(seed)"
    switch kind {
    case .bootstrap: signature.bootstrapResamples = samples
    case .approximateRandomization:
      signature.randomizationTrials = samples
      signature.bootstrapResamples = intervalResamples
    }
    return Comparison(name: metric.name, signature: signature, results: results)
  }

  /// How often a resampled difference, centred on its mean, exceeds the observed one.
  private func bootstrap(
    _ baseline: SegmentStatistics, _ system: SegmentStatistics, _ metric: any Metric, _ resamples: Int,
    _ difference: Double, _ score: Double
  ) -> Result {
    var generator = seed.makeGenerator()
    let scores = Bootstrap.scores(of: [baseline, system], metric: metric, resamples: resamples, generator: &generator)
    let single = metric.resamplesInSinglePrecision
    let exceeding =
      single
      ? Self.exceeding(scores.map { $0.map(Float.init) }, Float(difference)) : Self.exceeding(scores, difference)
    return Result(
      score: score, pValue: Double(exceeding + 1) / Double(resamples + 1),
      confidence: Bootstrap.interval(scores[1], singlePrecision: single))
  }

  /// How many of two systems' differences, less their mean, are above the observed one.
  private static func exceeding<Number: BinaryFloatingPoint>(_ scores: [[Number]], _ observed: Number) -> Int {
    let differences = zip(scores[0], scores[1]).map { abs($1 - $0) }
    let mean = Bootstrap.mean(differences)
    return differences.count { $0 - mean > observed }
  }

  /// How often two pseudo-systems, made by swapping segments at random, differ more than the real two do.
  private func randomization(
    _ baseline: SegmentStatistics, _ system: SegmentStatistics, _ metric: any Metric, _ trials: Int,
    _ intervalResamples: Int?, _ difference: Double, _ score: Double
  ) -> Result {
    var generator = seed.makeGenerator()
    let width = metric.statisticCount, segments = baseline.segmentCount
    var exceeding = 0
    var first = [Double](repeating: 0, count: width), second = first
    for _ in 0..<trials {
      for column in 0..<width {
        first[column] = 0
        second[column] = 0
      }
      baseline.values.withUnsafeBufferPointer { baseline in
        system.values.withUnsafeBufferPointer { system in
          for row in 0..<segments {
            let keeps = generator.nextBool()
            for column in row * width..<(row + 1) * width {
              first[column - row * width] += keeps ? baseline[column] : system[column]
              second[column - row * width] += keeps ? system[column] : baseline[column]
            }
          }
        }
      }
      if abs(metric.trialScore(sums: first) - metric.trialScore(sums: second)) > difference { exceeding += 1 }
    }
    generator.endBools()
    var interval: ConfidenceInterval?
    if let intervalResamples {
      let scores = Bootstrap.scores(
        of: [system], metric: metric, resamples: intervalResamples, generator: &generator)[0]
      interval = Bootstrap.interval(scores, singlePrecision: metric.resamplesInSinglePrecision)
    }
    return Result(score: score, pValue: Double(exceeding + 1) / Double(trials + 1), confidence: interval)
  }
}
