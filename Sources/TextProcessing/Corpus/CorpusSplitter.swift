/// Divides a corpus so that no sentence of either side stands in two parts: pairs that share a sentence (`SentenceKey`),
/// directly or through others, go together. A random split of pairs leaks, because one sentence has many translations.
public enum CorpusSplitter {
  public enum Part: String, CaseIterable, Codable, Sendable {
    case train, validation, test
  }

  /// The part of each pair. The same seed gives the same parts. Groups are drawn at random; one too large for what is
  /// left of a part is passed over, so a part may stay a little smaller than asked where groups are large.
  public static func parts(of pairs: [SentencePair], validation: Int, test: Int, seed: UInt64) -> [Part] {
    precondition(validation >= 0 && test >= 0, "sizes \(validation) and \(test)")
    var groups = DisjointSets(pairs.count)
    var first: [Fingerprint: Int] = [:]
    for (index, pair) in pairs.enumerated() {
      // A sentence that is the same on both sides is one sentence.
      for key in [Fingerprint(SentenceKey.key(pair.source)), Fingerprint(SentenceKey.key(pair.target))] {
        if let other = first[key] { groups.join(index, other) } else { first[key] = index }
      }
    }
    var members: [Int: [Int]] = [:]
    for index in pairs.indices { members[groups.root(index), default: []].append(index) }
    var roots = members.keys.sorted { (members[$0]?.first ?? 0) < (members[$1]?.first ?? 0) }
    var random = Shuffler(state: seed)
    roots.shuffle(using: &random)
    var parts = [Part](repeating: .train, count: pairs.count)
    var left: [(part: Part, count: Int)] = [(.test, test), (.validation, validation)]
    for root in roots {
      guard let group = members[root], let index = left.firstIndex(where: { group.count <= $0.count }) else { continue }
      for member in group { parts[member] = left[index].part }
      left[index].count -= group.count
    }
    return parts
  }
}

/// Union–find with path halving and union by size (Tarjan 1975).
private struct DisjointSets {
  private var parents: [Int]
  private var sizes: [Int]

  init(_ count: Int) {
    parents = Array(0..<count)
    sizes = [Int](repeating: 1, count: count)
  }

  mutating func root(_ element: Int) -> Int {
    var element = element
    while parents[element] != element {
      parents[element] = parents[parents[element]]
      element = parents[element]
    }
    return element
  }

  mutating func join(_ a: Int, _ b: Int) {
    var (a, b) = (root(a), root(b))
    if a == b { return }
    if sizes[a] < sizes[b] { swap(&a, &b) }
    parents[b] = a
    sizes[a] += sizes[b]
  }
}

/// SplitMix64 (Steele et al. 2014): the standard library's generator cannot be seeded.
private struct Shuffler: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
