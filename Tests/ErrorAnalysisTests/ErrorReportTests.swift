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

  static func outcome(
    settled: Bool = true, tokens: [Int32], score: Double, hypothesisScore: Double, text: String = "x", chrF: Double = 0
  ) -> ExactOutcome {
    ExactOutcome(
      settled: settled, tokens: tokens, pieces: [], text: text, score: score, logProbability: score,
      hypothesisScore: hypothesisScore, bound: score, nodes: 10, chrF: chrF)
  }

  @Test("exact totals count errors over settled sentences, proven ones over all, and who was lucky")
  func exactTotals() throws {
    var records = (0..<6).map { i in
      var record = ErrorReportTests.record("a b", i < 2 ? (-0.5, -0.4) : (-0.4, -0.5), (-3, -4))
      (record.hypothesisTokens, record.referenceTokens, record.chrF) = (4, 5, 50)
      return record
    }
    // A missed optimum that is better, a missed one that is empty and worse, no error, one up to rounding only, an error
    // proven without an optimum, and one that is open. Nothing was searched for the last.
    records.append(records[5])
    records[0].exact = ErrorReportTests.outcome(tokens: [2, 3], score: -0.3, hypothesisScore: -0.5, text: "r", chrF: 100)
    records[1].exact = ErrorReportTests.outcome(tokens: [], score: -0.2, hypothesisScore: -0.5, text: "", chrF: 0)
    records[2].exact = ErrorReportTests.outcome(tokens: [4, 4, 4, 4], score: -0.4, hypothesisScore: -0.4, chrF: 50)
    records[3].exact = ErrorReportTests.outcome(tokens: [4, 4], score: -0.39995, hypothesisScore: -0.4, chrF: 90)
    records[4].exact = ErrorReportTests.outcome(settled: false, tokens: [9], score: -0.1, hypothesisScore: -0.4)
    records[5].exact = ErrorReportTests.outcome(settled: false, tokens: [9], score: -0.4, hypothesisScore: -0.4)
    let report = ErrorReport(search: "beam 5", model: "m", sentences: records)
    let exact = try #require(report.exact)
    #expect(exact.settled.count == 4 && exact.settled.total == 6)
    #expect(exact.searchErrors.count == 2 && exact.searchErrors.total == 4)
    #expect(exact.provenSearchErrors.count == 3 && exact.provenSearchErrors.total == 6)
    #expect(exact.emptyOptima.count == 1 && exact.emptyOptima.total == 4)
    #expect(exact.lengthRatio == 8.0 / 20 && exact.hypothesisLengthRatio == 16.0 / 20)
    let expectedLuck = (exact.optimum.better, exact.optimum.equal, exact.optimum.worse)
    #expect(expectedLuck == (1, 0, 1), "\(expectedLuck)")
    let (search, model) = (exact.crossTable["search"], exact.crossTable["model"])
    #expect(search?.searchError == 2 && search?.noSearchError == 0 && search?.open == 0)
    #expect(model?.searchError == 1 && model?.noSearchError == 2 && model?.open == 1)
    #expect(exact.nodes == 60 && report.exactByLogProbability == nil)
    #expect(report.text().contains("exact search") && report.text().split(separator: "\n").count < 40)
    #expect(try JSONDecoder().decode(ErrorReport.self, from: Data(report.json().utf8)) == report)
  }

  @Test("the advice does not trust the settled sentences alone")
  func advice() {
    func report(open: Int) -> ErrorReport {
      let records = (0..<24).map { i in
        var record = ErrorReportTests.record("a b", (-0.4, -0.5), (-3, -4))
        record.exact = ErrorReportTests.outcome(
          settled: i >= open, tokens: [4], score: i < open ? -0.1 : -0.4, hypothesisScore: -0.4)
        return record
      }
      return ErrorReport(search: "beam 5", model: "m", sentences: records)
    }
    #expect(report(open: 3).advice.contains("in only 0 % of the settled sentences (but something better is known for 13 % of all)"))
    #expect(report(open: 2).advice.contains("in only 0 % of the settled sentences") && !report(open: 2).advice.contains("but"))
  }

  @Test("bad sentences are those with chrF below the median")
  func badSentences() {
    let records = [(10.0, -0.5), (20, -0.3), (30, -0.5), (40, -0.5)].map { chrF, objective in
      var record = ErrorReportTests.record("a", (objective, -0.4), (-3, -4))
      record.chrF = chrF
      return record
    }
    let bad = ErrorReport(search: "beam 5", model: "m", sentences: records).bad
    #expect(bad.chrFBelow == 25 && bad.count == 2)
    #expect(bad.faults.search.count == 1 && bad.faults.model.count == 1 && bad.faultsByLogProbability.model.count == 2)
  }

  @Test("no output of a real model beats a settled optimum, whose text and score are its own")
  func exactSearch() throws {
    let directory = try TemporaryDirectory()
    try TinyModel.save(to: directory.url)
    let loaded = try ModelDirectory(directory.url).load()
    var options = TranslationOptions()
    (options.search.maximumLength, options.threads) = (1, 2)
    let sources = ["Le chat", "", "Il pleut", "...", "La gare"]
    let references = sources.map { _ in ["The cat is small.", "Where"] }
    let report = try FaultAnalysis(loaded, options: options).analyze(
      sources: sources, references: references, exact: ExactSearch.Budget(nodes: 2000, seconds: 60))
    #expect(report.sentences.map { $0.exact != nil } == [true, false, true, false, true])
    let scorer = PairScorer(loaded, threads: 1)
    for record in report.sentences {
      guard let exact = record.exact, let raw = record.exactByLogProbability else { continue }
      let source = loaded.text.encodeSource(record.source)
      // Every output of at most one token, but for the unknown word.
      let outputs = [[]] + (2..<Int32(loaded.text.targetVocabulary.count)).map { [$0] }
      let all = scorer.score(sources: outputs.map { _ in source }, targets: outputs)
      let best = all.map { $0.logProbability / Double($0.tokens.count) }.max() ?? 0
      let bestRaw = all.map(\.logProbability).max() ?? 0
      #expect(exact.settled && raw.settled)
      #expect(abs(exact.score - best) < 1e-4 && abs(raw.score - bestRaw) < 1e-4)
      #expect(exact.text == loaded.text.decodeTarget(exact.tokens) && exact.pieces.count == exact.tokens.count)
      #expect(raw.score == raw.logProbability)
    }
    let totals = try #require(report.exact)
    #expect(totals.settled.total == 3 && totals.settled.count == 3)
  }
}
