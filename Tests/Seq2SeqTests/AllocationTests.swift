import AllocationCounter
import Autograd
import Seq2Seq
import Testing

/// How often a warm search asks for memory. A bound that is passed means work in the innermost loop that was not there.
@Suite struct AllocationTests {
  static let sources: [[Int32]] = [[5, 9, 3, 7, 11, 4], [8, 2, 6], [12, 3, 3, 10, 9, 5, 7, 2, 4], [6, 6, 13, 2]]
  static let length = 24

  @Test(
    "A decoded token costs few allocations, once everything is warm",
    arguments: [(beam: 1, layers: 2, listed: false, bound: 36.0), (5, 2, false, 40.0), (5, 4, false, 60.0), (5, 2, true, 14.0)])
  func decoding(beam: Int, layers: Int, listed: Bool, bound: Double) throws {
    var shape = TransformerConfiguration()
    (shape.modelSize, shape.feedForwardSize, shape.heads) = (32, 64, 4)
    (shape.encoderLayers, shape.decoderLayers, shape.maximumLength) = (2, layers, 64)
    let model = try ModelConfiguration(
      transformer: shape, sourceVocabularySize: 40, targetVocabularySize: 40, embeddings: .all
    ).makeModel()
    model.parameters.initialize(seed: 4)
    model.pack(precision: .float32)
    var options = SearchOptions()
    // All outputs have one length, so that steps are as many as tokens.
    (options.beamSize, options.minimumLength) = (beam, Self.length)
    let (search, workspace) = (options.makeSearch(), Workspace())
    let batch = SequenceBatch(Self.sources.map { $0 + [SpecialToken.end] })
    func decode() -> Int {
      let state = model.startDecoding(batch, workspace: workspace)
      // Columns that were packed anew at each step would show.
      let outputs = search.run(state, Self.sources.indices.map { place in
        let list = SentenceShortlist(common: [0, 5, 6, 7, 8], own: (9..<30).filter { $0 % 4 == Int32(place) })
        return SearchSentence(maximumLength: Self.length, shortlist: listed ? list : nil)
      })
      return outputs.reduce(0) { $0 + $1[0].tokens.count + 1 }
    }
    _ = decode()
    let before = mt_allocations_of_this_thread()
    let tokens = decode()
    let after = mt_allocations_of_this_thread()
    guard before >= 0 else { return }
    #expect(after > before, "nothing was counted")
    #expect(tokens == Self.sources.count * (Self.length + 1))
    let perToken = Double(after - before) / Double(tokens)
    #expect(perToken <= bound, "\(perToken) allocations a token")
  }
}
