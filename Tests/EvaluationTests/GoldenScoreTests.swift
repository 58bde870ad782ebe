import Foundation
import Testing

@testable import Evaluation

@Suite("Scores against sacreBLEU's")
struct GoldenScoreTests {
  @Test("every corpus and sentence score equals sacreBLEU's to ten decimals, with its signature")
  func scoresAgree() throws {
    let table = try GoldenScores.committed()
    #expect(table.cases.count > 1500)
    for golden in table.cases {
      let (difference, signaturesAgree) = try difference(of: golden, in: table)
      #expect(difference < 1e-10, "\(golden.corpus): \(golden.signature) differs by \(difference)")
      #expect(signaturesAgree, "\(golden.corpus): \(golden.signature)")
    }
  }

  @Test("unequal counts are refused with both counts")
  func mismatch() {
    #expect(throws: EvaluationError.segmentCountMismatch(stream: 2, references: 1, hypotheses: 2)) {
      try BLEU().corpusScore(hypotheses: ["a", "b"], references: [["a", "b"], ["a"]])
    }
    #expect(throws: EvaluationError.noReferences) {
      try ChrF().corpusScore(hypotheses: ["a"], references: [])
    }
    #expect(throws: EvaluationError.noSegments) { try TER().corpusScore(hypotheses: [], references: [[]]) }
    #expect(throws: EvaluationError.segmentWithoutReference(segment: 2)) {
      try TER().corpusScore(hypotheses: ["a", "b"], optionalReferences: [["a", nil]])
    }
  }

  @Test("pairs added one by one score as the whole corpus does")
  func streaming() throws {
    let table = try GoldenScores.committed()
    let corpus = try #require(table.corpora["several references"])
    let references = corpus.references.map { $0.compactMap(\.self) }
    let metrics: [any Metric] = [BLEU(), ChrF(.plusPlus), TER()]
    for metric in metrics {
      var scorer = CorpusScorer(metric: metric)
      #expect(throws: EvaluationError.noSegments) { try scorer.score() }
      for (segment, hypothesis) in corpus.hypotheses.enumerated() {
        scorer.add(hypothesis: hypothesis, references: references.map { $0[segment] })
      }
      let whole = try metric.corpusScore(hypotheses: corpus.hypotheses, references: references)
      let streamed = try scorer.score()
      #expect(streamed.score == whole.score)
      #expect(streamed.signature == whole.signature)
    }
  }
}
