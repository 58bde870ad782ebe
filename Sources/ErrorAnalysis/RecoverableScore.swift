import Evaluation

/// What one kind of error costs: BLEU if the sentences that have it were their references, against BLEU as it is. An
/// upper bound, and kinds overlap.
public struct RecoverableScore: Codable, Sendable, Equatable {
  public var cause: String
  public var sentences: ErrorReport.Share
  public var bleu: Double

  static let searchCause = "faults of the search"

  /// The dearest first.
  static func all(
    _ sentences: [SentenceRecord], _ references: [[String]], _ metric: BLEU, bleu: Double, trainingCounts: [String: Int]?
  ) -> [RecoverableScore] {
    let splitter = WordSplitter()
    let words = sentences.map { record -> ErrorStatistics.Words in
      (splitter.words(record.source), splitter.words(record.hypothesis), splitter.words(record.reference))
    }
    let found = words.map { Pathologies(source: $0.source, hypothesis: $0.hypothesis, reference: $0.reference) }
    let classes = words.map { ErrorClasses(hypothesis: $0.hypothesis, reference: $0.reference) }
    let suspects = Set(HallucinationCandidate.suspects(sentences))
    func hasRareMiss(_ i: Int, _ counts: [String: Int]) -> Bool {
      let produced = Set(words[i].hypothesis)
      return words[i].reference.contains { (counts[$0] ?? 0) < 5 && !produced.contains($0) }
    }
    var causes: [(String, (Int) -> Bool)] = [
      (searchCause, { sentences[$0].fault == .search }),
      ("wrong lengths", { found[$0].isEmpty || found[$0].isTooShort || found[$0].isTooLong }),
      ("repetitions", { !found[$0].repeatedWords.isEmpty || !found[$0].repeatedNGrams.isEmpty || found[$0].oscillates }),
      ("numbers and names", { found[$0].hasNumberMismatch || found[$0].hasNameMismatch }),
      ("copied words", { !found[$0].copiedWords.isEmpty }),
      ("hallucination candidates", { suspects.contains($0) }),
      ("misplaced words", { (classes[$0].counts[.order] ?? 0) > 0 }),
      ("missing words", { (classes[$0].counts[.missing] ?? 0) > 0 }),
    ]
    if let trainingCounts { causes.append(("words rare in training", { hasRareMiss($0, trainingCounts) })) }
    if sentences.contains(where: { $0.coverage != nil }) {
      causes.append(("source words not looked at", { sentences[$0].coverage?.under.isEmpty == false }))
    }
    return causes.map { cause, test in
      let mine = sentences.indices.filter { sentences[$0].fault != .none && test($0) }
      var texts = sentences.map(\.hypothesis)
      for i in mine { texts[i] = sentences[i].reference }
      return RecoverableScore(
        cause: cause, sentences: .init(mine.count, of: sentences.count),
        bleu: corpusScore(metric, texts, references) - bleu)
    }.sorted { ($1.bleu, $0.cause) < ($0.bleu, $1.cause) }
  }
}
