import Evaluation
import Foundation
import Seq2Seq
import TestSupport
import Testing
import Translation

@testable import ErrorAnalysis

@Suite struct SystemComparisonTests {
  static let sources = ["Le chat dort", "Il pleut", "La gare est petite", "Où est le chat ?"]
  static let references = ["The cat sleeps.", "It is raining.", "The station is small.", "Where is the cat?"]
  static let first = ["The cat is small.", "It is raining.", "The station is red.", "Where is the station?"]
  static let second = ["The cat sleeps.", "It has been raining.", "The station is red.", "Where is the cat?"]

  let directory: TemporaryDirectory
  let loaded: LoadedModel

  init() throws {
    directory = try TemporaryDirectory()
    try TinyModel.save(to: directory.url)
    loaded = try ModelDirectory(directory.url).load()
  }

  func compare(_ model: LoadedModel?, _ hypotheses: [String]?, kind: LengthNormalization) throws -> ErrorReport {
    var options = TranslationOptions()
    (options.search.maximumLength, options.search.lengthNormalization, options.threads) = (4, kind, 1)
    var analysis = FaultAnalysis(loaded, options: options)
    analysis.name = "A"
    let references = SystemComparisonTests.references.map { [$0] }
    var report = try analysis.analyze(
      sources: SystemComparisonTests.sources, references: references, hypotheses: SystemComparisonTests.first)
    report.comparison = try analysis.compare(
      report, references: references,
      with: OtherSystem(name: "B", model: model, options: options, hypotheses: hypotheses))
    return report
  }

  @Test("wins, losses and ties are by sentence chrF, scores and p-values those of the paired test")
  func sentences() throws {
    let report = try compare(nil, SystemComparisonTests.second, kind: .init(.none))
    let comparison = try #require(report.comparison)
    #expect(comparison.wins.count == 2 && comparison.losses.count == 1 && comparison.ties.count == 1)
    #expect(comparison.signTest == SignTest.pValue(wins: 2, losses: 1))
    #expect(Set(comparison.bestLines) == [1, 4] && comparison.worstLines == [2])
    let bleu = try PairedTest().compare(
      systems: [("A", SystemComparisonTests.first), ("B", SystemComparisonTests.second)],
      references: [SystemComparisonTests.references], metric: BLEU())
    #expect(comparison.metrics.map(\.name) == ["BLEU", "chrF2", "TER"])
    #expect(comparison.metrics[0].score == bleu.results[0].score && comparison.metrics[0].other == bleu.results[1].score)
    #expect(comparison.metrics[0].pValue == bleu.results[1].pValue)
    #expect(comparison.gained.contains { $0.text == "sleeps" && $0.other == 1 && $0.count == 0 && $0.lines == [1] })
    #expect(comparison.lost.contains { $0.text == "It is" && $0.lines == [2] })
    #expect(comparison.judgements.count == 1)
    for text in [report.html(), report.markdown()] {
      #expect(text.contains("B against A") && text.contains("cross-scoring"))
    }
    #expect(report.text().contains("wins 2, loses 1, ties 1"))
    let json = try report.json()
    #expect(try JSONDecoder().decode(ErrorReport.self, from: Data(json.utf8)) == report)
    // A line each.
    #expect(json.split(separator: "\n").count { $0.contains("\"hypothesis\":\"It has been raining.\"") } == 1)
  }

  @Test("cross-scoring asks each model by its own objective about both outputs")
  func judgements() throws {
    let folder = try TemporaryDirectory()
    try TinyModel.save(to: folder.url, seed: 77)
    let other = try ModelDirectory(folder.url).load()
    let report = try compare(other, SystemComparisonTests.second, kind: .init(.none))
    let comparison = try #require(report.comparison)
    let differing = [0, 1, 3]
    for (judgement, model, own, foreign) in [
      (comparison.judgements[0], loaded, SystemComparisonTests.first, SystemComparisonTests.second),
      (comparison.judgements[1], other, SystemComparisonTests.second, SystemComparisonTests.first),
    ] {
      let scorer = PairScorer(model, threads: 1)
      func score(_ texts: [String]) throws -> [Double] {
        try scorer.score(zip(SystemComparisonTests.sources, texts).map { ($0, $1) }).map(\.logProbability)
      }
      let (mine, theirs) = (try score(own), try score(foreign))
      #expect(judgement.prefersOther.total == 3)
      #expect(judgement.prefersOther.count == differing.count { theirs[$0] > mine[$0] })
      #expect(judgement.otherIsBetter.total == judgement.prefersOther.count && judgement.agreesWithChrF.total == 3)
      let isRight = differing.count { (theirs[$0] > mine[$0]) == ((model.directory.url == other.directory.url) == ($0 == 1)) }
      #expect(judgement.agreesWithChrF.count == isRight)
    }
    #expect(comparison.sentences[1].objectiveOfOther?.count == 2 && comparison.sentences[1].objective.count == 2)
    // Without outputs the other model translates.
    let translated = try #require(try compare(other, nil, kind: .init()).comparison)
    #expect(translated.sentences.count == 4 && translated.metrics[0].other < translated.metrics[0].score)
  }
}
