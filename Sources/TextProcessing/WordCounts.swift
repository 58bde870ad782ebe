import Dispatch
import Foundation
import Synchronization

/// How often each word occurs in a text.
public struct WordCounts: Sendable {
  private var table = ByteStringTable()
  private var counts: [Int] = []
  /// The number of words, repetitions counted.
  public private(set) var total = 0

  public init() {}

  /// The number of different words.
  public var distinct: Int { counts.count }

  public func count(of word: String) -> Int { table.find(word).map { counts[$0] } ?? 0 }

  public mutating func add(_ word: String, _ count: Int = 1) {
    var word = word
    word.withUTF8 { add($0, count) }
  }

  mutating func add(_ word: UnsafeBufferPointer<UInt8>, _ count: Int) {
    let (index, isNew) = table.insert(word)
    if isNew { counts.append(0) }
    counts[index] += count
    total += count
  }

  public mutating func add(_ other: WordCounts) {
    other.forEach { word, count in word.withUnsafeBufferPointer { add($0, count) } }
  }

  /// Every word's UTF-8 with its count, in the order of arrival.
  func forEach(_ body: (ArraySlice<UInt8>, Int) -> Void) {
    for index in counts.indices { body(table.bytes(at: index), counts[index]) }
  }

  /// The most frequent first; equals by their bytes.
  public var sorted: [(word: String, count: Int)] {
    counts.indices
      .sorted { a, b in
        counts[a] != counts[b] ? counts[a] > counts[b] : table.bytes(at: a).lexicographicallyPrecedes(table.bytes(at: b))
      }
      .map { (table.string(at: $0), counts[$0]) }
  }

  // MARK: On disk: a word, a tab, its count, a line each, the most frequent first.

  /// Writes the words, gzipped if the name ends in `.gz`. With `limit` the rarest are left out, all of one count together,
  /// until no more are left: what the file lacks is rarer than the rarest word it has.
  public func write(to file: URL, limit: Int? = nil) throws(TextError) {
    // A word with a break in it would be two lines.
    let words = sorted.filter { !$0.word.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } }
    let least = limit.flatMap { words.count > $0 ? words[$0].count : nil } ?? 0
    var bytes: [UInt8] = []
    for (word, count) in words where count > least { bytes.append(contentsOf: "\(word)\t\(count)\n".utf8) }
    if file.pathExtension == "gz" { bytes = try Gzip.compress(bytes, level: 9) }
    try AtomicFile.write(Data(bytes), to: file)
  }

  public init(file: URL) throws(TextError) {
    var number = 0
    for line in try LineReader(path: file.path).readAll() {
      number += 1
      let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
      // No sum of counts may overflow.
      guard parts.count == 2, !parts[0].isEmpty, let count = Int(parts[1]), count > 0, count <= Int.max / 2 - total else {
        throw .line(path: file.path, line: number, problem: "expected a word, a tab and a count above 0")
      }
      add(String(parts[0]), count)
    }
  }
}

extension TextPipeline {
  /// Counts the words of a text as `words` gives them, on all cores.
  public func countWords(_ lines: [String]) throws -> WordCounts {
    var counts = WordCounts()
    try Self.countWords(Self.countStretches(lines, configuration), configuration) { word, _, count in counts.add(word, count) }
    return counts
  }

  /// How often each stretch between spaces occurs, on all cores. Words are cut only once per different stretch.
  static func countStretches(_ lines: [String], _ configuration: TextConfiguration) throws(TextError) -> WordCounts {
    let normalizer = Normalizer(configuration)
    let parts = max(1, min(ProcessInfo.processInfo.activeProcessorCount, lines.count / 1000))
    let results = Mutex([Result<WordCounts, TextError>?](repeating: nil, count: parts))
    DispatchQueue.concurrentPerform(iterations: parts) { part in
      let result = Result<WordCounts, TextError> { () throws(TextError) in
        let encoder = try TextEncoder(configuration, normalizer)
        var counts = WordCounts()
        for index in (lines.count * part / parts)..<(lines.count * (part + 1) / parts) {
          var line = lines[index]
          line.withUTF8 { line in encoder.forEachStretch(of: line) { counts.add($0, 1) } }
        }
        return counts
      }
      results.withLock { $0[part] = result }
    }
    var counts: WordCounts?
    for result in results.withLock({ $0 }) {
      guard let part = try result?.get() else { continue }
      if counts == nil { counts = part } else { counts?.add(part) }
    }
    return counts ?? WordCounts()
  }

  static func countWords(
    _ stretches: WordCounts, _ configuration: TextConfiguration,
    _ body: (_ word: UnsafeBufferPointer<UInt8>, _ afterSpace: Bool, _ count: Int) -> Void
  ) throws(TextError) {
    let encoder = try TextEncoder(configuration, Normalizer(configuration))
    stretches.forEach { stretch, count in
      stretch.withUnsafeBufferPointer { stretch in
        encoder.forEachWord(ofStretch: stretch) { word in
          body(UnsafeBufferPointer(rebasing: stretch[word]), word.lowerBound == 0, count)
        }
      }
    }
  }
}
