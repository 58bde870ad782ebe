import Autograd
import Foundation
import Seq2Seq
import Testing
@testable import Training

private let smallest = """
  source_language: fr
  target_language: en
  corpora:
    train:
      - source: a.fr
        target: a.en
  training:
    updates: 10
  """

private func recipe(_ text: String, _ overrides: [String] = []) throws -> Recipe {
  try Recipe(text: text, name: "test", directory: URL(fileURLWithPath: "/"), overrides: overrides)
}

private func error(_ text: String, _ overrides: [String] = []) -> RecipeError? {
  do {
    _ = try recipe(text, overrides)
    return nil
  } catch { return error as? RecipeError }
}

@Suite struct RecipeTests {
  @Test("A key left out has the default that the tutorial's recipe states")
  func defaults() throws {
    let r = try recipe(smallest)
    #expect(r.training.batchTokens == 4000 && r.training.shards == 4 && r.training.optimizer.beta2 == 0.98)
    #expect(r.model.transformer?.modelSize == 256 && r.model.embeddings == .all)
    #expect(r.text.vocabularySize == 8000 && r.bpeDropout == 0 && r.valid == nil)
  }

  @Test("An unknown key is named with its line and the nearest known one")
  func unknownKey() {
    let found = error(smallest + "\n  batch_token: 5\n")
    #expect(found == .unknownKey(key: "training.batch_token", line: 9, nearest: "training.batch_tokens"))
    #expect(
      found?.description
        == "line 9: unknown key \"training.batch_token\"; the nearest known key is \"training.batch_tokens\"")
    #expect(error(smallest + "\nmodle: {}") == .unknownKey(key: "modle", line: 9, nearest: "model"))
    #expect(
      error(smallest + "\nmodel:\n  transformer:\n    layers_encoder: 2")
        .map { "\($0)".contains("model.transformer.layers_encoder") } == true)
  }

  @Test("A key given twice is named with the line of its mapping; an endless one is cut short and likened to none")
  func repeatedAndLongKeys() {
    let twice = error(smallest + "\n  warmup: 3\n  updates: 20\n  warmup: 4\n")
    #expect(twice == .repeatedKeys(["updates", "warmup"], line: 8))
    #expect(twice.map { "\($0)" } == "line 8: the mapping that begins here has a key more than once: \"updates\", \"warmup\"")
    let long = String(repeating: "k", count: 5_000)
    let cut = String(repeating: "k", count: 200) + "…"
    #expect(error(smallest + "\n? \(long)\n: 5\n").map { "\($0)" } == "line 9: unknown key \"\(cut)\"")
    #expect(error(smallest + "\n  warmup: \(long)\n").map { "\($0)" }
      == "line 9: training.warmup: \(cut) is not a whole number from 0 to 1000000000")
  }

  @Test("A wrong type is named with key, value and what was expected")
  func wrongType() {
    #expect(
      error(smallest + "\n  warmup: soon").map { "\($0)" }
        == "line 9: training.warmup: soon is not a whole number from 0 to 1000000000")
    #expect(
      error(smallest + "\n  schedule: cosin").map { "\($0)" }
        == "line 9: training.schedule: cosin is not one of inverse_sqrt, linear, cosine, constant")
    #expect(error(smallest + "\ncleaning: 5").map { "\($0)" } == "line 9: cleaning: 5 is not a mapping of keys")
    #expect(error(smallest + "\n  updates_: [1]") != nil)
    #expect(error(smallest, ["target_language=en_US"]).map { "\($0)" }
      == "target_language: en_US is not a language tag (BCP 47) such as fr or pt-BR")
    #expect(error("source_language: fr\ntarget_language: [en]").map { "\($0)".contains("a list is not a text") } == true)
  }

  @Test("Missing keys, broken YAML and impossible models are errors")
  func other() {
    #expect(error("target_language: en") == .missingKey(
      key: "source_language", expected: "a language tag (BCP 47) such as fr"))
    #expect(error(smallest.replacingOccurrences(of: "updates: 10", with: "warmup: 3")).map {
      if case .missingKey(let key, _) = $0 { key == "training.updates" } else { false }
    } == true)
    #expect(error("a: [1").map { if case .syntax = $0 { true } else { false } } == true)
    #expect(error("").map { if case .syntax = $0 { true } else { false } } == true)
    #expect(error(smallest, ["model.transformer.heads=7"]).map { "\($0)".contains("7 heads") } == true)
    #expect(error(smallest, ["text.vocabulary=separate"]).map { "\($0)".contains("model.embeddings") } == true)
    #expect(error(smallest, ["training.precision=int8"]) != nil)
    #expect(error(smallest, ["training.optimizer=sgd"]).map { "\($0)".contains("adam, muon") } == true)
    #expect(error(smallest, ["training.consistency=cut"]).map { "\($0)".contains("cutoff") } == true)
  }

  @Test("--set changes any value, adds what is missing, and reaches into lists")
  func overrides() throws {
    let r = try recipe(
      smallest,
      ["training.updates=77", "model.transformer.dropout=0.25", "corpora.train.0.weight=2.5", "source_language=de"])
    #expect(r.training.updates == 77)
    #expect(r.model.transformer?.dropout == 0.25)
    #expect(r.train[0].weight == 2.5 && r.train[0].source == "a.fr")
    #expect(r.sourceLanguage == "de")
    #expect(r.canonicalText.contains("77"))
    #expect(error(smallest, ["training.updates"]) == .badOverride(argument: "training.updates"))
    let deep = String(repeating: "a.", count: 20_000) + "a=1"
    #expect(error(smallest, [deep]) == .badOverride(argument: deep))
    // A list is not nothing, whatever its tag says.
    #expect(error(smallest + "\naugmentation: !!null [1, 2]\n")?.description.contains("a list is not a mapping of keys") == true)
    for (argument, message) in [
      ("corpora.train.4.weight=1", "corpora.train.4.weight: 4 is not the number of an element of the list: it has 1"),
      ("source_language.x=1", "source_language.x: fr is not a mapping of keys"),
    ] {
      #expect(error(smallest, [argument])?.description.contains(message) == true, "\(argument)")
    }
    #expect(
      error(smallest, ["training.updats=5"])
        == .unknownKey(key: "training.updats", line: nil, nearest: "training.updates"))
  }

  @Test("The consistency of two passes is a setting of the training")
  func consistency() throws {
    let r = try recipe(
      smallest, ["training.consistency=cutoff", "training.consistency_weight=2.5", "training.token_cutoff=0.05"])
    var expected = Objective(smoothing: 0.1)
    (expected.consistency, expected.consistencyWeight, expected.tokenCutoff) = (.cutoff, 2.5, 0.05)
    #expect(r.training.objective == expected)
  }

  @Test("Distances between words count insertions, deletions, substitutions and swaps")
  func distances() {
    #expect(editDistance("", "abc") == 3)
    #expect(editDistance("kitten", "sitting") == 3)
    #expect(editDistance("ab", "ba") == 1)
    #expect(editDistance("same", "same") == 0)
  }

  static let shipped = ((try? FileManager.default.contentsOfDirectory(
    at: URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../Models/recipes")
      .standardizedFileURL, includingPropertiesForKeys: nil)) ?? []).filter { $0.pathExtension == "yaml" }

  @Test("Every recipe in the repository can be read", arguments: shipped)
  func shippedRecipes(url: URL) throws {
    let r = try Recipe(contentsOf: url)
    #expect(r.name == url.deletingPathExtension().lastPathComponent)
    #expect(r.valid != nil)
  }

  @Test("The benchmark's recipe has the sizes that everybody compares with")
  func benchmark() throws {
    let r = try Recipe(contentsOf: try #require(RecipeTests.shipped.first { $0.path.contains("bench-multi30k") }))
    let t = try #require(r.model.transformer)
    let sizes: [Int] = [t.modelSize, t.feedForwardSize, t.heads, t.encoderLayers, t.decoderLayers]
    #expect(sizes == [256, 1024, 8, 3, 3] as [Int])
    #expect(t.normalization == .post && t.dropout == 0.1 && t.attentionDropout == 0)
    #expect(r.text.vocabularySize == 8000 && r.text.vocabulary == .joint)
    #expect(r.training.batchTokens == 4000 && r.training.objective == Objective())
    #expect(r.train == [CorpusFiles(source: "multi30k.train.fr.gz", target: "multi30k.train.en.gz")])
  }
}
