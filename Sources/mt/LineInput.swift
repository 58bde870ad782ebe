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

/// Two files read line by line together.
final class PairedLines {
  private let files: (source: String, target: String)
  private let source: LineInput
  private let target: LineInput
  private var count = 0

  init(_ source: String, _ target: String, replacingInvalid: Bool) throws {
    files = (source, target)
    self.source = try LineInput([source], replacingInvalid: replacingInvalid)
    self.target = try LineInput([target], replacingInvalid: replacingInvalid)
  }

  /// At most `limit` pairs and the number of the first, counted from 0; nil at the end. Throws `TextError.lineCounts`
  /// if one side ends before the other.
  func next(upTo limit: Int) throws -> (pairs: [(source: String, target: String)], firstLine: Int)? {
    var pairs: [(source: String, target: String)] = []
    while pairs.count < limit {
      switch (try source.next(), try target.next()) {
      case (let source?, let target?): pairs.append((source, target))
      case (nil, nil): return pairs.isEmpty ? nil : finish(pairs)
      case (let first, _):
        // How many lines each has, for the message.
        var counts = (count + pairs.count, count + pairs.count)
        if first != nil {
          counts.0 += 1
          while try source.next() != nil { counts.0 += 1 }
        } else {
          counts.1 += 1
          while try target.next() != nil { counts.1 += 1 }
        }
        throw TextError.lineCounts(
          source: files.source, sourceCount: counts.0, target: files.target, targetCount: counts.1)
      }
    }
    return finish(pairs)
  }

  private func finish(
    _ pairs: [(source: String, target: String)]
  ) -> (pairs: [(source: String, target: String)], firstLine: Int) {
    defer { count += pairs.count }
    return (pairs, count)
  }
}
