import HeapModule

/// Learns the pieces of byte-pair encoding from words with their counts (Sennrich et al. 2016).
///
/// Each round makes a piece of the most frequent pair of neighbours; ties go to the pair whose symbols came first.
/// Pair counts are kept up to date word by word, with a heap whose stale entries are mended as they surface, so that a
/// round costs only the words it touches. Characters are numbered by frequency, so the result depends on the counts alone.
struct BytePairLearner {
  let configuration: TextConfiguration

  struct Result {
    var characters: [String]
    var merges: [String]
  }

  /// A pair and its count when it was put into the heap.
  private struct Candidate: Comparable {
    var count: Int
    var left: Int32
    var right: Int32

    static func < (a: Candidate, b: Candidate) -> Bool {
      (a.count, b.left, b.right) < (b.count, a.left, a.right)
    }
  }

  private struct Pair {
    var count = 0
    /// Words that held the pair when it was counted; some may hold it no more.
    var words: [Int32] = []
  }

  /// - Parameter words: words without a space before them and with one, each with its count.
  func learn(
    _ words: [(bytes: ArraySlice<UInt8>, afterSpace: Bool, count: Int)], vocabularySize: Int
  ) throws(TextError) -> Result {
    let inventory = characters(words)
    let fixed = 2 + (configuration.byteFallback ? 256 : 0)
    guard fixed + inventory.count <= vocabularySize else {
      throw .vocabularyTooSmall(asked: vocabularySize, needed: fixed + inventory.count)
    }
    var symbols: [String] = inventory.map { String($0) }
    var lengths = [Int](repeating: 1, count: symbols.count)
    var holdsDigit = inventory.map { ("0"..."9").contains($0) }
    var ids: [Unicode.Scalar: Int32] = [:]
    for (index, scalar) in inventory.enumerated() { ids[scalar] = Int32(index) }
    var known = ByteStringTable(minimumCapacity: vocabularySize)
    for symbol in symbols { _ = known.insert(symbol) }

    // Words as symbols; -1 keeps apart what stands on either side of a character without a symbol.
    var texts: [[Int32]] = []
    var counts: [Int] = []
    texts.reserveCapacity(words.count)
    for word in words {
      var text: [Int32] = word.afterSpace ? [0] : []
      for scalar in String(decoding: word.bytes, as: UTF8.self).unicodeScalars {
        text.append(scalar == Vocabulary.spaceMark ? -1 : ids[scalar] ?? -1)
      }
      if text.count > 1 {
        texts.append(text)
        counts.append(word.count)
      }
    }

    var pairs: [UInt64: Pair] = [:]
    func key(_ left: Int32, _ right: Int32) -> UInt64 {
      UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }
    for (word, text) in texts.enumerated() {
      for at in 1..<text.count where text[at - 1] >= 0 && text[at] >= 0 {
        pairs[key(text[at - 1], text[at]), default: Pair()].count += counts[word]
        pairs[key(text[at - 1], text[at]), default: Pair()].words.append(Int32(word))
      }
    }
    func mayMerge(_ left: Int32, _ right: Int32) -> Bool {
      if lengths[Int(left)] + lengths[Int(right)] > configuration.longestPiece { return false }
      // ▁ may stand before a digit, which makes no number of it.
      return !configuration.splitDigits || left == 0 || !(holdsDigit[Int(left)] || holdsDigit[Int(right)])
    }
    var heap = Heap<Candidate>()
    for (key, pair) in pairs {
      let (left, right) = (Int32(truncatingIfNeeded: key >> 32), Int32(truncatingIfNeeded: key))
      if pair.count > 1, mayMerge(left, right) { heap.insert(Candidate(count: pair.count, left: left, right: right)) }
    }

    var merges: [String] = []
    while fixed + symbols.count < vocabularySize, let top = heap.popMax() {
      let topKey = key(top.left, top.right)
      guard let pair = pairs[topKey] else { continue }
      if pair.count != top.count {
        if pair.count > 1 { heap.insert(Candidate(count: pair.count, left: top.left, right: top.right)) }
        continue
      }
      let piece = symbols[Int(top.left)] + symbols[Int(top.right)]
      if Vocabulary.isReserved(piece) { continue }
      pairs[topKey] = nil
      // A piece that another pair made before is merged here too, as the encoder will, and costs no place.
      let (number, isNew) = known.insert(piece)
      let merged = Int32(number)
      if isNew {
        symbols.append(piece)
        lengths.append(lengths[Int(top.left)] + lengths[Int(top.right)])
        holdsDigit.append(holdsDigit[Int(top.left)] || holdsDigit[Int(top.right)])
        merges.append(piece)
      }
      var changed: Set<UInt64> = []
      var last: Int32 = -1
      for word in pair.words where word != last {
        last = word
        let count = counts[Int(word)]
        let old = texts[Int(word)]
        var new: [Int32] = []
        new.reserveCapacity(old.count)
        var at = 0
        while at < old.count {
          if at + 1 < old.count, old[at] == top.left, old[at + 1] == top.right {
            new.append(merged)
            at += 2
          } else {
            new.append(old[at])
            at += 1
          }
        }
        guard new.count < old.count else { continue }
        for at in 1..<old.count where old[at - 1] >= 0 && old[at] >= 0 {
          let key = key(old[at - 1], old[at])
          if key != topKey { pairs[key]?.count -= count }
        }
        if new.count > 1 {
          for at in 1..<new.count where new[at - 1] >= 0 && new[at] >= 0 {
            let key = key(new[at - 1], new[at])
            if key == topKey { continue }
            pairs[key, default: Pair()].count += count
            if new[at - 1] == merged || new[at] == merged {
              pairs[key, default: Pair()].words.append(word)
              changed.insert(key)
            }
          }
        }
        texts[Int(word)] = new
      }
      for key in changed {
        let (left, right) = (Int32(truncatingIfNeeded: key >> 32), Int32(truncatingIfNeeded: key))
        if let count = pairs[key]?.count, count > 1, mayMerge(left, right) {
          heap.insert(Candidate(count: count, left: left, right: right))
        }
      }
    }
    return Result(characters: inventory.map { String($0) }, merges: merges)
  }

  /// ▁, then the most frequent characters that together cover the asked share of the text.
  private func characters(_ words: [(bytes: ArraySlice<UInt8>, afterSpace: Bool, count: Int)]) -> [Unicode.Scalar] {
    var counts: [Unicode.Scalar: Int] = [:]
    for word in words {
      for scalar in String(decoding: word.bytes, as: UTF8.self).unicodeScalars { counts[scalar, default: 0] += word.count }
    }
    counts[Vocabulary.spaceMark] = nil
    let sorted = counts.sorted { ($0.value, $1.key.value) > ($1.value, $0.key.value) }
    let total = sorted.reduce(0) { $0 + $1.value }
    var covered = 0
    var kept: [Unicode.Scalar] = [Vocabulary.spaceMark]
    for (scalar, count) in sorted {
      if Double(covered) >= configuration.characterCoverage * Double(total) { break }
      covered += count
      kept.append(scalar)
    }
    return kept
  }
}
