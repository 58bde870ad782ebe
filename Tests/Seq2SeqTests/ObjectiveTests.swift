@testable import Autograd
@testable import NeuralNet
@testable import Seq2Seq
import Testing

@Suite struct ObjectiveTests {
  static func model(_ architecture: ArchitectureKind) throws -> any EncoderDecoder {
    let configuration: ModelConfiguration
    switch architecture {
    case .transformer:
      var shape = TransformerConfiguration()
      (shape.modelSize, shape.feedForwardSize, shape.heads) = (12, 10, 3)
      (shape.encoderLayers, shape.decoderLayers, shape.maximumLength) = (2, 1, 16)
      (shape.dropout, shape.activation) = (0.2, .silu)
      configuration = ModelConfiguration(
        transformer: shape, sourceVocabularySize: 11, targetVocabularySize: 11, embeddings: .all)
    case .rnn:
      var shape = RNNConfiguration()
      (shape.embeddingSize, shape.hiddenSize, shape.attentionSize) = (6, 7, 5)
      shape.maximumLength = 16
      configuration = ModelConfiguration(
        rnn: shape, sourceVocabularySize: 11, targetVocabularySize: 11, embeddings: .all)
    }
    let model = try configuration.makeModel()
    model.parameters.initialize(seed: 4)
    return model
  }

  static func objective(_ consistency: Consistency) -> Objective {
    var objective = Objective(smoothing: 0.1)
    (objective.consistency, objective.consistencyWeight, objective.tokenCutoff) = (consistency, 2.5, 0.3)
    return objective
  }

  @Test("Gradients of two passes agree with finite differences",
    arguments: [ArchitectureKind.transformer, .rnn], Consistency.allCases)
  func gradients(architecture: ArchitectureKind, consistency: Consistency) throws {
    let (error, place) = ModelChecks.worstGradient(
      try Self.model(architecture), objective: Self.objective(consistency), maskSeed: 8)
    #expect(error < 0.03, "\(place)")
  }

  @Test("Passes that see the same agree: without dropout only the cutoff adds to the loss")
  func agreement() throws {
    let model = try Self.model(.transformer)
    let plain = ModelChecks.loss(model)
    var objective = Self.objective(.dropout)
    objective.tokenCutoff = 0
    #expect(abs(ModelChecks.loss(model, objective: objective).loss - plain.loss) < 1e-4)
    // The likelihood is the uncut pass's; the divergence makes the loss larger than the same pass's cross-entropy.
    objective = Self.objective(.cutoff)
    objective.consistencyWeight = 0
    let base = ModelChecks.loss(model, objective: objective, maskSeed: 3)
    objective.consistencyWeight = 2
    let once = ModelChecks.loss(model, objective: objective, maskSeed: 3)
    objective.consistencyWeight = 4
    let twice = ModelChecks.loss(model, objective: objective, maskSeed: 3)
    #expect(base.logLikelihood == once.logLikelihood && once.loss > base.loss + 0.01)
    #expect(abs((twice.loss - base.loss) - 2 * (once.loss - base.loss)) < 1e-3)
  }

  @Test("Cut tokens lose their embeddings, not their places or labels")
  func cutting() {
    let batch = SequenceBatch((0..<200).map { s in (0..<(5 + s % 7)).map { Int32(2 + ($0 + s) % 9) } })
    var random = RandomGenerator(seed: 2)
    let cut = batch.cutting(0.25, &random)
    #expect(cut.ids == batch.ids && cut.offsets == batch.offsets)
    #expect(abs(Double(cut.cuts.count) / Double(batch.tokenCount) - 0.25) < 0.04)
    #expect(cut.inputs.indices.filter { cut.inputs[$0] == -1 } == cut.cuts)
    for b in 0..<batch.count {
      let (start, end) = (Int(batch.offsets[b]), Int(batch.offsets[b + 1]))
      #expect(cut.shifted[start] == -1)
      #expect(Array(cut.shifted[(start + 1)..<end]) == Array(cut.inputs[start..<(end - 1)]))
    }
    #expect(batch.cutting(0, &random) == batch)
  }
}
