@testable import Autograd
@testable import NeuralNet
@testable import Seq2Seq
import Testing

@Suite struct TransformerTests {
  struct Variant: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let embeddings: EmbeddingTying
    let shape: TransformerConfiguration

    init(_ name: String, _ embeddings: EmbeddingTying = .all, _ change: (inout TransformerConfiguration) -> Void = { _ in }) {
      var shape = TransformerConfiguration()
      (shape.modelSize, shape.feedForwardSize, shape.heads) = (12, 10, 3)
      (shape.encoderLayers, shape.decoderLayers, shape.dropout, shape.maximumLength) = (2, 1, 0, 16)
      shape.activation = .silu
      change(&shape)
      testDescription = name
      self.embeddings = embeddings
      self.shape = shape
    }

    func makeModel(seed: UInt64 = 4) throws -> any EncoderDecoder {
      let model = try ModelConfiguration(
        transformer: shape, sourceVocabularySize: 11, targetVocabularySize: 11, embeddings: embeddings
      ).makeModel()
      // Away from zero, where a ReLU's corner would spoil the finite differences.
      model.parameters.initialize(seed: seed) { $0.name.contains(".layers.") ? 2 : 1 }
      return model
    }
  }

  static let variants = [
    Variant("post-norm, tied three ways"),
    Variant("post-norm, tied two ways, GELU", .target) { $0.activation = .gelu },
    Variant("pre-norm with final norms, untied", .none) { ($0.normalization, $0.finalNormalization) = (.pre, true) },
    Variant("Marian's positions, two decoder layers", .all) { ($0.positions, $0.decoderLayers) = (.marian, 2) },
    Variant("post-norm, two SSRU decoder layers") { ($0.decoderCell, $0.decoderLayers) = (.ssru, 2) },
    Variant("pre-norm, SSRU", .target) {
      ($0.normalization, $0.finalNormalization, $0.decoderCell) = (.pre, true, .ssru)
    },
  ]

  @Test("Gradients of the whole model agree with finite differences", arguments: variants)
  func gradients(_ variant: Variant) throws {
    let (error, place) = ModelChecks.worstGradient(try variant.makeModel())
    #expect(error < 0.03, "\(place)")
  }

  @Test("Gradients agree under dropout everywhere, with the same masks")
  func gradientsUnderDropout() throws {
    let variant = Variant("dropout") {
      ($0.dropout, $0.attentionDropout, $0.activationDropout) = (0.2, 0.2, 0.2)
    }
    let (error, place) = ModelChecks.worstGradient(try variant.makeModel(), maskSeed: 8)
    #expect(error < 0.03, "\(place)")
  }

  @Test("Stepping equals the teacher-forced pass", arguments: variants)
  func stepping(_ variant: Variant) throws {
    let model = try variant.makeModel()
    let forced = ModelChecks.forcedLogProbabilities(model)
    let stepped = ModelChecks.steppedLogProbabilities(model)
    #expect(forced.count == stepped.count)
    for (a, b) in zip(forced, stepped) { #expect(abs(a - b) < 2e-5) }
  }

  @Test("A hypothesis that moved in the beam goes on from its own past", arguments: variants)
  func reordering(_ variant: Variant) throws {
    let model = try variant.makeModel()
    #expect(
      ModelChecks.logits(model, [5, 2, 7], detour: true) == ModelChecks.logits(model, [5, 2, 7], detour: false))
  }

  @Test("A sentence's loss does not depend on its batch", arguments: variants)
  func batchIndependence(_ variant: Variant) throws {
    let model = try variant.makeModel()
    let together = ModelChecks.forcedLogProbabilities(model)
    var alone: [Float] = []
    for b in 0..<ModelChecks.target.count {
      alone += model.logProbabilities(
        source: SequenceBatch([Array(ModelChecks.source[b])]), target: SequenceBatch([Array(ModelChecks.target[b])]),
        graph: Graph(arena: Arena()))
    }
    #expect(together == alone)
  }

  @Test(
    "Packed weights in float32 give the same, in bfloat16 and int8 nearly the same log-probabilities",
    arguments: [variants[0], variants[4]])
  func packed(_ variant: Variant) throws {
    let model = try variant.makeModel()
    let plain = ModelChecks.forcedLogProbabilities(model)
    for (precision, tolerance) in [(Precision.float32, Float(1e-5)), (.bfloat16, 0.08), (.int8, 0.2)] {
      model.pack(precision: precision)
      let packed = ModelChecks.forcedLogProbabilities(model)
      for (a, b) in zip(plain, packed) { #expect(abs(a - b) < tolerance, "\(precision)") }
      model.parameters.unpack()
    }
  }

  @Test("A state that was forked goes its own way, and so do those forked from it", arguments: [variants[0], variants[4]])
  func forks(_ variant: Variant) throws {
    let model = try variant.makeModel()
    func path(_ tokens: [Int32]) -> [Float] {
      let state = model.startDecoding(SequenceBatch([[3, 5, 2, 0]]), workspace: Workspace())
      var logits = Array(state.step(nil))
      for token in tokens { logits = Array(state.step([token])) }
      return logits
    }
    let state = model.startDecoding(SequenceBatch([[3, 5, 2, 0]]), workspace: Workspace())
    _ = state.step(nil)
    _ = state.step([4])
    let (one, two) = (state.fork([0]), state.fork([0, 0]))
    #expect(Array(one.step([6])) == path([4, 6]))
    let both = Array(two.step([7, 8]))
    #expect(both == path([4, 7]) + path([4, 8]))
    #expect(Array(one.step([9])) == path([4, 6, 9]))
    #expect(Array(state.step([5])) == path([4, 5]))
    #expect(Array(two.fork([1]).step([3])) == path([4, 8, 3]))
  }

  @Test("Attention of a step is a distribution over the sentence's source tokens")
  func attention() throws {
    let state = try Self.variants[0].makeModel().startDecoding(ModelChecks.source, workspace: Workspace())
    _ = state.step(nil)
    let attention = try #require(state.attention())
    #expect(attention.map(\.count) == [4, 2, 6])
    for row in attention { #expect(abs(row.reduce(0, +) - 1) < 1e-5) }
  }

  @Test("The least number of parameters is below their number, by less than a quarter", arguments: EmbeddingTying.allCases)
  func leastParameters(embeddings: EmbeddingTying) throws {
    var large = TransformerConfiguration()
    (large.modelSize, large.feedForwardSize, large.encoderLayers, large.decoderLayers) = (64, 96, 3, 2)
    var recurrent = large
    recurrent.decoderCell = .ssru
    for shape in [large, recurrent] {
      let configuration = ModelConfiguration(
        transformer: shape, sourceVocabularySize: 500, targetVocabularySize: embeddings == .all ? 500 : 300,
        embeddings: embeddings)
      let count = try Double(configuration.makeModel().parameters.parameterCount)
      #expect(configuration.leastParameterCount <= count && configuration.leastParameterCount > 0.75 * count, "\(count)")
    }
  }

  @Test("A model that no computer holds is refused before memory is asked for")
  func colossal() {
    var shape = TransformerConfiguration()
    (shape.modelSize, shape.feedForwardSize, shape.encoderLayers, shape.decoderLayers) = (16384, 131_072, 128, 128)
    let configuration = ModelConfiguration(
      transformer: shape, sourceVocabularySize: 4_000_000, targetVocabularySize: 4_000_000, embeddings: .none)
    let error = #expect(throws: ConfigurationError.self) { try configuration.makeModel() }
    #expect(error?.key == "transformer" && error?.problem.contains("GB of memory or more") == true)
  }

  @Test("Shapes that cannot be built are refused with the key that is wrong")
  func validation() {
    let odd = Variant("odd") { $0.modelSize = 10 }
    #expect(throws: ConfigurationError.self) { _ = try odd.makeModel() }
    let empty = Variant("no layers") { $0.decoderLayers = 0 }
    #expect {
      _ = try empty.makeModel()
    } throws: { ($0 as? ConfigurationError)?.key == "transformer.decoder_layers" }
    #expect(throws: ConfigurationError.self) {
      try ModelConfiguration(
        transformer: .init(), sourceVocabularySize: 10, targetVocabularySize: 12, embeddings: .all
      ).validate()
    }
  }
}
