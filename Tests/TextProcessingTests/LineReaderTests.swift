import Foundation
import TestSupport
import Testing

@testable import TextProcessing

@Suite struct LineReaderTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private static let texts: [(String, [String])] = [
    ("", []),
    ("\n", [""]),
    ("a", ["a"]),
    ("a\n", ["a"]),
    ("a\r\nb\r\n", ["a", "b"]),
    ("a\rb\r\r\n\rc", ["a\rb\r", "\rc"]),
    ("\r\n\n", ["", ""]),
    ("a\u{2028}b\u{85}c\u{C}d\u{B}e\nf", ["a\u{2028}b\u{85}c\u{C}d\u{B}e", "f"]),
    ("\u{FEFF}a\n\u{FEFF}b\n", ["a", "\u{FEFF}b"]),
    ("a\u{0}b\né\n", ["a\u{0}b", "é"]),
    ("\u{FEFF}", []),
  ]

  @Test("only U+000A ends a line, with a U+000D before it; plain and gzipped", arguments: texts)
  func lines(text: String, expected: [String]) throws {
    let plain = try directory.write(text, "plain")
    let found = try LineReader(path: plain).readAll()
    #expect(found.map { Array($0.utf8) } == expected.map { Array($0.utf8) })
    let packed = try directory.write(Gzip.compress(Array(text.utf8)), "packed")
    #expect(try LineReader(path: packed).readAll().map { Array($0.utf8) } == expected.map { Array($0.utf8) })
  }

  @Test("lines longer than the buffer, of all lengths around it, come whole")
  func longLines() throws {
    let lines = (0..<80).map { String(repeating: "é", count: $0) } + [String(repeating: "x", count: 1_000_000)]
    let path = try directory.write(lines.joined(separator: "\n"), "long")
    let descriptor = open(path, O_RDONLY)
    let reader = LineReader(descriptor: descriptor, name: path, closes: true, bufferSize: 16)
    #expect(try reader.readAll() == lines)
    #expect(reader.lineNumber == 81)
  }

  @Test("a line without an end is an error that names the line, not all the memory there is")
  func endless() throws {
    let bytes = Array(("un\ndeux\n" + String(repeating: "x", count: 5000)).utf8)
    for (contents, name) in [(bytes, "endless"), (try Gzip.compress(bytes), "endless.gz")] {
      let path = try directory.write(contents, name)
      let reader = LineReader(
        descriptor: open(path, O_RDONLY), name: path, closes: true, bufferSize: 16, longestLine: 4096)
      #expect(throws: TextError.line(path: path, line: 3, problem: "is longer than 4096 bytes")) { try reader.readAll() }
    }
  }

  @Test("gzip members one after another are one file")
  func members() throws {
    let bytes = try Gzip.compress(Array("a\nb".utf8)) + Gzip.compress([]) + Gzip.compress(Array("c\nd".utf8))
    #expect(try LineReader(path: directory.write(bytes, "members")).readAll() == ["a", "bc", "d"])
  }

  @Test("gzip data that ends early or is broken is an error that names the file")
  func truncated() throws {
    let bytes = try Gzip.compress(Array(String(repeating: "une ligne de texte\n", count: 500).utf8))
    for cut in [3, 12, bytes.count / 2, bytes.count - 1] {
      let path = try directory.write(Array(bytes[..<cut]), "cut")
      #expect(throws: TextError.file(path: path, problem: "the gzip data ends too early")) {
        try LineReader(path: path).readAll()
      }
    }
    var broken = bytes
    broken[bytes.count - 6] ^= 0xFF
    let path = try directory.write(broken, "broken")
    let error = #expect(throws: TextError.self) { try LineReader(path: path).readAll() }
    #expect(error?.description.contains("the gzip data is broken") == true)
  }

  @Test("bytes that are not UTF-8 name file and line, or become U+FFFD")
  func invalid() throws {
    let path = try directory.write([0x61, 0x0A, 0x62, 0xE9, 0x0A, 0x63, 0x0A, 0xED, 0xA0, 0x80], "invalid")
    #expect(throws: TextError.invalidUTF8(path: path, line: 2)) { try LineReader(path: path).readAll() }
    #expect(TextError.invalidUTF8(path: "f", line: 2).description == "f, line 2: not valid UTF-8")
    let replaced = try LineReader(path: path, invalidUTF8: .replace).readAll()
    #expect(replaced == ["a", "b\u{FFFD}", "c", "\u{FFFD}\u{FFFD}\u{FFFD}"])
    let reader = try LineReader(path: path)
    #expect(Array(IteratorSequence(reader)) == ["a"])
    #expect(reader.error == .invalidUTF8(path: path, line: 2))
  }

  @Test("a line that has come down a pipe is given out before the next is there")
  func pipe() throws {
    var ends: [Int32] = [0, 0]
    try #require(Foundation.pipe(&ends) == 0)
    let reader = LineReader(descriptor: ends[0], name: "pipe", closes: true)
    for line in ["x", "", "deux mots"] {
      let bytes = Array((line + "\n").utf8)
      #expect(write(ends[1], bytes, bytes.count) == bytes.count)
      #expect(try reader.nextLine() == line)
    }
    close(ends[1])
    #expect(try reader.nextLine() == nil)
  }

  @Test("a missing file and a directory are errors that name them")
  func missing() throws {
    #expect(throws: TextError.file(path: "/no/such/file", problem: "No such file or directory")) {
      try LineReader(path: "/no/such/file")
    }
    let path = directory.url.path
    #expect(throws: TextError.file(path: path, problem: "is a directory")) { try LineReader(path: path) }
  }
}
