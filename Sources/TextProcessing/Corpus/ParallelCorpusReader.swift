/// A sentence and its translation.
public struct SentencePair: Sendable, Equatable, Codable {
  public var source: String
  public var target: String

  public init(source: String, target: String) {
    self.source = source
    self.target = target
  }
}

/// Sentence pairs one after another, in bounded memory. Every form may be gzipped.
public protocol ParallelCorpusReader: AnyObject {
  /// The next pair, or nothing after the last.
  /// - Throws: `TextError` with the file and the line.
  func nextPair() throws(TextError) -> SentencePair?
}

extension ParallelCorpusReader {
  /// All pairs that are left.
  public func readAll() throws(TextError) -> [SentencePair] {
    var pairs: [SentencePair] = []
    while let pair = try nextPair() { pairs.append(pair) }
    return pairs
  }
}

/// Two files of which line n of one is the translation of line n of the other.
public final class AlignedFilesReader: ParallelCorpusReader {
  private let source: LineReader
  private let target: LineReader

  public init(source: String, target: String, invalidUTF8: LineReader.InvalidUTF8 = .fail) throws(TextError) {
    self.source = try LineReader(path: source, invalidUTF8: invalidUTF8)
    self.target = try LineReader(path: target, invalidUTF8: invalidUTF8)
  }

  /// - Throws: also `TextError.lineCounts`, with both counts, where one side ends before the other.
  public func nextPair() throws(TextError) -> SentencePair? {
    let left = try source.nextLine()
    let right = try target.nextLine()
    if let left, let right { return SentencePair(source: left, target: right) }
    if left == nil, right == nil { return nil }
    while try source.nextLine() != nil {}
    while try target.nextLine() != nil {}
    throw .lineCounts(
      source: source.path, sourceCount: source.lineNumber, target: target.path, targetCount: target.lineNumber)
  }
}

/// A file with a pair on each line, columns apart by a tab.
public final class TSVReader: ParallelCorpusReader {
  private let lines: LineReader
  private let sourceColumn: Int
  private let targetColumn: Int

  /// - Parameters:
  ///   - sourceColumn: from 0.
  ///   - targetColumn: from 0. Further columns are passed over.
  public init(
    path: String, sourceColumn: Int = 0, targetColumn: Int = 1, invalidUTF8: LineReader.InvalidUTF8 = .fail
  ) throws(TextError) {
    lines = try LineReader(path: path, invalidUTF8: invalidUTF8)
    self.sourceColumn = sourceColumn
    self.targetColumn = targetColumn
  }

  public func nextPair() throws(TextError) -> SentencePair? {
    guard let line = try lines.nextLine() else { return nil }
    let columns = line.utf8.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
    guard columns.indices.contains(sourceColumn), columns.indices.contains(targetColumn) else {
      throw .line(
        path: lines.path, line: lines.lineNumber,
        problem: "expected \(max(sourceColumn, targetColumn) + 1) columns with tabs between them, found \(columns.count)")
    }
    return SentencePair(source: String(Substring(columns[sourceColumn])), target: String(Substring(columns[targetColumn])))
  }
}
