import ErrorAnalysis
import Foundation
import Seq2Seq
import TestSupport
import Testing
import Translation

@Suite struct ErrorReportTests {
  static func record(_ hypothesis: String, _ objective: (Double, Double), _ logProbability: (Double, Double)) -> SentenceRecord {
    SentenceRecord(
      source: "s <&>", reference: "r", hypothesis: hypothesis,
      logProbability: Pair(hypothesis: logProbability.0, reference: logProbability.1),
      objective: Pair(hypothesis: objective.0, reference: objective.1))
  }

  @Test("the fault is the search's where the model prefers the reference, by the objective")
  func faults() {
    let records = [
      ErrorReportTests.record("a", (-0.5, -0.4), (-3, -6)), ErrorReportTests.record("a", (-0.4, -0.5), (-3, -2)),
      ErrorReportTests.record("r", (-0.5, -0.4), (-3, -2)), ErrorReportTests.record("a", (-0.4, -0.4), (-2, -2)),
    ]
    let expected: [Fault] = [.search, .model, .none, .model]
    #expect(records.map(\.fault) == expected)
    let expectedByLogProbability: [Fault] = [.model, .search, .none, .model]
    #expect(records.map(\.faultByLogProbability) == expectedByLogProbability)
    let report = ErrorReport(search: "beam 5", model: "m", sentences: records)
    let faults = report.faults
    #expect(faults.search.count == 1 && faults.model.count == 2 && faults.none.count == 1)
    #expect(report.faultsByLogProbability.search.count == 1)
    #expect(report.text().hasSuffix(report.advice + "\n"))
    #expect(report.html().contains("s &lt;&amp;&gt;") && !report.html().contains("s <&>"))
  }

  @Test("Wilson's interval, against values computed elsewhere")
  func wilson() {
    // statsmodels 0.14, proportion_confint(method="wilson"): (8, 20), (0, 10), (10, 10).
    for (count, total, low, high) in [
      (8, 20, 0.2188065, 0.6134185), (0, 10, 0, 0.2775328), (10, 10, 0.7224672, 1),
    ] {
      let share = ErrorReport.Share(count, of: total)
      #expect(abs(share.low - low) < 1e-6 && abs(share.high - high) < 1e-6)
    }
    #expect(ErrorReport.Share(0, of: 0).high == 1)
  }

  @Test("of several references the one the model likes best counts, and one that equals the output ends the search")
  func severalReferences() throws {
    let directory = try TemporaryDirectory()
    try TinyModel.save(to: directory.url)
    let loaded = try ModelDirectory(directory.url).load()
    var options = TranslationOptions()
    options.search.lengthNormalization = LengthNormalization(.none)
    let (short, long) = ("The cat.", "The small cat sleeps on the red chair and the station is small.")
    let report = try FaultAnalysis(loaded, options: options).analyze(
      sources: ["Le chat", "Le chat", "Le chat"], references: [[long, short], [short, long], [short, long]],
      hypotheses: ["Where", "Where", long])
    #expect(report.sentences.map(\.reference) == [short, short, long])
    #expect(report.sentences[0].logProbability == report.sentences[1].logProbability)
    #expect(report.sentences[2].fault == .none)
    #expect(report.sentences[2].objective.hypothesis == report.sentences[2].objective.reference)
    let decoded = try JSONDecoder().decode(ErrorReport.self, from: Data(report.json().utf8))
    #expect(decoded == report)
  }
}
