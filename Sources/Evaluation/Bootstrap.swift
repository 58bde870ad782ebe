import Foundation

/// Bootstrap resampling as sacreBLEU 2.6 does it with NumPy 2: segments are drawn with replacement, their
/// statistics summed in single precision, in the order drawn.
public enum Bootstrap {
  /// sacreBLEU's default number of resamples.
  public static let defaultResamples = 1000

  /// Where random numbers come from.
  public enum Seed: Sendable, Equatable, CustomStringConvertible {
    /// sacreBLEU's default is 12345.
    case fixed(UInt64)
    /// The operating system's.
    case none

    public static let standard = Seed.fixed(12345)

    public var description: String {
      switch self {
      case .fixed(let value): "\(value)"
      case .none: "none"
      }
    }

    func makeGenerator() -> PCG64 {
      switch self {
      case .fixed(let value): PCG64(seed: value)
      case .none: PCG64()
      }
    }
  }

  /// The scores of `resamples` corpora drawn from each of several systems, the same segments for all: a
  /// [systems][resamples] table.
  /// - Parameter systems: statistics of one metric, with equal numbers of segments.
  /// - Complexity: resamples × segments × systems × width additions; memory for one resample's sums.
  static func scores(
    of systems: [SegmentStatistics], metric: any Metric, resamples: Int, generator: inout PCG64
  ) -> [[Double]] {
    let segments = systems[0].segmentCount, width = metric.statisticCount
    let columns = systems.map { $0.values.map(Float.init) }
    var result = [[Double]](repeating: [], count: systems.count)
    var drawn = [Int](repeating: 0, count: segments)
    for _ in 0..<resamples {
      for position in 0..<segments { drawn[position] = generator.next(below: segments) * width }
      for system in systems.indices {
        var sums = [Float](repeating: 0, count: width)
        columns[system].withUnsafeBufferPointer { values in
          sums.withUnsafeMutableBufferPointer { sums in
            for start in drawn {
              for column in 0..<width { sums[column] += values[start + column] }
            }
          }
        }
        result[system].append(metric.resampledScore(sums: sums))
      }
    }
    return result
  }

  /// Mean and half-width of the middle 95 % of bootstrap scores.
  static func interval(_ scores: [Double], singlePrecision: Bool) -> ConfidenceInterval {
    singlePrecision ? interval(scores.map(Float.init)) : interval(scores)
  }

  private static func interval<Number: BinaryFloatingPoint>(_ scores: [Number]) -> ConfidenceInterval {
    let sorted = scores.sorted()
    let lower = sorted.count / 40
    let upper = sorted.count - lower - 1
    return ConfidenceInterval(
      mean: Double(mean(sorted)), halfWidth: Double(0.5 * (sorted[upper] - sorted[lower])))
  }

  /// The mean to the last bit as NumPy takes it.
  static func mean<Number: BinaryFloatingPoint>(_ values: [Number]) -> Number {
    values.withUnsafeBufferPointer { pairwiseSum($0[...]) } / Number(values.count)
  }

  /// NumPy's order of additions: halves of more than 128 numbers by themselves, eight sums side by side in the rest.
  private static func pairwiseSum<Number: BinaryFloatingPoint>(
    _ values: Slice<UnsafeBufferPointer<Number>>
  ) -> Number {
    let count = values.count, start = values.startIndex
    if count > 128 {
      let half = start + count / 2 - count / 2 % 8
      return pairwiseSum(values[..<half]) + pairwiseSum(values[half...])
    }
    guard count >= 8 else { return values.reduce(0, +) }
    var sums = Array(values.prefix(8))
    let whole = start + count - count % 8
    for position in start + 8..<max(whole, start + 8) { sums[(position - start) % 8] += values[position] }
    let sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
    return values[whole...].reduce(sum, +)
  }
}

extension Metric {
  /// A corpus score with a 95 % interval by bootstrap resampling.
  /// - Throws: `EvaluationError` for unequal or missing segments, or fewer than two resamples.
  public func corpusScore(
    hypotheses: [String], references: [[String]], resamples: Int, seed: Bootstrap.Seed = .standard
  ) throws -> Score {
    try confidentScore(segmentStatistics(hypotheses: hypotheses, references: references), resamples, seed)
  }

  /// As `corpusScore(hypotheses:references:resamples:seed:)`, from statistics already counted.
  public func confidentScore(
    _ statistics: SegmentStatistics, _ resamples: Int = Bootstrap.defaultResamples, _ seed: Bootstrap.Seed = .standard
  ) throws -> Score {
    guard resamples >= 2 else {
      throw EvaluationError.invalidOption(name: "resamples", value: "\(resamples)", expected: "at least 2")
    }
    var score = score(sums: statistics.sums(), references: statistics.references)
    var generator = seed.makeGenerator()
    let scores = Bootstrap.scores(of: [statistics], metric: self, resamples: resamples, generator: &generator)[0]
    score.confidence = Bootstrap.interval(scores, singlePrecision: resamplesInSinglePrecision)
    score.signature.bootstrapResamples = resamples
    score.signature.seed = "\(seed)"
    return score
  }
}
