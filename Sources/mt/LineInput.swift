import Foundation
import TextProcessing

/// The lines of several files one after the other, or of standard input.
final class LineInput {
  private var waiting: [String]
  private var reader: LineReader?
  private let replacingInvalid: Bool

  /// No file, or "-", is standard input. The first file is opened at once, so that its absence is noticed early.
  init(_ files: [String], replacingInvalid: Bool) throws {
    waiting = (files.isEmpty ? ["-"] : files).reversed()
    self.replacingInvalid = replacingInvalid
    try open()
  }

  private func open() throws {
    reader = try waiting.popLast().map { try LineReader(path: $0, invalidUTF8: replacingInvalid ? .replace : .fail) }
  }

  /// The next line without its end, nil after the last. Throws `TextError` naming file and line.
  func next() throws -> String? {
    while let reader {
      if let line = try reader.nextLine() { return line }
      try open()
    }
    return nil
  }
}

/// Two aligned files, read a window at a time.
final class PairedLines {
  private let reader: AlignedFilesReader
  private var count = 0

  init(_ source: String, _ target: String, replacingInvalid: Bool) throws {
    reader = try AlignedFilesReader(
      source: source, target: target, invalidUTF8: replacingInvalid ? .replace : .fail)
  }

  /// At most `limit` pairs and the number of the first, counted from 0; nil at the end. Throws `TextError.lineCounts`
  /// if one side ends before the other.
  func next(upTo limit: Int) throws -> (pairs: [(source: String, target: String)], firstLine: Int)? {
    var pairs: [(source: String, target: String)] = []
    while pairs.count < limit, let pair = try reader.nextPair() { pairs.append((pair.source, pair.target)) }
    defer { count += pairs.count }
    return pairs.isEmpty ? nil : (pairs, count)
  }
}
