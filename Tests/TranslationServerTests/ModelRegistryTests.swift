import Foundation
import Seq2Seq
import TestSupport
import TextProcessing
import Testing
import Translation

@testable import TranslationServer

@Suite struct ModelRegistryTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func save(_ source: String, _ target: String, as name: String? = nil, seed: UInt64 = 5) throws -> URL {
    let url = directory.url.appendingPathComponent(name ?? "\(source)-\(target)")
    try TinyModel.save(to: url, seed: seed, source: source, target: target)
    return url
  }

  @Test func loadsWhenAskedAndUnloadsTheLeastUsed() async throws {
    let models = try [save("fr", "en"), save("en", "de"), save("de", "fr")]
    let one = try ModelRegistry { models }
    let size = one.entries[0].bytes
    #expect(size > 10_000)
    let registry = try ModelRegistry(memoryLimit: 2 * size + size / 2) { models }
    #expect(registry.statistics.loaded == 0)
    let entries = registry.entries
    let first = try await registry.translator(entries[0])
    #expect(try await registry.translator(entries[0]) === first)
    _ = try await registry.translator(entries[1])
    #expect((registry.statistics.loaded, registry.statistics.loads) == (2, 2))
    #expect(registry.statistics.bytes == entries[0].bytes + entries[1].bytes)
    _ = try await registry.translator(entries[0])
    // The second has not been used for longest.
    _ = try await registry.translator(entries[2])
    #expect((registry.statistics.loaded, registry.statistics.loads) == (2, 3))
    #expect(try await registry.translator(entries[0]) === first)
    #expect(registry.statistics.loads == 3)
    _ = try await registry.translator(entries[1])
    #expect(registry.statistics.loads == 4)
  }

  @Test func wantsAShortlistOfEachModelWhereItUsesThem() async throws {
    let models = try [save("fr", "en"), save("en", "fr")]
    func write(_ url: URL) throws {
      let (directory, text) = (ModelDirectory(url), try TextPipeline(directory: url))
      try LexicalShortlist(common: [0], candidates: Array(repeating: [], count: text.sourceVocabulary.count))
        .write(to: directory.shortlist, of: .init(directory.readDescription(), text))
    }
    try write(models[0])
    let error = #expect(throws: ModelError.self) { try ModelRegistry(usesShortlists: true) { models } }
    #expect(error?.file.hasSuffix("en-fr/shortlist.txt.gz") == true)
    try write(models[1])
    let registry = try ModelRegistry(usesShortlists: true) { models }
    #expect(try await registry.translator(registry.entries[1]).shortlist?.common == [0])
    let plain = try ModelRegistry { models }
    #expect(try await plain.translator(plain.entries[1]).shortlist == nil)
  }

  @Test func keepsNothingOfWhatWasReplaced() async throws {
    let models = try [save("fr", "en")]
    let registry = try ModelRegistry { models }
    let old = registry.entries[0]
    try registry.reload()
    // A request that has the old entry in hand is served, and leaves nothing behind.
    _ = try await registry.translator(old)
    #expect((registry.statistics.loaded, registry.statistics.bytes) == (0, 0))
    _ = try await registry.translator(registry.entries[0])
    #expect((registry.statistics.loaded, registry.statistics.bytes) == (1, registry.entries[0].bytes))
    #expect(registry.entries[0].id != old.id)
  }

  @Test func loadsOnceForAll() async throws {
    let model = try save("fr", "en")
    let registry = try ModelRegistry { [model] }
    let entry = registry.entries[0]
    let translators = try await withThrowingTaskGroup(of: Translator.self) { group in
      for _ in 0..<16 { group.addTask { try await registry.translator(entry) } }
      var all: [Translator] = []
      for try await translator in group { all.append(translator) }
      return all
    }
    #expect(translators.allSatisfy { $0 === translators[0] })
    #expect(registry.statistics.loads == 1)
  }

  @Test func findsWaysThroughThirdLanguages() throws {
    let models = try [save("fr", "en"), save("en", "de"), save("de", "es")]
    let registry = try ModelRegistry { models }
    func way(_ source: String, _ target: String) -> [String]? {
      registry.route(from: source, to: target)?.map { $0.source + $0.target }
    }
    #expect(way("fr", "en") == ["fren"])
    #expect(way("fr", "de") == ["fren", "ende"])
    #expect(way("fr", "fr") == [])
    // Two steps at most.
    #expect(way("fr", "es") == nil)
    #expect(way("es", "fr") == nil)
    #expect(registry.targets(from: "en") == ["de", "en", "es"])
    #expect(registry.languagesByUse == ["fr", "en", "de", "es"])
  }

  @Test func reloadsOrStaysAsItWas() async throws {
    let url = try save("fr", "en", as: "model")
    let server = TranslationServerOptions(url)
    let service = try TranslationService(server)
    let before = try await service.translate(["Il pleut."], from: "fr", to: "en")[0].text
    let old = try await service.translator(from: "fr", to: "en")
    // Other weights, under the same name: the cache must not answer for them.
    _ = try save("fr", "en", as: "model", seed: 99)
    #expect(try await service.translate(["Il pleut."], from: "fr", to: "en")[0].text == before)
    try service.reload()
    let after = try await service.translate(["Il pleut."], from: "fr", to: "en")[0].text
    let expected = try await Translator(model: url).translate(["Il pleut."])[0].text
    #expect(after == expected)
    #expect(after != before)
    // Who has the old one goes on with it.
    let still = try await old.translate(["Il pleut."])[0].text
    #expect(still == before)
    try Data("{".utf8).write(to: url.appendingPathComponent("config.json"))
    #expect(throws: ModelError.self) { try service.reload() }
    #expect(try await service.translate(["Où est la gare ?"], from: "fr", to: "en")[0].text.isEmpty == false)
  }

  @Test func saysWhyAModelCannotBeLoaded() async throws {
    let url = try save("fr", "en")
    try Data("x".utf8).write(to: url.appendingPathComponent("model.safetensors"))
    let service = try TranslationService(TranslationServerOptions(url))
    await #expect(throws: (any Error).self) { try await service.translate(["Il pleut."], from: "fr", to: "en") }
    #expect(service.models.statistics.loaded == 0)
  }
}

private func TranslationServerOptions(_ model: URL) -> ServerOptions { ServerOptions(models: [model]) }
