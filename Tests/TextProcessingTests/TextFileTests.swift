import Foundation
import Synchronization
import TestSupport
import Testing

@testable import TextProcessing

@Suite struct TextFileTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private var file: URL { directory.url.appendingPathComponent("text.json") }

  @Test("what is read is what was written", arguments: configurations)
  func roundTrip(configuration: TextConfiguration) throws {
    let pipeline = try TextPipeline.learn(
      configuration: configuration, source: SampleCorpus.french + ["\u{FFFF} \u{301}"], target: SampleCorpus.english,
      vocabularySize: 430)
    try pipeline.write(to: directory.url)
    let read = try TextPipeline(directory: directory.url)
    #expect(read.configuration == pipeline.configuration)
    #expect(read.configuration.vocabularySize == 430)
    #expect(read.targetVocabulary.isShared == (configuration.vocabulary == .joint))
    for (a, b) in [(read.sourceVocabulary, pipeline.sourceVocabulary), (read.targetVocabulary, pipeline.targetVocabulary)] {
      #expect(a.count == b.count)
      #expect((0..<Int32(a.count)).allSatisfy { Array(a.piece($0).utf8) == Array(b.piece($0).utf8) })
    }
    #expect(read.encodeSource("L'homme ꙮ 10:30") == pipeline.encodeSource("L'homme ꙮ 10:30"))
  }

  /// A change to a good file, the key that the error names, and a part of what it says.
  private static let damages: [(String, String, String, String)] = [
    ("\"mt-text\"", "\"other\"", "format", "expected mt-text"),
    ("\"version\" : 1", "\"version\" : 2", "version", "found 2"),
    ("\"version\" : 1", "\"version\" : \"x\"", "version", "expected Int"),
    ("\"lowercase\"", "\"lower\"", "configuration.lower", "unknown key"),
    ("\"nfc\"", "\"nfx\"", "configuration.normal_form", "nfx"),
    ("\"vocabulary_size\" : 430", "\"vocabulary_size\" : 3", "configuration", "not within"),
    ("\"vocabulary_size\" : 430", "\"vocabulary_size\" : 300", "source", "in a vocabulary of 300"),
    ("\"joint\"", "\"separate\"", "target", "need one"),
    ("\"merges\"", "\"marges\"", "source.marges", "unknown key"),
    ("\"▁\",", "", "source.characters[0]", "expected ▁"),
    ("\"▁\",", "\"▁\",\"▁\",", "source.characters[1]", "twice"),
    ("\"▁\",", "\"▁\",\" \",", "source.characters[1]", "white space"),
    ("\"▁\",", "\"▁\",\"ab\",", "source.characters[1]", "one Unicode scalar"),
    ("\"merges\" : [", "\"merges\" : [\"qqqqqq\",", "source.merges", "no two pieces make qqqqqq"),
    ("\"merges\" : [", "\"merges\" : [\"<0x41>\",", "source.merges[0]", "reserved"),
    ("\"merges\" : [", "\"merges\" : [\"e▁e\",", "source.merges[0]", "past its beginning"),
    ("\"merges\" : [", "\"merges\" : [\"e\",", "source.merges[0]", "two characters or more"),
    ("\"merges\" : [", "\"merges\" : [7,", "source.merges", "expected String"),
    ("{", "", "the whole file", "JSON"),
  ]

  @Test("a damaged file is an error with file, key and cause", arguments: damages)
  func damaged(old: String, new: String, key: String, cause: String) throws {
    try SampleCorpus.pipeline(size: 430).write(to: directory.url)
    let text = try String(contentsOf: file, encoding: .utf8)
    let range = try #require(text.range(of: old))
    try text.replacingCharacters(in: range, with: new).write(to: file, atomically: true, encoding: .utf8)
    let error = #expect(throws: TextError.self) { try TextPipeline(directory: directory.url) }
    guard case .key(let path, let found, let problem) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(path == file.path)
    #expect(found.hasPrefix(key), "\(found)")
    #expect(problem.contains(cause), "\(problem)")
  }

  @Test("a missing file is an error that names it, and so is a place that cannot be written")
  func missing() throws {
    let error = #expect(throws: TextError.self) { try TextPipeline(directory: directory.url) }
    #expect(error?.description.hasPrefix(file.path) == true)
    #expect(throws: TextError.self) {
      try SampleCorpus.pipeline().write(to: directory.url.appendingPathComponent("nowhere"))
    }
  }

  @Test("word counts come back from disk, the most frequent first; a bad line is named")
  func wordCounts() throws {
    let pipeline = try SampleCorpus.pipeline()
    let counts = try pipeline.countWords(Array(repeating: "la mer, la mer, l'an", count: 1500))
    #expect(counts.total == 1500 * 8)
    #expect(counts.distinct == 5)
    let path = directory.url.appendingPathComponent("counts.tsv")
    try counts.write(to: path)
    let read = try WordCounts(file: path)
    #expect(read.sorted.map(\.word) == [",", "la", "mer", "an", "l'"])
    #expect(read.count(of: "la") == 3000 && read.count(of: "an") == 1500 && read.count(of: "x") == 0)
    #expect(read.total == counts.total)
    // Packed, and cut where it holds at most three words: of the rarest, which are equals, none stays.
    let packed = directory.url.appendingPathComponent("counts.tsv.gz")
    try counts.write(to: packed)
    #expect(try WordCounts(file: packed).sorted.map(\.count) == read.sorted.map(\.count))
    #expect(try Data(contentsOf: packed).prefix(2) == Data([0x1F, 0x8B]))
    try counts.write(to: packed, limit: 4)
    #expect(try WordCounts(file: packed).sorted.map(\.word) == [",", "la", "mer"])
    try counts.write(to: packed, limit: 5)
    #expect(try WordCounts(file: packed).distinct == 5)
    let bad = try directory.write("la\t3\nmer\t0\n", "bad.tsv")
    #expect(throws: TextError.line(path: bad, line: 2, problem: "expected a word, a tab and a count above 0")) {
      try WordCounts(file: URL(fileURLWithPath: bad))
    }
  }

  @Test("many threads encode with one pipeline as one thread does")
  func threads() throws {
    let pipeline = try SampleCorpus.pipeline()
    var random = SeededGenerator(4)
    let lines = (0..<2000).map { _ in RandomText.make(upTo: 12, &random) }
    let expected = lines.map { pipeline.encodeSource($0) }
    let wrong = Mutex(0)
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      var random = SeededGenerator(UInt64(thread))
      for index in lines.indices.shuffled(using: &random) where pipeline.encodeSource(lines[index]) != expected[index] {
        wrong.withLock { $0 += 1 }
      }
    }
    #expect(wrong.withLock { $0 } == 0)
  }
}
