import Autograd
import Seq2Seq
import Testing

/// The searches over a real, if small and untrained, transformer.
@Suite struct SearchModelTests {
  static func makeModel() throws -> any EncoderDecoder {
    var shape = TransformerConfiguration()
    (shape.modelSize, shape.feedForwardSize, shape.heads) = (16, 24, 2)
    (shape.encoderLayers, shape.decoderLayers, shape.maximumLength) = (1, 2, 40)
    let model = try ModelConfiguration(
      transformer: shape, sourceVocabularySize: 23, targetVocabularySize: 19, embeddings: .none
    ).makeModel()
    model.parameters.initialize(seed: 11)
    return model
  }

  static let sources: [[Int32]] = [[5, 9, 2, 22], [3], [7, 8, 9, 10, 11, 12, 2], [4, 4], [21, 6, 13]]

  static func search(_ options: SearchOptions, _ model: any EncoderDecoder, _ sources: [[Int32]]) -> [[Hypothesis]] {
    let state = model.startDecoding(SequenceBatch(sources.map { $0 + [0] }), workspace: Workspace())
    return options.makeSearch().run(
      state, sources.enumerated().map { SearchSentence(maximumLength: $1.count + 4, index: $0) })
  }

  @Test("a hypothesis has the log-probability that forced scoring gives it", arguments: [1, 4])
  func agreesWithForcedScoring(beam: Int) throws {
    let model = try SearchModelTests.makeModel()
    var options = SearchOptions()
    options.beamSize = beam
    options.minimumLength = 2
    let best = SearchModelTests.search(options, model, SearchModelTests.sources).map { $0[0] }
    let forced = ForcedScoring(model, workspace: Workspace()).logProbabilities(
      sources: SearchModelTests.sources, targets: best.map(\.tokens))
    for (hypothesis, values) in zip(best, forced) {
      #expect(values.count == hypothesis.tokens.count + 1)
      for (a, b) in zip(values, hypothesis.tokenLogProbabilities) { #expect(abs(a - b) < 1e-4) }
    }
  }

  @Test("batches do not change hypotheses, to the last bit", arguments: [1, 3])
  func batchIndependence(beam: Int) throws {
    let model = try SearchModelTests.makeModel()
    var options = SearchOptions()
    options.beamSize = beam
    options.hypothesisCount = beam
    options.keepsAttention = true
    let together = SearchModelTests.search(options, model, SearchModelTests.sources)
    for (source, hypotheses) in zip(SearchModelTests.sources, together) {
      #expect(SearchModelTests.search(options, model, [source])[0] == hypotheses)
      for row in hypotheses[0].attention ?? [] {
        #expect(row.count == source.count + 1)
        #expect(abs(row.reduce(0, +) - 1) < 1e-4)
      }
      #expect(hypotheses[0].attention?.count == hypotheses[0].tokens.count + 1)
    }
  }
}
