import Foundation
import NeuralNet
import Seq2Seq
import TestSupport
import Testing
import TextProcessing
import Translation

@testable import Interchange

@Suite struct MarianExportTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  func url(_ name: String) -> URL { directory.url.appendingPathComponent(name) }

  /// A model with random weights.
  func save(_ model: (_ source: Int, _ target: Int) -> ModelConfiguration, text: TextConfiguration, to url: URL) throws {
    let text = try TextPipeline.learn(
      configuration: text, source: Array(TinyModel.sentences[..<3]), target: Array(TinyModel.sentences[3...]))
    var description = ModelDescription(
      sourceLanguage: "fr", targetLanguage: "en", model: model(text.sourceVocabulary.count, text.targetVocabulary.count))
    description.search = SearchDefaults()
    description.search?.beamSize = 3
    let network = try description.model.makeModel()
    network.parameters.initialize(seed: 7)
    for parameter in network.parameters.parameters where parameter.rows == 1 {
      for i in 0..<parameter.count { parameter.data[i] += 0.01 * Float(i % 7) }
    }
    try ModelDirectory(url).save(description, network)
    try text.write(to: url)
  }

  func text(_ change: (inout TextConfiguration) -> Void = { _ in }) -> TextConfiguration {
    var text = TextConfiguration()
    (text.vocabularySize, text.tokenizer) = (420, .marks)
    change(&text)
    return text
  }

  func transformer(_ change: (inout TransformerConfiguration) -> Void = { _ in }) -> TransformerConfiguration {
    var shape = TransformerConfiguration()
    (shape.modelSize, shape.feedForwardSize, shape.heads) = (24, 40, 2)
    (shape.encoderLayers, shape.decoderLayers, shape.maximumLength) = (1, 2, 1024)
    (shape.positions, shape.layerNormEpsilon) = (.marian, 1e-6)
    change(&shape)
    return shape
  }

  func rnn(_ change: (inout RNNConfiguration) -> Void = { _ in }) -> RNNConfiguration {
    var shape = RNNConfiguration()
    (shape.embeddingSize, shape.hiddenSize, shape.attentionSize, shape.maximumLength) = (20, 16, 32, 1024)
    change(&shape)
    return shape
  }

  func back(_ format: Marian.Format, shared: Bool, warnings: Int = 0) throws -> LoadedModel {
    let report = try Marian.exportModel(from: url("ours"), to: url("theirs"), format: format)
    #expect(report.warnings.count == warnings)
    var options = Marian.ImportOptions()
    options.decoderConfiguration = url("theirs/decoder.yml")
    let again = try Marian.importModel(
      url("theirs/model.\(format.rawValue)"), sourceVocabulary: url("theirs/\(shared ? "vocab" : "source").spm"),
      targetVocabulary: url("theirs/\(shared ? "vocab" : "target").spm"), to: url("back"), options: options)
    #expect(again.description.search?.beamSize == 3)
    return try ModelDirectory(url("back")).load()
  }

  @Test("a transformer that goes out and comes back has every weight and piece it had", arguments: EmbeddingTying.allCases)
  func transformers(_ tying: EmbeddingTying) throws {
    let isPre = tying == .target
    let shape = transformer {
      if isPre { ($0.normalization, $0.finalNormalization, $0.activation) = (.pre, true, .gelu) }
      if tying == .none { $0.decoderCell = .ssru }
    }
    try save(
      { ModelConfiguration(transformer: shape, sourceVocabularySize: $0, targetVocabularySize: $1, embeddings: tying) },
      text: text { $0.vocabulary = tying == .all ? .joint : .separate }, to: url("ours"))
    let ours = try ModelDirectory(url("ours")).load()
    let back = try back(tying == .none ? .bin : .npz, shared: tying == .all, warnings: isPre ? 1 : 0)
    var expected = ours.model.configuration
    // What only training uses is not said there.
    expected.transformer?.dropout = back.model.configuration.transformer?.dropout ?? -1
    #expect(back.model.configuration == expected)
    for (a, b) in zip(ours.model.parameters.parameters, back.model.parameters.parameters) {
      #expect(a.name == b.name && a.buffer.elementsEqual(b.buffer), "\(a.name)")
    }
    for line in HuggingFaceExportTests.lines {
      #expect(ours.text.encodeSource(line) == back.text.encodeSource(line))
      #expect(ours.text.encodeTarget(line) == back.text.encodeTarget(line))
    }
  }

  @Test("a recurrent model comes back with the same scores, its attention as wide as Marian's", arguments: [CellKind.gru, .lstm])
  func recurrent(_ cell: CellKind) throws {
    let shape = rnn {
      ($0.cell, $0.decoderLayers) = (cell, cell == .gru ? 1 : 2)
      if cell == .gru { $0.attentionSize = 20 }
    }
    try save(
      {
        ModelConfiguration(
          rnn: shape, sourceVocabularySize: $0, targetVocabularySize: $1, embeddings: cell == .gru ? .target : .none)
      }, text: text { $0.vocabulary = .separate }, to: url("ours"))
    let (ours, back) = try (ModelDirectory(url("ours")).load(), back(.bin, shared: false))
    #expect(back.model.configuration.rnn?.attentionSize == 32)
    let pairs = (0..<3).map { (TinyModel.sentences[$0], TinyModel.sentences[$0 + 3]) }
    let (one, two) = try (
      PairScorer(ours, threads: 1).score(pairs), PairScorer(back, threads: 1).score(pairs)
    )
    for (a, b) in zip(one, two) {
      #expect(a.tokens == b.tokens)
      for (x, y) in zip(a.tokenLogProbabilities, b.tokenLogProbabilities) { #expect(abs(x - y) < 1e-5) }
    }
    #expect(Set(one.map(\.logProbability)).count == 3)
  }

  @Test("what was read from Marian's own files goes out as it came in", arguments: ["pre", "ssru-pre", "gru", "lstm", "amun"])
  func again(_ name: String) throws {
    _ = try Marian.importModel(
      MarianModels.url("marian-\(name).npz"), sourceVocabulary: MarianModels.url("source.spm"),
      targetVocabulary: MarianModels.url("target.spm"), to: url("ours"))
    _ = try Marian.exportModel(from: url("ours"), to: url("theirs"))
    let (old, new) = try (
      MarianFile(contentsOf: MarianModels.url("marian-\(name).npz")), MarianFile(contentsOf: url("theirs/model.npz"))
    )
    #expect(try Data(contentsOf: url("theirs/source.spm")) == Data(contentsOf: MarianModels.url("source.spm")))
    guard name != "amun" else { return }
    #expect(old.tensors.keys.sorted() == new.tensors.keys.sorted())
    for tensor in try MarianModels.tensors(old) where !tensor.name.hasPrefix("decoder_ff_logit_l1_b") {
      #expect(try new.values(tensor.name, shape: tensor.shape) == tensor.values, "\(tensor.name)")
    }
  }

  @Test("what Marian computes otherwise is warned of, and text that SentencePiece cannot cut")
  func warnings() throws {
    let shape = transformer { ($0.positions, $0.layerNormEpsilon) = (.standard, 1e-5) }
    try save(
      { ModelConfiguration(transformer: shape, sourceVocabularySize: $0, targetVocabularySize: $1, embeddings: .all) },
      text: text { $0.tokenizer = .icu }, to: url("ours"))
    let report = try Marian.exportModel(from: url("ours"), to: url("theirs"))
    #expect(report.warnings.count == 3)
    for word in ["positions: marian", "layer_norm_epsilon", "tokenizer: marks"] {
      #expect(report.warnings.contains { $0.contains(word) }, "\(word)")
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: url("theirs").path).sorted()
        == ["decoder.yml", "model.npz", "vocab.yml"])
    #expect(throws: ModelError.self) { try Marian.exportModel(from: url("ours"), to: url("theirs")) }
  }

  @Test("what Marian does not have is refused, naming the key")
  func refusals() throws {
    func refusal(_ model: (Int, Int) -> ModelConfiguration) throws -> String? {
      let ours = url(UUID().uuidString)
      try save(model, text: text(), to: ours)
      do {
        _ = try Marian.exportModel(from: ours, to: url(UUID().uuidString))
        return nil
      } catch let error as ModelError { return error.item }
    }
    for (change, key) in [
      ({ $0.activation = .tanh }, "activation"), ({ $0.scaleEmbeddings = false }, "scale_embeddings"),
    ] as [((inout TransformerConfiguration) -> Void, String)] {
      #expect(
        try refusal {
          ModelConfiguration(
            transformer: transformer(change), sourceVocabularySize: $0, targetVocabularySize: $1, embeddings: .all)
        } == "model.transformer.\(key)")
    }
    #expect(
      try refusal {
        var model = ModelConfiguration(
          transformer: transformer(), sourceVocabularySize: $0, targetVocabularySize: $1, embeddings: .all)
        model.forcedFirstToken = 5
        return model
      } == "model.forced_first_token")
    for (change, key) in [
      ({ $0.cell = .elman }, "cell"), ({ $0.attention = .dot }, "attention"), ({ $0.encoderLayers = 2 }, "encoder_layers"),
      ({ $0.bidirectional = false }, "encoder_layers"), ({ $0.attentionSize = 33 }, "attention_size"),
    ] as [((inout RNNConfiguration) -> Void, String)] {
      #expect(
        try refusal {
          ModelConfiguration(rnn: rnn(change), sourceVocabularySize: $0, targetVocabularySize: $1, embeddings: .target)
        } == "model.rnn.\(key)")
    }
  }
}
