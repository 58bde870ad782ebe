/// chrF (Popović 2015) and chrF++ (Popović 2017) as sacreBLEU 2.6 computes them: an F-score over character (and
/// word) n-grams.
///
/// Per segment the statistics are `[hypothesis, reference, matches]` for each order, characters first; of several
/// references the one with the best sentence score counts.
public struct ChrF: Metric {
  /// Every option that changes the number.
  public struct Options: Sendable, Equatable {
    public var characterOrder: Int
    /// 0 for chrF, 2 for chrF++.
    public var wordOrder: Int
    /// Recall weighs β² times as much as precision.
    public var beta: Int
    public var lowercase: Bool
    /// Lets whitespace be part of character n-grams.
    public var whitespace: Bool
    /// Averages F over all orders with an ε for what is missing, instead of precision and recall over the orders
    /// that both sides have.
    public var epsilonSmoothing: Bool

    public init(
      characterOrder: Int = 6, wordOrder: Int = 0, beta: Int = 2, lowercase: Bool = false,
      whitespace: Bool = false, epsilonSmoothing: Bool = false
    ) {
      precondition(
        characterOrder >= 0 && wordOrder >= 0 && characterOrder + wordOrder > 0,
        "chrF's orders are \(characterOrder) and \(wordOrder), expected one above 0")
      self.characterOrder = characterOrder
      self.wordOrder = wordOrder
      self.beta = beta
      self.lowercase = lowercase
      self.whitespace = whitespace
      self.epsilonSmoothing = epsilonSmoothing
    }

    /// chrF++: word unigrams and bigrams too.
    public static let plusPlus = Options(wordOrder: 2)
  }

  public let options: Options
  public var name: String { "chrF\(options.beta)" + String(repeating: "+", count: options.wordOrder) }
  public var statisticCount: Int { 3 * (options.characterOrder + options.wordOrder) }
  public var resamplesInSinglePrecision: Bool { true }

  public init(_ options: Options = Options()) {
    self.options = options
  }

  public func makeCounter() -> any SegmentCounter { ChrFCounter(self) }

  public func score(sums: [Double], references: Signature.ReferenceCount) -> Score {
    Score(
      name: name, score: sums.withUnsafeBufferPointer { fScore($0) }, signature: signature(references), verbose: "",
      details: .chrF(
        characterOrder: options.characterOrder, wordOrder: options.wordOrder, beta: options.beta))
  }

  public func resampledScore(sums: [Float]) -> Double { Double(sums.withUnsafeBufferPointer { fScore($0) }) }

  public func trialScore(sums: [Double]) -> Double { sums.withUnsafeBufferPointer { fScore($0) } }

  func fScore<Number: BinaryFloatingPoint>(_ sums: UnsafeBufferPointer<Number>) -> Number {
    let epsilon: Number = 1e-16
    let factor = Number(options.beta * options.beta)
    let orders = options.characterOrder + options.wordOrder
    var smoothed: Number = 0
    var precisions: Number = 0, recalls: Number = 0
    var effectiveOrder = 0
    for order in 0..<orders {
      let hypothesis = sums[3 * order], reference = sums[3 * order + 1], matches = sums[3 * order + 2]
      let precision = hypothesis > 0 ? matches / hypothesis : epsilon
      let recall = reference > 0 ? matches / reference : epsilon
      let denominator = factor * precision + recall
      smoothed += denominator > 0 ? (1 + factor) * precision * recall / denominator : epsilon
      if hypothesis > 0 && reference > 0 {
        precisions += precision
        recalls += recall
        effectiveOrder += 1
      }
    }
    if options.epsilonSmoothing { return 100 * smoothed / Number(orders) }
    guard effectiveOrder > 0 else { return 0 }
    precisions /= Number(effectiveOrder)
    recalls /= Number(effectiveOrder)
    guard precisions + recalls != 0 else { return 0 }
    var score = (1 + factor) * precisions * recalls
    score /= factor * precisions + recalls
    return 100 * score
  }

  private func signature(_ references: Signature.ReferenceCount) -> Signature {
    Signature(
      references: references,
      options: [
        .init(key: "case", abbreviation: "c", value: options.lowercase ? "lc" : "mixed"),
        .init(key: "eff", abbreviation: "e", value: options.epsilonSmoothing ? "no" : "yes"),
        .init(key: "nc", abbreviation: "nc", value: "\(options.characterOrder)"),
        .init(key: "nw", abbreviation: "nw", value: "\(options.wordOrder)"),
        .init(key: "space", abbreviation: "s", value: options.whitespace ? "yes" : "no"),
      ])
  }
}

/// Counts character and word n-grams of one segment at a time.
private final class ChrFCounter: SegmentCounter {
  /// A text as symbols: its characters, and its words as bytes in `text`.
  private final class Text {
    var characters: [UInt32] = []
    let bytes = ByteBuffer()
    var words: [Range<Int>] = []
  }

  private let metric: ChrF
  private let options: ChrF.Options
  private let lowered = ByteBuffer()
  private let characterNGrams = NGramTable(bits: 12)
  private let wordNGrams = NGramTable()
  private let wordTable = WordTable()
  private var symbols: [UInt32] = []
  private var references: [Text] = []
  private var referenceCount = 0
  private let hypothesis = Text()
  private var candidate: [Double]

  init(_ metric: ChrF) {
    self.metric = metric
    options = metric.options
    candidate = [Double](repeating: 0, count: metric.statisticCount)
  }

  func addReference(_ text: UnsafeBufferPointer<UInt8>) {
    if referenceCount == references.count { references.append(Text()) }
    read(text, into: references[referenceCount])
    referenceCount += 1
  }

  func countHypothesis(_ text: UnsafeBufferPointer<UInt8>, into statistics: UnsafeMutableBufferPointer<Double>) {
    read(text, into: hypothesis)
    for column in statistics.indices { statistics[column] = 0 }
    var best = -1.0
    for reference in references[..<referenceCount] {
      compare(with: reference)
      let score = candidate.withUnsafeBufferPointer { metric.fScore($0) }
      if score > best {
        best = score
        for column in statistics.indices { statistics[column] = candidate[column] }
      }
    }
    referenceCount = 0
  }

  private func compare(with reference: Text) {
    for column in candidate.indices { candidate[column] = 0 }
    Self.insert(reference.characters, options.characterOrder, into: characterNGrams)
    count(hypothesis.characters, against: reference.characters.count, options.characterOrder, characterNGrams, 0)
    guard options.wordOrder > 0 else { return }
    wordTable.removeAll()
    symbols.removeAll(keepingCapacity: true)
    for word in reference.words {
      symbols.append(wordTable.insert(UnsafeBufferPointer(rebasing: reference.bytes.bytes[word])))
    }
    Self.insert(symbols, options.wordOrder, into: wordNGrams)
    symbols.removeAll(keepingCapacity: true)
    for word in hypothesis.words {
      symbols.append(wordTable.find(UnsafeBufferPointer(rebasing: hypothesis.bytes.bytes[word])))
    }
    count(symbols, against: reference.words.count, options.wordOrder, wordNGrams, options.characterOrder)
  }

  private static func insert(_ symbols: [UInt32], _ order: Int, into table: NGramTable) {
    table.removeAll()
    symbols.withUnsafeBufferPointer { symbols in
      for start in symbols.indices {
        var prefix = NGramTable.root
        for position in start..<min(start + order, symbols.count) {
          prefix = table.insert(prefix, symbols[position])
          table.first[Int(prefix)] += 1
        }
      }
    }
  }

  /// Fills the candidate's triples from `firstOrder` on.
  private func count(
    _ symbols: [UInt32], against referenceCount: Int, _ order: Int, _ table: NGramTable, _ firstOrder: Int
  ) {
    guard order > 0 else { return }
    for length in 1...order {
      let column = 3 * (firstOrder + length - 1)
      candidate[column + 1] = Double(max(referenceCount - length + 1, 0))
      // Without an n-gram in the reference those of the hypothesis are not counted.
      candidate[column] = candidate[column + 1] > 0 ? Double(max(symbols.count - length + 1, 0)) : 0
    }
    candidate.withUnsafeMutableBufferPointer { candidate in
      symbols.withUnsafeBufferPointer { symbols in
        for start in symbols.indices {
          var prefix = NGramTable.root
          for position in start..<min(start + order, symbols.count) {
            prefix = table.find(prefix, symbols[position])
            if prefix == NGramTable.absent { break }
            let number = Int(prefix)
            if table.third[number] < table.first[number] {
              table.third[number] += 1
              candidate[3 * (firstOrder + position - start) + 2] += 1
            }
          }
        }
      }
    }
  }

  private func read(_ text: UnsafeBufferPointer<UInt8>, into destination: Text) {
    var text = text
    if options.lowercase {
      Lowercaser().lowercase(text, into: lowered)
      text = lowered.bytes
    }
    destination.characters.removeAll(keepingCapacity: true)
    destination.characters.reserveCapacity(text.count)
    var position = 0
    while position < text.count {
      let scalar = decodeScalar(text, &position)
      if options.whitespace || !isWhitespace(scalar) { destination.characters.append(scalar) }
    }
    destination.words.removeAll(keepingCapacity: true)
    guard options.wordOrder > 0 else { return }
    destination.bytes.count = 0
    destination.bytes.append(text)
    forEachWord(in: text) { start, end in
      // One mark, at the end or else at the start, is a word of its own: `(hi)` is `(hi` and `)`.
      if end - start > 1 && isASCIIPunctuation(text[end - 1]) {
        destination.words += [start..<end - 1, end - 1..<end]
      } else if end - start > 1 && isASCIIPunctuation(text[start]) {
        destination.words += [start..<start + 1, start + 1..<end]
      } else {
        destination.words.append(start..<end)
      }
    }
  }
}

@inline(__always)
private func isASCIIPunctuation(_ byte: UInt8) -> Bool {
  switch byte {
  case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
  default: false
  }
}
