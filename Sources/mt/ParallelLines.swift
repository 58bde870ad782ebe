import TextProcessing

/// Lines of a file, or lines already there, under the name that errors give.
final class LineStream {
  let name: String
  private(set) var count = 0
  private let reader: LineReader?
  private var lines: ArraySlice<String>

  init(file: String, replacingInvalid: Bool) throws {
    reader = try LineReader(path: file, invalidUTF8: replacingInvalid ? .replace : .fail)
    name = reader?.path ?? file
    lines = []
  }

  init(name: String, lines: [String]) {
    self.name = name
    self.lines = lines[...]
    reader = nil
  }

  /// The next line without the white space at its end, which no metric is to count.
  func next() throws -> String? {
    guard let line = try reader.map({ try $0.nextLine() }) ?? lines.popFirst() else { return nil }
    count += 1
    return Self.withoutTrailingSpace(line)
  }

  /// The number of lines, by reading on to the end.
  func countAll() throws -> Int {
    while try next() != nil {}
    return count
  }

  /// White space as Python's `str.rstrip` sees it: sacreBLEU reads lines with it.
  private static func withoutTrailingSpace(_ line: String) -> String {
    guard let last = line.utf8.last, last <= 0x20 || last >= 0x80 else { return line }
    let scalars = line.unicodeScalars
    let end = scalars.lastIndex { !$0.properties.isWhitespace && !(0x1C...0x1F).contains($0.value) }
    guard let end else { return "" }
    return String(scalars[...end])
  }
}

/// Streams read side by side, line by line, so that memory does not grow with them.
struct ParallelLines {
  let streams: [LineStream]

  /// The next line of each; nil at the end of all.
  /// - Throws: `TextError` for what cannot be read, and `TextError.lineCounts` where one stream ends before another.
  func next() throws -> [String]? {
    var lines: [String] = []
    lines.reserveCapacity(streams.count)
    for stream in streams {
      if let line = try stream.next() { lines.append(line) }
    }
    if lines.count == streams.count { return lines }
    if lines.isEmpty { return nil }
    let counts = try streams.map { try $0.countAll() }
    let other = counts.firstIndex { $0 != counts[0] } ?? 0
    throw TextError.lineCounts(
      source: streams[0].name, sourceCount: counts[0], target: streams[other].name, targetCount: counts[other])
  }
}
