import Autograd
import Foundation
import Testing
import TextProcessing
@testable import Training

private func write(_ lines: [String], _ name: String, in directory: URL) throws -> URL {
  let url = directory.appendingPathComponent(name)
  try Data(lines.map { $0 + "\n" }.joined().utf8).write(to: url)
  return url
}

@Suite struct CorpusTests {
  @Test("Relative paths are looked up in --data, then in $MT_DATA, then beside the recipe, also with .gz or without")
  func lookup() throws {
    let folders = try (0..<3).map { _ in try temporaryDirectory() }
    let finder = CorpusFinder(data: folders[0], environment: ["MT_DATA": folders[1].path], recipe: folders[2])
    _ = try write(["x"], "c", in: folders[2])
    #expect(try finder.find("c").path == folders[2].appendingPathComponent("c").path)
    _ = try write(["x"], "c.gz", in: folders[1])
    #expect(try finder.find("c").path == folders[1].appendingPathComponent("c.gz").path)
    _ = try write(["x"], "c", in: folders[0])
    #expect(try finder.find("c").path == folders[0].appendingPathComponent("c").path)
    _ = try write(["x"], "d", in: folders[1])
    #expect(try finder.find("d.gz").path == folders[1].appendingPathComponent("d").path)
    #expect {
      try finder.find("missing.fr")
    } throws: { error in
      "\(error)".contains("missing.fr") && folders.allSatisfy { "\(error)".contains($0.lastPathComponent) }
    }
  }

  @Test("Sides of different lengths are an error with both counts")
  func unequal() throws {
    let directory = try temporaryDirectory()
    let source = try write(["a", "b", "c"], "s", in: directory)
    let target = try write(["a", "b", "c", "d", "e"], "t", in: directory)
    var cleaner = CorpusCleaner(CleaningOptions())
    for (s, t, counts) in [(source, target, (3, 5)), (target, source, (5, 3))] {
      #expect(
        throws: TextError.lineCounts(source: s.path, sourceCount: counts.0, target: t.path, targetCount: counts.1)
      ) { try ParallelText(source: s, target: t, cleaner: &cleaner) }
    }
  }

  @Test("A recipe's cleaning is mild unless it says otherwise, and its report counts why")
  func cleaning() throws {
    let directory = try temporaryDirectory()
    let long = String(repeating: "mot ", count: 20)
    let source = try write(["un", "", "deux", "deux", "pareil", long, "six"], "s", in: directory)
    let target = try write(["one", "x", "two", "two", "pareil", "word", "\u{3000}"], "t", in: directory)
    func read(_ yaml: String) throws -> ([String], String) {
      let head = "source_language: fr\ntarget_language: en\ncorpora: {train: [{source: s, target: t}]}\n"
      let recipe = try Recipe(text: head + "training: {updates: 1}\n" + yaml, name: "r", directory: directory)
      var cleaner = CorpusCleaner(recipe.cleaning)
      let text = try ParallelText(source: source, target: target, cleaner: &cleaner)
      return ((0..<text.count).map { text.source($0) + "/" + text.target($0) }, cleaner.report.summary)
    }
    let mild = try read("")
    #expect(mild.0 == ["un/one", "deux/two", "deux/two", "pareil/pareil"])
    #expect(mild.1 == "7 pairs read, 4 kept; left out: 2 empty, 1 length-ratio")
    let strict = try read("cleaning: {remove_identical: true, remove_duplicates: true}")
    #expect(strict.0 == ["un/one", "deux/two"])
    #expect(strict.1 == "7 pairs read, 2 kept; left out: 2 empty, 1 length-ratio, 1 identical, 1 duplicate")
  }

  @Test("Changes to the source happen as often as asked and do what they say")
  func augmentation() {
    #expect(Augmentation.withoutAccents("Où est l’été à Noël ?") == "Ou est l’ete a Noel ?")
    #expect(Augmentation.withoutFinalPunctuation("Vraiment ?!") == "Vraiment")
    #expect(Augmentation.withoutFinalPunctuation("...") == "...")
    var augmentation = Augmentation()
    augmentation.lowercase = 0.25
    augmentation.uppercase = 0.5
    var random = RandomGenerator(seed: 8)
    let lines = (0..<4000).map { _ in augmentation.apply("Été", random: &random) }
    #expect(abs(Double(lines.count { $0 == "été" }) / 4000 - 0.25) < 0.03)
    #expect(abs(Double(lines.count { $0 == "ÉTÉ" }) / 4000 - 0.5) < 0.03)
    #expect(Set(lines) == ["Été", "été", "ÉTÉ"])
  }

  @Test("Pairs encoded on demand are the same whenever the same visit asks, and differ between passes")
  func onDemand() throws {
    let directory = try temporaryDirectory()
    let lines = (0..<30).map { "une phrase assez longue numéro \($0)" }
    let source = try write(lines, "s", in: directory)
    var options = CleaningOptions()
    options.dropsIdentical = false
    var cleaner = CorpusCleaner(options)
    let text = try ParallelText(source: source, target: source, cleaner: &cleaner)
    var configuration = TextConfiguration()
    configuration.vocabularySize = 320
    let pipeline = try TextPipeline.learn(configuration: configuration, source: lines, target: lines)
    let pairs = TextPairs(
      corpora: [text], pipeline: pipeline, augmentation: Augmentation(), dropout: 0.5, maximumLength: 100, seed: 1)
    #expect(pairs.pair(corpus: 0, index: 4, pass: 2) == pairs.pair(corpus: 0, index: 4, pass: 2))
    #expect(Set((0..<8).map { Array(pairs.pair(corpus: 0, index: 4, pass: $0).source) }).count > 1)
    let ids = Array(pairs.pair(corpus: 0, index: 4, pass: 0).target)
    #expect(ids.last == 0 && pipeline.decodeTarget(ids) == lines[4])
    try #require(text.count == 30)
    let whole = TextPairs.encodeOnce(text, pipeline, maximumLength: 100, pool: WorkerPool(threads: 2))
    #expect(whole.count == 30)
    #expect(Array(whole.source(7)) == pipeline.encodeSource(lines[7]) + [0])
    let short = TextPairs(
      corpora: [text], pipeline: pipeline, augmentation: Augmentation(), dropout: 0, maximumLength: 3, seed: 1)
    #expect(short.pair(corpus: 0, index: 0, pass: 0).source.isEmpty)
  }
}
