import Evaluation
import Foundation
import TestSupport
import Testing

@Suite("mt eval")
struct EvalCommandTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func write(_ name: String, _ text: String) throws {
    _ = try directory.write(text.utf8, to: name)
  }

  private func eval(_ arguments: String...) throws -> Program.Result {
    try Program.run(["eval"] + arguments, in: directory.url)
  }

  private func records(_ result: Program.Result) throws -> [[String: Any]] {
    try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]])
  }

  /// Made by Scripts/golden-scores/golden_commands.py.
  private struct Commands: Decodable {
    struct Case: Decodable {
      let mt: [String]
      let output: String
    }

    let files: [String: String]
    let cases: [Case]
  }

  @Test("prints what sacreBLEU's command prints, to the byte but for the version")
  func sacreBLEU() throws {
    let table = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/sacrebleu-commands.json")
    let commands = try JSONDecoder().decode(Commands.self, from: Data(contentsOf: table))
    #expect(commands.cases.count >= 60)
    for (name, text) in commands.files { try write(name, text) }
    for command in commands.cases {
      let result = try Program.run(["eval"] + command.mt, in: directory.url)
      let expected = command.output.replacing(":2.6.0", with: ":\(Signature.version)")
        .replacing("\"2.6.0\"", with: "\"\(Signature.version)\"")
      #expect(result.status == 0 && result.error == "", "\(command.mt): \(result.error)")
      let same = Array(result.output.utf8) == Array(expected.utf8)
      #expect(same, "\(command.mt) prints \(result.output.prefix(2000)) instead of \(expected.prefix(2000))")
    }
  }

  private func writeSystems() throws {
    try write("ref", "the red boat left the port at noon\nit is raining on the old roofs\na cup of tea\n")
    try write("a", "the red boat left the port at noon\nit rains on old roofs\na tea\n")
    try write("b", "the boat left port at noon\nit is raining on the old roofs\na cup of tea\n")
    try write("c", "boat\nrain\ntea\n")
  }

  @Test("systems are compared with a baseline by both tests, in every format")
  func significance() throws {
    try writeSystems()
    let base = [
      "eval", "--baseline", "a", "b", "c", "--references", "ref", "--bleu", "--ter", "--significance",
      "--paired-bs-n", "40", "--paired-ar-n", "60",
    ]
    func run(_ format: String) throws -> Program.Result {
      let result = try Program.run(base + ["--format", format], in: directory.url)
      #expect(result.status == 0, "\(result.error)")
      return result
    }
    let records = try records(run("json"))
    #expect(records.map { $0["system"] as? String } == ["a", "a", "b", "b", "c", "c"])
    #expect(records.map { $0["name"] as? String } == ["BLEU", "TER", "BLEU", "TER", "BLEU", "TER"])
    #expect(records[0]["baseline"] as? Bool == true && records[0]["paired_bootstrap"] == nil)
    #expect((records[0]["signature"] as? String)?.hasPrefix("nrefs:1|bs:40|ar:60|seed:12345|") == true)
    for record in records.dropFirst(2) {
      for (test, samples) in [("paired_bootstrap", 40.0), ("approximate_randomization", 60)] {
        let value = try #require((record[test] as? [String: Double])?["p_value"])
        // A count of at least one among the samples and one more.
        #expect(value > 0 && abs((value * (samples + 1)).remainder(dividingBy: 1)) < 1e-9)
      }
      #expect(record["confidence_mean"] is Double && record["difference"] is Double)
    }
    let scores = records.compactMap { $0["score"] as? Double }
    #expect(records[2]["difference"] as? Double == scores[2] - scores[0])

    let table = try run("text").lines
    #expect(table[0].split(separator: "  ").map { $0.trimmingCharacters(in: .whitespaces) }
      == ["Metric", "System", "Score", "Mean ± 95 %", "Difference", "p bootstrap", "p randomisation"])
    #expect(table[2].hasPrefix("BLEU") && table[2].hasSuffix("baseline") && table.count == 14)
    #expect(table.contains { $0.hasPrefix("TER|nrefs:1|bs:40|ar:60|") })
    #expect(try run("markdown").lines[1] == "|---|---|---:|---:|---:|---:|---:|")
    let rows = try run("tsv").lines.map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
    #expect(rows.count == 7 && rows.allSatisfy { $0.count == 9 })
    #expect(rows[0].prefix(4) == ["system", "metric", "score", "signature"])
    // Foundation's JSON reader may err in the last bit.
    #expect(zip(rows.dropFirst(), scores).allSatisfy { abs((Double($0[2]) ?? .nan) - $1) < 1e-12 })
    let form = try self.records(run("sacrebleu"))
    #expect(form[0]["system"] as? String == "Baseline: a")
    let cell = try #require(form[1]["TER"] as? [String: Double])
    #expect(cell.keys.sorted() == ["ci", "mean", "p_value", "score"])
    #expect(cell["p_value"] == (records[3]["paired_bootstrap"] as? [String: Double])?["p_value"])
    // As a file of --hypotheses too, the baseline is one system.
    let again = try eval("--baseline", "a", "--hypotheses", "a", "b", "--references", "ref", "--paired-ar", "--ter")
    #expect(again.status == 0 && again.lines.count(where: { $0.hasPrefix("TER  ") }) == 2)
    #expect(!again.output.contains("±"))
  }

  @Test("a baseline alone shows differences; several systems make one table")
  func tables() throws {
    try writeSystems()
    let difference = try eval("--baseline", "a", "b", "--references", "ref", "--ter")
    #expect(difference.lines[0].hasSuffix("Score  Difference"))
    let plain = try eval("--hypotheses", "a", "b", "c", "--references", "ref", "--format", "markdown", "--width", "1")
    #expect(plain.lines[0] == "| System | BLEU | chrF2 |" && plain.lines[4].hasPrefix("| c | 0.0 | "))
    let intervals = try eval("--hypotheses", "a", "b", "--references", "ref", "--confidence", "--format", "json")
    #expect(try records(intervals).allSatisfy { $0["confidence_half_width"] is Double && $0["difference"] == nil })
  }

  @Test("lines are scored one by one")
  func sentenceLevel() throws {
    try writeSystems()
    let arguments = ["eval", "--hypotheses", "a", "b", "--references", "ref", "--bleu", "--ter", "--sentence-level"]
    let records = try records(Program.run(arguments + ["--format", "json"], in: directory.url))
    #expect(records.count == 12)
    #expect(records.prefix(6).map { $0["line"] as? Int } == [1, 1, 2, 2, 3, 3])
    // As sacreBLEU's, the mean of logarithms gives a hair more than 100.
    #expect(abs((records[0]["score"] as? Double ?? 0) - 100) < 1e-9 && records[1]["score"] as? Double == 0)
    #expect((records[2]["signature"] as? String)?.contains("eff:yes") == true)
    // Two of four words are missing.
    #expect(records[5]["score"] as? Double == 50)
    let rows = try Program.run(arguments + ["--format", "tsv"], in: directory.url).lines
    #expect(rows.count == 13 && rows[0] == "system\tmetric\tscore\tsignature\tline")
    let table = try Program.run(arguments + ["--format", "markdown"], in: directory.url).lines
    #expect(table[0] == "| System | Line | BLEU | TER |" && table.contains("| b | 3 | 100.00 | 0.00 |"))
    let plain = try Program.run(arguments + ["--no-effective-order"], in: directory.url)
    #expect(plain.lines[0].hasPrefix("a: BLEU|nrefs:1|case:mixed|eff:no|"))
  }

  @Test("a folder of test sets is read, with the translations that lie in it")
  func testSetFolder() throws {
    try FileManager.default.createDirectory(
      at: directory.url.appendingPathComponent("sets"), withIntermediateDirectories: true)
    for (name, text) in [
      ("news.fr", "un\ndeux\n"), ("news.en", "one boat\ntwo boats\n"), ("news.ref2.en", "a boat\nboats\n"),
      ("news.alpha.en", "one boat\ntwo boats\n"), ("news-fr-en.sys-beta.en", "a boat\ntwo\n"),
      ("news-en-fr.sys-gamma.fr", "un\ndeux\n"), ("news.kind", "x\nx\n"), ("talk.fr", "trois\n"),
      ("talk.en", "three\n"), ("talk.more.fr", "quatre\n"), ("talk.more.en", "four\n"), ("talk.more.it.en", "for\n"),
    ] { try write("sets/" + name, text) }
    let pair = ["--language-pair", "fr-en", "--chrf"]
    let news = try Program.run(["eval", "--test-set", "sets/news"] + pair, in: directory.url)
    #expect(news.status == 0, "\(news.error)")
    #expect(news.lines[0] == "news" && news.lines[1].split(separator: " ") == ["System", "chrF2"])
    #expect(news.lines[3].split(separator: " ") == ["alpha", "100.00"] && news.lines[4].hasPrefix("sys-beta"))
    #expect(news.lines[6].hasPrefix("chrF2|nrefs:2|"))
    // The other direction has another system; without any, the model translates.
    let back = try Program.run(
      ["eval", "--test-set", "sets/news", "--language-pair", "en-fr", "--chrf"], in: directory.url)
    #expect(back.lines[1].hasSuffix("= 100.00"))
    let all = try Program.run(
      ["eval", "--test-set", "sets", "--model", SharedModel.path, "--max-length", "3", "--format", "json"] + pair,
      in: directory.url)
    #expect(all.status == 0, "\(all.error)")
    let records = try records(all)
    #expect(records.map { $0["test_set"] as? String } == ["news", "news", "talk", "talk.more"])
    #expect(records.dropFirst().map { $0["system"] as? String }
      == ["sys-beta", URL(fileURLWithPath: SharedModel.path).lastPathComponent, "it"])
    let compared = try Program.run(
      ["eval", "--test-set", "sets/news", "--baseline", "sys-beta", "--paired-ar", "--format", "tsv"] + pair,
      in: directory.url)
    #expect(compared.lines[1].hasPrefix("sys-beta\t") && compared.lines[2].hasPrefix("alpha\t"))
    let unknown = try Program.run(["eval", "--test-set", "sets/news", "--baseline", "delta"] + pair, in: directory.url)
    #expect(unknown.status == 1 && unknown.error.contains("alpha, sys-beta"))
    let none = try Program.run(["eval", "--test-set", "sets/old"] + pair, in: directory.url)
    #expect(none.status == 1 && none.error.contains("old.fr") && none.error.contains("news, talk, talk.more"))
  }

  @Test("given translations and the model's own are compared in one go")
  func translates() throws {
    try write("src", "un\ndeux\n")
    try write("ref", "one\ntwo\n")
    try write("a", "one\ntwo\n")
    let result = try eval(
      "--source", "src", "--references", "ref", "--hypotheses", "a", "--translate", "--model", SharedModel.path,
      "--max-length", "3", "--ter", "--format", "json")
    #expect(result.status == 0, "\(result.error)")
    let records = try records(result)
    #expect(records.map { $0["system"] as? String } == ["a", SharedModel.directory.url.lastPathComponent])
    #expect(records[0]["score"] as? Double == 0)
    let other = try eval("--source", "src", "--references", "ref", "--model", SharedModel.path, "--language-pair", "xx-yy")
    #expect(other.status == 1 && other.error.contains("xx-yy"))
  }

  @Test("a wrong command line is status 64 and says what is wrong", arguments: [
    (["--smooth-value", "1"], "--smooth-method"), (["--smooth-method", "floor", "--smooth-value", "-1"], "--smooth-value"),
    (["--chrf", "--tokenize", "char"], "--bleu"), (["--ter-no-punct"], "--ter."), (["--bleu", "--chrf-beta", "1"], "--chrf."),
    (["--chrf-char-order", "0"], "both 0"), (["--tokenize", "14b"], "14b"), (["--width", "99"], "--width"),
    (["--significance"], "baseline"), (["--sentence-level", "--confidence"], "--sentence-level"),
    (["--confidence-n", "10"], "--confidence."), (["--paired-ar-n", "10"], "--paired-ar"), (["--seed", "x"], "--seed"),
    (["--format", "json", "--width", "3"], "--width"), (["--format", "tsv", "--score-only"], "--score-only"),
    (["--test-set", "x"], "--references"), (["--language-pair", "french"], "french"),
    (["--hypotheses", "b", "c", "--format", "sacrebleu", "--confidence"], "paired"),
    (["--hypotheses", "-", "--source", "-"], "only once"),
    (["--hypotheses", "b", "c", "--format", "sacrebleu", "--sentence-level"], "one system"),
  ])
  func wrongCommandLines(arguments: [String], expected: String) throws {
    try writeSystems()
    let hypotheses = arguments.contains("--hypotheses") ? [] : ["--hypotheses", "a"]
    let result = try Program.run(["eval", "--references", "ref"] + hypotheses + arguments, in: directory.url)
    #expect(result.status == 64 && result.output == "", "\(arguments): \(result.status)")
    #expect(result.error.contains(expected), "\(result.error)")
  }

  @Test("wrong files are status 1 and named")
  func wrongFiles() throws {
    try writeSystems()
    try write("short", "one\n")
    try write("empty", "")
    _ = try directory.write([0x61, 0x0A, 0xFF, 0x0A, 0x62, 0x0A], to: "bytes")
    for (arguments, expected) in [
      (["--hypotheses", "short", "--references", "ref"], ["ref has 3 lines", "short has 1"]),
      (["--hypotheses", "a", "--references", "ref", "short"], ["ref has 3 lines", "short has 1"]),
      (["--hypotheses", "absent", "--references", "ref"], ["absent"]),
      (["--hypotheses", "empty", "--references", "empty"], ["empty", "no line"]),
      (["--hypotheses", "bytes", "--references", "ref"], ["bytes", "line 2"]),
      (["--hypotheses", "a", "a", "--references", "ref"], ["a: names two systems"]),
      (["--hypotheses", ".", "--references", "ref"], ["directory"]),
    ] {
      let result = try Program.run(["eval"] + arguments, in: directory.url)
      #expect(result.status == 1 && result.output == "", "\(arguments): \(result.output)")
      for part in expected { #expect(result.error.contains(part), "\(arguments): \(result.error)") }
    }
    let replaced = try eval("--hypotheses", "bytes", "--references", "ref", "--replace-invalid", "--ter")
    #expect(replaced.status == 0 && replaced.lines.count == 1)
    let input = try Program.run(
      ["eval", "--hypotheses", "-", "--references", "ref", "--ter", "--score-only"],
      input: Data(contentsOf: directory.url.appendingPathComponent("ref")), in: directory.url)
    #expect(input.output == "0.00\n", "\(input.error)")
  }
}
