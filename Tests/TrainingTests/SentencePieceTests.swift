import Foundation
import Seq2Seq
import TextProcessing
import Testing
@testable import Training
@testable import Translation

@Suite struct SentencePieceTests {
  private func recipe(_ text: String, embeddings: String = "all") throws -> Recipe {
    try Recipe(
      text: """
        source_language: fr
        target_language: en
        corpora: {train: [{source: t.fr, target: t.en}]}
        training: {batch_tokens: 60, shards: 2, updates: 2, warmup: 2}
        model: {embeddings: \(embeddings), transformer: {model_size: 16, feed_forward_size: 24, heads: 2, encoder_layers: 1, decoder_layers: 1}}
        text: \(text)
        """, name: "test", directory: URL(fileURLWithPath: "/"))
  }

  @Test("the key takes a kind to learn, a file, or a file for each side; text: sentencepiece is short")
  func reading() throws {
    #expect(try recipe("sentencepiece").sentencePiece == .learnt(.unigram))
    #expect(try recipe("{sentencepiece: bpe, vocabulary_size: 300}").sentencePiece == .learnt(.bpe))
    #expect(try recipe("{sentencepiece: bpe, vocabulary_size: 300}").text.vocabularySize == 300)
    #expect(try recipe("{sentencepiece: a.spm}").sentencePiece == .given(source: "a.spm", target: "a.spm"))
    #expect(
      try recipe("{sentencepiece: {source: a.spm, target: b.spm}}", embeddings: "target").sentencePiece
        == .given(source: "a.spm", target: "b.spm"))
    #expect(try recipe("{vocabulary_size: 300}").sentencePiece == nil)
  }

  @Test("what SentencePiece decides by itself cannot be given, and two models cannot share one table", arguments: [
    ("{sentencepiece: bpe, tokenizer: marks}", "text.tokenizer"), ("{sentencepiece: unigram, bpe_dropout: 0.1}", "text.bpe_dropout"),
    ("{sentencepiece: a.spm, vocabulary_size: 300}", "text.vocabulary_size"), ("{sentencepiece: [a]}", "text.sentencepiece"),
    ("{sentencepiece: {source: a.spm}}", "text.sentencepiece.target"), ("{sentencepiece: {source: a, target: b}}", "model.embeddings"),
    ("{sentencepiece: unigram, vocabulary: separate}", "model.embeddings"), ("sentences", "text: sentences"),
  ])
  func refusals(_ text: String, _ key: String) {
    #expect { _ = try recipe(text) } throws: { "\($0)".contains(key) }
  }

  static let pairs = [
    ("Le petit chat dort sur la chaise rouge.", "The small cat sleeps on the red chair."),
    ("Où est la gare, s'il vous plaît ?", "Where is the station, please?"),
    ("Il pleut depuis ce matin.", "It has been raining since this morning."),
    ("La gare est petite et le chat est rouge.", "The station is small and the cat is red."),
  ]

  private func train(_ text: String, _ folder: URL, to name: String, embeddings: String = "all") throws -> URL {
    let lines = [("t.fr", Self.pairs.map(\.0)), ("t.en", Self.pairs.map(\.1))]
    for (name, lines) in lines {
      try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: folder.appendingPathComponent(name))
    }
    let file = folder.appendingPathComponent("\(name).yaml")
    try Data(recipe(text, embeddings: embeddings).canonicalText.utf8).write(to: file)
    var options = TrainOptions()
    options.output = folder.appendingPathComponent(name)
    options.threads = 1
    _ = try Training.train(recipe: file, options: options, progress: SilentProgress())
    return folder.appendingPathComponent(name)
  }

  @Test("a model that is learnt is used and saved; given to another training it cuts alike", arguments: SentencePieceKind.allCases)
  func training(_ kind: SentencePieceKind) throws {
    let folder = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(at: folder) }
    let size = kind == .bpe ? 120 : 80
    let first = try train(
      "{sentencepiece: \(kind.rawValue), vocabulary_size: \(size), byte_fallback: false, character_coverage: 1}", folder, to: "first")
    let learnt = try ModelDirectory(first).load()
    #expect(learnt.text.sourceVocabulary.isShared && learnt.text.sourceVocabulary.count <= size)
    #expect(learnt.text.sourceVocabulary.count > 40)
    let line = "Le chat\u{A0}rouge est où ?"
    let ids = learnt.text.encodeSource(line)
    #expect(learnt.text.decodeSource(ids) == "Le chat rouge est où ?" && !ids.contains(1))
    let translator = try Translator([learnt])
    #expect(ids.count < 20 && translator.translate([line])[0].sourceTokens == ids.count)

    // The same lines give the same model.
    let again = try TextPipeline.learn(
      kind, configuration: learnt.text.learningConfiguration(size), source: Self.pairs.map(\.0), target: Self.pairs.map(\.1))
    try again.write(to: folder)
    let models = [first, folder].map { try? Data(contentsOf: $0.appendingPathComponent("source.spm")) }
    #expect(models[0] != nil && models[0] == models[1])

    let second = try train("{sentencepiece: first/source.spm}", folder, to: "second")
    #expect(try ModelDirectory(second).load().text.encodeTarget(line) == ids)
    let both = try train(
      "{sentencepiece: {source: first/source.spm, target: second/target.spm}}", folder, to: "both", embeddings: "target")
    #expect(try ModelDirectory(both).load().text.targetVocabulary.isShared == false)
    #expect(throws: TrainingError.self) { try train("{sentencepiece: none.spm}", folder, to: "none") }
    #expect(throws: TextError.self) { try train("{sentencepiece: t.fr}", folder, to: "wrong") }
  }

  @Test("a vocabulary that is too small to hold the characters is an error in the library's words")
  func tooSmall() {
    var configuration = TextConfiguration()
    configuration.vocabularySize = 5
    #expect(throws: TextError.self) {
      try TextPipeline.learn(.bpe, configuration: configuration, source: Self.pairs.map(\.0), target: [])
    }
    #expect(throws: TextError.emptyCorpus) {
      try TextPipeline.learn(.bpe, configuration: configuration, source: [""], target: [])
    }
  }
}

extension TextPipeline {
  /// Of the recipe above.
  fileprivate func learningConfiguration(_ size: Int) -> TextConfiguration {
    var configuration = TextConfiguration()
    (configuration.vocabularySize, configuration.byteFallback, configuration.characterCoverage) = (size, false, 1)
    return configuration
  }
}
