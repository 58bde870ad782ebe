import Foundation

/// BLEU (Papineni et al. 2002) as sacreBLEU 2.6 computes it: corpus-wide clipped n-gram precisions, their
/// geometric mean, and a brevity penalty.
///
/// Per segment the statistics are `[hypothesis length, closest reference length, correct₁…ₙ, total₁…ₙ]`.
public struct BLEU: Metric {
  /// Every option that changes the number.
  public struct Options: Sendable, Equatable {
    public var tokenization: Tokenization
    public var smoothing: Smoothing
    /// Longest n-gram, at least 1.
    public var maximumOrder: Int
    /// Leaves out orders for which the hypothesis has no n-gram; right for single sentences.
    public var effectiveOrder: Bool
    /// Lower-cases before tokenizing.
    public var lowercase: Bool

    public init(
      tokenization: Tokenization = .v13a, smoothing: Smoothing = .exponential, maximumOrder: Int = 4,
      effectiveOrder: Bool = false, lowercase: Bool = false
    ) {
      precondition(maximumOrder >= 1, "BLEU's maximum order is \(maximumOrder), expected at least 1")
      self.tokenization = tokenization
      self.smoothing = smoothing
      self.maximumOrder = maximumOrder
      self.effectiveOrder = effectiveOrder
      self.lowercase = lowercase
    }

    /// The defaults with effective order, as sacreBLEU's command line scores sentences.
    public static let sentence = Options(effectiveOrder: true)
  }

  /// What replaces a precision of zero (Chen and Cherry 2014).
  public enum Smoothing: Sendable, Equatable {
    /// 1/2, 1/4, 1/8 … of a match for each successive order without a match.
    case exponential
    /// This many matches instead of none (sacreBLEU's default is 0.1).
    case floor(Double = 0.1)
    /// Adds this many matches and n-grams to every order above 1 (default 1).
    case addK(Double = 1)
    case none
  }

  public let options: Options
  public let name = "BLEU"
  public var statisticCount: Int { 2 + 2 * options.maximumOrder }
  public var resamplesInSinglePrecision: Bool { false }

  public init(_ options: Options = Options()) {
    self.options = options
  }

  public func makeCounter() -> any SegmentCounter { BLEUCounter(options) }

  public func score(sums: [Double], references: Signature.ReferenceCount) -> Score {
    let result = compute(sums)
    let precisions = result.precisions.map { formatFixed($0, 1) }.joined(separator: "/")
    let ratio = sums[1] == 0 ? 0 : sums[0] / sums[1]
    return Score(
      name: name, score: result.score, signature: signature(references),
      verbose: "\(precisions) (BP = \(formatFixed(result.brevityPenalty, 3)) ratio = \(formatFixed(ratio, 3)) "
        + "hyp_len = \(Int(sums[0])) ref_len = \(Int(sums[1])))",
      details: .bleu(
        precisions: result.precisions, correct: result.correct, total: result.total,
        brevityPenalty: result.brevityPenalty, hypothesisLength: Int(sums[0]), referenceLength: Int(sums[1])))
  }

  public func resampledScore(sums: [Float]) -> Double { compute(sums).score }

  public func trialScore(sums: [Double]) -> Double { compute(sums, addedCountsAreIntegers: true).score }

  private struct Result<Number> {
    var score: Double
    var precisions: [Number]
    var correct: [Number]
    var total: [Number]
    var brevityPenalty: Double
  }

  /// - Parameter addedCountsAreIntegers: sacreBLEU's randomisation trials keep integer arrays, into which a
  ///   fractional `k` is added with truncation.
  private func compute<Number: BinaryFloatingPoint>(
    _ sums: [Number], addedCountsAreIntegers: Bool = false
  ) -> Result<Number> {
    let order = options.maximumOrder
    let hypothesisLength = Double(sums[0]), referenceLength = Double(sums[1])
    var brevityPenalty = 1.0
    if hypothesisLength < referenceLength {
      brevityPenalty = hypothesisLength > 0 ? exp(1 - referenceLength / hypothesisLength) : 0
    }
    var result = Result(
      score: 0, precisions: [Number](repeating: 0, count: order), correct: Array(sums[2..<2 + order]),
      total: Array(sums[(2 + order)...]), brevityPenalty: brevityPenalty)
    guard result.correct.contains(where: { $0 != 0 }) else { return result }

    var divisor: Number = 1
    var usedOrder = order
    for index in 0..<order {
      if case .addK(let k) = options.smoothing, index > 0 {
        result.correct[index] += Number(k)
        result.total[index] += Number(k)
        if addedCountsAreIntegers {
          result.correct[index].round(.towardZero)
          result.total[index].round(.towardZero)
        }
      }
      let correct = result.correct[index], total = result.total[index]
      if total == 0 { break }
      if options.effectiveOrder { usedOrder = index + 1 }
      if correct != 0 {
        result.precisions[index] = 100 * correct / total
        continue
      }
      switch options.smoothing {
      case .exponential:
        divisor *= 2
        result.precisions[index] = 100 / (divisor * total)
      case .floor(let value):
        result.precisions[index] = Number(100 * value) / total
      case .addK, .none: break
      }
    }
    let logarithms = result.precisions[..<usedOrder].map { $0 == 0 ? -9_999_999_999 : log(Double($0)) }
    result.score = brevityPenalty * exp(logarithms.reduce(0, +) / Double(usedOrder))
    return result
  }

  private func signature(_ references: Signature.ReferenceCount) -> Signature {
    let smoothing =
      switch options.smoothing {
      case .exponential: "exp"
      case .floor(let value): "floor[\(formatFixed(value, 2))]"
      case .addK(let value): "add-k[\(formatFixed(value, 2))]"
      case .none: "none"
      }
    return Signature(
      references: references,
      options: [
        .init(key: "case", abbreviation: "c", value: options.lowercase ? "lc" : "mixed"),
        .init(key: "eff", abbreviation: "e", value: options.effectiveOrder ? "yes" : "no"),
        .init(key: "tok", abbreviation: "tok", value: options.tokenization.rawValue),
        .init(key: "smooth", abbreviation: "s", value: smoothing),
      ])
  }
}

/// Counts n-grams of one segment at a time.
private final class BLEUCounter: SegmentCounter {
  private let order: Int
  private let lowercase: Bool
  private let tokenizer: any Tokenizer
  private let lowered = ByteBuffer()
  private let tokenized = ByteBuffer()
  private let words = WordTable()
  private let ngrams = NGramTable()
  /// The words of the text at hand, [wordCount].
  private var symbols = UnsafeMutablePointer<UInt32>.allocate(capacity: 256)
  private var room = 256
  private var wordCount = 0
  private var referenceLengths: [Int] = []

  init(_ options: BLEU.Options) {
    order = options.maximumOrder
    lowercase = options.lowercase
    tokenizer = options.tokenization.makeTokenizer()
  }

  deinit { symbols.deallocate() }

  func addReference(_ text: UnsafeBufferPointer<UInt8>) {
    split(text) { words.insert($0) }
    // `first` holds the largest count over references, `second` the count in this reference.
    let symbols = symbols, wordCount = wordCount
    for number in 0..<ngrams.count { ngrams.second[number] = 0 }
    for start in 0..<wordCount {
      var prefix = NGramTable.root
      for position in start..<min(start + order, wordCount) {
        prefix = ngrams.insert(prefix, symbols[position])
        let number = Int(prefix)
        ngrams.second[number] += 1
        ngrams.first[number] = max(ngrams.first[number], ngrams.second[number])
      }
    }
    referenceLengths.append(wordCount)
  }

  func countHypothesis(_ text: UnsafeBufferPointer<UInt8>, into statistics: UnsafeMutableBufferPointer<Double>) {
    split(text) { words.find($0) }
    let symbols = symbols, wordCount = wordCount
    for column in statistics.indices { statistics[column] = 0 }
    statistics[0] = Double(wordCount)
    statistics[1] = Double(closestReferenceLength(to: wordCount))
    for length in 1...order { statistics[1 + order + length] = Double(max(wordCount - length + 1, 0)) }
    for start in 0..<wordCount {
      var prefix = NGramTable.root
      for position in start..<min(start + order, wordCount) {
        prefix = ngrams.find(prefix, symbols[position])
        // A prefix that no reference has begins no n-gram that a reference has.
        if prefix == NGramTable.absent { break }
        let number = Int(prefix)
        // `third` is the count in the hypothesis, clipped.
        if ngrams.third[number] < ngrams.first[number] {
          ngrams.third[number] += 1
          statistics[2 + position - start] += 1
        }
      }
    }
    referenceLengths.removeAll(keepingCapacity: true)
    ngrams.removeAll()
    words.removeAll()
  }

  /// Of two equally close lengths the shorter counts.
  private func closestReferenceLength(to length: Int) -> Int {
    var closest = -1, distance = Int.max
    for candidate in referenceLengths {
      let difference = abs(length - candidate)
      if difference < distance || (difference == distance && candidate < closest) {
        closest = candidate
        distance = difference
      }
    }
    return closest
  }

  @inline(__always)
  private func split(_ text: UnsafeBufferPointer<UInt8>, _ number: (UnsafeBufferPointer<UInt8>) -> UInt32) {
    var text = text
    if lowercase {
      Lowercaser().lowercase(text, into: lowered)
      text = lowered.bytes
    }
    tokenizer.tokenize(strippedRight(text), into: tokenized)
    let output = tokenized.bytes
    if output.count > room {
      symbols.deallocate()
      room = output.count * 2
      symbols = .allocate(capacity: room)
    }
    let symbols = symbols
    var count = 0
    forEachWord(in: output) { start, end in
      symbols[count] = number(UnsafeBufferPointer(rebasing: output[start..<end]))
      count += 1
    }
    wordCount = count
  }
}
