/// Translation edit rate (Snover et al. 2006) as sacreBLEU 2.6 computes it after Tercom: the fewest insertions,
/// deletions, substitutions and block shifts, in percent of the reference's words. Lower is better.
///
/// Per segment the statistics are `[edits, reference length]`: the fewest edits over the references, and the mean
/// of their lengths.
public struct TER: Metric {
  /// Every option that changes the number.
  public struct Options: Sendable, Equatable {
    /// Splits punctuation off and unescapes entities.
    public var normalized: Bool
    public var removesPunctuation: Bool
    /// With `normalized` splits CJK text into characters; with `removesPunctuation` removes CJK marks too.
    public var asianSupport: Bool
    public var caseSensitive: Bool

    public init(
      normalized: Bool = false, removesPunctuation: Bool = false, asianSupport: Bool = false,
      caseSensitive: Bool = false
    ) {
      self.normalized = normalized
      self.removesPunctuation = removesPunctuation
      self.asianSupport = asianSupport
      self.caseSensitive = caseSensitive
    }
  }

  public let options: Options
  public let name = "TER"
  public let statisticCount = 2
  public var resamplesInSinglePrecision: Bool { true }

  public init(_ options: Options = Options()) {
    self.options = options
  }

  public func makeCounter() -> any SegmentCounter { TERCounter(options) }

  public func score(sums: [Double], references: Signature.ReferenceCount) -> Score {
    Score(
      name: name, score: rate(sums), signature: signature(references), verbose: "",
      details: .ter(edits: Int(sums[0]), referenceLength: sums[1]))
  }

  public func resampledScore(sums: [Float]) -> Double { Double(rate(sums)) }

  public func trialScore(sums: [Double]) -> Double { rate(sums) }

  private func rate<Number: BinaryFloatingPoint>(_ sums: [Number]) -> Number {
    if sums[1] > 0 { return 100 * (sums[0] / sums[1]) }
    return sums[0] > 0 ? 100 : 0
  }

  private func signature(_ references: Signature.ReferenceCount) -> Signature {
    Signature(
      references: references,
      options: [
        .init(key: "case", abbreviation: "c", value: options.caseSensitive ? "mixed" : "lc"),
        .init(key: "tok", abbreviation: "t", value: "tercom"),
        .init(key: "norm", abbreviation: "nr", value: options.normalized ? "yes" : "no"),
        .init(key: "punct", abbreviation: "pn", value: options.removesPunctuation ? "no" : "yes"),
        .init(key: "asian", abbreviation: "as", value: options.asianSupport ? "yes" : "no"),
      ])
  }
}

/// Counts the edits of one segment at a time.
private final class TERCounter: SegmentCounter {
  private let tokenizer: TercomTokenizer
  private let normalizesTwice: Bool
  private let joined = ByteBuffer()
  private let words = WordTable()
  private var references: [[Int32]] = []
  private let edits = ShiftedEditDistance()

  init(_ options: TER.Options) {
    tokenizer = TercomTokenizer(options)
    normalizesTwice = options.normalized
  }

  func addReference(_ text: UnsafeBufferPointer<UInt8>) {
    guard normalizesTwice else {
      references.append(split(text))
      return
    }
    // sacreBLEU tokenizes references twice. It shows where one pass does not finish: runs of marks, and `&amp;lt;`.
    let once = tokenizer.tokenize(strippedRight(text))
    joined.count = 0
    joined.reserve(once.count + 1)
    forEachWord(in: once) { start, end in
      if joined.count > 0 { joined.put(0x20) }
      for byte in once[start..<end] { joined.put(byte) }
    }
    references.append(split(joined.bytes))
  }

  func countHypothesis(_ text: UnsafeBufferPointer<UInt8>, into statistics: UnsafeMutableBufferPointer<Double>) {
    let hypothesis = split(text)
    var fewest = Int.max, length = 0
    for reference in references {
      length += reference.count
      fewest = min(fewest, edits.edits(from: hypothesis, to: reference))
    }
    statistics[0] = Double(fewest)
    statistics[1] = Double(length) / Double(references.count)
    references.removeAll(keepingCapacity: true)
    words.removeAll()
  }

  private func split(_ text: UnsafeBufferPointer<UInt8>) -> [Int32] {
    let output = tokenizer.tokenize(strippedRight(text))
    var numbers: [Int32] = []
    forEachWord(in: output) { start, end in
      numbers.append(Int32(words.insert(UnsafeBufferPointer(rebasing: output[start..<end]))))
    }
    return numbers
  }
}
