/// What a reader sees at once in a bad translation, found without a model: repetition, copying, wrong numbers and names,
/// wrong length. Works on words.
public struct Pathologies: Sendable, Equatable {
  /// The hypothesis has no word though the source has.
  public var isEmpty = false
  /// Fewer than half of the reference's words.
  public var isTooShort = false
  /// More than twice the reference's words.
  public var isTooLong = false
  /// A word that follows itself, where neither source nor reference repeats it so.
  public var repeatedWords: [String] = []
  /// n-grams of 2–4 words that occur more often than in the reference, in the source, and than once.
  public var repeatedNGrams: [String] = []
  /// The most frequent 4-gram of the hypothesis occurs at least twice more than that of the source: an
  /// oscillatory hallucination (Raunak et al. 2021).
  public var oscillates = false
  /// Share of the hypothesis' words that are copied from the source though the reference does not keep them;
  /// numbers and marks aside.
  public var copiedShare = 0.0
  /// Source words left as they were, though the reference does not keep them.
  public var copiedWords: [String] = []
  /// Numbers of the source or reference that the hypothesis lacks, and numbers that only it has.
  public var missingNumbers: [String] = []
  public var inventedNumbers: [String] = []
  /// Names that source and reference write alike and the hypothesis lacks: words with a capital of two letters or more.
  public var missingNames: [String] = []
  /// Words with a capital, not at the beginning of a sentence, of which neither source nor reference has any form.
  public var inventedNames: [String] = []

  /// More than half of the words are copied.
  public var isCopy: Bool { copiedShare > 0.5 }
  public var hasNumberMismatch: Bool { !missingNumbers.isEmpty || !inventedNumbers.isEmpty }
  public var hasNameMismatch: Bool { !missingNames.isEmpty || !inventedNames.isEmpty }

  public init(source: [String], hypothesis: [String], reference: [String]) {
    isEmpty = hypothesis.isEmpty && !source.isEmpty
    isTooShort = 2 * hypothesis.count < reference.count
    isTooLong = hypothesis.count > 2 * reference.count && !reference.isEmpty

    let echoed = Self.immediateRepeats(source).union(Self.immediateRepeats(reference))
    repeatedWords = Self.immediateRepeats(hypothesis).subtracting(echoed).sorted()
    for order in 2...4 {
      let inSource = counts(ngrams(source, order: order)), inReference = counts(ngrams(reference, order: order))
      for (ngram, count) in counts(ngrams(hypothesis, order: order))
      where count > max(inReference[ngram] ?? 0, inSource[ngram] ?? 0, 1) {
        repeatedNGrams.append(ngram.joined(separator: " "))
      }
    }
    repeatedNGrams.sort()
    let mostInHypothesis = counts(ngrams(hypothesis, order: 4)).values.max() ?? 0
    let mostInSource = counts(ngrams(source, order: 4)).values.max() ?? 0
    oscillates = mostInHypothesis >= mostInSource + 2

    let sourceWords = Set(source), referenceWords = Set(reference)
    copiedWords = hypothesis.filter {
      sourceWords.contains($0) && !referenceWords.contains($0) && Self.hasLetter($0)
    }
    copiedShare = hypothesis.isEmpty ? 0 : Double(copiedWords.count) / Double(hypothesis.count)
    (missingNumbers, inventedNumbers) = Self.numberMismatches(hypothesis: hypothesis, reference: reference)
    let hypothesisWords = counts(hypothesis)
    let kept = counts(reference.filter { Self.isName($0) && sourceWords.contains($0) })
    missingNames = kept.filter { (hypothesisWords[$0.key] ?? 0) == 0 }.map(\.key).sorted()
    let known = Set((source + reference).map { $0.lowercased() })
    inventedNames = Set(
      hypothesis.indices.filter { place in
        Self.isName(hypothesis[place]) && !Self.beginsSentence(hypothesis, place)
          && !known.contains(hypothesis[place].lowercased())
      }.map { hypothesis[$0] }
    ).sorted()
  }

  /// Two letters or more, the first a capital and not all of what follows.
  private static func isName(_ word: String) -> Bool {
    let scalars = word.unicodeScalars
    guard scalars.count > 1, let first = scalars.first, first.properties.isUppercase else { return false }
    return scalars.dropFirst().contains { $0.properties.isLowercase }
  }

  /// First, or after a mark that ends or opens a sentence.
  private static func beginsSentence(_ words: [String], _ place: Int) -> Bool {
    words[..<place].last.map { !hasLetter($0) && !$0.unicodeScalars.contains { $0.properties.numericType != nil }
      && $0 != "," && $0 != "-" } ?? true
  }

  private static func immediateRepeats(_ words: [String]) -> Set<String> {
    Set(zip(words, words.dropFirst()).filter { $0 == $1 && hasLetter($0) }.map(\.0))
  }

  private static func hasLetter(_ word: String) -> Bool {
    word.unicodeScalars.contains { $0.properties.isAlphabetic }
  }

  /// Numbers, compared by their digits alone, so that `1,250.75` equals `1 250,75`.
  private static func numberMismatches(
    hypothesis: [String], reference: [String]
  ) -> (missing: [String], invented: [String]) {
    var wanted = counts(numbers(reference))
    var invented: [String] = []
    for number in numbers(hypothesis) {
      if let count = wanted[number], count > 0 {
        wanted[number] = count - 1
      } else {
        invented.append(number)
      }
    }
    let missing = wanted.flatMap { Array(repeating: $0.key, count: $0.value) }
    return (missing.sorted(), invented.sorted())
  }

  /// The digits of each number. A group of exactly three digits continues a number of one to three digits before
  /// it, so that `1 250,75`, which is two words, is one number.
  static func numbers(_ words: [String]) -> [String] {
    var result: [String] = []
    var mayContinue = false
    for word in words {
      let values = word.unicodeScalars.map(\.properties).map {
        $0.numericType == .decimal ? $0.numericValue : nil
      }
      let digits = values.compactMap { $0 }.map { "\(Int($0))" }.joined()
      guard !digits.isEmpty else {
        mayContinue = false
        continue
      }
      let isGroup = values.prefix { $0 != nil }.count == 3
      if mayContinue, isGroup, let start = result.popLast() {
        result.append(start + digits)
      } else {
        result.append(digits)
      }
      mayContinue = digits.count == values.count && values.count <= 3
    }
    return result
  }
}
