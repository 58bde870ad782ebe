/// Numbers words by their bytes, exactly; forgets them between segments.
final class WordTable {
  private struct Slot {
    var hash: UInt64
    var number: UInt32
    var stamp: UInt32
  }

  /// The number of a word that is not in the table.
  static let absent = UInt32.max

  private let bytes = ByteBuffer()
  /// Word n occupies bytes[ends[n] ..< ends[n + 1]].
  private var ends: UnsafeMutablePointer<Int>
  private var slots: UnsafeMutablePointer<Slot>
  private var mask: Int
  private var stamp: UInt32 = 1
  private(set) var count = 0

  init(bits: Int = 8) {
    slots = .allocate(capacity: 1 << bits)
    slots.initialize(repeating: Slot(hash: 0, number: 0, stamp: 0), count: 1 << bits)
    mask = (1 << bits) - 1
    ends = .allocate(capacity: mask + 2)
    ends[0] = 0
  }

  deinit {
    slots.deallocate()
    ends.deallocate()
  }

  func removeAll() {
    bytes.count = 0
    count = 0
    stamp &+= 1
    guard stamp == 0 else { return }
    slots.update(repeating: Slot(hash: 0, number: 0, stamp: 0), count: mask + 1)
    stamp = 1
  }

  /// The word's number, `absent` if it was never inserted.
  @inline(__always)
  func find(_ word: UnsafeBufferPointer<UInt8>) -> UInt32 {
    let hash = Self.hash(word)
    let position = locate(word, hash)
    return slots[position].stamp == stamp ? slots[position].number : Self.absent
  }

  /// The word's number, a new one if it was never inserted.
  @inline(__always)
  func insert(_ word: UnsafeBufferPointer<UInt8>) -> UInt32 {
    if count * 2 > mask { grow() }
    let hash = Self.hash(word)
    let position = locate(word, hash)
    if slots[position].stamp == stamp { return slots[position].number }
    let number = UInt32(truncatingIfNeeded: count)
    slots[position] = Slot(hash: hash, number: number, stamp: stamp)
    bytes.append(word)
    count += 1
    ends[count] = bytes.count
    return number
  }

  private static func hash(_ word: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a, then mixed
    for byte in word { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    return hash ^ hash >> 32
  }

  private func locate(_ word: UnsafeBufferPointer<UInt8>, _ hash: UInt64) -> Int {
    var position = Int(truncatingIfNeeded: hash) & mask
    while slots[position].stamp == stamp {
      if slots[position].hash == hash && equals(Int(slots[position].number), word) { return position }
      position = (position + 1) & mask
    }
    return position
  }

  private func equals(_ number: Int, _ word: UnsafeBufferPointer<UInt8>) -> Bool {
    let start = ends[number]
    guard ends[number + 1] - start == word.count else { return false }
    for offset in 0..<word.count where bytes.base[start + offset] != word[offset] { return false }
    return true
  }

  private func grow() {
    let old = slots, oldSize = mask + 1
    slots = .allocate(capacity: oldSize * 4)
    slots.initialize(repeating: Slot(hash: 0, number: 0, stamp: 0), count: oldSize * 4)
    mask = oldSize * 4 - 1
    for index in 0..<oldSize where old[index].stamp == stamp {
      var position = Int(truncatingIfNeeded: old[index].hash) & mask
      while slots[position].stamp == stamp { position = (position + 1) & mask }
      slots[position] = old[index]
    }
    old.deallocate()
    let larger = UnsafeMutablePointer<Int>.allocate(capacity: mask + 2)
    larger.update(from: ends, count: count + 1)
    ends.deallocate()
    ends = larger
  }
}
