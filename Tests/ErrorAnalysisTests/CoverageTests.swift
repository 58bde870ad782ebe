import Evaluation
import Foundation
import Seq2Seq
import TestSupport
import Testing
import Translation

@testable import ErrorAnalysis

@Suite struct CoverageTests {
  @Test("coverage is attention summed over the output; a word has that of its best token")
  func record() {
    // Two words of two pieces and of one, a mark, the end symbol; three output tokens.
    let pieces = ["▁mai", "son", "▁grande", "▁le", "."]
    let words = CoverageRecord.words(pieces) { places in
      places.map { pieces[$0].replacingOccurrences(of: "▁", with: "") }.joined()
    }
    #expect(words.map(\.text) == ["maison", "grande", "le"])
    #expect(words.map(\.tokens) == [0..<2, 2..<3, 3..<4])
    let attention: [[Float]] = [
      [0.75, 0.05, 0.05, 0.05, 0.05, 0.05], [0.75, 0.05, 0.05, 0.05, 0.05, 0.05], [0.75, 0.05, 0, 0, 0.1, 0.1],
    ]
    let record = CoverageRecord(attention: attention, words: words)
    // "le" is no content word; "maison" has the 2.25 of its first piece.
    #expect(record.under == ["grande"] && record.over == ["maison"] && record.contentWords == 2)
    let coverage = [2.25, 0.15, 0.1, 0.1, 0.2, 0.2]
    let penalty = log(0.15) + 2 * log(0.1) + 2 * log(0.2)
    #expect(abs(record.penalty - penalty) < 1e-6)
    let deviation = -coverage.reduce(0) { $0 + log(1 + (1 - $1) * (1 - $1)) } / 6
    #expect(abs(record.deviation - deviation) < 1e-6)
    #expect(abs(record.onMarks - 0.4 / 3) < 1e-6)
    #expect(abs(record.unattended - 0.5) < 1e-6)
  }

  @Test("totals count words over all sentences, and name the most frequent")
  func totals() throws {
    var records = (0..<4).map { _ in ErrorReportTests.record("a", (-1, -1), (-1, -1)) }
    #expect(CoverageTotals(records) == nil)
    for (i, under) in [["maison"], ["chat", "maison"], []].enumerated() {
      records[i].coverage = CoverageRecord(attention: [[1]], words: [])
      records[i].coverage?.under = under
      records[i].coverage?.contentWords = 5
      records[i].chrF = Double(10 * i)
    }
    let totals = try #require(CoverageTotals(records))
    #expect(totals.under.count == 3 && totals.under.total == 15 && totals.sentencesUnder.count == 2)
    #expect(totals.sentencesUnder.total == 3 && totals.chrFUnder == 5 && totals.chrFOther == 20)
    #expect(totals.underWords.map(\.word) == ["maison", "chat"] && totals.underWords[0].count == 2)
  }

  @Test("the analysis of a real model has coverage and calibration for every sentence it asked about")
  func analysis() throws {
    let directory = try TemporaryDirectory()
    try TinyModel.save(to: directory.url)
    let loaded = try ModelDirectory(directory.url).load()
    var options = TranslationOptions()
    (options.search.maximumLength, options.threads) = (4, 2)
    let sources = ["Le chat", "", "Il pleut", "La gare est petite"]
    let report = try FaultAnalysis(loaded, options: options).analyze(
      sources: sources, references: sources.map { _ in ["The cat is small."] })
    #expect(report.sentences.map { $0.coverage != nil } == [true, false, true, true])
    let tokens = loaded.text.encodeTarget("The cat is small.").count + 1
    let calibration = try #require(report.calibration)
    #expect(calibration.tokens == 3 * tokens && calibration.bins.reduce(0) { $0 + $1.count } == calibration.tokens)
    #expect(report.coverage?.sentencesUnder.total == 3)
    #expect(report.hallucinationCandidates.count == 1 && report.html().contains("Attention and probabilities"))
    #expect(try JSONDecoder().decode(ErrorReport.self, from: Data(report.json().utf8)) == report)
  }

  @Test("what an error costs is BLEU with its sentences mended")
  func recoverable() {
    var records = ["the cat sat on the mat", "a dog a dog ran away now", "it rains today again"].map {
      ErrorReportTests.record($0, (-0.4, -0.5), (-3, -4))
    }
    let references = ["the cat sat on the mat", "a dog ran away from us", "it rains 7 times today"]
    for i in records.indices { records[i].reference = references[i] }
    records[0].fault = .none
    let all = RecoverableScore.all(records, references.map { [$0] }, BLEU(), bleu: 30, trainingCounts: ["it": 9, "rains": 9])
    let numbers = all.first { $0.cause == "numbers and names" }
    #expect(numbers?.sentences.count == 1)
    let mended = corpusScore(BLEU(), [records[0].hypothesis, records[1].hypothesis, references[2]], references.map { [$0] })
    #expect(abs((numbers?.bleu ?? 0) - (mended - 30)) < 1e-9)
    #expect(all.first { $0.cause == "repetitions" }?.sentences.count == 1)
    #expect(all.first { $0.cause == "words rare in training" }?.sentences.count == 2)
    #expect(all.first { $0.cause == "faults of the search" }?.sentences.count == 0)
    #expect(zip(all, all.dropFirst()).allSatisfy { $0.bleu >= $1.bleu })
  }

  @Test("words rarer than the rarest that was counted share one bucket")
  func cutCounts() {
    let record = ErrorReportTests.record("r", (-1, -1), (-1, -1))
    let report = ErrorReport(
      search: "", model: "", sentences: [record], trainingCounts: ["r": 3, "the": 2000])
    #expect(report.statistics.frequencies.map(\.trainingCount) == ["0–2", "3", "4", "5–9", "10–99", "100–999", "1000+"])
    #expect(report.statistics.frequencies[1].inReferences == 1)
  }
}
