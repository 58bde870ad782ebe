/// Numbers n-grams exactly: an n-gram is the pair of its prefix's number and its last symbol.
///
/// Because a prefix has one number whatever its length, one table of 64-bit keys serves every order, nothing is
/// hashed twice, and two different n-grams never share a number. Cleared in constant time between segments.
final class NGramTable {
  private struct Slot {
    var key: UInt64
    var number: Int32
    var stamp: UInt32
  }

  /// The prefix of a unigram.
  static let root: Int32 = -1
  static let absent: Int32 = -2

  private var slots: UnsafeMutablePointer<Slot>
  private var shift: UInt64
  private var mask: Int
  private var stamp: UInt32 = 1
  private(set) var count = 0
  /// Counters of each number, for the caller: [count].
  private(set) var first: UnsafeMutablePointer<Int32>
  private(set) var second: UnsafeMutablePointer<Int32>
  private(set) var third: UnsafeMutablePointer<Int32>
  private var room: Int

  init(bits: Int = 10) {
    let size = 1 << bits
    slots = .allocate(capacity: size)
    slots.initialize(repeating: Slot(key: 0, number: 0, stamp: 0), count: size)
    shift = UInt64(64 - bits)
    mask = size - 1
    room = size / 2
    first = .allocate(capacity: room)
    second = .allocate(capacity: room)
    third = .allocate(capacity: room)
  }

  deinit {
    slots.deallocate()
    first.deallocate()
    second.deallocate()
    third.deallocate()
  }

  func removeAll() {
    count = 0
    stamp &+= 1
    guard stamp == 0 else { return }
    slots.update(repeating: Slot(key: 0, number: 0, stamp: 0), count: mask + 1)
    stamp = 1
  }

  @inline(__always)
  private func key(_ prefix: Int32, _ symbol: UInt32) -> UInt64 {
    UInt64(UInt32(bitPattern: prefix &+ 1)) << 32 | UInt64(symbol)
  }

  @inline(__always)
  private func home(_ key: UInt64) -> Int {
    Int(truncatingIfNeeded: ((key ^ key >> 29) &* 0x9E37_79B9_7F4A_7C15) >> shift)
  }

  /// The number of an n-gram, `absent` if it was never inserted.
  @inline(__always)
  func find(_ prefix: Int32, _ symbol: UInt32) -> Int32 {
    let wanted = key(prefix, symbol)
    var position = home(wanted)
    while slots[position].stamp == stamp {
      if slots[position].key == wanted { return slots[position].number }
      position = (position &+ 1) & mask
    }
    return Self.absent
  }

  /// The number of an n-gram, a new one (with its three counters at 0) if it was never inserted.
  @inline(__always)
  func insert(_ prefix: Int32, _ symbol: UInt32) -> Int32 {
    if count == room { grow() }
    let wanted = key(prefix, symbol)
    var position = home(wanted)
    while slots[position].stamp == stamp {
      if slots[position].key == wanted { return slots[position].number }
      position = (position &+ 1) & mask
    }
    let number = Int32(truncatingIfNeeded: count)
    slots[position] = Slot(key: wanted, number: number, stamp: stamp)
    first[count] = 0
    second[count] = 0
    third[count] = 0
    count += 1
    return number
  }

  private func grow() {
    let old = slots, oldSize = mask + 1
    let size = oldSize * 4
    slots = .allocate(capacity: size)
    slots.initialize(repeating: Slot(key: 0, number: 0, stamp: 0), count: size)
    shift -= 2
    mask = size - 1
    for index in 0..<oldSize where old[index].stamp == stamp {
      var position = home(old[index].key)
      while slots[position].stamp == stamp { position = (position + 1) & mask }
      slots[position] = old[index]
    }
    old.deallocate()
    first = enlarged(first, to: size / 2)
    second = enlarged(second, to: size / 2)
    third = enlarged(third, to: size / 2)
    room = size / 2
  }

  private func enlarged(_ old: UnsafeMutablePointer<Int32>, to size: Int) -> UnsafeMutablePointer<Int32> {
    let new = UnsafeMutablePointer<Int32>.allocate(capacity: size)
    new.update(from: old, count: count)
    old.deallocate()
    return new
  }
}
