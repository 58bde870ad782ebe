/// For each source id the target ids that may come of it: what a sentence's search need choose among. With it the output
/// layer, half of a small decoder's work, is multiplied for some hundred ids in place of the whole vocabulary.
///
/// Learnt from pairs of sentences (`ShortlistLearner`); Schwenk et al. 2007, Jean et al. 2015 (arXiv:1412.2007, §4).
public struct LexicalShortlist: Sendable, Equatable {
  /// Ids that every sentence may use, the end symbol among them.
  public let always: [Int32]
  /// Of source id s those from `starts[s]` to `starts[s + 1]`.
  private let starts: [Int32]
  private let ids: [Int32]

  /// `candidates` are those of each source id, the most probable first.
  public init(always: [Int32], candidates: [[Int32]]) {
    self.always = always.contains(SpecialToken.end) ? always : [SpecialToken.end] + always
    var (starts, ids) = ([Int32(0)], [Int32]())
    for list in candidates {
      ids.append(contentsOf: list)
      starts.append(Int32(ids.count))
    }
    (self.starts, self.ids) = (starts, ids)
  }

  /// The same with one more id that every sentence may use.
  public func with(_ id: Int32) -> LexicalShortlist { LexicalShortlist(always: always + [id], starts: starts, ids: ids) }

  private init(always: [Int32], starts: [Int32], ids: [Int32]) { (self.always, self.starts, self.ids) = (always, starts, ids) }

  /// Source ids there are.
  public var sourceVocabularySize: Int { starts.count - 1 }

  public func candidates(for id: Int32) -> ArraySlice<Int32> { ids[Int(starts[Int(id)])..<Int(starts[Int(id) + 1])] }

  /// What a translation of `source` may consist of, ascending; `required` are ids that must be among them.
  /// Cost: that of sorting them.
  public func choices(for source: [Int32], required: [Int32] = []) -> [Int32] {
    var all = always + required
    for id in Set(source) where id >= 0 && id < sourceVocabularySize { all.append(contentsOf: candidates(for: id)) }
    all.sort()
    var distinct: [Int32] = []
    distinct.reserveCapacity(all.count)
    for id in all where id != distinct.last { distinct.append(id) }
    return distinct
  }
}
