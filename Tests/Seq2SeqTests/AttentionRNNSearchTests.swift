import Autograd
import Seq2Seq
import Testing

/// The searches over small untrained attention-RNNs.
@Suite struct AttentionRNNSearchTests {
  static func makeModel(_ cell: CellKind, _ attention: AttentionKind) throws -> any EncoderDecoder {
    var shape = RNNConfiguration()
    (shape.cell, shape.attention) = (cell, attention)
    (shape.embeddingSize, shape.hiddenSize, shape.attentionSize, shape.decoderLayers) = (24, 40, 16, 2)
    let model = try ModelConfiguration(
      rnn: shape, sourceVocabularySize: 23, targetVocabularySize: 19, embeddings: .none
    ).makeModel()
    model.parameters.initialize(seed: 11)
    return model
  }

  @Test(
    "Batches do not change hypotheses, to the last bit, in any precision", arguments: [CellKind.gru, .lstm],
    [AttentionKind.additive, .dot, .none])
  func batchIndependence(_ cell: CellKind, _ attention: AttentionKind) throws {
    let model = try Self.makeModel(cell, attention)
    for precision in [nil] + Precision.allCases.map(Optional.some) {
      if let precision { model.pack(precision: precision) }
      var options = SearchOptions()
      (options.beamSize, options.hypothesisCount, options.keepsAttention) = (3, 3, attention != .none)
      let together = SearchModelTests.search(options, model, SearchModelTests.sources)
      for (source, hypotheses) in zip(SearchModelTests.sources, together) {
        #expect(SearchModelTests.search(options, model, [source])[0] == hypotheses, "\(precision?.rawValue ?? "plain")")
        let rows = hypotheses[0].attention
        #expect(rows?.count == (attention == .none ? nil : hypotheses[0].tokens.count + 1))
        for row in rows ?? [] { #expect(row.count == source.count + 1) }
      }
      model.parameters.unpack()
    }
  }

  @Test("A hypothesis has the log-probability that forced scoring gives it", arguments: CellKind.allCases, [1, 4])
  func agreesWithForcedScoring(_ cell: CellKind, beam: Int) throws {
    let model = try Self.makeModel(cell, .additive)
    var options = SearchOptions()
    (options.beamSize, options.minimumLength) = (beam, 2)
    let best = SearchModelTests.search(options, model, SearchModelTests.sources).map { $0[0] }
    let forced = ForcedScoring(model, workspace: Workspace()).logProbabilities(
      sources: SearchModelTests.sources, targets: best.map(\.tokens))
    for (hypothesis, values) in zip(best, forced) {
      #expect(values.count == hypothesis.tokens.count + 1)
      for (a, b) in zip(values, hypothesis.tokenLogProbabilities) { #expect(abs(a - b) < 1e-4) }
    }
  }
}
