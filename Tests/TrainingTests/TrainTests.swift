import Evaluation
import Foundation
import Synchronization
import Testing
import TextProcessing
@testable import Training
@testable import Translation

/// A corpus and a recipe in a directory of their own.
struct Workplace {
  let directory: URL
  let recipe: URL

  init(pairs: [(String, String)], settings: String = "", training: String = "updates: 12") throws {
    directory = try temporaryDirectory()
    recipe = directory.appendingPathComponent("small.yaml")
    for (name, side) in [("t.fr", pairs.map(\.0)), ("t.en", pairs.map(\.1))] {
      try Data(side.map { $0 + "\n" }.joined().utf8).write(to: directory.appendingPathComponent(name))
    }
    let text = """
      source_language: fr
      target_language: en
      corpora:
        train: [{source: t.fr, target: t.en}]
        valid: {source: t.fr, target: t.en}
      text: {vocabulary_size: 330, bpe_dropout: 0.1}
      model:
        transformer: {model_size: 16, feed_forward_size: 32, heads: 2, encoder_layers: 1, decoder_layers: 1}
      training: {batch_tokens: 60, shards: 2, warmup: 4, checkpoint_every: 5, ema_decay: 0.9, \(training)}
      validation: {every: 6, maximum_lines: 4}
      \(settings)
      """
    try Data(text.utf8).write(to: recipe)
  }

  var output: URL { directory.appendingPathComponent("run") }

  func train(_ change: (inout TrainOptions) -> Void = { _ in }) throws -> TrainResult {
    var options = TrainOptions()
    options.output = output
    options.threads = 2
    change(&options)
    return try Training.train(recipe: recipe, options: options, progress: SilentProgress())
  }
}

/// Keeps what it is told.
final class Messages: ProgressSink {
  private let kept = Mutex<[String]>([])
  var all: [String] { kept.withLock { $0 } }
  func message(_ text: String) { kept.withLock { $0.append(text) } }
  func status(_ text: String) {}
}

let greetings = (0..<24).map { ("bonjour à toi, numéro \($0)", "good day to you, number \($0)") }

@Suite struct TrainTests {
  @Test("A run leaves a model directory, log, card and page")
  func wholeRun() throws {
    let place = try Workplace(pairs: greetings)
    let result = try place.train()
    #expect(result.end == .finished && result.update == 12 && result.best != nil)
    let directory = ModelDirectory(place.output)
    let description = try directory.readDescription()
    #expect(description.sourceLanguage == "fr" && description.targetLanguage == "en")
    let model = try directory.readModel(description)
    #expect(model.configuration.sourceVocabularySize == (try TextPipeline(directory: place.output)).sourceVocabulary.count)
    let log = try TrainingLog.read(directory.trainingLog)
    #expect(log.map(\.update) == Array(1...12))
    #expect(zip(log, log.dropFirst()).allSatisfy { $0.targetTokens < $1.targetTokens && $0.seconds <= $1.seconds })
    let line = try String(contentsOf: directory.trainingLog, encoding: .utf8).split(separator: "\n")[0]
    for key in ["update", "epoch", "loss", "learning_rate", "gradient_norm", "target_tokens", "seconds"] {
      #expect(line.contains("\"\(key)\":"))
    }
    let card = try String(contentsOf: directory.card, encoding: .utf8)
    #expect(card.contains("t.fr") && card.contains("| 12 |") && card.contains("vocabulary_size: 330"))
    let page = try String(contentsOf: place.output.appendingPathComponent("training.html"), encoding: .utf8)
    #expect(page.contains("Validation BLEU") && page.contains("prefers-color-scheme") && !page.contains("http"))
    #expect(CheckpointDirectory(run: place.output).updates() == [5, 10, 12])
  }

  @Test("On text too, a stopped and resumed run writes the same model as a whole one")
  func resume() throws {
    let (whole, parts) = (try Workplace(pairs: greetings), try Workplace(pairs: greetings))
    _ = try whole.train()
    #expect(try parts.train { $0.maximumUpdates = 7; $0.threads = 1 }.end == .updateLimit)
    #expect(throws: TrainingError.outputNotEmpty(parts.output.path)) { try parts.train() }
    #expect(throws: TrainingError.differentRecipe(parts.output.path)) {
      try parts.train { $0.resume = true; $0.overrides = ["training.learning_rate=0.5"] }
    }
    // Also where the weights would have other shapes.
    #expect(throws: TrainingError.differentRecipe(parts.output.path)) {
      try parts.train { $0.resume = true; $0.overrides = ["model.transformer.feed_forward_size=24"] }
    }
    #expect(try parts.train { $0.resume = true }.update == 12)
    let files = try [whole, parts].map { try Data(contentsOf: ModelDirectory($0.output).weights) }
    #expect(files[0] == files[1])
    let losses = try [whole, parts].map { try TrainingLog.read(ModelDirectory($0.output).trainingLog).map(\.loss) }
    #expect(losses[0] == losses[1])
  }

  @Test("--resume without a checkpoint begins at the beginning")
  func resumeFromNothing() throws {
    let place = try Workplace(pairs: greetings)
    #expect(try place.train { $0.resume = true; $0.maximumUpdates = 2 }.update == 2)
    // A model without its checkpoints is not begun anew over its weights.
    try FileManager.default.removeItem(at: place.output.appendingPathComponent("checkpoints"))
    let weights = try Data(contentsOf: place.output.appendingPathComponent("model.safetensors"))
    #expect(throws: TrainingError.alreadyTrained(place.output.path)) { try place.train { $0.resume = true } }
    #expect(try Data(contentsOf: place.output.appendingPathComponent("model.safetensors")) == weights)
  }

  @Test("--resume goes on in no folder of something else, and two trainings do not share one")
  func foreignFolders() throws {
    let place = try Workplace(pairs: greetings)
    try OutputDirectory.make(place.output)
    let notes = place.output.appendingPathComponent("README.md")
    try Data("mine".utf8).write(to: notes)
    #expect(throws: TrainingError.notARun(place.output.path, holds: "README.md")) { try place.train { $0.resume = true } }
    #expect(try Data(contentsOf: notes) == Data("mine".utf8))
    try FileManager.default.removeItem(at: notes)
    do {
      let other = try RunLock(place.output)
      #expect(throws: TrainingError.outputInUse(place.output.path)) { try place.train() }
      withExtendedLifetime(other) {}
    }
    #expect(try place.train { $0.maximumUpdates = 1 }.update == 1)
  }

  @Test("A finished run whose model is gone has one again when it is resumed")
  func lostModel() throws {
    let place = try Workplace(pairs: greetings)
    _ = try place.train()
    let directory = ModelDirectory(place.output)
    try FileManager.default.removeItem(at: directory.weights)
    #expect(try place.train { $0.resume = true }.update == 12)
    _ = try directory.readModel(directory.readDescription())
  }

  @Test("Weights that leave no pair an epoch are an error before anything is written")
  func weightless() throws {
    let place = try Workplace(pairs: greetings)
    #expect {
      _ = try place.train { $0.overrides = ["corpora.train.0.weight=0.001"] }
    } throws: { "\($0)".contains("corpora.train: their weights leave no whole sentence pair") }
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.output.path).isEmpty)
  }

  @Test("A run that cannot begin leaves its folder empty, and the corrected one needs no other")
  func failedBeginning() throws {
    let (wrong, right) = (try Workplace(pairs: greetings, settings: "freeze: [nothing]"), try Workplace(pairs: greetings))
    #expect(throws: RecipeError.self) { try wrong.train() }
    #expect(try FileManager.default.contentsOfDirectory(atPath: wrong.output.path).isEmpty)
    #expect(try right.train { $0.output = wrong.output; $0.maximumUpdates = 1 }.update == 1)
  }

  @Test("Killed between the first model and the first checkpoint, or stopped before the first update, a run begins again")
  func resumeWithoutCheckpoint() throws {
    let (whole, place) = (try Workplace(pairs: greetings), try Workplace(pairs: greetings))
    _ = try whole.train()
    #expect(try place.train { $0.maximumUpdates = 0 }.update == 0)
    #expect(try place.train { $0.resume = true; $0.maximumUpdates = 7 }.update == 7)
    // As a process that was killed leaves it.
    let checkpoints = CheckpointDirectory(run: place.output)
    for update in checkpoints.updates() { checkpoints.remove(update: update) }
    try Data("x".utf8).write(to: checkpoints.url.appendingPathComponent("update-000000005.safetensors.2147483647.part"))
    #expect(try place.train { $0.resume = true }.update == 12)
    let files = try [whole, place].map { try Data(contentsOf: ModelDirectory($0.output).weights) }
    #expect(files[0] == files[1])
    #expect(try FileManager.default.contentsOfDirectory(atPath: checkpoints.url.path).allSatisfy { $0.hasSuffix(".safetensors") })
  }

  @Test("The mean of the last checkpoints is the same with a stop between them, and without validation it is the model")
  func meanOfCheckpoints() throws {
    let settings = "updates: 12, average_last: 2"
    let whole = try Workplace(pairs: greetings, training: settings)
    let parts = try Workplace(pairs: greetings, training: settings)
    let unjudged = ["corpora.valid=null", "training.keep_checkpoints=2"]
    _ = try whole.train { $0.overrides = unjudged }
    _ = try parts.train { $0.overrides = unjudged; $0.maximumUpdates = 11 }
    _ = try parts.train { $0.overrides = unjudged; $0.resume = true }
    let files = try [whole, parts].map { try Data(contentsOf: ModelDirectory($0.output).weights) }
    #expect(files[0] == files[1])
    #expect(CheckpointDirectory(run: parts.output).updates() == [10, 12])
    #expect(try ModelDirectory(whole.output).readDescription().training?["averaged_updates"] == "10 12")
    let card = try String(contentsOf: ModelDirectory(whole.output).card, encoding: .utf8)
    #expect(card.contains("the mean of the checkpoints at updates 10; 12"))
  }

  @Test("Pairs that are too long are counted, also where each pass cuts them anew; none left is an error before all else")
  func longPairs() throws {
    let long = ("mot " + String(repeating: "très ", count: 80), "word " + String(repeating: "very ", count: 80))
    let place = try Workplace(pairs: greetings + [long], settings: "cleaning: {maximum_length: 60}")
    let messages = Messages()
    var options = TrainOptions()
    (options.output, options.threads, options.maximumUpdates) = (place.output, 1, 1)
    _ = try Training.train(recipe: place.recipe, options: options, progress: messages)
    #expect(messages.all.contains { $0 == "1 pairs of more than 60 subwords left out" }, "\(messages.all)")
    let none = try Workplace(pairs: [long], settings: "cleaning: {maximum_length: 60}")
    #expect { _ = try none.train() } throws: { "\($0)" == "every sentence pair of t.fr is longer than 60 subwords" }
    #expect(try FileManager.default.contentsOfDirectory(atPath: none.output.path).isEmpty)
    let weightless = try Workplace(pairs: greetings)
    #expect { _ = try weightless.train { $0.overrides = ["corpora.train.0.weight=0"] } } throws: {
      "\($0)".contains("has the weight 0: t.fr")
    }
  }

  @Test("Where all scores are 0 or equal, others decide; BLEU counts characters where there are no spaces")
  func ties() {
    let first = ValidationRecord(update: 1, perplexity: 20, bleu: 0, chrf: 3)
    let second = ValidationRecord(update: 2, perplexity: 9, bleu: 0, chrf: 8)
    let third = ValidationRecord(update: 3, perplexity: 8, bleu: 0, chrf: 8)
    for metric in [ValidationMetric.bleu, .chrf, .perplexity] {
      #expect(metric.prefers(second, to: first) && metric.prefers(third, to: second) && !metric.prefers(first, to: second))
    }
    #expect(BLEU.Tokenization.forAnalysis(ofLanguage: "th") == .character)
    #expect(BLEU.Tokenization.forAnalysis(ofLanguage: "zh-Hans") == .chinese)
    #expect(BLEU.Tokenization.forLanguage("ja-JP") == .v13a && BLEU.Tokenization.forAnalysis(ofLanguage: "fr") == .v13a)
  }

  @Test("What is learnt lower-cased is validated without case, and the card says so; other text with it")
  func lowerCased() throws {
    let hypotheses = ["good day to you, number 3", "à demain, chère amie"]
    let references = [["Good day to you, NUMBER 3", "À demain, chère Amie"]]
    for (lowercase, name) in [(true, "lower-cased; BLEU and chrF"), (false, "cased; BLEU and chrF")] {
      let metrics = ValidationMetrics(targetLanguage: "en", lowercase: lowercase)
      let bleu = try metrics.bleu.corpusScore(hypotheses: hypotheses, references: references).score
      let chrf = try metrics.chrf.corpusScore(hypotheses: hypotheses, references: references).score
      #expect(lowercase == (abs(bleu - 100) < 1e-9) && lowercase == (abs(chrf - 100) < 1e-9) && metrics.name == name)
    }
    #expect(ValidationMetrics(targetLanguage: "th", lowercase: true).name == "lower-cased; BLEU, tok:char, and chrF")
    // A later stage has its text from the model it begins with, not from its recipe.
    let first = try Workplace(pairs: greetings)
    _ = try first.train { $0.overrides = ["text.lowercase=true"] }
    let second = first.directory.appendingPathComponent("second")
    let recipe = first.directory.appendingPathComponent("second.yaml")
    let text = """
      source_language: fr
      target_language: en
      start_from: \(first.output.path)
      corpora:
        train: [{source: t.fr, target: t.en}]
        valid: {source: t.fr, target: t.en}
      training: {updates: 2, batch_tokens: 60}
      validation: {every: 2, maximum_lines: 4}
      """
    try Data(text.utf8).write(to: recipe)
    var options = TrainOptions()
    (options.output, options.threads) = (second, 1)
    _ = try Training.train(recipe: recipe, options: options, progress: SilentProgress())
    for output in [first.output, second] {
      let card = try String(contentsOf: ModelDirectory(output).card, encoding: .utf8)
      #expect(card.contains("Validation scores (lower-cased; BLEU and chrF of a search with beam"))
    }
  }

  @Test("A corpus of one sentence can be trained on; an empty one is an error that names it")
  func smallCorpora() throws {
    let one = try Workplace(pairs: [("Bonjour.", "Good day.")])
    #expect(try one.train { $0.maximumUpdates = 3 }.update == 3)
    let none = try Workplace(pairs: [])
    #expect {
      _ = try none.train()
    } throws: { "\($0)".contains("t.fr") && "\($0)".contains("no sentence pair") }
  }

  @Test("Averaging a run's checkpoints makes a model directory that can be read")
  func averaged() throws {
    let place = try Workplace(pairs: greetings, training: "updates: 12, average_last: 2")
    _ = try place.train()
    let output = place.directory.appendingPathComponent("mean")
    #expect(try averageCheckpoints(run: place.output, last: 2, output: output) == [10, 12])
    let description = try ModelDirectory(output).readDescription()
    #expect(description.training?["averaged_updates"] == "10 12")
    _ = try ModelDirectory(output).readModel(description)
  }

  @Test("Curves have round ticks, and many points are thinned without losing the ends")
  func charts() {
    #expect(Axis.ticks(0, 10, 5) == [0, 2, 4, 6, 8, 10])
    #expect(Axis.ticks(3, 3, 5) == [3])
    let chart = TrainingPage.Chart(title: "a < b", points: (0..<5000).map { (Double($0), 1) })
    #expect(chart.points.count == 400)
    #expect(chart.points[0].x < 10 && chart.points[399].x > 4990)
    #expect(chart.svg.contains("a &lt; b"))
    #expect(Format.duration(9.96) == "10s" && Format.duration(0.44) == "0.4s")
    #expect(Format.duration(7507) == "2h05m" && Format.duration(187) == "3m07s" && Format.grouped(-1_234_567) == "-1,234,567")
  }
}
