/// Why a pair was left out.
public enum DropReason: String, CaseIterable, Codable, Sendable {
  case empty
  case tooShort = "too-short"
  case tooLong = "too-long"
  case lengthRatio = "length-ratio"
  case longWord = "long-word"
  case identical
  case wrongScript = "wrong-script"
  case duplicate
}

/// What to leave out of a corpus. A limit of nothing is no limit.
public struct CleaningOptions: Sendable, Equatable {
  /// Words are what stands between white space.
  public var minimumWords: Int? = 1
  public var maximumWords: Int? = 200
  /// Of characters: (longer + 10) / (shorter + 10), so that short sentences may differ more. Characters that are words or
  /// syllables count as several (`Unicode.Scalar.letterCount`).
  public var maximumLengthRatio: Double? = 2.5
  /// Characters of a word that is no URL or the like, those apart whose script has no spaces.
  public var longestWord: Int? = 50
  /// Pairs whose sides are the same sentence (`SentenceKey`).
  public var dropsIdentical = true
  /// Pairs that came before (`SentenceKey` of both sides).
  public var dropsDuplicates = true
  /// ISO 15924 codes, one of which must be the side's dominant script; see `ScriptDetector.scripts(ofLanguage:)`.
  public var sourceScripts: Set<String>?
  public var targetScripts: Set<String>?

  public init() {}
}

/// What was kept, and what was left out and why.
public struct CleaningReport: Sendable, Equatable, Codable {
  public struct Drop: Sendable, Equatable, Codable {
    public var count = 0
    /// The first few, with their place in the corpus from 1.
    public var examples: [Example] = []
  }

  public struct Example: Sendable, Equatable, Codable {
    public var line: Int
    public var pair: SentencePair
  }

  public static let examplesKept = 3
  public internal(set) var kept = 0
  /// By `DropReason.rawValue`; every reason has an entry.
  public internal(set) var dropped = Dictionary(uniqueKeysWithValues: DropReason.allCases.map { ($0.rawValue, Drop()) })

  public var total: Int { kept + dropped.values.reduce(0) { $0 + $1.count } }

  public subscript(_ reason: DropReason) -> Drop { dropped[reason.rawValue] ?? Drop() }
}

/// Decides pair by pair, in order, whether it stays. Memory grows only by 16 bytes for each different pair.
public struct CorpusCleaner: Sendable {
  public let options: CleaningOptions
  public private(set) var report = CleaningReport()
  private var seen: Set<Fingerprint> = []
  private var line = 0

  public init(_ options: CleaningOptions = .init()) { self.options = options }

  /// True where the pair stays; the report counts it either way.
  public mutating func keeps(_ pair: SentencePair) -> Bool {
    line += 1
    guard let reason = reason(pair) else {
      report.kept += 1
      return true
    }
    var drop = report[reason]
    drop.count += 1
    if drop.examples.count < CleaningReport.examplesKept { drop.examples.append(.init(line: line, pair: pair)) }
    report.dropped[reason.rawValue] = drop
    return false
  }

  /// The first reason, in the order of `DropReason`, to leave the pair out.
  private mutating func reason(_ pair: SentencePair) -> DropReason? {
    let source = words(pair.source)
    let target = words(pair.target)
    if source.isEmpty || target.isEmpty { return .empty }
    if let least = options.minimumWords, min(source.count, target.count) < least { return .tooShort }
    if let most = options.maximumWords, max(source.count, target.count) > most { return .tooLong }
    if let most = options.maximumLengthRatio {
      let lengths = [length(source), length(target)].sorted()
      if Double(lengths[1] + 10) > most * Double(lengths[0] + 10) { return .lengthRatio }
    }
    if let longest = options.longestWord {
      for word in source + target where word.count > longest && word.count(where: { !$0.hasNoSpaces }) > longest {
        if ProtectedSpans.find(in: String(Substring(word))).isEmpty { return .longWord }
      }
    }
    guard options.dropsIdentical || options.dropsDuplicates || options.sourceScripts != nil || options.targetScripts != nil
    else { return nil }
    let sourceKey = SentenceKey.key(pair.source)
    let targetKey = SentenceKey.key(pair.target)
    if options.dropsIdentical, sourceKey == targetKey { return .identical }
    if isWrong(pair.source, options.sourceScripts) || isWrong(pair.target, options.targetScripts) { return .wrongScript }
    if options.dropsDuplicates, !seen.insert(Fingerprint(sourceKey, targetKey)).inserted { return .duplicate }
    return nil
  }

  private func words(_ text: String) -> [Substring.UnicodeScalarView] {
    text.unicodeScalars.split { $0.properties.isWhitespace }
  }

  private func length(_ words: [Substring.UnicodeScalarView]) -> Int {
    words.reduce(words.count - 1) { $0 + $1.reduce(0) { $0 + $1.letterCount } }
  }

  private func isWrong(_ text: String, _ scripts: Set<String>?) -> Bool {
    guard let scripts, let found = ScriptDetector.dominantScript(of: text) else { return false }
    return !scripts.contains(found)
  }
}
