import Autograd
import Foundation

/// In which order an epoch visits the pairs of all corpora.
///
/// Every corpus is an endless row of passes, each a shuffle of its own; an epoch takes the next `repetitions` · size
/// pairs of it (2.0: every pair twice; 0.25: a quarter, the next quarter in the next epoch), then mixes all corpora.
/// All follows from seed and epoch.
public struct EpochOrder: Sendable {
  public let seed: UInt64
  public let sizes: [Int]
  /// How often an epoch sees each corpus.
  public let repetitions: [Double]

  public init(seed: UInt64, sizes: [Int], repetitions: [Double]) {
    precondition(sizes.count == repetitions.count, "\(sizes.count) corpora, \(repetitions.count) repetitions")
    (self.seed, self.sizes, self.repetitions) = (seed, sizes, repetitions)
  }

  /// One visit.
  public struct Draw: Sendable, Equatable {
    public var corpus: Int32
    public var index: Int32
    /// Which reading of the corpus this is, from 0.
    public var pass: Int32
  }

  /// The visits of an epoch, from 0. Cost: O(size of the corpora).
  public func draws(epoch: Int) -> [Draw] {
    var draws: [Draw] = []
    for corpus in sizes.indices where sizes[corpus] > 0 {
      let size = sizes[corpus]
      let perEpoch = repetitions[corpus] * Double(size)
      var position = Int((Double(epoch) * perEpoch).rounded())
      let end = Int((Double(epoch + 1) * perEpoch).rounded())
      while position < end {
        let pass = position / size
        var random = RandomGenerator(seed: seed, 101, corpus, pass)
        let shuffled = (0..<Int32(size)).shuffled(using: &random)
        let last = min(end, (pass + 1) * size)
        for place in position..<last {
          draws.append(Draw(corpus: Int32(corpus), index: shuffled[place - pass * size], pass: Int32(pass)))
        }
        position = last
      }
    }
    var random = RandomGenerator(seed: seed, 102, epoch)
    draws.shuffle(using: &random)
    return draws
  }

  /// Repetitions that follow from weights and a temperature: corpus i is seen weight_i · (n_i / n_max)^(1/T − 1) times
  /// an epoch. T = 1 keeps the sizes' proportions, T → ∞ gives all corpora the size of the largest
  /// (Arivazhagan et al. 2019, arXiv:1907.05019, §4).
  public static func repetitions(sizes: [Int], weights: [Double], temperature: Double) -> [Double] {
    let largest = Double(sizes.max() ?? 1)
    return zip(sizes, weights).map { size, weight in
      size == 0 ? 0 : weight * pow(Double(size) / largest, 1 / temperature - 1)
    }
  }
}
