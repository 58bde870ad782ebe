/// Where the loop's sentence pairs come from: corpora of pairs as ids, possibly different at each pass over them
/// (BPE-dropout, changed sources). The same pair, pass and source always give the same ids, on any thread.
public protocol PairSource: Sendable {
  /// Pairs in each corpus.
  var sizes: [Int] { get }
  /// Source and target ids, both with the end symbol, as seen in the pass-th reading of the corpus. Empty sides mean
  /// that the pair is left out of this pass.
  func pair(corpus: Int, index: Int, pass: Int) -> TokenPair
  /// A measure of a pair's length that needs no encoding: to find the longest.
  func roughLength(corpus: Int, index: Int) -> Int
}

/// Source and target ids, both with the end symbol.
public struct TokenPair: Sendable, Equatable {
  public var source: ArraySlice<Int32>
  public var target: ArraySlice<Int32>

  public init(source: ArraySlice<Int32>, target: ArraySlice<Int32>) {
    (self.source, self.target) = (source, target)
  }

  var length: Int { source.count + target.count }
}

/// A corpus as ids, encoded once and held flat: 4 bytes a token and 8 bytes a pair.
public struct EncodedCorpus: Sendable {
  private var ids: [Int32] = []
  /// [2·count + 1], source and target in turn.
  private var offsets: [UInt32] = [0]

  public init() {}

  public var count: Int { (offsets.count - 1) / 2 }
  public var tokenCount: Int { ids.count }
  public private(set) var targetTokens = 0

  public mutating func append(source: some Collection<Int32>, target: some Collection<Int32>) {
    ids.append(contentsOf: source)
    offsets.append(UInt32(ids.count))
    ids.append(contentsOf: target)
    offsets.append(UInt32(ids.count))
    targetTokens += target.count
  }

  public mutating func append(contentsOf other: EncodedCorpus) {
    let base = UInt32(ids.count)
    ids.append(contentsOf: other.ids)
    offsets.append(contentsOf: other.offsets.dropFirst().map { $0 + base })
    targetTokens += other.targetTokens
  }

  public func source(_ i: Int) -> ArraySlice<Int32> { ids[Int(offsets[2 * i])..<Int(offsets[2 * i + 1])] }
  public func target(_ i: Int) -> ArraySlice<Int32> { ids[Int(offsets[2 * i + 1])..<Int(offsets[2 * i + 2])] }
  public func length(_ i: Int) -> Int { Int(offsets[2 * i + 2] - offsets[2 * i]) }
}

/// Corpora whose ids are the same at every pass.
public struct EncodedPairs: PairSource {
  public let corpora: [EncodedCorpus]

  public init(_ corpora: [EncodedCorpus]) { self.corpora = corpora }

  public var sizes: [Int] { corpora.map(\.count) }

  public func pair(corpus: Int, index: Int, pass: Int) -> TokenPair {
    TokenPair(source: corpora[corpus].source(index), target: corpora[corpus].target(index))
  }

  public func roughLength(corpus: Int, index: Int) -> Int { corpora[corpus].length(index) }
}
