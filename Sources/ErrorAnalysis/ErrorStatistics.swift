import Evaluation

/// What can be said of the outputs without asking the model: by length, by word, and what is plainly wrong.
public struct ErrorStatistics: Codable, Sendable, Equatable {
  public struct LengthBucket: Codable, Sendable, Equatable {
    /// Source words.
    public var words: String
    public var count: Int
    public var bleu: Double
    public var chrF: Double
    /// Of the words of outputs and references.
    public var f1: Double
    /// Words of outputs over those of references.
    public var lengthRatio: Double
    /// By the search's objective.
    public var searchFaults: ErrorReport.Share

    enum CodingKeys: String, CodingKey {
      case words, count, bleu, f1
      case chrF = "chrf"
      case lengthRatio = "length_ratio"
      case searchFaults = "search_faults"
    }
  }

  /// Sentences of like chrF.
  public struct QualityBucket: Codable, Sendable, Equatable {
    public var chrF: String
    public var count: Int
    public var f1: Double
    public var lengthRatio: Double
    /// Mean log P a token of the outputs.
    public var logProbability: Double
    public var searchFaults: ErrorReport.Share

    enum CodingKeys: String, CodingKey {
      case count, f1
      case chrF = "chrf"
      case lengthRatio = "length_ratio"
      case logProbability = "log_probability"
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
  public var qualities: [QualityBucket]
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
    case lengths, qualities, frequencies, otem, utem, flags
    case producedTooOften = "produced_too_often"
    case producedTooRarely = "produced_too_rarely"
    case errorClasses = "error_classes"
  }

  /// `trainingCounts` is how often the training data has each word of the target language.
  init(_ sentences: [SentenceRecord], _ references: [[String]], _ metric: BLEU, trainingCounts: [String: Int]?) {
    let splitter = WordSplitter()
    let words = sentences.map { record in
      (
        source: splitter.words(record.source), hypothesis: splitter.words(record.hypothesis),
        reference: splitter.words(record.reference)
      )
    }
    lengths = ErrorStatistics.lengthBuckets(sentences, references, words, metric)
    qualities = ErrorStatistics.qualityBuckets(sentences, words)
    frequencies = []
    if let trainingCounts {
      // What is rarer than the rarest word listed may have been left out of the list.
      let least = max(trainingCounts.values.min() ?? 1, 1)
      let bounds = [0, least] + FrequencyBuckets.defaultBounds.filter { $0 > least }
      var buckets = FrequencyBuckets(bounds: bounds) { trainingCounts[$0] ?? 0 }
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

  typealias Words = (source: [String], hypothesis: [String], reference: [String])

  private static func lengthBuckets(
    _ sentences: [SentenceRecord], _ references: [[String]], _ words: [Words], _ metric: BLEU
  ) -> [LengthBucket] {
    let buckets = LengthBuckets.short
    return (0..<buckets.count).compactMap { bucket in
      let mine = sentences.indices.filter { buckets.bucket(of: words[$0].source.count) == bucket }
      guard !mine.isEmpty else { return nil }
      let (texts, mineReferences) = (mine.map { sentences[$0].hypothesis }, mine.map { references[$0] })
      let produced = mine.reduce(0) { $0 + words[$1].hypothesis.count }
      let wanted = mine.reduce(0) { $0 + words[$1].reference.count }
      return LengthBucket(
        words: buckets.labels[bucket], count: mine.count, bleu: corpusScore(metric, texts, mineReferences),
        chrF: corpusScore(ChrF(), texts, mineReferences), f1: accuracy(mine.map { words[$0] }).f1,
        lengthRatio: Double(produced) / Double(max(wanted, 1)),
        searchFaults: .init(mine.count { sentences[$0].fault == .search }, of: mine.count))
    }
  }

  private static func qualityBuckets(_ sentences: [SentenceRecord], _ words: [Words]) -> [QualityBucket] {
    let labels = ["0–20", "20–40", "40–60", "60–80", "80–100", "100"]
    func bucket(_ chrF: Double) -> Int { chrF >= 100 ? 5 : max(0, min(4, Int(chrF / 20))) }
    return labels.indices.compactMap { number in
      let mine = sentences.indices.filter { bucket(sentences[$0].chrF) == number }
      guard !mine.isEmpty else { return nil }
      let accuracy = accuracy(mine.map { words[$0] })
      let tokens = mine.reduce(0) { $0 + sentences[$1].hypothesisTokens + 1 }
      return QualityBucket(
        chrF: labels[number], count: mine.count, f1: accuracy.f1,
        lengthRatio: Double(accuracy.inHypothesis) / Double(max(accuracy.inReference, 1)),
        logProbability: mine.reduce(0) { $0 + sentences[$1].logProbability.hypothesis } / Double(tokens),
        searchFaults: .init(mine.count { sentences[$0].fault == .search }, of: mine.count))
    }
  }

  /// Of all words of some sentences.
  private static func accuracy(_ words: [Words]) -> WordAccuracy {
    var buckets = FrequencyBuckets(bounds: [0]) { _ in 0 }
    for triple in words { buckets.add(hypothesis: triple.hypothesis, reference: triple.reference) }
    return buckets.accuracies[0]
  }

  private static func flags(_ sentences: [SentenceRecord], _ words: [Words]) -> [Flag] {
    let found = words.map { Pathologies(source: $0.source, hypothesis: $0.hypothesis, reference: $0.reference) }
    let suspects = Set(HallucinationCandidate.suspects(sentences))
    var tests: [(String, (Int) -> Bool)] = [
      ("empty", { found[$0].isEmpty }),
      ("shorter than half the reference", { found[$0].isTooShort && !found[$0].isEmpty }),
      ("longer than twice the reference", { found[$0].isTooLong }),
      ("a word twice in a row", { !found[$0].repeatedWords.isEmpty }),
      ("a repeated n-gram", { !found[$0].repeatedNGrams.isEmpty }),
      ("oscillates", { found[$0].oscillates }),
      ("mostly copied", { found[$0].isCopy }),
      ("some source words copied", { !found[$0].copiedWords.isEmpty && !found[$0].isCopy }),
      ("numbers differ", { found[$0].hasNumberMismatch }),
      ("names differ", { found[$0].hasNameMismatch }),
      ("chrF below 10", { sentences[$0].chrF < 10 }),
      ("least probable 2 %", { suspects.contains($0) }),
    ]
    if sentences.contains(where: { $0.coverage != nil }) {
      tests += [
        ("source words not looked at", { sentences[$0].coverage?.under.isEmpty == false }),
        ("source words looked at too long", { sentences[$0].coverage?.over.isEmpty == false }),
        ("attention on marks", { (sentences[$0].coverage?.onMarks ?? 0) > HallucinationCandidate.mostOnMarks }),
      ]
    }
    return tests.map { name, test in
      let lines = sentences.indices.filter(test)
      return Flag(
        name: name, share: .init(lines.count, of: sentences.count), lines: lines.prefix(5).map { $0 + 1 })
    }
  }
}
