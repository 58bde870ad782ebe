/// Distinct byte strings, numbered in the order of their arrival. Compares bytes, where `String` would take canonically
/// equivalent texts for equal. Look-up and insertion take constant expected time.
struct ByteStringTable: Sendable {
  private var slots: [Int32]
  private var hashes: [UInt64] = []
  private var ends: [Int] = []
  private var storage: [UInt8] = []
  // Chosen per table's process so that no input can be made to collide.
  private static let seed = UInt64.random(in: .min ... .max)

  init(minimumCapacity: Int = 64) {
    var size = 128
    while size < minimumCapacity * 2 { size *= 2 }
    slots = [Int32](repeating: -1, count: size)
  }

  var count: Int { ends.count }

  /// The bytes of string number `index`.
  func bytes(at index: Int) -> ArraySlice<UInt8> {
    storage[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
  }

  func string(at index: Int) -> String { String(decoding: bytes(at: index), as: UTF8.self) }

  func find(_ key: UnsafeBufferPointer<UInt8>) -> Int? {
    let slot = self.slot(of: key, hash: Self.hash(key))
    let index = slots[slot]
    return index < 0 ? nil : Int(index)
  }

  func find(_ key: String) -> Int? {
    var key = key
    return key.withUTF8 { find($0) }
  }

  /// The string's number, and whether it is new.
  mutating func insert(_ key: UnsafeBufferPointer<UInt8>) -> (index: Int, isNew: Bool) {
    let hash = Self.hash(key)
    let slot = self.slot(of: key, hash: hash)
    if slots[slot] >= 0 { return (Int(slots[slot]), false) }
    let index = ends.count
    slots[slot] = Int32(index)
    hashes.append(hash)
    storage.append(contentsOf: key)
    ends.append(storage.count)
    if ends.count * 2 > slots.count { grow() }
    return (index, true)
  }

  mutating func insert(_ key: String) -> (index: Int, isNew: Bool) {
    var key = key
    return key.withUTF8 { insert($0) }
  }

  mutating func removeAll() {
    for index in slots.indices { slots[index] = -1 }
    hashes.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    storage.removeAll(keepingCapacity: true)
  }

  private func slot(of key: UnsafeBufferPointer<UInt8>, hash: UInt64) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    return storage.withUnsafeBufferPointer { storage in
      while true {
        let index = Int(slots[slot])
        if index < 0 { return slot }
        if hashes[index] == hash {
          let start = index == 0 ? 0 : ends[index - 1]
          if ends[index] - start == key.count, equal(storage, start, key) { return slot }
        }
        slot = (slot + 1) & mask
      }
    }
  }

  private func equal(_ storage: UnsafeBufferPointer<UInt8>, _ start: Int, _ key: UnsafeBufferPointer<UInt8>) -> Bool {
    for offset in 0..<key.count where storage[start + offset] != key[offset] { return false }
    return true
  }

  private mutating func grow() {
    let mask = slots.count * 2 - 1
    slots = [Int32](repeating: -1, count: slots.count * 2)
    for (index, hash) in hashes.enumerated() {
      var slot = Int(truncatingIfNeeded: hash) & mask
      while slots[slot] >= 0 { slot = (slot + 1) & mask }
      slots[slot] = Int32(index)
    }
  }

  private static func hash(_ key: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var hash = seed ^ UInt64(truncatingIfNeeded: key.count)
    let raw = UnsafeRawBufferPointer(key)
    var offset = 0
    while offset + 8 <= key.count {
      hash = mix(hash ^ raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset += 8
    }
    var rest: UInt64 = 0
    while offset < key.count {
      rest = rest << 8 | UInt64(key[offset])
      offset += 1
    }
    return mix(hash ^ rest)
  }

  /// Both halves of the product of the value and an odd constant, folded together.
  private static func mix(_ value: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
    return product.high ^ product.low
  }
}
