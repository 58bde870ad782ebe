import Foundation
import Seq2Seq
import Testing
@testable import Training
@testable import Translation

@Suite struct StartFromTests {
  private func weights(_ directory: URL) throws -> [String: [Float]] {
    let directory = ModelDirectory(directory)
    let model = try directory.readModel(directory.readDescription())
    return Dictionary(uniqueKeysWithValues: model.parameters.parameters.map { ($0.name, Array($0.buffer)) })
  }

  /// A recipe that begins from the run of `place`.
  private func continuation(_ place: Workplace, _ settings: String, model: String = "") throws -> URL {
    let recipe = place.directory.appendingPathComponent("second.yaml")
    try Data("""
      source_language: fr
      target_language: en
      start_from: run
      corpora:
        train: [{source: t.fr, target: t.en}]
      training: {batch_tokens: 60, shards: 2, updates: 4, warmup: 2, weight_decay: 0.1, learning_rate: 0.002}
      \(settings)
      \(model)
      """.utf8).write(to: recipe)
    return recipe
  }

  private func train(_ recipe: URL, _ place: Workplace, to name: String, rate: Double? = nil) throws -> URL {
    var options = TrainOptions()
    options.output = place.directory.appendingPathComponent(name)
    options.threads = 2
    if let rate { options.overrides = ["training.learning_rate=\(rate)"] }
    _ = try Training.train(recipe: recipe, options: options, progress: SilentProgress())
    return try #require(options.output)
  }

  @Test("start_from begins from the model's parameters, text and shape; frozen parts stay to the bit")
  func beginsAndFreezes() throws {
    let place = try Workplace(pairs: greetings)
    _ = try place.train()
    let before = try weights(place.output)
    let recipe = try continuation(
      place, "freeze: [encoder.layers.0.self, embeddings]", model: "model: {transformer: {dropout: 0.3}}")
    let still = try train(recipe, place, to: "still", rate: 0)
    #expect(try weights(still) == before)
    let moved = try train(recipe, place, to: "moved")
    let after = try weights(moved)
    let kept = before.keys.filter { after[$0] == before[$0] }
    let frozen = before.keys.filter { $0.hasPrefix("encoder.layers.0.self") || $0.hasPrefix("embeddings") }
    #expect(Set(kept) == Set(frozen) && frozen.count > 4)
    #expect(try ModelDirectory(moved).readDescription().model.transformer?.dropout == 0.3)
    #expect(try ModelDirectory(moved).readDescription().model.transformer?.modelSize == 16)
    let texts = try [place.output, moved].map { try Data(contentsOf: ModelDirectory($0).text) }
    #expect(texts[0] == texts[1])
  }

  @Test("Dropouts are those of the model's architecture, and of no other")
  func dropoutsOfRNN() throws {
    let place = try Workplace(pairs: greetings)
    _ = try place.train { options in
      options.overrides = [
        "model.transformer=null", "model.architecture=rnn", "model.rnn.embedding_size=8", "model.rnn.hidden_size=12",
        "model.rnn.attention_size=6",
      ]
    }
    for (model, hidden) in [("model: {rnn: {hidden_dropout: 0.5}}", Float(0.5)), ("", 0.2)] {
      let out = try train(continuation(place, "", model: model), place, to: "out\(hidden)")
      #expect(try ModelDirectory(out).readDescription().model.rnn?.hiddenDropout == hidden)
      #expect(try String(contentsOf: ModelDirectory(out).card, encoding: .utf8).contains("| architecture | rnn |"))
    }
    for (settings, key) in [
      ("model: {transformer: {dropout: 0.3}}", "model.transformer"),
      ("model: {transformer: {dropout: 0.3}, rnn: {word_dropout: 0.1}}", "model"),
    ] {
      let recipe = try continuation(place, settings)
      #expect { _ = try train(recipe, place, to: "never") } throws: { ($0 as? RecipeError)?.description.hasPrefix(key + ":") == true }
    }
  }

  @Test("What the model decides cannot be given beside start_from, and a missing start is named")
  func refusals() throws {
    let place = try Workplace(pairs: greetings)
    for (settings, key) in [
      ("text: {vocabulary_size: 400}", "text.vocabulary_size"), ("model: {transformer: {heads: 4}}", "model.transformer.heads"),
      ("model: {architecture: rnn}", "model.architecture"),
    ] {
      let recipe = try continuation(place, settings)
      #expect { _ = try Recipe(contentsOf: recipe) } throws: { "\($0)".contains(key) && "\($0)".contains("start_from") }
    }
    let recipe = try continuation(place, "")
    #expect { _ = try train(recipe, place, to: "out") } throws: {
      guard case TrainingError.startMissing(directory: "run", let searched) = $0 else { return false }
      return searched.contains(place.output.standardizedFileURL.path)
    }
    _ = try place.train()
    let unknown = try continuation(place, "freeze: [encodr]")
    #expect { _ = try train(unknown, place, to: "out") } throws: {
      "\($0)".contains("encodr") && "\($0)".contains("encoder, output")
    }
  }

  @Test("depth_scaling divides the matrices of layer l by √l, and nothing else")
  func depthScaling() throws {
    let plain = try tinyTransformer(seed: 4, layers: 3)
    let scaled = try tinyTransformer(seed: 9, layers: 3)
    try #require(scaled as? Transformer).initializeByDepth(seed: 4)
    for (a, b) in zip(plain.parameters.parameters, scaled.parameters.parameters) {
      let layer = a.name.contains(".layers.2.") ? 3 : a.name.contains(".layers.1.") ? 2 : 1
      let factor = a.rows > 1 ? 1 / Float(layer).squareRoot() : 1
      #expect(zip(a.buffer, b.buffer).allSatisfy { $0 * factor == $1 }, "\(a.name)")
    }
  }
}
