/// NumPy's default random numbers: `numpy.random.default_rng(seed)`, that is PCG64 (XSL-RR 128/64, O'Neill 2014)
/// seeded through `SeedSequence`. Draw for draw the same numbers, so that p-values agree with sacreBLEU's.
public struct PCG64: Sendable {
  private var state: UInt128
  private let increment: UInt128
  private static let multiplier: UInt128 = 2_549_297_995_355_413_924 << 64 | 4_865_540_595_714_422_341
  /// The high half of a 64-bit output whose low half was handed out.
  private var storedHalf: UInt32?
  /// Bits of a 32-bit draw not yet handed out.
  private var bits: UInt32 = 0
  private var bitsLeft = 0

  /// - Parameter seed: as given to `default_rng`.
  public init(seed: UInt64) {
    // NumPy takes as many 32-bit words as the number needs, and at least one.
    let high = UInt32(truncatingIfNeeded: seed >> 32)
    let low = UInt32(truncatingIfNeeded: seed)
    self.init(entropy: high == 0 ? [low] : [low, high])
  }

  /// Seeded by the operating system.
  public init() {
    self.init(entropy: (0..<4).map { _ in UInt32.random(in: .min ... .max) })
  }

  private init(entropy: [UInt32]) {
    let words = SeedSequence(entropy: entropy).generate(4)
    let initialState = UInt128(words[0]) << 64 | UInt128(words[1])
    let sequence = UInt128(words[2]) << 64 | UInt128(words[3])
    increment = sequence << 1 | 1
    state = 0
    step()
    state &+= initialState
    step()
  }

  @inline(__always)
  private mutating func step() {
    state = state &* Self.multiplier &+ increment
  }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    step()
    let mixed = UInt64(truncatingIfNeeded: state >> 64) ^ UInt64(truncatingIfNeeded: state)
    let rotation = UInt64(truncatingIfNeeded: state >> 122)
    return mixed >> rotation | mixed << ((64 &- rotation) & 63)
  }

  /// The next 32 bits: the low half of a fresh output, then its high half.
  public mutating func next32() -> UInt32 {
    if let half = storedHalf {
      storedHalf = nil
      return half
    }
    let fresh = next()
    storedHalf = UInt32(truncatingIfNeeded: fresh >> 32)
    return UInt32(truncatingIfNeeded: fresh)
  }

  /// A number in 0..<bound, as `rng.choice(bound, …)` and `rng.integers(bound)` draw it (Lemire 2019).
  /// - Parameter bound: 1 or more, below 2³².
  public mutating func next(below bound: Int) -> Int {
    precondition(bound >= 1 && bound < 1 << 32, "bound is \(bound), expected 1 ..< 4294967296")
    if bound == 1 { return 0 }
    let range = UInt32(bound)
    var product = UInt64(next32()) &* UInt64(range)
    if UInt32(truncatingIfNeeded: product) < range {
      let threshold = (0 &- range) % range
      while UInt32(truncatingIfNeeded: product) < threshold { product = UInt64(next32()) &* UInt64(range) }
    }
    return Int(product >> 32)
  }

  /// A fair coin, as `rng.integers(2, dtype=bool)` tosses it: the bits of successive 32-bit draws, lowest first.
  public mutating func nextBool() -> Bool {
    if bitsLeft == 0 {
      bits = next32()
      bitsLeft = 32
    }
    defer {
      bits >>= 1
      bitsLeft -= 1
    }
    return bits & 1 == 1
  }

  /// Forgets unused bits, as NumPy does at the end of a call that filled an array with coins.
  mutating func endBools() { bitsLeft = 0 }
}

/// NumPy's way of spreading a seed over a generator's state (after O'Neill's `seed_seq`).
private struct SeedSequence {
  private static let initialA: UInt32 = 0x43B0_D7E5, multiplierA: UInt32 = 0x931E_8875
  private static let initialB: UInt32 = 0x8B51_F9DD, multiplierB: UInt32 = 0x58F3_8DED
  private static let mixLeft: UInt32 = 0xCA01_F9DD, mixRight: UInt32 = 0x4973_F715
  private var pool: [UInt32] = [0, 0, 0, 0]

  init(entropy: [UInt32]) {
    var constant = Self.initialA
    func hash(_ value: UInt32) -> UInt32 {
      var value = value ^ constant
      constant = constant &* Self.multiplierA
      value = value &* constant
      return value ^ value >> 16
    }
    for index in pool.indices { pool[index] = hash(index < entropy.count ? entropy[index] : 0) }
    for source in pool.indices {
      for target in pool.indices where target != source { pool[target] = Self.mix(pool[target], hash(pool[source])) }
    }
    for extra in entropy.dropFirst(pool.count) {
      for target in pool.indices { pool[target] = Self.mix(pool[target], hash(extra)) }
    }
  }

  private static func mix(_ left: UInt32, _ right: UInt32) -> UInt32 {
    let mixed = mixLeft &* left &- mixRight &* right
    return mixed ^ mixed >> 16
  }

  func generate(_ count: Int) -> [UInt64] {
    var constant = Self.initialB
    let halves = (0..<count * 2).map { index in
      var value = pool[index % pool.count] ^ constant
      constant = constant &* Self.multiplierB
      value = value &* constant
      return value ^ value >> 16
    }
    return (0..<count).map { UInt64(halves[2 * $0 + 1]) << 32 | UInt64(halves[2 * $0]) }
  }
}
