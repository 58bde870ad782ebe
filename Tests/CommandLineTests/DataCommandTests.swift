import Foundation
import TestSupport
import Testing

@Suite struct DataCommandTests {
  let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    let source = (0..<40).map { "Phrase numéro \($0) du corpus." } + ["Phrase numéro 3 du corpus.", "", "идти", "same", "x"]
    let target = (0..<40).map { "Sentence number \($0) of the corpus." }
      + ["Sentence number 3 of the corpus.", "something", "go", "same", String(repeating: "long ", count: 60)]
    try directory.write((source.joined(separator: "\n") + "\n").utf8, to: "c.fr")
    try directory.write((target.joined(separator: "\n") + "\n").utf8, to: "c.en")
    try directory.write(zip(source, target).map { "\($0)\t\($1)\n" }.joined().utf8, to: "c.tsv")
  }

  func lines(_ name: String) throws -> [Substring] {
    try String(contentsOf: directory.url.appendingPathComponent(name), encoding: .utf8).split(separator: "\n")
  }

  @Test("stats count pairs, words and repetitions, from aligned files, TSV and gzip alike")
  func stats() throws {
    let result = try Program.run(["data", "stats", "c.fr", "c.en", "--format", "json"], in: directory.url)
    #expect(result.status == 0)
    let record = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    #expect(record["pairs"] as? Int == 45)
    #expect(record["duplicate_pairs"] as? Int == 1 && record["identical_sides"] as? Int == 1)
    let table = try Program.run(["data", "stats", "c.tsv", "--format", "json"], in: directory.url)
    #expect(table.output == result.output)
    let packed = try Program.shell(
      "gzip -k c.tsv c.fr && \"$MT\" data stats c.tsv.gz --format json && \"$MT\" data stats c.fr.gz c.en --format json",
      in: directory.url)
    #expect(packed.output == result.output + result.output)
    #expect(try Program.run(["data", "stats", "c.fr", "c.en"], in: directory.url).output.contains("pairs            45"))
  }

  @Test("clean keeps what is good and says what it left out and why")
  func clean() throws {
    let result = try Program.run(["data", "clean", "c.fr", "c.en", "--output", "out"], in: directory.url)
    #expect(result.status == 0)
    #expect(result.lines[0] == "40 of 45 pairs kept: out.fr, out.en")
    for reason in ["duplicate", "empty", "wrong-script", "identical", "length-ratio"] {
      #expect(result.lines.contains("1 left out: \(reason)"))
    }
    #expect(result.output.contains("line 43: идти ||| go"))
    #expect(try lines("out.fr").count == 40 && lines("out.en").count == 40)
    #expect(try lines("out.fr")[7] == "Phrase numéro 7 du corpus.")
  }

  @Test("split divides without loss, the same way for the same seed")
  func split() throws {
    func split(_ prefix: String, _ seed: String) throws -> [[Substring]] {
      let result = try Program.run(
        ["data", "split", "c.fr", "c.en", "--output", prefix, "--validation", "6", "--test", "5", "--seed", seed],
        in: directory.url)
      #expect(result.status == 0)
      return try ["train", "valid", "test"].map { try lines("\(prefix).\($0).en") }
    }
    let parts = try split("a", "1")
    #expect(parts.map(\.count) == [34, 6, 5])
    #expect(parts == (try split("b", "1")))
    #expect(parts != (try split("c", "2")))
    let all = try lines("c.en")
    #expect(parts.flatMap { $0 }.sorted() == all.sorted())
    // A small corpus gives a tenth; one that would be given away whole is not written.
    #expect(try Program.run(["data", "split", "c.fr", "c.en", "--output", "d"], in: directory.url).status == 0)
    #expect(try ["train", "valid", "test"].map { try lines("d.\($0).en").count } == [37, 4, 4])
    let greedy = try Program.run(["data", "split", "c.tsv", "--output", "e", "--test", "1000"], in: directory.url)
    #expect(greedy.status == 64 && greedy.error.contains("of 45 pairs, 4 for validation and 1000 for the test leave none"))
    #expect(!FileManager.default.fileExists(atPath: directory.url.appendingPathComponent("e.test.en").path))
    // Nor are the parts of which one cannot be written.
    try FileManager.default.createDirectory(at: directory.url.appendingPathComponent("f.valid.en"), withIntermediateDirectories: true)
    #expect(try Program.run(["data", "split", "c.tsv", "--output", "f"], in: directory.url).status == 1)
    #expect(!FileManager.default.fileExists(atPath: directory.url.appendingPathComponent("f.train.en").path))
  }

  @Test("clean does not replace what it reads, refuses limits that keep nothing, and packs nothing as gzip does")
  func guards() throws {
    let before = try lines("c.fr")
    let same = try Program.run(["data", "clean", "c.fr", "c.en", "--output", "./c"], in: directory.url)
    #expect(same.status == 64 && same.error.contains("c.fr would be replaced while it is read"))
    #expect(try lines("c.fr") == before)
    let words = try Program.run(["data", "words", "c.fr", "--output", "./c.fr"], in: directory.url)
    #expect(words.status == 64 && words.error.contains("c.fr would be replaced"))
    #expect(try lines("c.fr") == before)
    for option in ["--max-ratio=0.5", "--max-ratio=nan", "--max-words=0", "--longest-word=0", "--min-words=-1"] {
      #expect(try Program.run(["data", "clean", "c.tsv", "--output", "g", option], in: directory.url).status == 64, "\(option)")
    }
    let none = try Program.shell(
      "\"$MT\" data clean c.tsv --min-words 150 --gzip --output g > out && gzip -t g.fr.gz && zcat g.en.gz | wc -c", in: directory.url)
    #expect(none.status == 0 && none.output.contains("0"), "\(none.error)")
  }

  @Test("sides with different line counts, and files that are not there, are named")
  func mistakes() throws {
    try directory.write("one\ntwo\n".utf8, to: "short.en")
    let unequal = try Program.run(["data", "stats", "c.fr", "short.en"], in: directory.url)
    #expect(unequal.status == 1 && unequal.error.contains("45") && unequal.error.contains("short.en has 2"))
    let absent = try Program.run(["data", "clean", "c.fr", "absent", "--output", "out"], in: directory.url)
    #expect(absent.status == 1 && absent.error.contains("absent"))
    #expect(!FileManager.default.fileExists(atPath: directory.url.appendingPathComponent("out.fr").path))
    #expect(try Program.run(["data", "stats", "a", "b", "c"]).status == 64)
  }
}
