import ErrorAnalysis
import Foundation
import Seq2Seq
import TestSupport
import Testing
import Translation

@Suite struct WithoutTextsTests {
  @Test("a report without texts holds no sentence in any format, and all numbers")
  func omitted() throws {
    let directory = try TemporaryDirectory()
    try TinyModel.save(to: directory.url)
    let loaded = try ModelDirectory(directory.url).load()
    var options = TranslationOptions()
    (options.search.maximumLength, options.threads) = (2, 1)
    let sources = ["Le chat <dort> ici", "Il pleut encore", "La gare est là"]
    let references = [["The cat quietly sleeps here"], ["It keeps raining a lot"], ["The station is over there"]]
    let analysis = FaultAnalysis(loaded, options: options)
    var full = try analysis.analyze(
      sources: sources, references: references, exact: ExactSearch.Budget(nodes: 500, seconds: 60))
    let system = OtherSystem(
      name: "other", model: nil, options: options,
      hypotheses: ["A dog was seen barking", "Rain again and again today", "Here stands the old station"])
    full.comparison = try analysis.compare(full, references: references, with: system)
    let report = full.withoutTexts()
    let texts = sources + references.flatMap { $0 } + full.sentences.map(\.hypothesis).filter { $0.count > 12 }
      + full.sentences.compactMap { $0.exact?.text }.filter { $0.count > 12 } + ["A dog was seen", "Rain again and again today"]
      + ["The cat", "keeps raining", "A dog", "again today", "over there"]
    let (before, after) = (try full.json(), try report.json())
    for text in texts {
      for form in [after, report.html(), report.markdown(), report.text()] {
        #expect(!form.contains(text) && !form.contains(text.replacingOccurrences(of: "<", with: "&lt;")))
      }
    }
    #expect(before.contains("The cat quietly sleeps here") && before.contains("Rain again and again today"))
    #expect(after.contains("\"omits_texts\" : true") && !before.contains("omits_texts"))
    #expect(report.sentences.map(\.chrF) == full.sentences.map(\.chrF))
    #expect(report.sentences.map { $0.exact?.score } == full.sentences.map { $0.exact?.score })
    #expect(report.bleu == full.bleu && report.comparison?.sentences.map(\.chrF) == full.comparison?.sentences.map(\.chrF))
    #expect(report.text().hasSuffix(full.advice + "\n"))
  }
}
