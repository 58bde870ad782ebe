@testable import Autograd
@testable import NeuralNet
@testable import Seq2Seq
import Testing

@Suite struct AttentionRNNTests {
  struct Variant: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let embeddings: EmbeddingTying
    let shape: RNNConfiguration

    init(_ name: String, _ embeddings: EmbeddingTying = .none, _ change: (inout RNNConfiguration) -> Void = { _ in }) {
      var shape = RNNConfiguration()
      (shape.embeddingSize, shape.hiddenSize, shape.attentionSize) = (5, 7, 3)
      (shape.embeddingDropout, shape.hiddenDropout, shape.outputDropout) = (0, 0, 0)
      shape.maximumLength = 16
      change(&shape)
      testDescription = name
      self.embeddings = embeddings
      self.shape = shape
    }

    func makeModel(seed: UInt64 = 4) throws -> AttentionRNN {
      let model = try ModelConfiguration(
        rnn: shape, sourceVocabularySize: 11, targetVocabularySize: 11, embeddings: embeddings
      ).makeModel()
      model.parameters.initialize(seed: seed)
      return try #require(model as? AttentionRNN)
    }
  }

  /// Every cell with every attention, in one direction and in both.
  static let variants = CellKind.allCases.flatMap { cell in
    AttentionKind.allCases.flatMap { attention in
      [false, true].map { both in
        Variant("\(cell.rawValue), \(attention.rawValue) attention, \(both ? "both directions" : "forwards")") {
          ($0.cell, $0.attention, $0.bidirectional) = (cell, attention, both)
        }
      }
    }
  } + stacked

  static let stacked = [
    Variant("stacked GRU, tied three ways", .all) { ($0.encoderLayers, $0.decoderLayers) = (3, 3) },
    Variant("stacked LSTM without residuals, tied two ways", .target) {
      ($0.cell, $0.encoderLayers, $0.decoderLayers, $0.residual) = (.lstm, 2, 2, false)
    },
    Variant("stacked Elman without attention") {
      ($0.cell, $0.attention, $0.encoderLayers, $0.decoderLayers) = (.elman, .none, 2, 2)
    },
  ]

  /// Small random numbers everywhere, biases too, so that a bias in the wrong place shows.
  static func scramble(_ model: any EncoderDecoder, seed: UInt64 = 9) {
    var random = RandomGenerator(seed: seed)
    for p in model.parameters.parameters {
      for i in 0..<p.count { p.data[i] = p.data[i] * 0.7 + Float(random.gaussian()) * 0.3 }
    }
  }

  @Test("Gradients of the whole model agree with finite differences", arguments: variants)
  func gradients(_ variant: Variant) throws {
    let model = try variant.makeModel()
    Self.scramble(model)
    // A ReLU has a kink, which a shorter step meets less often.
    let (error, place) = ModelChecks.worstGradient(model, step: variant.shape.cell == .elmanReLU ? 5e-4 : 3e-3)
    #expect(error < 0.02, "\(place)")
  }

  @Test("Gradients agree under every dropout, with the same masks", arguments: [AttentionKind.additive, .none])
  func gradientsUnderDropout(_ attention: AttentionKind) throws {
    let model = try Variant("dropout", .none) {
      ($0.embeddingDropout, $0.hiddenDropout, $0.outputDropout, $0.wordDropout) = (0.2, 0.3, 0.1, 0.2)
      ($0.encoderLayers, $0.decoderLayers, $0.attention) = (2, 2, attention)
    }.makeModel()
    Self.scramble(model)
    let (error, place) = ModelChecks.worstGradient(model, maskSeed: 8)
    #expect(error < 0.02, "\(place)")
  }

  @Test("Stepping equals the teacher-forced pass", arguments: variants)
  func stepping(_ variant: Variant) throws {
    let model = try variant.makeModel()
    Self.scramble(model)
    let forced = ModelChecks.forcedLogProbabilities(model)
    let stepped = ModelChecks.steppedLogProbabilities(model)
    #expect(forced.count == stepped.count)
    for (a, b) in zip(forced, stepped) { #expect(abs(a - b) < 2e-5) }
  }

  @Test("The tape's forward pass has the same likelihood as the one without", arguments: variants)
  func recordingLikelihood(_ variant: Variant) throws {
    let model = try variant.makeModel()
    Self.scramble(model)
    let plain = ModelChecks.forcedLogProbabilities(model).reduce(0.0) { $0 + Double($1) }
    #expect(abs(ModelChecks.loss(model).logLikelihood - plain) < 1e-4)
  }

  @Test("A sentence's log-probabilities do not depend on its batch, to the last bit", arguments: variants)
  func batchIndependence(_ variant: Variant) throws {
    let model = try variant.makeModel()
    Self.scramble(model)
    let together = ModelChecks.forcedLogProbabilities(model)
    var alone: [Float] = []
    for b in 0..<ModelChecks.target.count {
      alone += model.logProbabilities(
        source: SequenceBatch([Array(ModelChecks.source[b])]), target: SequenceBatch([Array(ModelChecks.target[b])]),
        graph: Graph(arena: Arena()))
    }
    #expect(together == alone)
  }

  @Test("A hypothesis that moved in the beam goes on from its own past", arguments: stacked)
  func reordering(_ variant: Variant) throws {
    let model = try variant.makeModel()
    Self.scramble(model)
    #expect(
      ModelChecks.logits(model, [5, 2, 7], detour: true) == ModelChecks.logits(model, [5, 2, 7], detour: false))
  }

  @Test("Attention of a step is a distribution over the sentence's source tokens; without attention there is none")
  func attention() throws {
    for kind in [AttentionKind.additive, .dot] {
      let state = try Variant("attention") { $0.attention = kind }.makeModel()
        .startDecoding(ModelChecks.source, workspace: Workspace())
      state.reorder([2, 0])
      _ = state.step(nil)
      let attention = try #require(state.attention())
      #expect(attention.map(\.count) == [6, 4])
      for row in attention { #expect(abs(row.reduce(0, +) - 1) < 1e-5) }
    }
    let state = try Variant("none") { $0.attention = .none }.makeModel()
      .startDecoding(ModelChecks.source, workspace: Workspace())
    _ = state.step(nil)
    #expect(state.attention() == nil)
  }

  @Test("Without attention the decoder sees the source through one vector: a longer source leaves its shape alone")
  func fixedVector() throws {
    let model = try Variant("none") { $0.attention = .none }.makeModel()
    let memory = model.encode(ModelChecks.source, Graph(arena: Arena()))
    #expect(memory.attention == nil)
    #expect(memory.start.rows == 3 && memory.start.columns == 7)
  }

  @Test("A bidirectional encoder reads a sentence backwards as its mirror image forwards")
  func directions() throws {
    let model = try Variant("mirror").makeModel()
    let layer = model.encoder[0]
    let backward = try #require(layer.backward)
    for (a, b) in [(layer.forward.weight, backward.weight), (layer.forward.recurrent, backward.recurrent)] {
      b.data.update(from: a.data, count: a.count)
    }
    let sentences: [[Int32]] = [[3, 5, 2, 9], [7, 4], [4, 4, 8, 6, 3]]
    let graph = Graph(arena: Arena())
    func states(_ batch: SequenceBatch) -> (forward: [Float], backward: [Float]) {
      let packing = TimeMajorPacking(batch)
      let x = model.embed(model.embeddings.source, packing.select(batch.ids), groups: packing.sentences, graph)
      let (forward, backward) = layer(x, batchSizes: packing.batchSizes, graph)
      return (graph.gather(forward, packing.rows).array, graph.gather(backward!, packing.rows).array)
    }
    let ahead = states(SequenceBatch(sentences))
    let mirrored = states(SequenceBatch(sentences.map { Array($0.reversed()) }))
    var start = 0
    for sentence in sentences {
      for i in sentence.indices {
        for c in 0..<7 {
          let (a, b) = ((start + i) * 7 + c, (start + sentence.count - 1 - i) * 7 + c)
          #expect(ahead.backward[a] == mirrored.forward[b])
        }
      }
      start += sentence.count
    }
  }

  @Test("A dropout mask is the same at all steps of a sentence and differs between sentences")
  func sharedMasks() throws {
    let model = try Variant("masks") { $0.embeddingSize = 64 }.makeModel()
    let graph = Graph(
      arena: Arena(), gradients: GradientBuffer(model.parameters), random: RandomGenerator(seed: 3))
    let packing = TimeMajorPacking(ModelChecks.source)
    let ones = graph.makeTensor(12, 64, Array(repeating: 1, count: 12 * 64))
    let y = model.dropped(ones, 0.5, groups: packing.sentences, graph).array
    var masks: [Int32: [Float]] = [:]
    for (row, sentence) in packing.sentences.enumerated() {
      let mask = Array(y[(row * 64)..<((row + 1) * 64)])
      #expect(masks[sentence, default: mask] == mask)
      masks[sentence] = mask
    }
    #expect(Set(masks.values).count == 3)
    #expect(Set(y) == [0, 2])
  }

  @Test("Word dropout makes whole words the zero embedding at the asked rate and scales the rest")
  func wordDropout() throws {
    let model = try Variant("words") { $0.wordDropout = 0.25 }.makeModel()
    let graph = Graph(
      arena: Arena(), gradients: GradientBuffer(model.parameters), random: RandomGenerator(seed: 5))
    let ids = [Int32](repeating: 6, count: 2000)
    let x = model.embed(model.embeddings.source, ids, groups: [Int32](repeating: 0, count: 2000), graph).array
    let expected = (0..<5).map { model.embeddings.source.data[6 * 5 + $0] / 0.75 }
    var dropped = 0
    for r in 0..<2000 {
      let row = Array(x[(r * 5)..<(r * 5 + 5)])
      if row.allSatisfy({ $0 == 0 }) { dropped += 1; continue }
      for (a, b) in zip(row, expected) { #expect(abs(a - b) < 1e-6) }
    }
    #expect(abs(dropped - 500) < 80)
  }

  @Test("Recurrent matrices start orthogonal, the ReLU cell's as the identity, forget gates open")
  func starts() throws {
    let lstm = try Variant("lstm") { $0.cell = .lstm }.makeModel()
    let layer = lstm.encoder[0].forward
    for block in 0..<4 {
      for i in 0..<7 {
        for k in 0..<7 {
          let inner = (0..<7).reduce(Float(0)) {
            $0 + layer.recurrent.data[i * 28 + block * 7 + $1] * layer.recurrent.data[k * 28 + block * 7 + $1]
          }
          #expect(abs(inner - (i == k ? 1 : 0)) < 1e-5)
        }
      }
    }
    #expect(Array(layer.bias.buffer) == Array(repeating: 1, count: 7) + Array(repeating: 0, count: 21))
    let relu = try Variant("relu") { $0.cell = .elmanReLU }.makeModel()
    // Parameters live in memory of the model's.
    withExtendedLifetime((lstm, relu)) {
      let recurrent = relu.encoder[0].forward.recurrent
      for i in 0..<49 { #expect(recurrent.data[i] == (i % 8 == 0 ? 1 : 0)) }
    }
  }

  @Test("Packing puts all first tokens first, longest sentence in front, and finds every token again")
  func packing() {
    let packing = TimeMajorPacking(SequenceBatch([[1, 2], [3, 4, 5], [6], [7, 8, 9]]))
    #expect(packing.order == [1, 3, 0, 2])
    #expect(packing.batchSizes == [4, 3, 2])
    #expect(packing.select([1, 2, 3, 4, 5, 6, 7, 8, 9]) == [3, 7, 1, 6, 4, 8, 2, 5, 9])
    #expect(packing.sentences == [1, 3, 0, 2, 1, 3, 0, 1, 3])
    #expect(packing.rows == [2, 6, 0, 4, 7, 3, 1, 5, 8])
  }

  @Test("Packed weights in float32 give the same, in bfloat16 and int8 nearly the same log-probabilities")
  func packed() throws {
    let model = try Self.stacked[0].makeModel()
    let plain = ModelChecks.forcedLogProbabilities(model)
    for (precision, tolerance) in [(Precision.float32, Float(1e-5)), (.bfloat16, 0.08), (.int8, 0.2)] {
      model.pack(precision: precision)
      let packed = ModelChecks.forcedLogProbabilities(model)
      for (a, b) in zip(plain, packed) { #expect(abs(a - b) < tolerance, "\(precision)") }
      model.parameters.unpack()
    }
  }

  @Test("Training in bfloat16 gives the gradients of float32 but for rounding")
  func bfloat16() throws {
    let model = try Variant("bfloat16") { ($0.embeddingSize, $0.hiddenSize, $0.attentionSize) = (16, 24, 16) }
      .makeModel()
    _ = model.parameters.bfloat16Values()
    func gradients(_ precision: Precision) -> [Float] {
      let buffer = GradientBuffer(model.parameters)
      let graph = Graph(arena: Arena(), gradients: buffer, precision: precision, random: nil)
      _ = model.loss(
        source: ModelChecks.source, target: ModelChecks.target, objective: Objective(smoothing: 0.1), gradientScale: 1, graph: graph)
      graph.backward()
      return model.parameters.parameters.flatMap { buffer.gradient($0) }
    }
    let (exact, rounded) = (gradients(.float32), gradients(.bfloat16))
    let size = exact.reduce(0.0) { $0 + Double($1) * Double($1) }
    let error = zip(exact, rounded).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
    #expect(size > 0)
    #expect((error / size).squareRoot() < 0.02)
  }

  @Test("The least number of parameters is not above their number", arguments: CellKind.allCases, AttentionKind.allCases)
  func leastParameters(cell: CellKind, attention: AttentionKind) throws {
    var shape = RNNConfiguration()
    (shape.cell, shape.attention, shape.embeddingSize, shape.hiddenSize) = (cell, attention, 8, 64)
    (shape.encoderLayers, shape.decoderLayers, shape.bidirectional) = (3, 2, cell == .gru)
    let configuration = ModelConfiguration(
      rnn: shape, sourceVocabularySize: 50, targetVocabularySize: 70, embeddings: .none)
    #expect(try configuration.leastParameterCount <= Double(configuration.makeModel().parameters.parameterCount))
    #expect(configuration.leastParameterCount > 5 * 64 * 64)
  }

  @Test("A missing shape is refused")
  func validation() {
    var configuration = ModelConfiguration(
      rnn: .init(), sourceVocabularySize: 10, targetVocabularySize: 12, embeddings: .none)
    configuration.rnn = nil
    #expect(throws: ConfigurationError(key: "rnn", problem: "missing")) { try configuration.validate() }
    let flat = Variant("flat") { $0.hiddenSize = 0 }
    #expect {
      _ = try flat.makeModel()
    } throws: { ($0 as? ConfigurationError)?.key == "rnn.hidden_size" }
  }
}
