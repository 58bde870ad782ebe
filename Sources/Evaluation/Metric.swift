/// A corpus metric that is a function of summed segment statistics.
///
/// Corpus and sentence scores, bootstrap intervals and paired tests follow from these few requirements.
/// References are nested as `[stream][segment]`: one stream for each reference translation of the corpus.
public protocol Metric: Sendable {
  /// `BLEU`, `chrF2++`, `TER` …
  var name: String { get }
  /// Numbers in one segment's sufficient statistics.
  var statisticCount: Int { get }
  /// A workspace that counts segments, to be used by one thread at a time.
  func makeCounter() -> any SegmentCounter
  /// The score that follows from summed statistics, in double precision.
  /// - Parameter sums: `statisticCount` numbers.
  func score(sums: [Double], references: Signature.ReferenceCount) -> Score
  /// The score of a resample whose sums were taken in single precision, as sacreBLEU does with NumPy 2.
  func resampledScore(sums: [Float]) -> Double
  /// The score of a trial whose sums were taken exactly.
  func trialScore(sums: [Double]) -> Double
  /// Whether resampled scores are single-precision numbers themselves (they decide how means are rounded).
  var resamplesInSinglePrecision: Bool { get }
}

/// Counts the sufficient statistics of segments. References come first, then the hypothesis.
public protocol SegmentCounter: AnyObject {
  /// Adds one reference of the segment that the next hypothesis translates.
  func addReference(_ text: UnsafeBufferPointer<UInt8>)
  /// Counts the hypothesis against the references added since the last call, and forgets them.
  /// - Parameter statistics: receives `statisticCount` numbers (overwritten).
  func countHypothesis(_ text: UnsafeBufferPointer<UInt8>, into statistics: UnsafeMutableBufferPointer<Double>)
}

extension SegmentCounter {
  @inline(__always)
  func addReference(_ text: String) {
    var text = text
    text.withUTF8 { addReference($0) }
  }

  @inline(__always)
  func countHypothesis(_ text: String, into statistics: UnsafeMutableBufferPointer<Double>) {
    var text = text
    text.withUTF8 { countHypothesis($0, into: statistics) }
  }
}

/// The sufficient statistics of every segment of a corpus: what resampling works on.
public struct SegmentStatistics: Sendable {
  /// Row-major [segments, width].
  public internal(set) var values: [Double]
  public let width: Int
  public internal(set) var references: Signature.ReferenceCount
  public var segmentCount: Int { values.count / width }

  /// Column sums, [width], added in the order of the segments.
  public func sums() -> [Double] {
    var sums = [Double](repeating: 0, count: width)
    for segment in 0..<segmentCount {
      for column in 0..<width { sums[column] += values[segment * width + column] }
    }
    return sums
  }
}

extension Metric {
  /// Scores a whole corpus.
  /// - Parameter references: `[stream][segment]`; every stream is as long as the hypotheses.
  /// - Throws: `EvaluationError` for unequal or missing segments.
  public func corpusScore(hypotheses: [String], references: [[String]]) throws -> Score {
    try requireAligned(hypotheses.count, references.map(\.count))
    var corpus = CorpusScorer(metric: self)
    for segment in hypotheses.indices {
      corpus.add(hypothesis: hypotheses[segment], referenceStreams: references, segment: segment)
    }
    return try corpus.score()
  }

  /// Scores a whole corpus in which a segment may lack some references (`nil`).
  public func corpusScore(hypotheses: [String], optionalReferences references: [[String?]]) throws -> Score {
    let statistics = try segmentStatistics(hypotheses: hypotheses, optionalReferences: references)
    return score(sums: statistics.sums(), references: statistics.references)
  }

  /// Scores one sentence against its references.
  ///
  /// For BLEU, sentences are better scored with `Options.effectiveOrder`, as sacreBLEU's command line does.
  public func sentenceScore(hypothesis: String, references: [String]) throws -> Score {
    try corpusScore(hypotheses: [hypothesis], references: references.map { [$0] })
  }

  /// The statistics of every segment, for sentence scores and resampling.
  public func segmentStatistics(hypotheses: [String], references: [[String]]) throws -> SegmentStatistics {
    try requireAligned(hypotheses.count, references.map(\.count))
    let counter = makeCounter()
    let width = statisticCount
    let values = [Double](unsafeUninitializedCapacity: hypotheses.count * width) { buffer, count in
      buffer.initialize(repeating: 0)
      for segment in hypotheses.indices {
        for stream in references { counter.addReference(stream[segment]) }
        let row = UnsafeMutableBufferPointer(rebasing: buffer[segment * width..<(segment + 1) * width])
        counter.countHypothesis(hypotheses[segment], into: row)
      }
      count = hypotheses.count * width
    }
    return SegmentStatistics(values: values, width: width, references: .fixed(references.count))
  }

  /// As `segmentStatistics(hypotheses:references:)`, with `nil` where a stream lacks a segment.
  public func segmentStatistics(
    hypotheses: [String], optionalReferences references: [[String?]]
  ) throws -> SegmentStatistics {
    try requireAligned(hypotheses.count, references.map(\.count))
    let counter = makeCounter()
    var result = SegmentStatistics(values: [], width: statisticCount, references: .variable)
    var row = [Double](repeating: 0, count: statisticCount)
    var fewest = Int.max, most = 0
    for segment in hypotheses.indices {
      let present = references.compactMap { $0[segment] }
      guard !present.isEmpty else { throw EvaluationError.segmentWithoutReference(segment: segment + 1) }
      fewest = min(fewest, present.count)
      most = max(most, present.count)
      for reference in present { counter.addReference(reference) }
      row.withUnsafeMutableBufferPointer { counter.countHypothesis(hypotheses[segment], into: $0) }
      result.values += row
    }
    if fewest == most { result.references = .fixed(most) }
    return result
  }

  /// The score of every segment, from statistics already counted.
  public func sentenceScores(_ statistics: SegmentStatistics) -> [Double] {
    (0..<statistics.segmentCount).map { sentenceScore(statistics, segment: $0).score }
  }

  /// One segment's score, from statistics already counted.
  public func sentenceScore(_ statistics: SegmentStatistics, segment: Int) -> Score {
    let row = statistics.values[segment * statistics.width..<(segment + 1) * statistics.width]
    return score(sums: Array(row), references: statistics.references)
  }

  public func trialScore(sums: [Double]) -> Double { score(sums: sums, references: .variable).score }
}

/// Scores a corpus pair by pair in constant memory.
public struct CorpusScorer {
  public let metric: any Metric
  private let keepsSegments: Bool
  private var segments: [Double] = []
  private let counter: any SegmentCounter
  private var sums: [Double]
  private var row: [Double]
  private var fewestReferences = Int.max
  private var mostReferences = 0
  public private(set) var segmentCount = 0

  /// - Parameter keepsSegments: keeps every segment's statistics, `metric.statisticCount` numbers each, for
  ///   `statistics()`.
  public init(metric: any Metric, keepsSegments: Bool = false) {
    self.metric = metric
    self.keepsSegments = keepsSegments
    counter = metric.makeCounter()
    sums = [Double](repeating: 0, count: metric.statisticCount)
    row = sums
  }

  /// Adds one segment with all its references (at least one).
  public mutating func add(hypothesis: String, references: [String]) {
    precondition(!references.isEmpty, "segment \(segmentCount + 1) has 0 references, expected at least 1")
    for reference in references { counter.addReference(reference) }
    finish(hypothesis, references: references.count)
  }

  mutating func add(hypothesis: String, referenceStreams: [[String]], segment: Int) {
    for stream in referenceStreams { counter.addReference(stream[segment]) }
    finish(hypothesis, references: referenceStreams.count)
  }

  private mutating func finish(_ hypothesis: String, references: Int) {
    let counter = counter
    row.withUnsafeMutableBufferPointer { counter.countHypothesis(hypothesis, into: $0) }
    for column in sums.indices { sums[column] += row[column] }
    if keepsSegments { segments += row }
    fewestReferences = min(fewestReferences, references)
    mostReferences = max(mostReferences, references)
    segmentCount += 1
  }

  /// The score of everything added so far.
  /// - Throws: `EvaluationError.noSegments` when nothing was added.
  public func score() throws -> Score {
    guard segmentCount > 0 else { throw EvaluationError.noSegments }
    return metric.score(sums: sums, references: references)
  }

  /// The statistics of every segment added so far, in a scorer that keeps them.
  public func statistics() -> SegmentStatistics {
    precondition(keepsSegments, "segments are not kept, \(segmentCount) were added")
    return SegmentStatistics(values: segments, width: metric.statisticCount, references: references)
  }

  private var references: Signature.ReferenceCount {
    fewestReferences == mostReferences ? .fixed(mostReferences) : .variable
  }
}

private func requireAligned(_ hypotheses: Int, _ streams: [Int]) throws {
  guard hypotheses > 0 else { throw EvaluationError.noSegments }
  guard !streams.isEmpty else { throw EvaluationError.noReferences }
  for (stream, count) in streams.enumerated() where count != hypotheses {
    throw EvaluationError.segmentCountMismatch(stream: stream + 1, references: count, hypotheses: hypotheses)
  }
}
