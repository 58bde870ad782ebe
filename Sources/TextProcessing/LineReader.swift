import Foundation

/// Lines of a file, of standard input, or of a gzip file (known by its first bytes), one after another in bounded memory.
///
/// Only U+000A ends a line; one U+000D before it is dropped; a last line without it counts. Other line breaks (U+2028,
/// U+0085, form feed) are text. A byte order mark at the very beginning is dropped. A line is given out as soon as it has
/// arrived, so that a reader at a pipe can answer each at once. One thread at a time.
public final class LineReader: IteratorProtocol {
  public enum InvalidUTF8: Sendable {
    /// Throw `TextError.invalidUTF8` with the line's number.
    case fail
    /// Put U+FFFD in place of each bad sequence.
    case replace
  }

  /// The name that errors give; `standard input` for it.
  public let path: String
  /// The number of lines read so far.
  public private(set) var lineNumber = 0
  /// Where reading stopped early, if it did while iterating with `next()`.
  public private(set) var error: TextError?

  private let descriptor: Int32
  private let closes: Bool
  private let longestLine: Int
  private let invalidUTF8: InvalidUTF8
  private var inflater: GzipInflater?
  private var packed: [UInt8] = []
  private var packedStart = 0
  private var packedEnd = 0
  private var buffer: [UInt8]
  private var start = 0
  private var end = 0
  private var isAtEnd = false
  private var isOpen = false

  /// Opens a file; `-` is standard input.
  public convenience init(path: String, invalidUTF8: InvalidUTF8 = .fail) throws(TextError) {
    if path == "-" {
      self.init(descriptor: 0, name: "standard input", invalidUTF8: invalidUTF8)
      return
    }
    let descriptor = open(path, O_RDONLY)
    guard descriptor >= 0 else { throw .file(path: path, problem: String(cString: strerror(errno))) }
    var status = stat()
    if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      close(descriptor)
      throw .file(path: path, problem: "is a directory")
    }
    self.init(descriptor: descriptor, name: path, invalidUTF8: invalidUTF8, closes: true)
  }

  /// Reads an open file descriptor, which stays the caller's unless `closes`. Lines of more than `longestLine` bytes, or some
  /// more, are refused.
  public init(
    descriptor: Int32, name: String, invalidUTF8: InvalidUTF8 = .fail, closes: Bool = false, bufferSize: Int = 1 << 17,
    longestLine: Int = 1 << 28
  ) {
    self.longestLine = longestLine
    self.descriptor = descriptor
    self.closes = closes
    self.invalidUTF8 = invalidUTF8
    path = name
    buffer = [UInt8](repeating: 0, count: max(bufferSize, 16))
  }

  deinit { if closes { close(descriptor) } }

  /// The next line, without its end, or nothing after the last.
  /// - Throws: `TextError.invalidUTF8`, `.line` where one is too long, `.file` where reading fails or gzip data is broken or ends
  ///   too early.
  public func nextLine() throws(TextError) -> String? {
    if !isOpen { try begin() }
    var searched = start
    while true {
      if let newline = position(ofNewlineFrom: searched) {
        let line = try text(start..<(newline > start && buffer[newline - 1] == 0x0D ? newline - 1 : newline))
        start = newline + 1
        return line
      }
      if isAtEnd {
        guard start < end else { return nil }
        let line = try text(start..<end)
        start = end
        return line
      }
      let waiting = end - start
      try fill()
      searched = start + waiting
    }
  }

  /// `nextLine()` for loops; where it throws, the loop ends and `error` says why.
  public func next() -> String? {
    guard error == nil else { return nil }
    do { return try nextLine() } catch {
      self.error = error
      return nil
    }
  }

  /// All lines that are left.
  public func readAll() throws(TextError) -> [String] {
    var lines: [String] = []
    while let line = try nextLine() { lines.append(line) }
    return lines
  }

  // MARK: Bytes

  private func position(ofNewlineFrom from: Int) -> Int? {
    guard from < end else { return nil }
    return buffer.withUnsafeBytes { bytes -> Int? in
      guard let base = bytes.baseAddress, let found = memchr(base + from, 0x0A, end - from) else { return nil }
      return base.distance(to: UnsafeRawPointer(found))
    }
  }

  private func text(_ range: Range<Int>) throws(TextError) -> String {
    lineNumber += 1
    let valid = buffer.withUnsafeBufferPointer { buffer in
      String(validating: UnsafeBufferPointer(rebasing: buffer[range]), as: UTF8.self)
    }
    if let valid { return valid }
    guard invalidUTF8 == .replace else { throw .invalidUTF8(path: path, line: lineNumber) }
    return String(decoding: buffer[range], as: UTF8.self)
  }

  /// Looks at the first bytes: gzip, byte order mark or text.
  private func begin() throws(TextError) {
    isOpen = true
    while end < 3, !isAtEnd {
      try fill()
      // Nothing but these bytes makes it worth waiting for more.
      let first = buffer[..<end]
      if !first.isEmpty, !first.elementsEqual([0x1F]), !first.elementsEqual([0xEF]), !first.elementsEqual([0xEF, 0xBB]) {
        break
      }
    }
    if end >= 2, buffer[0] == 0x1F, buffer[1] == 0x8B {
      inflater = try GzipInflater()
      packed = buffer
      packedEnd = end
      end = 0
      isAtEnd = false
      while end < 3, !isAtEnd { try fill() }
    }
    if end >= 3, buffer[..<3].elementsEqual([0xEF, 0xBB, 0xBF]) { start = 3 }
  }

  /// Moves what is left to the front, and reads more behind it; doubles the room where one line fills it.
  private func fill() throws(TextError) {
    if start > 0 {
      buffer.withUnsafeMutableBytes { bytes in
        guard let base = bytes.baseAddress else { return }
        memmove(base, base + start, end - start)
      }
      end -= start
      start = 0
    }
    if end == buffer.count {
      guard end < longestLine else {
        throw .line(path: path, line: lineNumber + 1, problem: "is longer than \(longestLine) bytes")
      }
      buffer.append(contentsOf: repeatElement(0, count: buffer.count))
    }
    guard let inflater else {
      let count = try checked(
        buffer.withUnsafeMutableBytes { read(into: UnsafeMutableRawBufferPointer(rebasing: $0[end...])) })
      end += count
      isAtEnd = count == 0
      return
    }
    while true {
      let step = packed.withUnsafeBufferPointer { packed in
        buffer.withUnsafeMutableBufferPointer { buffer in
          inflater.inflate(
            UnsafeBufferPointer(rebasing: packed[packedStart..<packedEnd]),
            into: UnsafeMutableBufferPointer(rebasing: buffer[end...]))
        }
      }
      guard let (taken, made) = step else {
        throw .file(path: path, problem: "the gzip data is broken: \(inflater.problem ?? "unknown")")
      }
      packedStart += taken
      end += made
      if made > 0 { return }
      guard packedStart == packedEnd || taken == 0 else { continue }
      packedEnd = try checked(packed.withUnsafeMutableBytes { read(into: $0) })
      packedStart = 0
      if packedEnd == 0 {
        guard inflater.isAtMemberEnd else { throw .file(path: path, problem: "the gzip data ends too early") }
        isAtEnd = true
        return
      }
    }
  }

  /// The number of bytes read, or -1.
  private func read(into bytes: UnsafeMutableRawBufferPointer) -> Int {
    while true {
      let count = Foundation.read(descriptor, bytes.baseAddress, bytes.count)
      if count >= 0 || errno != EINTR { return count }
    }
  }

  private func checked(_ count: Int) throws(TextError) -> Int {
    guard count >= 0 else { throw .file(path: path, problem: String(cString: strerror(errno))) }
    return count
  }
}
