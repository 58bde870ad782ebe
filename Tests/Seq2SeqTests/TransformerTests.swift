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
      model.parameters.initialize(seed: seed)
      return model
    }
  }

  static let variants = [
    Variant("post-norm, tied three ways"),
    Variant("post-norm, tied two ways, GELU", .target) { $0.activation = .gelu },
    Variant("pre-norm with final norms, untied", .none) { ($0.normalization, $0.finalNormalization) = (.pre, true) },
    Variant("Marian's positions, two decoder layers", .all) { ($0.positions, $0.decoderLayers) = (.marian, 2) },
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

  @Test("A hypothesis that moved in the beam goes on from its own past")
  func reordering() throws {
    let model = try Self.variants[0].makeModel()
    #expect(
      ModelChecks.logits(model, [5, 2, 7], detour: true) == ModelChecks.logits(model, [5, 2, 7], detour: false))
  }

  @Test("A sentence's loss does not depend on its batch")
  func batchIndependence() throws {
    let model = try Self.variants[0].makeModel()
    let together = ModelChecks.forcedLogProbabilities(model)
    var alone: [Float] = []
    for b in 0..<ModelChecks.target.count {
      alone += model.logProbabilities(
        source: SequenceBatch([Array(ModelChecks.source[b])]), target: SequenceBatch([Array(ModelChecks.target[b])]),
        graph: Graph(arena: Arena()))
    }
    #expect(together == alone)
  }

  @Test("Packed weights in float32 give the same, in bfloat16 and int8 nearly the same log-probabilities")
  func packed() throws {
    let model = try Self.variants[0].makeModel()
    let plain = ModelChecks.forcedLogProbabilities(model)
    for (precision, tolerance) in [(Precision.float32, Float(1e-5)), (.bfloat16, 0.08), (.int8, 0.2)] {
      model.pack(precision: precision)
      let packed = ModelChecks.forcedLogProbabilities(model)
      for (a, b) in zip(plain, packed) { #expect(abs(a - b) < tolerance, "\(precision)") }
      model.parameters.unpack()
    }
  }

  @Test("Attention of a step is a distribution over the sentence's source tokens")
  func attention() throws {
    let state = try Self.variants[0].makeModel().startDecoding(ModelChecks.source, workspace: Workspace())
    _ = state.step(nil)
    let attention = try #require(state.attention())
    #expect(attention.map(\.count) == [4, 2, 6])
    for row in attention { #expect(abs(row.reduce(0, +) - 1) < 1e-5) }
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
