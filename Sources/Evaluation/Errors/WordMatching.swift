/// Splits sentences into words as BLEU's 13a tokenization does, for statistics about words. Of scripts that write no spaces
/// every character is a word.
///
/// Not safe to share between threads: it reuses its buffers.
public final class WordSplitter {
  private let tokenizer = Tokenizer13a()
  private let output = ByteBuffer()
  private let lowered = ByteBuffer()
  private let lowercase: Bool

  /// - Parameter lowercase: counts `The` and `the` as one word.
  public init(lowercase: Bool = false) {
    self.lowercase = lowercase
  }

  public func words(_ sentence: String) -> [String] {
    var sentence = sentence
    return sentence.withUTF8 { bytes in
      var text = bytes
      if lowercase {
        Lowercaser().lowercase(text, into: lowered)
        text = lowered.bytes
      }
      tokenizer.tokenize(strippedRight(text), into: output)
      var words: [String] = []
      forEachWord(in: output.bytes) { start, end in
        append(String(decoding: output.bytes[start..<end], as: UTF8.self), to: &words)
      }
      return words
    }
  }
}

extension WordSplitter {
  private func append(_ word: String, to words: inout [String]) {
    // Below U+0E00 all scripts have spaces.
    guard word.utf8.contains(where: { $0 >= 0xE0 }), word.unicodeScalars.contains(where: Self.hasNoSpaces) else {
      words.append(word)
      return
    }
    var rest = ""
    for character in word {
      if character.unicodeScalars.first.map(Self.hasNoSpaces) == true {
        if !rest.isEmpty { words.append(rest) }
        rest = ""
        words.append(String(character))
      } else {
        rest.append(character)
      }
    }
    if !rest.isEmpty { words.append(rest) }
  }

  /// Thai, Lao, Tibetan, Burmese, Khmer, Japanese's syllables, Chinese characters.
  private static func hasNoSpaces(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0xE00...0xFFF, 0x1000...0x109F, 0x1780...0x17FF, 0x3005...0x3007, 0x3040...0x30FF, 0x31F0...0x31FF,
      0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x3FFFF:
      true
    default: false
    }
  }
}

/// How often each element occurs.
func counts<Element: Hashable>(_ elements: some Sequence<Element>) -> [Element: Int] {
  var result: [Element: Int] = [:]
  for element in elements { result[element, default: 0] += 1 }
  return result
}

/// The n-grams of one order, in order of their starts.
func ngrams(_ words: [String], order: Int) -> [ArraySlice<String>] {
  guard order >= 1, words.count >= order else { return [] }
  return (0...words.count - order).map { words[$0..<$0 + order] }
}

/// Precision, recall and F1 of one class of words.
public struct WordAccuracy: Sendable, Equatable {
  public var matched: Int
  public var inHypothesis: Int
  public var inReference: Int

  public init(matched: Int = 0, inHypothesis: Int = 0, inReference: Int = 0) {
    self.matched = matched
    self.inHypothesis = inHypothesis
    self.inReference = inReference
  }

  public var precision: Double { inHypothesis == 0 ? 0 : Double(matched) / Double(inHypothesis) }
  public var recall: Double { inReference == 0 ? 0 : Double(matched) / Double(inReference) }
  /// 2PR / (P + R), 0 without a match.
  public var f1: Double {
    matched == 0 ? 0 : 2 * Double(matched) / Double(inHypothesis + inReference)
  }
}

/// Word accuracy by how often the training data had a word (after Neubig et al. 2019, compare-mt).
///
/// Identical words are matched one to one from left to right, that is with clipped counts.
public struct FrequencyBuckets: Sendable {
  /// Buckets of training counts, by their lowest count; the last is open.
  public static let defaultBounds = [0, 1, 2, 3, 4, 5, 10, 100, 1000]

  public let bounds: [Int]
  public private(set) var accuracies: [WordAccuracy]
  private let trainingCount: @Sendable (String) -> Int

  /// - Parameter bounds: lowest count of each bucket, rising, the first 0.
  /// - Parameter trainingCount: how often the training data had a word.
  public init(bounds: [Int] = defaultBounds, trainingCount: @escaping @Sendable (String) -> Int) {
    precondition(
      bounds.first == 0 && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 },
      "bounds are \(bounds), expected them to rise from 0")
    self.bounds = bounds
    self.trainingCount = trainingCount
    accuracies = [WordAccuracy](repeating: WordAccuracy(), count: bounds.count)
  }

  /// `0`, `1`, `5–9`, `1000+` …
  public var labels: [String] {
    bounds.indices.map { index in
      guard index + 1 < bounds.count else { return "\(bounds[index])+" }
      let last = bounds[index + 1] - 1
      return last == bounds[index] ? "\(last)" : "\(bounds[index])–\(last)"
    }
  }

  public mutating func add(hypothesis: [String], reference: [String]) {
    let inHypothesis = counts(hypothesis), inReference = counts(reference)
    for (word, count) in inHypothesis {
      let bucket = bucket(of: word)
      accuracies[bucket].inHypothesis += count
      accuracies[bucket].matched += min(count, inReference[word] ?? 0)
    }
    for (word, count) in inReference { accuracies[bucket(of: word)].inReference += count }
  }

  private func bucket(of word: String) -> Int {
    let count = trainingCount(word)
    return (bounds.lastIndex { $0 <= count }) ?? 0
  }
}

/// Buckets of sentence lengths, in words.
public struct LengthBuckets: Sendable, Equatable {
  /// For captions and short conversation.
  public static let short = LengthBuckets(upperBounds: [5, 10, 15, 20, 30])
  /// For running text, as compare-mt cuts it.
  public static let long = LengthBuckets(upperBounds: [10, 20, 30, 40, 50, 60])

  /// Longest length of each bucket but the last, which is open.
  public let upperBounds: [Int]

  public init(upperBounds: [Int]) {
    precondition(
      !upperBounds.isEmpty && zip(upperBounds, upperBounds.dropFirst()).allSatisfy { $0 < $1 },
      "upper bounds are \(upperBounds), expected them to rise")
    self.upperBounds = upperBounds
  }

  public var count: Int { upperBounds.count + 1 }

  public func bucket(of length: Int) -> Int {
    upperBounds.firstIndex { length <= $0 } ?? upperBounds.count
  }

  /// `0–5`, `6–10`, `31+` …
  public var labels: [String] {
    (0..<count).map { index in
      let lowest = index == 0 ? 0 : upperBounds[index - 1] + 1
      return index < upperBounds.count ? "\(lowest)–\(upperBounds[index])" : "\(lowest)+"
    }
  }

  /// Scores each bucket as a corpus of its own; `nil` for empty buckets.
  /// - Parameter lengths: [segments].
  public func scores(of statistics: SegmentStatistics, lengths: [Int], metric: any Metric) -> [Score?] {
    precondition(
      lengths.count == statistics.segmentCount,
      "\(lengths.count) lengths for \(statistics.segmentCount) segments")
    var sums = [[Double]](repeating: [Double](repeating: 0, count: statistics.width), count: count)
    var found = [Bool](repeating: false, count: count)
    for (segment, length) in lengths.enumerated() {
      let bucket = bucket(of: length)
      found[bucket] = true
      for column in 0..<statistics.width {
        sums[bucket][column] += statistics.values[segment * statistics.width + column]
      }
    }
    return (0..<count).map { found[$0] ? metric.score(sums: sums[$0], references: statistics.references) : nil }
  }
}
