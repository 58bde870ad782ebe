import Foundation

/// xoshiro256** (Blackman & Vigna 2018): small, fast, and its whole state can be stored and restored.
public struct RandomGenerator: RandomNumberGenerator, Codable, Sendable, Equatable {
  private var s0, s1, s2, s3: UInt64

  /// Seeds the state through SplitMix64, so that close seeds give unrelated streams.
  public init(seed: UInt64) {
    var x = seed
    func next() -> UInt64 {
      x &+= 0x9E37_79B9_7F4A_7C15
      var z = x
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    (s0, s1, s2, s3) = (next(), next(), next(), next())
  }

  /// A stream of its own for each combination of numbers, e.g. (seed, update, shard).
  public init(seed: UInt64, _ numbers: Int...) {
    var mixed = RandomGenerator(seed: seed)
    for number in numbers { mixed = RandomGenerator(seed: mixed.next() ^ UInt64(bitPattern: Int64(number))) }
    self = mixed
  }

  public mutating func next() -> UInt64 {
    let result = rotate(s1 &* 5, 7) &* 9
    let t = s1 << 17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    s3 = rotate(s3, 45)
    return result
  }

  private func rotate(_ x: UInt64, _ by: UInt64) -> UInt64 { (x << by) | (x >> (64 - by)) }

  /// Uniform in [0, 1), 53 bits.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Standard normal by Box & Muller.
  public mutating func gaussian() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }
}
