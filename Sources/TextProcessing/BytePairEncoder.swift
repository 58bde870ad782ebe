import HeapModule

/// Byte-pair encoding of single words (Sennrich et al. 2016), by SentencePiece's rule: of all neighbours whose
/// concatenation is a piece, those whose piece was learnt first merge first, the leftmost of equals, until none is left.
/// How a piece came to be plays no part, so a list of pieces in order is the whole model. A piece must be the
/// concatenation of two others to be reached.
///
/// With dropout (Provilkov et al. 2020) each possible merge is passed over with probability p at each step.
struct BytePairEncoder: Sendable {
  let vocabulary: Vocabulary
  private let pairs: PairTable
  /// Ids of characters below U+3000; -1 where there is none.
  private let lowCharacters: [Int32]

  init(_ vocabulary: Vocabulary) {
    self.vocabulary = vocabulary
    var pairs = PairTable(minimumCapacity: vocabulary.merges.count * 4)
    for id in vocabulary.merges {
      let piece = Array(vocabulary.bytes(Int32(id)))
      piece.withUnsafeBufferPointer { piece in
        for cut in 1..<max(piece.count, 1) where piece[cut] & 0xC0 != 0x80 {
          guard let left = vocabulary.find(UnsafeBufferPointer(rebasing: piece[..<cut])),
            let right = vocabulary.find(UnsafeBufferPointer(rebasing: piece[cut...])),
            vocabulary.characters.lowerBound <= left, vocabulary.characters.lowerBound <= right
          else { continue }
          pairs.insert(left, right, Int32(id))
        }
      }
    }
    self.pairs = pairs
    var lowCharacters = [Int32](repeating: -1, count: 0x3000)
    for id in vocabulary.characters {
      if let scalar = vocabulary.piece(Int32(id)).unicodeScalars.first, scalar.value < 0x3000 {
        lowCharacters[Int(scalar.value)] = Int32(id)
      }
    }
    self.lowCharacters = lowCharacters
  }

  /// The merges that no two pieces make.
  var unreachable: [String] {
    let reached = pairs.merged
    return vocabulary.merges.filter { !reached.contains(Int32($0)) }.map { vocabulary.piece(Int32($0)) }
  }

  /// Appends a word's characters, bytes where the vocabulary lacks them, and first ▁ where a space precedes it.
  func appendSymbols(of word: UnsafeBufferPointer<UInt8>, afterSpace: Bool, to symbols: inout [Int32]) {
    let mark = Int(Vocabulary.spaceMark.value)
    if afterSpace { symbols.append(lowCharacters[mark]) }
    var at = 0
    while at < word.count {
      let first = word[at]
      let width = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
      let character = UnsafeBufferPointer(rebasing: word[at..<(at + width)])
      var id: Int32 = -1
      switch width {
      case 1: id = lowCharacters[Int(first)]
      case 2: id = lowCharacters[Int(first & 0x1F) << 6 | Int(character[1] & 0x3F)]
      default:
        // ▁ in the text itself is not the mark.
        let scalar = width == 3 ? Int(first & 0x0F) << 12 | Int(character[1] & 0x3F) << 6 | Int(character[2] & 0x3F) : 0x10000
        if scalar < 0x3000 {
          id = scalar == mark ? -1 : lowCharacters[scalar]
        } else {
          id = vocabulary.find(character) ?? -1
        }
      }
      if id >= 0 {
        symbols.append(id)
      } else if vocabulary.hasByteFallback {
        for byte in character { symbols.append(vocabulary.byteID(byte)) }
      } else {
        symbols.append(Vocabulary.unknown)
      }
      at += width
    }
  }

  /// Room for one word's merging, kept between words.
  struct Workspace {
    fileprivate var symbols: [Int32] = []
    fileprivate var next: [Int32] = []
    fileprivate var previous: [Int32] = []
    fileprivate var candidates = Heap<UInt64>()
    fileprivate var rejected: [UInt64] = []
  }

  /// Appends the pieces of a word given as its symbols. n log n in their number.
  func encode(
    _ word: ArraySlice<Int32>, dropout: Double, random: inout some RandomNumberGenerator, _ work: inout Workspace,
    to ids: inout [Int32]
  ) {
    let count = word.count
    guard count > 1 else {
      ids.append(contentsOf: word)
      return
    }
    work.symbols.removeAll(keepingCapacity: true)
    work.symbols.append(contentsOf: word)
    work.next.removeAll(keepingCapacity: true)
    work.previous.removeAll(keepingCapacity: true)
    for index in 0..<Int32(count) {
      work.next.append(index + 1 < count ? index + 1 : -1)
      work.previous.append(index - 1)
    }
    work.rejected.removeAll(keepingCapacity: true)
    for index in 0..<(count - 1) { propose(index, index + 1, &work) }
    while let candidate = work.candidates.popMin() {
      let at = Int(candidate & 0xFFFF_FFFF)
      let merged = Int32(candidate >> 32)
      let right = Int(work.next[at])
      // Stale where either side has merged with another since.
      guard work.symbols[at] >= 0, right >= 0, pairs.find(work.symbols[at], work.symbols[right]) == merged else { continue }
      if dropout > 0, Double(random.next() >> 11) * 0x1p-53 < dropout {
        work.rejected.append(candidate)
        continue
      }
      work.symbols[at] = merged
      work.symbols[right] = -1
      let after = work.next[right]
      work.next[at] = after
      if after >= 0 {
        work.previous[Int(after)] = Int32(at)
        propose(at, Int(after), &work)
      }
      if work.previous[at] >= 0 { propose(Int(work.previous[at]), at, &work) }
      // What was passed over has its chance again at the next step.
      for rejected in work.rejected { work.candidates.insert(rejected) }
      work.rejected.removeAll(keepingCapacity: true)
    }
    var at = 0
    while at >= 0 {
      ids.append(work.symbols[at])
      at = Int(work.next[at])
    }
  }

  @inline(__always)
  private func propose(_ left: Int, _ right: Int, _ work: inout Workspace) {
    let merged = pairs.find(work.symbols[left], work.symbols[right])
    if merged >= 0 { work.candidates.insert(UInt64(merged) << 32 | UInt64(left)) }
  }
}

/// Two symbols → their concatenation. Open addressing.
struct PairTable: Sendable {
  private var keys: [UInt64]
  private var values: [Int32]
  private var count = 0
  private static let free = UInt64.max

  init(minimumCapacity: Int) {
    var size = 256
    while size < minimumCapacity * 2 { size *= 2 }
    keys = [UInt64](repeating: Self.free, count: size)
    values = [Int32](repeating: -1, count: size)
  }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  @inline(__always)
  private func slot(_ key: UInt64) -> Int {
    let mask = keys.count - 1
    var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    while keys[slot] != Self.free, keys[slot] != key { slot = (slot + 1) & mask }
    return slot
  }

  /// The merged symbol, or -1.
  @inline(__always)
  func find(_ left: Int32, _ right: Int32) -> Int32 { values[slot(Self.key(left, right))] }

  var merged: Set<Int32> { Set(values) }

  mutating func insert(_ left: Int32, _ right: Int32, _ merged: Int32) {
    let key = Self.key(left, right)
    let slot = slot(key)
    if keys[slot] == Self.free { count += 1 }
    keys[slot] = key
    values[slot] = merged
    guard count * 2 > keys.count else { return }
    let old = (keys, values)
    keys = [UInt64](repeating: Self.free, count: old.0.count * 2)
    values = [Int32](repeating: -1, count: old.0.count * 2)
    for (key, value) in zip(old.0, old.1) where key != Self.free {
      let slot = self.slot(key)
      keys[slot] = key
      values[slot] = value
    }
  }
}
