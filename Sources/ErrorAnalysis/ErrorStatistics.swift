import Evaluation

/// What can be said of the outputs without asking the model: by length, by word, and what is plainly wrong.
public struct ErrorStatistics: Codable, Sendable, Equatable {
  public struct LengthBucket: Codable, Sendable, Equatable {
    /// Source words.
    public var words: String
    public var count: Int
    public var bleu: Double
    public var chrF: Double
    /// Words of outputs over those of references.
    public var lengthRatio: Double
    /// By the search's objective.
    public var searchFaults: ErrorReport.Share

    enum CodingKeys: String, CodingKey {
      case words, count, bleu
      case chrF = "chrf"
      case lengthRatio = "length_ratio"
      case searchFaults = "search_faults"
    }
  }

  public struct FrequencyBucket: Codable, Sendable, Equatable {
    /// How often the training data has the word.
    public var trainingCount: String
    public var inReferences: Int
    public var precision: Double
    public var recall: Double
    public var f1: Double

    enum CodingKeys: String, CodingKey {
      case precision, recall, f1
      case trainingCount = "training_count"
      case inReferences = "in_references"
    }
  }

  public struct NGram: Codable, Sendable, Equatable {
    public var text: String
    public var over: Int
    public var under: Int
    /// Lines, from 1, that show it.
    public var lines: [Int]
  }

  /// Sentences with something plainly wrong.
  public struct Flag: Codable, Sendable, Equatable {
    public var name: String
    public var share: ErrorReport.Share
    /// The first few lines, from 1.
    public var lines: [Int]
  }

  public var lengths: [LengthBucket]
  /// Empty where no training counts were given.
  public var frequencies: [FrequencyBucket]
  public var producedTooOften: [NGram]
  public var producedTooRarely: [NGram]
  /// Errors per word, by class.
  public var errorClasses: [String: Double]
  public var otem: Double
  public var utem: Double
  public var flags: [Flag]

  enum CodingKeys: String, CodingKey {
    case lengths, frequencies, otem, utem, flags
    case producedTooOften = "produced_too_often"
    case producedTooRarely = "produced_too_rarely"
    case errorClasses = "error_classes"
  }

  /// `trainingCounts` is how often the training data has each word of the target language.
  init(_ sentences: [SentenceRecord], _ references: [[String]], trainingCounts: [String: Int]?) {
    let splitter = WordSplitter()
    let words = sentences.map { record in
      (
        source: splitter.words(record.source), hypothesis: splitter.words(record.hypothesis),
        reference: splitter.words(record.reference)
      )
    }
    lengths = ErrorStatistics.lengthBuckets(sentences, references, words)
    frequencies = []
    if let trainingCounts {
      var buckets = FrequencyBuckets { trainingCounts[$0] ?? 0 }
      for triple in words { buckets.add(hypothesis: triple.hypothesis, reference: triple.reference) }
      frequencies = zip(buckets.labels, buckets.accuracies).map { label, accuracy in
        FrequencyBucket(
          trainingCount: label, inReferences: accuracy.inReference, precision: accuracy.precision,
          recall: accuracy.recall, f1: accuracy.f1)
      }
    }
    var differences = NGramDifferences()
    var classes = ErrorClasses()
    var overUnder = OverUnderTranslation()
    for (i, triple) in words.enumerated() {
      differences.add(hypothesis: triple.hypothesis, reference: triple.reference, segment: i)
      classes = classes + ErrorClasses(hypothesis: triple.hypothesis, reference: triple.reference)
      overUnder.add(hypothesis: triple.hypothesis, reference: triple.reference)
    }
    producedTooOften = differences.mostOver(20).map {
      NGram(text: $0.text, over: $0.over, under: $0.under, lines: $0.overExamples.map { $0 + 1 })
    }
    producedTooRarely = differences.mostUnder(20).map {
      NGram(text: $0.text, over: $0.over, under: $0.under, lines: $0.underExamples.map { $0 + 1 })
    }
    errorClasses = [:]
    for errorClass in ErrorClasses.Class.allCases { errorClasses[errorClass.rawValue] = classes.rate(errorClass) }
    (otem, utem) = (overUnder.otem, overUnder.utem)
    flags = ErrorStatistics.flags(sentences, words)
  }

  private typealias Words = (source: [String], hypothesis: [String], reference: [String])

  private static func lengthBuckets(
    _ sentences: [SentenceRecord], _ references: [[String]], _ words: [Words]
  ) -> [LengthBucket] {
    let buckets = LengthBuckets.short
    return (0..<buckets.count).compactMap { bucket in
      let mine = sentences.indices.filter { buckets.bucket(of: words[$0].source.count) == bucket }
      guard !mine.isEmpty else { return nil }
      let (texts, mineReferences) = (mine.map { sentences[$0].hypothesis }, mine.map { references[$0] })
      let produced = mine.reduce(0) { $0 + words[$1].hypothesis.count }
      let wanted = mine.reduce(0) { $0 + words[$1].reference.count }
      return LengthBucket(
        words: buckets.labels[bucket], count: mine.count, bleu: corpusScore(BLEU(), texts, mineReferences),
        chrF: corpusScore(ChrF(), texts, mineReferences), lengthRatio: Double(produced) / Double(max(wanted, 1)),
        searchFaults: .init(mine.count { sentences[$0].fault == .search }, of: mine.count))
    }
  }

  private static func flags(_ sentences: [SentenceRecord], _ words: [Words]) -> [Flag] {
    let found = words.map { Pathologies(source: $0.source, hypothesis: $0.hypothesis, reference: $0.reference) }
    // The least probable fiftieth, by log P a token: the best sign of a hallucination that needs no reference.
    let perToken = sentences.map { $0.logProbability.hypothesis / Double($0.hypothesisTokens + 1) }
    let suspects = sentences.indices.filter { !words[$0].hypothesis.isEmpty && sentences[$0].chrF < 100 }
      .sorted { (perToken[$0], $0) < (perToken[$1], $1) }.prefix((sentences.count + 49) / 50)
    let tests: [(String, (Int) -> Bool)] = [
      ("empty", { found[$0].isEmpty }),
      ("shorter than half the reference", { found[$0].isTooShort && !found[$0].isEmpty }),
      ("longer than twice the reference", { found[$0].isTooLong }),
      ("a word twice in a row", { !found[$0].repeatedWords.isEmpty }),
      ("a repeated n-gram", { !found[$0].repeatedNGrams.isEmpty }),
      ("oscillates", { found[$0].oscillates }),
      ("mostly copied", { found[$0].isCopy }),
      ("some source words copied", { !found[$0].copiedWords.isEmpty && !found[$0].isCopy }),
      ("numbers differ", { found[$0].hasNumberMismatch }),
      ("chrF below 10", { sentences[$0].chrF < 10 }),
      ("least probable 2 %", { suspects.contains($0) }),
    ]
    return tests.map { name, test in
      let lines = sentences.indices.filter(test)
      return Flag(
        name: name, share: .init(lines.count, of: sentences.count), lines: lines.prefix(5).map { $0 + 1 })
    }
  }
}
