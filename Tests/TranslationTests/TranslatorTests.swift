import Autograd
import Foundation
import Seq2Seq
import TextProcessing
import TestSupport
import Testing

@testable import Translation

@Suite struct TranslatorTests {
  let directory: TemporaryDirectory
  let translator: Translator

  init() throws {
    directory = try TemporaryDirectory()
    try TinyModel.save(to: directory.url)
    translator = try Translator(model: directory.url)
  }

  /// Short outputs, so that a model that has learnt nothing comes to an end.
  func options(_ change: (inout TranslationOptions) -> Void = { _ in }) -> TranslationOptions {
    var options = translator.defaultOptions
    options.search.maximumLength = 12
    options.threads = 2
    change(&options)
    return options
  }

  static let lines: [String] = {
    var random = RandomGenerator(seed: 9)
    return (0..<60).map { _ in
      (0..<Int.random(in: 1...9, using: &random)).map { _ in
        TinyModel.sentences.randomElement(using: &random)!.split(separator: " ").randomElement(using: &random)!
      }.joined(separator: " ")
    }
  }()

  @Test("one line out for each line in, in order, whatever the batches and threads")
  func orderAndIndependence() throws {
    let reference = TranslatorTests.lines.map { line in
      translator.translate([line], options: options { $0.threads = 1 })[0].candidates
    }
    #expect(Set(reference.map { $0[0].logProbability }).count > 20)
    for (threads, sentences, tokens) in [(1, 7, 1000), (3, 1, 1000), (2, 32, 20), (4, 5, 64)] {
      let together = translator.translate(
        TranslatorTests.lines,
        options: options {
          ($0.threads, $0.batchSentences, $0.batchTokens) = (threads, sentences, tokens)
        })
      #expect(together.map(\.candidates) == reference)
    }
  }

  @Test("blank lines become empty, lines without letters or digits stay, others are translated")
  func linesWithoutWords() throws {
    let inputs = ["", "   \t ", "\u{2028}\u{85}", " … — !?", "😀 👍🏽", "·", "Le chat", "٣", "字"]
    let outputs = translator.translate(inputs, options: options())
    #expect(outputs.map(\.text).prefix(6) == ["", "", "", " … — !?", "😀 👍🏽", "·"])
    #expect(outputs.map { $0.sourceTokens > 0 } == [false, false, false, false, false, false, true, true, true])
  }

  @Test("what counts as a word", arguments: [
    ("", LinePreparation.Content.blank), ("\u{A0}\u{3000}", .blank), ("\u{FEFF}", .symbols), ("-", .symbols),
    ("ª", .words), ("é", .words), ("½", .words), ("  7", .words), ("«»", .symbols), ("Ⅳ", .words), ("́", .symbols),
  ])
  func content(line: String, expected: LinePreparation.Content) {
    #expect(LinePreparation.content(of: line) == expected)
  }

  @Test("a line that is too long is cut into parts that fit and none of it is lost")
  func longLines() throws {
    let preparation = LinePreparation(
      text: translator.text, splitter: translator.splitter, maximumLength: translator.maximumLength)
    let long = (0..<30).map { "\(TinyModel.sentences[$0 % 3])" }.joined(separator: " ")
    let unbroken = String(repeating: "abcdefghij", count: 40)
    for line in [long, unbroken, long + " " + unbroken] {
      guard case .parts(let parts) = preparation.prepare(TranslationInput(line, prefix: "The")) else {
        Issue.record("nothing to translate in \(line)")
        continue
      }
      #expect(parts.count > 1)
      #expect(parts.allSatisfy { (1...translator.maximumLength).contains($0.source.count) })
      func letters(_ text: String) -> String { text.filter { !$0.isWhitespace } }
      #expect(parts.map { letters($0.text) }.joined() == letters(line))
      if line == long { #expect(parts.allSatisfy { TinyModel.sentences[..<3].contains($0.text) }) }
      #expect(!parts[0].prefix.isEmpty && parts.dropFirst().allSatisfy { $0.prefix.isEmpty })
    }
    let output = translator.translate(["Le chat", long], options: options())
    #expect(output[0].warnings.isEmpty)
    #expect(output[1].warnings.count == 1)
    #expect(output[1].warnings[0].contains("longer than the 59 tokens"))
    #expect(output[1].sourceTokens > 59)
  }

  @Test("a long line of several sentences is cut between them, as many together as stay within the limit")
  func paragraphs() throws {
    func texts(_ line: String, _ limit: Int?, prefix: String? = nil) -> [String] {
      let preparation = LinePreparation(
        text: translator.text, splitter: translator.splitter, maximumLength: 59, splitLength: limit)
      guard case .parts(let parts) = preparation.prepare(TranslationInput(line, prefix: prefix)) else { return [] }
      return parts.map(\.text)
    }
    let (cat, station, rain) = (TinyModel.sentences[0], TinyModel.sentences[1], TinyModel.sentences[2])
    let tokens = [cat, station, rain].map { translator.text.encodeSource($0).count }
    #expect(tokens[0] + tokens[1] + tokens[2] < 59 && tokens[2] < tokens[0])
    let line = "\(cat)  \(station) \(rain)"
    #expect(texts(line, nil) == [line])
    #expect(texts(line, tokens.reduce(0, +)) == [line])
    #expect(texts(line, tokens.reduce(0, +) - 1) == ["\(cat)  \(station)", rain])
    #expect(texts(line, tokens[1] + tokens[2]) == [cat, "\(station) \(rain)"])
    #expect(texts(line, 1) == [cat, station, rain])
    #expect(texts("\(cat) 😀! \(station)", 1) == ["\(cat) 😀!", station])
    // One sentence stays one, and what must begin in a given way is not cut.
    #expect(texts(" " + cat, 1) == [cat])
    #expect(texts(line, 1, prefix: "The") == [line])
    let output = translator.translate([line], options: options { $0.splitLength = 1 })[0]
    let apart = translator.translate([cat, station, rain], options: options())
    #expect(output.text == apart.map(\.text).joined(separator: " "))
    #expect(output.sourceTokens == tokens.reduce(0, +) && output.warnings.isEmpty)
  }

  @Test("a line of a megabyte goes through")
  func hugeLine() throws {
    let preparation = LinePreparation(
      text: translator.text, splitter: translator.splitter, maximumLength: translator.maximumLength)
    let line = String(repeating: TinyModel.sentences[0] + " ", count: 26_000)
    guard case .parts(let parts) = preparation.prepare(TranslationInput(line)) else {
      Issue.record("nothing to translate")
      return
    }
    #expect(parts.allSatisfy { $0.source.count <= translator.maximumLength })
    #expect(parts.reduce(0) { $0 + $1.text.utf8.count } > 900_000)
  }

  @Test("n-best lists are ordered, and alignments point at pieces")
  func candidates() throws {
    let lines = Array(TinyModel.sentences[..<3])
    let outputs = translator.translate(
      lines,
      options: options {
        $0.search.hypothesisCount = 4
        $0.search.keepsAttention = true
      })
    for (line, output) in zip(lines, outputs) {
      #expect(output.candidates.count == 4)
      #expect(zip(output.candidates, output.candidates.dropFirst()).allSatisfy { $0.score >= $1.score })
      let pieces = translator.text.sourcePieces(line).count
      for candidate in output.candidates {
        #expect(candidate.alignment?.allSatisfy { $0.source < pieces && $0.target < candidate.tokens.count } == true)
      }
    }
  }

  @Test("a prefix begins the translation")
  func prefixes() throws {
    let inputs = [
      TranslationInput("Le chat est rouge.", prefix: "The red"), TranslationInput("Il pleut."),
      TranslationInput("La gare", prefix: "Where is"),
    ]
    let outputs = translator.translate(inputs, options: options())
    #expect(outputs[0].text.hasPrefix("The red"))
    #expect(outputs[2].text.hasPrefix("Where is"))
    #expect(outputs[1].text == (translator.translate(["Il pleut."], options: options())[0].text))
  }

  @Test("an ensemble of a model with itself translates as the model; another vocabulary is refused")
  func ensembles() throws {
    let twin = try Translator(models: [directory.url, directory.url])
    let alone = translator.translate(TranslatorTests.lines, options: options()).map(\.text)
    #expect(twin.translate(TranslatorTests.lines, options: options()).map(\.text) == alone)
    let other = try TemporaryDirectory()
    try TinyModel.save(to: other.url, seed: 6)
    let pair = try Translator(models: [directory.url, other.url])
    #expect(pair.translate(TranslatorTests.lines, options: options()).map(\.text) != alone)
    let text = ModelDirectory(other.url).text
    try (Data(contentsOf: text) + Data(" ".utf8)).write(to: text)
    #expect(throws: ModelError.self) { try Translator(models: [directory.url, other.url]) }
  }

  @Test("every precision translates, and scores agree with float32", arguments: Precision.allCases)
  func precisions(precision: Precision) throws {
    let stored = try TemporaryDirectory()
    try TinyModel.save(to: stored.url, precision: precision)
    let loaded = try ModelDirectory(stored.url).load()
    #expect(loaded.precision == precision.supported)
    let reference = PairScorer(try ModelDirectory(directory.url).load(), threads: 1)
    let pairs = zip(TinyModel.sentences[..<3], TinyModel.sentences[3...]).map { ($0, $1) }
    for (a, b) in zip(try PairScorer(loaded, threads: 2).score(pairs), try reference.score(pairs)) {
      #expect(abs(a.logProbability - b.logProbability) < 0.02 * abs(b.logProbability))
    }
  }

  @Test("a line that a model whose numbers overflow breaks off is told of", arguments: [1, 4])
  func overflow(beam: Int) throws {
    let whole = ModelDirectory(directory.url)
    let (description, model) = (try whole.readDescription(), try whole.readModel(whole.readDescription()))
    for parameter in model.parameters.parameters where parameter.name.hasPrefix("decoder.layers.1.feed_forward_norm.") {
      parameter.buffer.update(repeating: 3e38)
    }
    try whole.save(description, model)
    let lines = [TinyModel.sentences[0], "", TinyModel.sentences[1]]
    let output = try Translator(model: directory.url).translate(lines, options: options { $0.search.beamSize = beam })
    #expect(output.map { $0.warnings.filter { $0.hasPrefix("broken off") }.count } == [1, 0, 1])
    let sound = translator.translate(lines, options: options { $0.search.beamSize = beam })
    #expect(sound.map(\.warnings) == [[], [], []])
  }

  @Test("the score of a translation is its forced score")
  func scores() throws {
    let lines = Array(TinyModel.sentences[..<3])
    let outputs = translator.translate(lines, options: options())
    let scorer = PairScorer(translator.models[0], threads: 2)
    let scores = scorer.score(
      sources: lines.map(translator.text.encodeSource), targets: outputs.map { $0.candidates[0].tokens })
    for (output, score) in zip(outputs, scores) {
      #expect(abs(output.candidates[0].logProbability - score.logProbability) < 1e-3)
      let words = translator.models[0].words(of: score)
      #expect(words.last?.text == "</s>")
      #expect(abs(words.reduce(0) { $0 + $1.logProbability } - score.logProbability) < 1e-3)
    }
    #expect(throws: PairTooLongError.self) {
      try scorer.score([("a", "b"), ("a", String(repeating: "b ", count: 100))], firstLine: 7)
    }
  }

  @Test("a receiver that fails stops the stream with its error")
  func failingReceiver() throws {
    struct Full: Error {}
    let stream = TranslationStream(translator, options: options()) { _ in throw Full() }
    #expect(throws: Full.self) {
      for _ in 0..<10 { try stream.submit([TranslationInput("Le chat")]) }
      try stream.finish()
    }
    #expect(throws: Full.self) { try stream.finish() }
  }

  @Test("the asynchronous way gives the same lines")
  func asynchronous() async throws {
    let lines = Array(TranslatorTests.lines.prefix(9))
    let blocking = translator.translate(lines.map { TranslationInput($0) }, options: options()).map(\.text)
    let waiting = try await translator.translate(lines, options())
    #expect(waiting.map(\.text) == blocking)
  }
}
