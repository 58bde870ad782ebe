/// Word errors by class (after Popović 2011, Hjerson): word error alignment together with sets that ignore
/// position.
///
/// A word is in *both sets* if its clipped counts match it. Its base is its first four letters, lower-cased, where
/// no better base is known.
public struct ErrorClasses: Sendable, Equatable {
  public enum Class: String, Sendable, CaseIterable {
    /// The base is right, the form is not.
    case inflection
    /// The word is in both sentences, but not where the alignment wants it.
    case order
    /// The reference has the word, and nothing stands in its place.
    case missing
    /// The hypothesis has the word, and the reference has nothing in its place.
    case extra
    /// Any other wrong choice of word.
    case lexical
  }

  /// Errors counted in the hypothesis (missing words: in the reference), [class].
  public private(set) var counts: [Class: Int] = [:]
  public private(set) var hypothesisLength = 0
  public private(set) var referenceLength = 0

  public init() {}

  /// Errors per word: of the reference for missing words, of the hypothesis for all others.
  public func rate(_ errorClass: Class) -> Double {
    let words = errorClass == .missing ? referenceLength : hypothesisLength
    return words == 0 ? 0 : Double(counts[errorClass] ?? 0) / Double(words)
  }

  public static func + (left: ErrorClasses, right: ErrorClasses) -> ErrorClasses {
    var sum = left
    sum.counts.merge(right.counts, uniquingKeysWith: +)
    sum.hypothesisLength += right.hypothesisLength
    sum.referenceLength += right.referenceLength
    return sum
  }

  /// Classifies the errors of one sentence.
  /// - Parameter base: a word's base form.
  /// - Complexity: O(hypothesis × reference).
  public init(
    hypothesis: [String], reference: [String], base: (String) -> String = ErrorClasses.firstFourLetters
  ) {
    hypothesisLength = hypothesis.count
    referenceLength = reference.count
    for label in Self.hypothesisLabels(hypothesis, reference, base) {
      if let label { counts[label, default: 0] += 1 }
    }
    counts[.missing] = Self.missingWords(hypothesis, reference, base).count
  }

  /// The word's first four letters, lower-cased.
  public static func firstFourLetters(_ word: String) -> String { String(word.prefix(4)).lowercased() }

  /// The class of each hypothesis word, `nil` where it is right.
  public static func hypothesisLabels(
    _ hypothesis: [String], _ reference: [String], _ base: (String) -> String = firstFourLetters
  ) -> [Class?] {
    let alignment = WordAlignment(hypothesis, reference)
    let unmatched = unmatchedPositions(hypothesis, alignment.hypothesis, reference)
    let unmatchedReference = unmatchedPositions(reference, alignment.reference, hypothesis)
    // Bases of words whose form no hypothesis word has.
    var bases = Evaluation.counts(reference.indices.filter { unmatchedReference[$0] }.map { base(reference[$0]) })
    return hypothesis.indices.map { position in
      if alignment.hypothesis[position] == .correct { return nil }
      guard unmatched[position] else { return .order }
      let wordBase = base(hypothesis[position])
      if let left = bases[wordBase], left > 0 {
        bases[wordBase] = left - 1
        return .inflection
      }
      return alignment.hypothesis[position] == .alone ? .extra : .lexical
    }
  }

  /// Positions in the reference of words that are missing: deleted by the alignment, and neither the word nor an
  /// inflection of it is anywhere in the hypothesis.
  public static func missingWords(
    _ hypothesis: [String], _ reference: [String], _ base: (String) -> String = firstFourLetters
  ) -> [Int] {
    let alignment = WordAlignment(hypothesis, reference)
    let unmatched = unmatchedPositions(reference, alignment.reference, hypothesis)
    let unmatchedHypothesis = unmatchedPositions(hypothesis, alignment.hypothesis, reference)
    var bases = Evaluation.counts(hypothesis.indices.filter { unmatchedHypothesis[$0] }.map { base(hypothesis[$0]) })
    return reference.indices.filter { position in
      guard unmatched[position] else { return false }
      let wordBase = base(reference[position])
      if let left = bases[wordBase], left > 0 {
        bases[wordBase] = left - 1
        return false
      }
      return alignment.reference[position] == .alone
    }
  }

  /// Whether a word is beyond what the other sentence has of it, [words]. Correctly placed words are matched first,
  /// so that of two equal words the misplaced one is the surplus.
  private static func unmatchedPositions(
    _ words: [String], _ fates: [WordAlignment.Fate], _ others: [String]
  ) -> [Bool] {
    var left = Evaluation.counts(others)
    for (word, fate) in zip(words, fates) where fate == .correct { left[word, default: 0] -= 1 }
    return zip(words, fates).map { word, fate in
      if fate == .correct { return false }
      guard let count = left[word], count > 0 else { return true }
      left[word] = count - 1
      return false
    }
  }
}

/// The least-edits alignment of two sentences (word error rate), substitutions before deletions and insertions.
public struct WordAlignment: Sendable {
  public enum Fate: Sendable, Equatable {
    case correct
    case substituted
    /// Inserted in the hypothesis, or deleted from the reference.
    case alone
  }

  /// [hypothesis words], [reference words].
  public private(set) var hypothesis: [Fate]
  public private(set) var reference: [Fate]
  /// Substitutions, insertions and deletions.
  public let edits: Int

  public init(_ hypothesis: [String], _ reference: [String]) {
    let rows = hypothesis.count, columns = reference.count
    var costs = [[Int32]](repeating: [Int32](repeating: 0, count: columns + 1), count: rows + 1)
    for column in 0...columns { costs[0][column] = Int32(column) }
    for row in 0...rows { costs[row][0] = Int32(row) }
    if rows > 0 && columns > 0 {
      for row in 1...rows {
        for column in 1...columns {
          let substitution = costs[row - 1][column - 1] + (hypothesis[row - 1] == reference[column - 1] ? 0 : 1)
          costs[row][column] = min(substitution, costs[row - 1][column] + 1, costs[row][column - 1] + 1)
        }
      }
    }
    edits = Int(costs[rows][columns])
    self.hypothesis = [Fate](repeating: .alone, count: rows)
    self.reference = [Fate](repeating: .alone, count: columns)
    var row = rows, column = columns
    while row > 0 && column > 0 {
      let equal = hypothesis[row - 1] == reference[column - 1]
      if costs[row][column] == costs[row - 1][column - 1] + (equal ? 0 : 1) {
        self.hypothesis[row - 1] = equal ? .correct : .substituted
        self.reference[column - 1] = equal ? .correct : .substituted
        row -= 1
        column -= 1
      } else if costs[row][column] == costs[row - 1][column] + 1 {
        row -= 1
      } else {
        column -= 1
      }
    }
  }
}
