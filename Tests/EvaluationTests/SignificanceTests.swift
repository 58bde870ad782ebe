import Testing

@testable import Evaluation

@Suite("Intervals, p-values and reports against sacreBLEU's")
struct SignificanceTests {
  @Test("bootstrap intervals equal sacreBLEU's")
  func confidence() throws {
    let golden = try #require(try GoldenScores.committed().significance)
    let hypotheses = try #require(golden.systems["A"])
    for expected in golden.confidence {
      let metric = GoldenScores.metric(expected.metric, expected.options)
      let score = try metric.corpusScore(
        hypotheses: hypotheses, references: golden.references, resamples: expected.resamples)
      let interval = try #require(score.confidence)
      #expect(abs(score.score - expected.score) < 1e-10)
      #expect(abs(interval.mean - expected.mean) < 1e-5, "\(expected.signature)")
      #expect(abs(interval.halfWidth - expected.half_width) < 1e-5, "\(expected.signature)")
      #expect(score.signature.format() == GoldenScores.signed(expected.signature))
      #expect(score.textLine(width: 2) == GoldenScores.signed(expected.text))
      #expect(
        score.sacreBLEUJSON(width: 2)
          == GoldenScores.signed(expected.json).replacing("\"2.6.0\"", with: "\"\(Signature.version)\""))
    }
  }

  @Test("paired bootstrap and approximate randomisation give sacreBLEU's p-values")
  func paired() throws {
    let golden = try #require(try GoldenScores.committed().significance)
    let systems = golden.systems.keys.sorted().map { (name: $0, hypotheses: golden.systems[$0] ?? []) }
    for expected in golden.paired {
      let kind: PairedTest.Kind =
        expected.test == "bs"
        ? .bootstrap(resamples: expected.samples)
        : .approximateRandomization(
          trials: expected.samples, confidence: expected.confidence > 0 ? expected.confidence : nil)
      let metric = GoldenScores.metric(expected.metric, expected.options)
      let comparison = try PairedTest(kind).compare(
        systems: systems, references: golden.references, metric: metric)
      #expect(comparison.signature.format() == GoldenScores.signed(expected.signature))
      #expect(comparison.results.count == expected.results.count)
      for (result, wanted) in zip(comparison.results, expected.results) {
        #expect(abs(result.score - wanted.score) < 1e-10)
        #expect(close(result.pValue, wanted.p), "\(expected.signature): \(result) instead of \(wanted)")
        #expect(close(result.confidence?.mean, wanted.mean), "\(expected.signature): \(result) instead of \(wanted)")
        #expect(close(result.confidence?.halfWidth, wanted.half_width), "\(result) instead of \(wanted)")
      }
    }
  }

  @Test("text lines and JSON equal sacreBLEU's character by character")
  func reports() throws {
    let table = try GoldenScores.committed()
    var compared = 0
    for golden in table.cases {
      guard let texts = golden.text, let objects = golden.json else { continue }
      let corpus = try #require(table.corpora[golden.corpus])
      let score = try GoldenScores.metric(golden.metric, golden.options)
        .corpusScore(hypotheses: corpus.hypotheses, optionalReferences: corpus.references)
      for (index, width) in [1, 2, 4].enumerated() {
        #expect(score.textLine(width: width) == GoldenScores.signed(texts[index]))
        let object = GoldenScores.signed(objects[index]).replacing("\"2.6.0\"", with: "\"\(Signature.version)\"")
        #expect(score.sacreBLEUJSON(width: width) == object)
        compared += 1
      }
    }
    #expect(compared > 500)
  }

  @Test("random numbers are NumPy's")
  func randomNumbers() {
    var generator = PCG64(seed: 12345)
    #expect(
      (0..<4).map { _ in generator.next() } == [
        0x3A32_B18D_B2FF_C19D, 0x5117_1315_C9E4_C4DE, 0xCC20_2482_3444_EFD9, 0xAD1F_06AE_A486_E910,
      ])
    generator = PCG64(seed: 12345)
    #expect((0..<8).map { _ in generator.next(below: 10) } == [6, 2, 7, 3, 2, 7, 6, 6])
    generator = PCG64(seed: 12345)
    #expect((0..<5).map { _ in generator.next(below: 2000) } == [1398, 454, 1577, 633, 408])
    generator = PCG64(seed: 12345)
    #expect((0..<32).map { _ in generator.nextBool() ? "1" : "0" }.joined() == "10111001100000111111111101001101")
  }

  @Test("a table names every system and carries full precision where it is asked for")
  func table() throws {
    let references = ["the cat sat on the mat", "a dog barked"]
    let systems = ["A", "B|x", "C"]
    let hypotheses = [["the cat sat on a mat", "cat on mat", "the mat"], ["a dog barked", "the dog bark", "dog"]]
    let metrics: [any Metric] = [BLEU(), ChrF()]
    var scorer = SystemScorer(systems: systems, metrics: metrics, keepsSegments: true)
    #expect(throws: EvaluationError.noSegments) { try scorer.table() }
    for (line, reference) in references.enumerated() {
      scorer.add(hypotheses: hypotheses[line], references: [reference])
    }
    let table = try scorer.table()
    #expect(table.markdown().hasPrefix("| System | BLEU | chrF2 |\n|---|---:|---:|\n| A | "))
    #expect(table.markdown().contains("| B\\|x | "))
    let rows = ScoreRecord.tsv(table.records).split(separator: "\n").map { $0.split(separator: "\t") }
    #expect(rows.count == 7 && rows[0] == ["system", "metric", "score", "signature"])
    for (row, (system, metric)) in zip(rows.dropFirst(), systems.indices.flatMap { s in [(s, 0), (s, 1)] }) {
      let score = try metrics[metric].corpusScore(hypotheses: hypotheses.map { $0[system] }, references: [references])
      #expect(row[0] == systems[system] && row[1] == score.name && Double(row[2]) == score.score)
      #expect(row[3] == score.signature.description)
    }

    let both = try scorer.table(Resampling(pairedBootstrap: 50, randomization: 70))
    let header = ScoreRecord.tsv(both.records).split(separator: "\n")[0].split(separator: "\t")
    #expect(
      header.dropFirst(4) == [
        "confidence_mean", "confidence_half_width", "difference", "paired_bootstrap_p", "approximate_randomization_p",
      ])
    #expect(both.signatures[0].description.hasPrefix("nrefs:1|bs:50|ar:70|seed:12345|case:mixed"))
    let texts = systems.indices.map { system in (name: systems[system], hypotheses: hypotheses.map { $0[system] }) }
    for (metric, column) in zip(metrics, 0...) {
      let bootstrap = try PairedTest(.bootstrap(resamples: 50))
        .compare(systems: texts, references: [references], metric: metric)
      let randomization = try PairedTest(.approximateRandomization(trials: 70))
        .compare(systems: texts, references: [references], metric: metric)
      for system in systems.indices {
        let cell = both.cells[system][column]
        #expect(cell.score.confidence == bootstrap.results[system].confidence)
        #expect(cell.bootstrapPValue == bootstrap.results[system].pValue)
        #expect(cell.randomizationPValue == randomization.results[system].pValue)
      }
    }
    #expect(both.records[0].isBaseline && both.records[0].difference == nil)
    #expect(both.records[2].difference == table.cells[1][0].score.score - table.cells[0][0].score.score)
    var alone = SystemScorer(systems: ["A"], metrics: metrics, keepsSegments: true)
    alone.add(hypotheses: ["a"], references: ["a"])
    #expect(throws: EvaluationError.tooFewSystems(found: 1)) { try alone.table(Resampling(randomization: 9)) }
  }

  @Test("means are NumPy's to the last bit")
  func pairwiseMean() {
    // numpy.sqrt(numpy.arange(1, 1004, dtype="float32")).mean(), (1 / numpy.arange(1., 1004.)).mean(), numpy 2.4.
    #expect(Bootstrap.mean((1..<1004).map { Float($0).squareRoot() }) == 21.129030227661133)
    #expect(Bootstrap.mean((1..<1004).map { 1 / Double($0) }) == 0.00746606667449097)
    #expect(Bootstrap.mean([0.1, 0.2, 0.3]) == 0.20000000000000004)
  }
}

private func close(_ value: Double?, _ wanted: Double?) -> Bool {
  guard let value, let wanted else { return value == nil && wanted == nil }
  return abs(value - wanted) < 1e-5
}
