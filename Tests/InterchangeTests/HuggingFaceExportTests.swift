import Autograd
import Foundation
import Seq2Seq
import TestSupport
import Testing
import TextProcessing
import Translation

@testable import Interchange

@Suite struct HuggingFaceExportTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  func url(_ name: String) -> URL { directory.url.appendingPathComponent(name) }

  /// A model with random weights whose text SentencePiece can repeat.
  func save(
    to url: URL, tying: EmbeddingTying = .all, text change: (inout TextConfiguration) -> Void = { _ in },
    shape changeShape: (inout TransformerConfiguration) -> Void = { _ in }
  ) throws {
    var configuration = TextConfiguration()
    (configuration.vocabularySize, configuration.tokenizer) = (420, .marks)
    change(&configuration)
    let text = try TextPipeline.learn(
      configuration: configuration, source: Array(TinyModel.sentences[..<3]), target: Array(TinyModel.sentences[3...]))
    var shape = TransformerConfiguration()
    (shape.modelSize, shape.feedForwardSize, shape.heads) = (24, 40, 2)
    (shape.encoderLayers, shape.decoderLayers, shape.maximumLength, shape.activation) = (1, 2, 60, .gelu)
    changeShape(&shape)
    let description = ModelDescription(
      sourceLanguage: "fr", targetLanguage: "en",
      model: ModelConfiguration(
        transformer: shape, sourceVocabularySize: text.sourceVocabulary.count,
        targetVocabularySize: text.targetVocabulary.count, embeddings: tying))
    let model = try description.model.makeModel()
    model.parameters.initialize(seed: 7)
    for parameter in model.parameters.parameters where parameter.rows == 1 {
      for i in 0..<parameter.count { parameter.data[i] += 0.01 * Float(i % 7) }
    }
    try ModelDirectory(url).save(description, model)
    try text.write(to: url)
  }

  static let lines = TinyModel.sentences + [
    "L'été, 1 234,50 € : « c'est cher »…", "e\u{301}te\u{301} a\u{302}\u{301}", "\u{A0}tab\tand\u{2009}thin  spaces ",
    "don't stop -- 10:30 !!!", "rock'n'roll l’eau 'quoted'", "日本語 ñ ß Œ 😀👍🏽", "\u{1}control\u{7F}s", "C++ a/b x@y.fr http://a.b/c?d=e",
    "A\u{30A} Å ﬁ ½ ² ǆ", "全角\u{3000}空白\u{3000}", "م\u{64F}ح\u{64E}م\u{651}\u{64E}د ش\u{651}\u{650}", "ש\u{5C1}\u{5B7}ל",
  ]

  @Test("the written SentencePiece models cut every line as the pipeline does", arguments: [TokenizerKind.marks, .whitespace])
  func sentencePieces(_ tokenizer: TokenizerKind) throws {
    try save(to: url("ours"), tying: .target) {
      $0.tokenizer = tokenizer
      $0.vocabulary = .separate
    }
    let report = try HuggingFaceMarian.exportModel(from: url("ours"), to: url("theirs"))
    #expect(report.warnings == [])
    _ = try HuggingFaceMarian.importModel(from: url("theirs"), to: url("back"))
    let (ours, back) = try (TextPipeline(directory: url("ours")), TextPipeline(directory: url("back")))
    // Filled up to one size, that the padding symbol may have one id.
    #expect(back.sourceVocabulary.count == back.targetVocabulary.count)
    #expect(back.sourceVocabulary.count == max(ours.sourceVocabulary.count, ours.targetVocabulary.count))
    for line in Self.lines {
      #expect(ours.encodeSource(line) == back.encodeSource(line), "\(line): \(ours.sourcePieces(line))")
      #expect(ours.encodeTarget(line) == back.encodeTarget(line), "\(line)")
      #expect(ours.decodeTarget(ours.encodeTarget(line)) == back.decodeTarget(back.encodeTarget(line)))
    }
  }

  @Test("a model that goes out and comes back has every weight it had", arguments: EmbeddingTying.allCases)
  func roundTrip(_ tying: EmbeddingTying) throws {
    try save(to: url("ours"), tying: tying, shape: { $0.positions = .marian })
    _ = try HuggingFaceMarian.exportModel(from: url("ours"), to: url("theirs"))
    _ = try HuggingFaceMarian.importModel(from: url("theirs"), to: url("back"))
    let (ours, back) = try (ModelDirectory(url("ours")).load(), ModelDirectory(url("back")).load())
    #expect(ours.model.configuration == back.model.configuration)
    for (a, b) in zip(ours.model.parameters.parameters, back.model.parameters.parameters) {
      #expect(a.name == b.name && a.buffer.elementsEqual(b.buffer), "\(a.name)")
    }
  }

  @Test("an imported model goes out again as it came in")
  func again() throws {
    try golden().write(to: directory.url)
    _ = try HuggingFaceMarian.importModel(from: directory.url, to: url("ours"))
    let report = try HuggingFaceMarian.exportModel(from: url("ours"), to: url("theirs"))
    #expect(report.warnings == [])
    _ = try HuggingFaceMarian.importModel(from: url("theirs"), to: url("back"))
    let (ours, back) = try (ModelDirectory(url("ours")).load(), ModelDirectory(url("back")).load())
    for (a, b) in zip(ours.model.parameters.parameters, back.model.parameters.parameters) {
      #expect(a.buffer.elementsEqual(b.buffer), "\(a.name)")
    }
    #expect(ours.text.encodeSource("Le chien 7") == back.text.encodeSource("Le chien 7"))
  }

  func golden() throws -> TinyMarian { try TinyMarian.load() }

  @Test("text that SentencePiece cannot repeat leaves the models out and names the option that would not")
  func obstacles() throws {
    for (change, option) in [
      ({ $0.tokenizer = .icu }, "tokenizer: marks"), ({ $0.lowercase = true }, "lowercase: false"),
      ({ $0.normalForm = .nfkc }, "normal_form: nfc"),
    ] as [((inout TextConfiguration) -> Void, String)] {
      let directory = try TemporaryDirectory()
      let (ours, theirs) = (directory.url.appendingPathComponent("ours"), directory.url.appendingPathComponent("theirs"))
      try save(to: ours, text: change)
      let report = try HuggingFaceMarian.exportModel(from: ours, to: theirs)
      #expect(report.warnings.count == 1 && report.warnings[0].contains(option), "\(report.warnings)")
      let names = try FileManager.default.contentsOfDirectory(atPath: theirs.path).sorted()
      #expect(
        names == ["config.json", "generation_config.json", "model.safetensors", "tokenizer_config.json", "vocab.json"])
    }
  }

  @Test("what MarianMT does not have is refused, naming the key")
  func refusals() throws {
    for (change, key) in [
      ({ $0.normalization = .pre }, "normalization"), ({ $0.finalNormalization = true }, "final_normalization"),
      ({ $0.activation = .identity }, "activation"), ({ $0.decoderCell = .ssru }, "decoder_cell"),
    ] as [((inout TransformerConfiguration) -> Void, String)] {
      let directory = try TemporaryDirectory()
      try save(to: directory.url, shape: change)
      do {
        _ = try HuggingFaceMarian.exportModel(from: directory.url, to: url("theirs"))
        Issue.record("\(key) accepted")
      } catch let error as ModelError {
        #expect(error.item == "model.transformer.\(key)")
      }
    }
  }
}
