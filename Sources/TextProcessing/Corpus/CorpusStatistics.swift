/// What a corpus looks like: sizes, lengths, repetitions. Add pairs one by one; memory grows with different words only.
public struct CorpusStatistics: Sendable {
  public struct Side: Sendable, Equatable, Codable {
    /// Words are what stands between white space.
    public internal(set) var words = 0
    public internal(set) var characters = 0
    public internal(set) var longestLine = 0
    public internal(set) var emptyLines = 0
    public internal(set) var distinctWords = 0
    /// Lines by number of words: entry i holds those of 10i to 10i+9 words, the last all longer ones.
    public internal(set) var lengthHistogram = [Int](repeating: 0, count: 11)
    /// Lines whose dominant script this is, by ISO 15924 code; `none` where a line has none.
    public internal(set) var scripts: [String: Int] = [:]
  }

  public private(set) var pairs = 0
  public private(set) var duplicatePairs = 0
  public private(set) var identicalSides = 0
  public private(set) var source = Side()
  public private(set) var target = Side()
  private var sourceWords = WordCounts()
  private var targetWords = WordCounts()
  private var seen: Set<Fingerprint> = []

  public init() {}

  /// Target words for one source word.
  public var wordRatio: Double { source.words == 0 ? 0 : Double(target.words) / Double(source.words) }

  public mutating func add(_ pair: SentencePair) {
    pairs += 1
    let sourceKey = SentenceKey.key(pair.source)
    let targetKey = SentenceKey.key(pair.target)
    if !seen.insert(Fingerprint(sourceKey, targetKey)).inserted { duplicatePairs += 1 }
    if sourceKey == targetKey { identicalSides += 1 }
    Self.add(pair.source, to: &source, &sourceWords)
    Self.add(pair.target, to: &target, &targetWords)
  }

  private static func add(_ line: String, to side: inout Side, _ counts: inout WordCounts) {
    let words = line.unicodeScalars.split { $0.properties.isWhitespace }
    for word in words { counts.add(String(Substring(word))) }
    side.words += words.count
    side.characters += line.unicodeScalars.count
    side.longestLine = max(side.longestLine, words.count)
    if words.isEmpty { side.emptyLines += 1 }
    side.lengthHistogram[min(words.count / 10, side.lengthHistogram.count - 1)] += 1
    side.scripts[ScriptDetector.dominantScript(of: line) ?? "none", default: 0] += 1
    side.distinctWords = counts.distinct
  }
}
