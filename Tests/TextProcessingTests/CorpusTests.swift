import Foundation
import TestSupport
import Testing

@testable import TextProcessing

private func pair(_ source: String, _ target: String) -> SentencePair { .init(source: source, target: target) }

@Suite struct CorpusTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// Plain or gzipped, under the same name.
  private func write(_ text: String, _ name: String, gzipped: Bool) throws -> String {
    try directory.write(gzipped ? Gzip.compress(Array(text.utf8)) : Array(text.utf8), name)
  }

  @Test("aligned files give their pairs; different counts are an error with both", arguments: [false, true])
  func aligned(gzipped: Bool) throws {
    let source = try write("un\r\n\ntrois", "a.fr", gzipped: gzipped)
    let target = try write("one\ntwo\nthree\n", "a.en", gzipped: gzipped)
    let pairs = try AlignedFilesReader(source: source, target: target).readAll()
    #expect(pairs == [pair("un", "one"), pair("", "two"), pair("trois", "three")])
    let short = try write("one\n", "b.en", gzipped: gzipped)
    let error = TextError.lineCounts(source: source, sourceCount: 3, target: short, targetCount: 1)
    #expect(throws: error) { try AlignedFilesReader(source: source, target: short).readAll() }
    #expect(error.description.contains("3 lines") && error.description.contains("has 1"))
    let other = TextError.lineCounts(source: short, sourceCount: 1, target: source, targetCount: 3)
    #expect(throws: other) { try AlignedFilesReader(source: short, target: source).readAll() }
  }

  @Test("columns of a table in either order; a line with too few is named", arguments: [false, true])
  func table(gzipped: Bool) throws {
    let path = try write("one\tun\tCC-BY\ntwo\t\n", "a.tsv", gzipped: gzipped)
    let pairs = try TSVReader(path: path, sourceColumn: 1, targetColumn: 0).readAll()
    #expect(pairs == [pair("un", "one"), pair("", "two")])
    let bad = try write("one\tun\ntwo\n", "bad.tsv", gzipped: gzipped)
    #expect(
      throws: TextError.line(path: bad, line: 2, problem: "expected 2 columns with tabs between them, found 1")
    ) { try TSVReader(path: bad).readAll() }
  }

  private static let memory = """
    <?xml version="1.0" encoding="UTF-8"?>
    <!DOCTYPE tmx SYSTEM "tmx14.dtd">
    <tmx version="1.4"><header srclang="en" note="a > b"/>
    <body><!-- <tu> not this -->
    <tu tuid="1"><prop type="x">p</prop><tuv xml:lang="EN-us"><seg>Fish &amp; chips &lt;3 &#x41;&#66;</seg></tuv>
    <tuv xml:lang='fr'><seg>Poisson
    <bpt i="1">&lt;b></bpt>et<ept i="1">&lt;/b></ept> <hi>frites</hi><ph/> <![CDATA[<&amp;>]]></seg></tuv>
    <tuv xml:lang="de"><seg>Fisch</seg></tuv></tu>
    <tu><tuv lang="fr_CA"><seg>seul</seg></tuv></tu><tu><tuv xml:lang="fr"><seg/></tuv><tuv xml:lang="en"><seg>x</seg></tuv></tu>
    </body></tmx>
    """

  @Test("translation memories give pairs of the chosen languages, without markup", arguments: [false, true])
  func memory(gzipped: Bool) throws {
    let path = try write(Self.memory, "a.tmx", gzipped: gzipped)
    let reader = try TMXReader(path: path, sourceLanguage: "fr", targetLanguage: "en")
    #expect(try reader.readAll() == [pair("Poisson et frites <&amp;>", "Fish & chips <3 AB"), pair("", "x")])
    #expect(reader.incompleteUnits == 1)
    let german = try TMXReader(path: path, sourceLanguage: "EN", targetLanguage: "de").readAll()
    #expect(german == [pair("Fish & chips <3 AB", "Fisch")])
    #expect { try TMXReader(path: path, sourceLanguage: "fr", targetLanguage: "it").readAll() } throws: {
      "\($0)".contains("none of the") && "\($0)".contains("both fr and it")
    }
  }

  @Test("of two languages one of which contains the other, each segment is of the one that says more")
  func relatedLanguages() throws {
    let text = "<tmx><body><tu><tuv lang=\"pt\"><seg>autocarro</seg></tuv>"
      + "<tuv lang=\"pt-BR\"><seg>ônibus</seg></tuv></tu></body></tmx>"
    let path = try directory.write(text, "pt.tmx")
    #expect(try TMXReader(path: path, sourceLanguage: "pt", targetLanguage: "pt-BR").readAll() == [pair("autocarro", "ônibus")])
    #expect(try TMXReader(path: path, sourceLanguage: "pt-BR", targetLanguage: "pt").readAll() == [pair("ônibus", "autocarro")])
  }

  @Test(
    "a damaged translation memory is an error with its line",
    arguments: [
      ("</tmx>", "", 12, "ends inside an element"), ("</body></tmx>", "</body></tmx", 12, "ends inside a tag"),
      ("&amp; chips", "&nbsp; chips", 5, "unknown entity"), ("<tuv lang=\"fr_CA\">", "<tuv>", 10, "without xml:lang"),
      ("<tu tuid=\"1\">", "<tu><tu>", 5, "inside a <tu>"), ("<tmx version=\"1.4\">", "<html>", 12, "not a TMX file"),
    ])
  func damagedMemory(old: String, new: String, line: Int, cause: String) throws {
    let path = try directory.write(Self.memory.replacingOccurrences(of: old, with: new), "bad.tmx")
    let error = #expect(throws: TextError.self) {
      try TMXReader(path: path, sourceLanguage: "fr", targetLanguage: "en").readAll()
    }
    guard case .line(path, let found, let problem) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(problem.contains(cause), "\(problem)")
    #expect(abs(found - line) <= 2, "line \(found)")
  }

  @Test("each filter drops what it should, for its own reason, and the report counts and shows it")
  func cleaning() throws {
    var options = CleaningOptions()
    options.minimumWords = 2
    options.maximumWords = 6
    options.longestWord = 12
    options.sourceScripts = ["Latn"]
    options.targetScripts = ["Latn"]
    let cases: [(SentencePair, DropReason?)] = [
      (pair("Il fait beau.", "The weather is nice."), nil),
      (pair(" \u{A0} ", "Nothing here."), .empty),
      (pair("Oui.", "Yes indeed."), .tooShort),
      (pair("un deux trois quatre cinq six sept", "one two three four"), .tooLong),
      (pair("a b", "this one is much too long for it"), .tooLong),
      (pair("a b", "this one is much longer still"), .lengthRatio),
      (pair("a b", "is not so"), nil),
      (pair("le mot anticonstitutionnellement", "the word unconstitutionally"), .longWord),
      (pair("voir https://example.org/page", "see https://example.org/page"), nil),
      (pair("Hello, World!", "hello world"), .identical),
      (pair("Где же ты", "Where are you"), .wrongScript),
      (pair("Où es tu", "Где же ты"), .wrongScript),
      (pair("1 2", "3 4"), nil),
      (pair("il fait BEAU", "The weather is nice!"), .duplicate),
      (pair("Il fait beau.", "It is fine weather."), nil),
    ]
    var cleaner = CorpusCleaner(options)
    for (pair, reason) in cases { #expect(cleaner.keeps(pair) == (reason == nil), "\(pair)") }
    for reason in DropReason.allCases {
      let expected = cases.enumerated().filter { $0.element.1 == reason }
      #expect(cleaner.report[reason].count == expected.count, "\(reason)")
      #expect(cleaner.report[reason].examples == expected.map { .init(line: $0.offset + 1, pair: $0.element.0) })
    }
    #expect(cleaner.report.kept == 5)
    #expect(cleaner.report.total == cases.count)
    let copy = try JSONDecoder().decode(CleaningReport.self, from: JSONEncoder().encode(cleaner.report))
    #expect(copy == cleaner.report)
  }

  @Test("sentences without spaces are no long words, and their characters count as what they say")
  func cleaningWithoutSpaces() {
    let thai = "วันนี้ฉันดีใจมากที่ได้พบทุกคนที่นี่และหวังว่าจะได้พบกันอีกในเร็วๆนี้"
    let cases = [
      (pair("Today I am very happy to see everybody here and hope to meet again soon.", thai), true),
      (pair("今天很高興見到你們大家。", "I am very happy to see all of you here today, my friends."), true),
      (pair("今天", "I am very happy to see all of you here today, my friends."), false),
      (pair("ça", String(repeating: "x", count: 15) + " " + String(repeating: "y", count: 15)), false),
      (pair("ce très long mot d'ici et ailleurs", String(repeating: "x", count: 51)), false),
    ]
    var cleaner = CorpusCleaner()
    #expect(cases.map { cleaner.keeps($0.0) } == cases.map(\.1))
    #expect(cleaner.report[.longWord].count == 1)
    #expect(cleaner.report[.lengthRatio].count == 2)
  }

  @Test("no sentence stands in two parts of a split, sizes are as asked, and a seed decides")
  func splitting() {
    var random = SeededGenerator(11)
    // Sentences from a small stock, so that many pairs share one.
    let pairs = (0..<3000).map { index in
      let near = index / 2 + Int.random(in: 0..<2, using: &random)
      return pair("Phrase n\(index) !", near % 5 == 0 ? "Sentence number \(near / 5)." : "sentence NUMBER u\(index)")
    }
    let parts = CorpusSplitter.parts(of: pairs, validation: 200, test: 300, seed: 7)
    #expect(parts.count { $0 == .validation } == 200)
    #expect(parts.count { $0 == .test } == 300)
    var places: [String: Set<CorpusSplitter.Part>] = [:]
    for (pair, part) in zip(pairs, parts) {
      places["s" + SentenceKey.key(pair.source), default: []].insert(part)
      places["t" + SentenceKey.key(pair.target), default: []].insert(part)
    }
    #expect(places.values.allSatisfy { $0.count == 1 })
    #expect(places.count < 2 * pairs.count)
    #expect(CorpusSplitter.parts(of: pairs, validation: 200, test: 300, seed: 7) == parts)
    #expect(CorpusSplitter.parts(of: pairs, validation: 200, test: 300, seed: 8) != parts)
    #expect(CorpusSplitter.parts(of: [], validation: 1, test: 1, seed: 0).isEmpty)
    // All pairs hang together: none can be given away.
    let chain = (0..<50).map { pair("a\($0 / 2)", "b\(($0 + 1) / 2)") }
    #expect(CorpusSplitter.parts(of: chain, validation: 5, test: 5, seed: 1).allSatisfy { $0 == .train })
  }

  @Test("sentences are the same whatever their case and punctuation")
  func keys() {
    #expect(SentenceKey.key("  C'est, VRAI — Été! ") == "c est vrai été")
    #expect(SentenceKey.key("?!") == "?!")
    #expect(Fingerprint("ab", "c") != Fingerprint("a", "bc"))
  }

  @Test("statistics count words, characters, lengths, repetitions and scripts")
  func statistics() {
    var statistics = CorpusStatistics()
    statistics.add(pair("Il  est là.", "He is here."))
    statistics.add(pair("il est là", "he is here"))
    statistics.add(pair("", "Да"))
    statistics.add(pair(String(repeating: "x ", count: 25), "OK"))
    statistics.add(pair("OK", "ok!"))
    #expect(statistics.pairs == 5)
    #expect(statistics.duplicatePairs == 1)
    #expect(statistics.identicalSides == 1)
    #expect(statistics.source.words == 3 + 3 + 0 + 25 + 1)
    #expect(statistics.source.characters == 11 + 9 + 0 + 50 + 2)
    #expect(statistics.source.emptyLines == 1)
    #expect(statistics.source.longestLine == 25)
    #expect(statistics.source.distinctWords == 7)
    #expect(statistics.source.lengthHistogram[0] == 4 && statistics.source.lengthHistogram[2] == 1)
    #expect(statistics.target.scripts == ["Latn": 4, "Cyrl": 1])
    #expect(statistics.wordRatio == 9.0 / 32.0)
  }
}
