/// Whether probabilities mean what they say: predictions by their probability, in bins of equal width, with how often
/// they were right (Guo et al. 2017; of translation: Kumar and Sarawagi 2019).
public struct Calibration: Sendable, Equatable {
  /// Predictions of like probability.
  public struct Bin: Sendable, Equatable {
    /// Probabilities in low...high; the lower end belongs to the bin below, but for 0.
    public var low: Double
    public var high: Double
    public var count = 0
    public var correct = 0
    /// Sum of the probabilities.
    var sum = 0.0

    /// Mean probability, 0 of nothing.
    public var confidence: Double { count == 0 ? 0 : sum / Double(count) }
    /// Share of right ones, 0 of nothing.
    public var accuracy: Double { count == 0 ? 0 : Double(correct) / Double(count) }
  }

  public private(set) var bins: [Bin]

  public init(bins count: Int = 10) {
    precondition(count > 0, "\(count) bins")
    bins = (0..<count).map { Bin(low: Double($0) / Double(count), high: Double($0 + 1) / Double(count)) }
  }

  /// Adds a prediction of `probability`, 0…1.
  public mutating func add(probability: Double, isCorrect: Bool) {
    let place = (probability * Double(bins.count)).rounded(.up) - 1
    let bin = Int(min(max(place, 0), Double(bins.count - 1)))
    bins[bin].count += 1
    bins[bin].correct += isCorrect ? 1 : 0
    bins[bin].sum += probability
  }

  public var count: Int { bins.reduce(0) { $0 + $1.count } }
  public var confidence: Double { bins.reduce(0) { $0 + $1.sum } / Double(max(count, 1)) }
  public var accuracy: Double { Double(bins.reduce(0) { $0 + $1.correct }) / Double(max(count, 1)) }

  /// The expected calibration error: the bins' |accuracy − confidence|, weighted by their counts; 0 of nothing.
  public var expectedError: Double {
    bins.reduce(0) { $0 + Double($1.count) * abs($1.accuracy - $1.confidence) } / Double(max(count, 1))
  }
}
