import Autograd
import Seq2Seq
import Testing

/// Searches that choose among some ids.
@Suite struct ShortlistTests {
  @Test("what a sentence may use: what all may, what may come of its ids, and what is required; ascending, once each")
  func choices() {
    let list = LexicalShortlist(common: [7, 3], candidates: [[], [9, 4], [4, 11], [3]])
    #expect(list.sourceVocabularySize == 4)
    let some = list.choices(for: [2, 1, 2])
    #expect(some == SentenceShortlist(common: [0, 3, 7], own: [4, 9, 11]) && some.count == 6)
    #expect(some.ids == [0, 3, 4, 7, 9, 11])
    #expect(list.choices(for: [3, 8, -1], required: [12, 3]).own == [12])
    #expect(list.choices(for: []).ids == [0, 3, 7])
    #expect(list.with(5).choices(for: [1]).ids == [0, 3, 4, 5, 7, 9])
    #expect(Array(list.candidates(for: 2)) == [4, 11])
  }

  /// A decoder that never takes an id outside the lists of its sentences: another way to the same.
  private final class Restricted: DecoderState {
    let decoder: ToyDecoder
    let lists: [[Int32]]

    init(_ sentences: [Int], _ lists: [[Int32]], vocabulary: Int) {
      decoder = ToyDecoder(sentences: sentences, vocabulary: vocabulary)
      self.lists = lists
    }

    var rowCount: Int { decoder.rowCount }
    var vocabularySize: Int { decoder.vocabularySize }
    func step(_ tokens: [Int32]?) -> UnsafeMutableBufferPointer<Float> {
      let logits = decoder.step(tokens)
      for (r, row) in decoder.rows.enumerated() {
        for id in 0..<vocabularySize where !lists[row.sentence].contains(Int32(id)) {
          logits[r * vocabularySize + id] = -.infinity
        }
      }
      return logits
    }
    func reorder(_ rows: [Int]) { decoder.reorder(rows) }
    func fork(_ rows: [Int]) -> any DecoderState { preconditionFailure("not forked here") }
    func attention() -> [[Float]]? { nil }
  }

  /// 0 and 3 are common to all.
  static let lists: [[Int32]] = [[0, 2, 3, 5, 6, 9, 13], [0, 3, 4, 12], [0, 2, 3, 7, 8, 10, 11]]

  static func list(_ ids: [Int32]) -> SentenceShortlist {
    SentenceShortlist(common: [0, 3], own: ids.filter { $0 != 0 && $0 != 3 })
  }

  static func sentences(_ lists: [[Int32]]?, required: [Int32] = []) -> [SearchSentence] {
    (0..<3).map {
      SearchSentence(maximumLength: 5 + $0, index: $0, required: required, shortlist: (lists?[$0]).map(list))
    }
  }

  static var searches: [(String, SearchOptions)] {
    var beam = SearchOptions()
    (beam.beamSize, beam.hypothesisCount) = (3, 2)
    var greedy = SearchOptions()
    greedy.beamSize = 1
    var sampled = SearchOptions()
    sampled.sampling = SamplingOptions()
    var ranked = sampled
    ranked.sampling?.topK = 3
    return [("beam", beam), ("greedy", greedy), ("sampling", sampled), ("sampling of the best", ranked)]
  }

  @Test("a search among some ids finds what it finds where all others have no probability", arguments: [0, 1, 2, 3])
  func restricted(number: Int) {
    let (name, options) = Self.searches[number]
    let search = options.makeSearch()
    let found = search.run(ToyDecoder(sentences: [0, 1, 2], vocabulary: 14), Self.sentences(Self.lists))
    let expected = search.run(Restricted([0, 1, 2], Self.lists, vocabulary: 14), Self.sentences(nil))
    for (found, expected) in zip(found, expected) {
      #expect(found.map(\.tokens) == expected.map(\.tokens), "\(name)")
      for (a, b) in zip(found, expected) { #expect(abs(a.logProbability - b.logProbability) < 1e-4) }
    }
    #expect(found.map { $0[0].tokens } != search.run(
      ToyDecoder(sentences: [0, 1, 2], vocabulary: 14), Self.sentences(nil)).map { $0[0].tokens })
  }

  @Test("a constrained search takes what is required from the list")
  func constrained() {
    var options = SearchOptions()
    options.beamSize = 4
    let search = ConstrainedBeamSearch(options)
    let lists = Self.lists.map { Set($0 + [13]).sorted() }
    let found = search.run(ToyDecoder(sentences: [0, 1, 2], vocabulary: 14), Self.sentences(lists, required: [13]))
    let expected = search.run(Restricted([0, 1, 2], lists, vocabulary: 14), Self.sentences(nil, required: [13]))
    #expect(found.map { $0[0].tokens } == expected.map { $0[0].tokens })
    #expect(found.allSatisfy { $0[0].tokens.filter { $0 == 13 }.count == 1 })
  }

  static func models() throws -> [any EncoderDecoder] {
    [try SearchModelTests.makeModel(), try AttentionRNNSearchTests.makeModel(.gru, .additive)]
  }

  @Test("packed weights, of which only the columns that are asked for take part, give the same outputs", arguments: [0, 1], [1, 4])
  func packed(number: Int, beam: Int) throws {
    let (plain, packed) = try (Self.models()[number], Self.models()[number])
    packed.pack(precision: .float32)
    var options = SearchOptions()
    options.beamSize = beam
    let sources = SearchModelTests.sources
    // The last has nothing but what is common.
    let lists = sources.indices.map { place in (0..<Int32(19)).filter { $0 == 0 || $0 == 3 || place < 4 && ($0 + Int32(place)) % 3 != 0 } }
    func run(_ model: any EncoderDecoder, _ places: [Int]) -> [[Hypothesis]] {
      let state = model.startDecoding(SequenceBatch(places.map { sources[$0] + [0] }), workspace: Workspace())
      return options.makeSearch().run(
        state, places.map { SearchSentence(maximumLength: sources[$0].count + 4, index: $0, shortlist: Self.list(lists[$0])) })
    }
    let together = run(packed, Array(sources.indices))
    for (place, (a, b)) in zip(together, run(plain, Array(sources.indices))).enumerated() {
      #expect(a[0].tokens == b[0].tokens && a[0].tokens.allSatisfy(lists[place].contains))
      #expect(abs(a[0].logProbability - b[0].logProbability) < 1e-4)
      // Not a bit of it depends on the sentences beside it.
      #expect(run(packed, [place])[0] == a)
    }
  }
}
