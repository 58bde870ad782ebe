/// For each source id the target ids that may come of it: what a sentence's search need choose among. With it the output
/// layer, half of a small decoder's work, is multiplied for some ids in place of the whole vocabulary.
///
/// Learnt from pairs of sentences (`ShortlistLearner`); Jean et al. 2015 (arXiv:1412.2007, §4).
public struct LexicalShortlist: Sendable, Equatable {
  /// Ids that every sentence may use, ascending, the end symbol among them.
  public let common: [Int32]
  /// Of source id s those from `starts[s]` to `starts[s + 1]`.
  private let starts: [Int]
  private let ids: [Int32]

  /// `candidates` are those of each source id, the most probable first.
  public init(common: [Int32], candidates: [[Int32]]) {
    var (starts, ids) = ([0], [Int32]())
    for list in candidates {
      ids.append(contentsOf: list)
      starts.append(ids.count)
    }
    self.init(common: common, starts: starts, ids: ids)
  }

  private init(common: [Int32], starts: [Int], ids: [Int32]) {
    self.common = Set(common + [SpecialToken.end]).sorted()
    (self.starts, self.ids) = (starts, ids)
  }

  /// The same with one more id that every sentence may use.
  public func with(_ id: Int32) -> LexicalShortlist { LexicalShortlist(common: common + [id], starts: starts, ids: ids) }

  /// Source ids there are.
  public var sourceVocabularySize: Int { starts.count - 1 }

  public func candidates(for id: Int32) -> ArraySlice<Int32> { ids[starts[Int(id)]..<starts[Int(id) + 1]] }

  /// What a translation of `source`, with its end symbol, may consist of; `required` are ids that must be among it. Ids of the
  /// source that the list does not know have no candidates. Cost: a look at all candidates, and at a bit for each target id.
  public func choices(for source: some Sequence<Int32>, required: [Int32] = []) -> SentenceShortlist {
    var isListed: [Bool] = []
    func list(_ id: Int32) {
      if isListed.count <= Int(id) { isListed += Array(repeating: false, count: Int(id) + 1 - isListed.count) }
      isListed[Int(id)] = true
    }
    for id in required { list(id) }
    for id in source where id >= 0 && id < sourceVocabularySize { for candidate in candidates(for: id) { list(candidate) } }
    for id in common where id < isListed.count { isListed[Int(id)] = false }
    return SentenceShortlist(common: common, own: isListed.indices.filter { isListed[$0] }.map { Int32($0) })
  }
}

/// The only target ids that a sentence's search chooses among.
public struct SentenceShortlist: Sendable, Equatable {
  /// Those that it shares with the sentences beside it, ascending.
  public let common: [Int32]
  /// Its own, ascending and none of them common.
  public let own: [Int32]
  /// All of them, ascending.
  public let ids: [Int32]

  public init(common: [Int32], own: [Int32]) {
    (self.common, self.own) = (common, own)
    ids = (common + own).sorted()
  }

  public var count: Int { ids.count }
}
