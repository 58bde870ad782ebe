import Seq2Seq

/// Learns from pairs of sentences which target ids may come of each source id, by IBM Model 1 (Brown et al. 1993, "The
/// Mathematics of Statistical Machine Translation", §4.1): the P(t|s) under which Π_t Σ_s P(t|s), over the source's tokens and
/// an empty one, is largest. Its logarithm has no maximum but the largest, towards which expectation–maximisation climbs.
///
/// Cost: 4 bytes a token of the corpus, 64 MB for counting, and 50 bytes for each of the `considered` target ids that go best
/// with a source id. For the counting the corpus is gone through V_source·V_target/2²⁴ times. On one core some 4 minutes for a
/// million pairs and 8,000 ids on either side.
public struct ShortlistLearner: Sendable {
  /// Target ids that are most frequent and open to every sentence.
  public var frequent = 1000
  /// Most probable target ids of each source id that are looked at; those open to every sentence are not kept.
  public var best = 100
  /// Those less probable are not.
  public var leastProbability = 1e-5
  public var iterations = 4
  /// Target ids of each source id that may get a probability.
  var considered = 400
  public var threads = 1

  public init() {}

  /// - Parameters:
  ///   - corpus: ids with the end symbol.
  ///   - vocabularies: V of the source and of the target.
  ///   - copies: pairs of ids that stand for the same text, each a candidate of the other whatever the corpus says.
  public func learn(
    _ corpus: EncodedCorpus, vocabularies: (source: Int, target: Int), copies: [(here: Int32, there: Int32)] = []
  ) -> LexicalShortlist {
    let counts = TokenCounts(corpus, vocabularies)
    let common = counts.mostFrequent(frequent)
    var table = counts.candidates(corpus, most: considered)
    let pool = WorkerPool(threads: threads)
    defer { pool.close() }
    for _ in 0..<iterations { table.reestimate(corpus, pool) }
    let isCommon = Set(common)
    var candidates = (0..<vocabularies.source).map { source in
      table.ranked(source).filter { $0.probability >= leastProbability }.prefix(best).map(\.id)
        .filter { !isCommon.contains($0) }
    }
    for (source, target) in copies where !isCommon.contains(target) && !candidates[Int(source)].contains(target) {
      candidates[Int(source)].append(target)
    }
    return LexicalShortlist(common: common, candidates: candidates)
  }
}

/// In how many pairs each id occurs.
private struct TokenCounts {
  let vocabularies: (source: Int, target: Int)
  private var source: [UInt32]
  private var target: [UInt32]

  init(_ corpus: EncodedCorpus, _ vocabularies: (source: Int, target: Int)) {
    self.vocabularies = vocabularies
    source = Array(repeating: 0, count: vocabularies.source)
    target = Array(repeating: 0, count: vocabularies.target)
    for i in 0..<corpus.count {
      for id in Set(corpus.source(i)) { source[Int(id)] += 1 }
      for id in Set(corpus.target(i)) { target[Int(id)] += 1 }
    }
  }

  /// Of equals the lower id.
  func mostFrequent(_ count: Int) -> [Int32] {
    target.indices.filter { target[$0] > 0 }.sorted { (target[$1], $0) < (target[$0], $1) }.prefix(count).map { Int32($0) }
  }

  /// For each source id the target ids with the largest Dice coefficients 2·c(s,t)/(c(s) + c(t)), all equally probable.
  /// Source ids are taken a portion at a time, with a count for each of theirs and each target id.
  func candidates(_ corpus: EncodedCorpus, most: Int) -> LexicalTable {
    let width = max(1, (64 << 20) / 4 / max(1, vocabularies.target))
    var lists: [[Int32]] = []
    for first in stride(from: 0, to: vocabularies.source, by: width) {
      let ids = first..<min(first + width, vocabularies.source)
      var together = [UInt32](repeating: 0, count: ids.count * vocabularies.target)
      for i in 0..<corpus.count {
        let here = Set(corpus.source(i)).filter { ids.contains(Int($0)) }
        guard !here.isEmpty else { continue }
        let targets = Set(corpus.target(i))
        for s in here {
          let row = (Int(s) - first) * vocabularies.target
          for t in targets { together[row + Int(t)] += 1 }
        }
      }
      for s in ids {
        let row = (s - first) * vocabularies.target
        let seen = (0..<vocabularies.target).filter { together[row + $0] > 0 }
        let dice = seen.map { t in (2 * Double(together[row + t]) / Double(source[s] + target[t]), Int32(t)) }
        lists.append(dice.sorted { ($1.0, $0.1) < ($0.0, $1.1) }.prefix(most).map(\.1))
      }
    }
    return LexicalTable(lists, targetVocabulary: vocabularies.target)
  }
}

/// P(t|s) of the target ids considered for each source id, and P(t) of the empty source token.
private struct LexicalTable {
  /// Of source id s those from `starts[s]` to `starts[s + 1]`.
  private let starts: [Int]
  private let ids: [Int32]
  private var probabilities: [Double]
  private var empty: [Double]
  /// Parts of the corpus, whose counts are added up in order: the same bits for any number of threads.
  private static let parts = 4

  init(_ lists: [[Int32]], targetVocabulary: Int) {
    var starts = [0]
    for list in lists { starts.append(starts[starts.count - 1] + list.count) }
    self.starts = starts
    ids = lists.flatMap { $0 }
    probabilities = lists.flatMap { list in list.map { _ in 1 / Double(list.count) } }
    empty = Array(repeating: 1 / Double(targetVocabulary), count: targetVocabulary)
  }

  private struct Expectations: Sendable {
    var counts: [Double]
    var empty: [Double]
  }

  /// One round: how often each probability is expected to have been at work, made a distribution for each source id.
  mutating func reestimate(_ corpus: EncodedCorpus, _ pool: WorkerPool) {
    let table = self
    let parts = pool.map(Self.parts) { part in
      table.expectations(corpus, corpus.count * part / Self.parts..<corpus.count * (part + 1) / Self.parts)
    }
    var all = parts[0]
    for part in parts.dropFirst() {
      for i in all.counts.indices { all.counts[i] += part.counts[i] }
      for i in all.empty.indices { all.empty[i] += part.empty[i] }
    }
    for s in 0..<starts.count - 1 {
      let range = starts[s]..<starts[s + 1]
      let sum = all.counts[range].reduce(0, +)
      for i in range { probabilities[i] = sum > 0 ? all.counts[i] / sum : 0 }
    }
    let sum = all.empty.reduce(0, +)
    if sum > 0 { empty = all.empty.map { $0 / sum } }
  }

  private func expectations(_ corpus: EncodedCorpus, _ pairs: Range<Int>) -> Expectations {
    var result = Expectations(
      counts: Array(repeating: 0, count: probabilities.count), empty: Array(repeating: 0, count: empty.count))
    /// Of the pair at hand: how often each target id occurs, and the sum of what may have made it.
    var occurrences = [Double](repeating: 0, count: empty.count)
    var sums = [Double](repeating: 0, count: empty.count)
    var atWork: [Int] = []
    for pair in pairs {
      let (source, target) = (corpus.source(pair), corpus.target(pair))
      for t in target {
        occurrences[Int(t)] += 1
        sums[Int(t)] = empty[Int(t)]
      }
      atWork.removeAll(keepingCapacity: true)
      for s in source {
        for i in starts[Int(s)]..<starts[Int(s) + 1] where occurrences[Int(ids[i])] > 0 {
          sums[Int(ids[i])] += probabilities[i]
          atWork.append(i)
        }
      }
      for i in atWork where probabilities[i] > 0 {
        let t = Int(ids[i])
        result.counts[i] += occurrences[t] * probabilities[i] / sums[t]
      }
      for t in target {
        if sums[Int(t)] > 0 { result.empty[Int(t)] += empty[Int(t)] / sums[Int(t)] }
      }
      for t in target { occurrences[Int(t)] = 0 }
    }
    return result
  }

  /// The most probable first; of equals the lower id.
  func ranked(_ source: Int) -> [(id: Int32, probability: Double)] {
    (starts[source]..<starts[source + 1]).map { (ids[$0], probabilities[$0]) }
      .sorted { ($1.probability, $0.id) < ($0.probability, $1.id) }
  }
}
