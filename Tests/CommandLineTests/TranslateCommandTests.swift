import Foundation
import TestSupport
import Testing

@Suite struct TranslateCommandTests {
  /// Short outputs: the model has learnt nothing, least of all to stop.
  static let base = ["translate", "--model", SharedModel.path, "--max-length", "8"]

  func translate(_ arguments: [String] = [], _ text: String) throws -> Program.Result {
    try Program.run(TranslateCommandTests.base + arguments, text: text)
  }

  @Test("one line out for each line in; only a line feed ends a line; the last needs none")
  func lines() throws {
    let result = try translate([], "Le chat\r\n\n  \t\nLa gare\u{2028}est\u{85}là\u{0C}.\n…!\n12")
    #expect(result.status == 0)
    #expect(result.error == "")
    #expect(result.lines.count == 6)
    #expect(result.lines[1] == "" && result.lines[2] == "")
    #expect(result.lines[4] == "…!")
    #expect(try translate([], "").output == "")
    #expect(try translate([], "Le chat\r\n").output == translate([], "Le chat").output)
  }

  @Test("what is read is not replaced by a report")
  func reportOntoInput() throws {
    let directory = try TemporaryDirectory()
    try directory.write("Le chat\n".utf8, to: "a.fr")
    let result = try Program.run(TranslateCommandTests.base + ["a.fr", "--report", "./a.fr"], in: directory.url)
    #expect(result.status == 64 && result.error.contains("a.fr would be replaced while it is read: give another --report"))
    #expect(try String(contentsOf: directory.url.appendingPathComponent("a.fr"), encoding: .utf8) == "Le chat\n")
  }

  @Test("a beam of one, batches and threads do not change the output")
  func sameOutput() throws {
    let text = TinyModel.sentences.joined(separator: "\n") + "\n"
    let reference = try translate(["--n-best", "3"], text).output
    for more in [["--threads", "1"], ["--threads", "3", "--batch-sentences", "2"], ["--batch-sentences", "1"]] {
      #expect(try translate(["--n-best", "3"] + more, text).output == reference)
    }
  }

  @Test("an n-best list has line, text, log-probability and score, best first")
  func nBest() throws {
    let result = try translate(["--n-best", "3", "--beam", "4"], "Le chat\nLa gare\n")
    #expect(result.lines.count == 6)
    let fields = result.lines.map { $0.components(separatedBy: " ||| ") }
    #expect(fields.allSatisfy { $0.count == 4 })
    #expect(fields.map { $0[0] } == ["0", "0", "0", "1", "1", "1"])
    let scores = fields.compactMap { Double($0[3]) }
    #expect(scores.count == 6 && scores[0] >= scores[1] && scores[1] >= scores[2] && scores[3] >= scores[4])
    #expect(fields.compactMap { Double($0[2]) }.allSatisfy { $0 < 0 })
  }

  @Test("jsonl and tsv hold source, translation and scores")
  func formats() throws {
    let json = try translate(["--format", "jsonl", "--alignments", "--n-best", "2"], "Le \"chat\"\n\n")
    #expect(json.lines.count == 2)
    let record = try #require(try JSONSerialization.jsonObject(with: Data(json.lines[0].utf8)) as? [String: Any])
    #expect(record["source"] as? String == "Le \"chat\"")
    #expect((record["n_best"] as? [[String: Any]])?.count == 2)
    #expect(record["translation"] as? String == (record["n_best"] as? [[String: Any]])?[0]["text"] as? String)
    let pieces = try #require(record["source_pieces"] as? [String])
    #expect((record["alignment"] as? [[Int]])?.allSatisfy { $0[0] < pieces.count } == true)
    let table = try translate(["--format", "tsv"], "Le\tchat\nx\n")
    #expect(table.lines.map { $0.split(separator: "\t", omittingEmptySubsequences: false).count } == [4, 4])
    #expect(table.lines[0].hasPrefix("Le chat\t"))
  }

  @Test("every way to search gives one line for a line", arguments: [
    ["--length-normalization", "gnmt", "--coverage-penalty", "0.2"], ["--length-normalization", "none"],
    ["--length-penalty", "0.6", "--stopping", "beam-full"], ["--no-repeat-ngram", "2", "--min-length", "3"],
    ["--protect", "--beam", "3"], ["--alignments"], ["--precision", "bfloat16"], ["--precision", "int8"],
  ])
  func searches(arguments: [String]) throws {
    let result = try translate(arguments, "Le chat\n\nLa gare {name}.\n")
    #expect(result.status == 0 && result.lines.count == 3)
  }

  @Test("sampling follows its seed")
  func sampling() throws {
    func sample(_ seed: String) throws -> String {
      try translate(["--sample", "--seed", seed, "--top-k", "50"], "Le chat\nLa gare est là.\n").output
    }
    #expect(try sample("1") == sample("1"))
    #expect(try sample("1") != sample("2"))
  }

  @Test("the report has what scripts rely on")
  func report() throws {
    let directory = try TemporaryDirectory()
    let file = directory.url.appendingPathComponent("report.json")
    let result = try translate(
      ["--report", file.path, "--batch-sentences", "1", "--precision", "float32"], "Le chat\nLa gare\n\n")
    #expect(result.status == 0)
    let report = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    for key in [
      "load_seconds", "translate_seconds", "source_tokens", "output_tokens", "peak_memory_bytes", "latency_p50_ms",
      "latency_p99_ms",
    ] {
      #expect((report[key] as? Double ?? 0) > 0, "\(key)")
    }
    #expect(report["sentences"] as? Int == 3)
    #expect(report["precision"] as? String == "float32")
  }

  @Test("prefixes begin the lines they belong to")
  func prefixes() throws {
    let directory = try TemporaryDirectory()
    let file = try directory.write("The red\n\nWhere\n".utf8, to: "prefixes")
    let lines = try translate(["--prefix", file.path], "Le chat\nLa gare\nOù est-ce\n").lines
    #expect(lines[0].hasPrefix("The red"))
    #expect(lines[2].hasPrefix("Where"))
    #expect(lines[1] == (try translate([], "La gare\n").lines[0]))
    for (input, problem, printed) in [("Le chat\n", "more lines than the input, behind line 1", 1),
      ("a\nb\nc\nd\n", "fewer lines than the input, behind line 3", 3)]
    {
      let result = try translate(["--prefix", file.path], input)
      #expect(result.status == 1 && result.error.contains(problem) && result.lines.count == printed)
    }
  }

  @Test("a line longer than the model takes is translated in parts, with a warning that names it")
  func longLine() throws {
    let result = try translate([], "Le chat\n" + String(repeating: "Le petit chat dort. ", count: 60) + "\nLa gare\n")
    #expect(result.status == 0)
    #expect(result.lines.count == 3)
    #expect(result.error.contains("line 2: longer than the 59 tokens"))
  }

  @Test("files are read, gzipped too, one after the other")
  func files() throws {
    let directory = try TemporaryDirectory()
    try directory.write("Le chat\n".utf8, to: "a")
    try directory.write("La gare\nIl pleut.".utf8, to: "b")
    let result = try Program.shell(
      "gzip b && exec \"$MT\" translate a b.gz --max-length 8 --model '\(SharedModel.path)'", in: directory.url)
    #expect(result.output == (try translate([], "Le chat\nLa gare\nIl pleut.\n").output))
  }

  @Test("bytes that are not UTF-8 are named by line, after what came before; or replaced")
  func invalidUTF8() throws {
    let bytes = Array("Le chat\nLa gare\n".utf8) + [0x66, 0xFF, 0x0A] + Array("Il pleut.\n".utf8)
    let result = try Program.run(TranslateCommandTests.base, input: bytes)
    #expect(result.status == 1)
    #expect(result.error.contains("line 3: not valid UTF-8"))
    #expect(result.lines.count == 2)
    let replaced = try Program.run(TranslateCommandTests.base + ["--replace-invalid"], input: bytes)
    #expect(replaced.status == 0 && replaced.lines.count == 4)
  }

  @Test("a reader that leaves early ends the program quietly")
  func closedPipe() throws {
    let directory = try TemporaryDirectory()
    let result = try Program.shell(
      """
      yes 'Le petit chat dort sur la chaise rouge.' | head -20000 |
      { "$MT" translate --max-length 3 --beam 1 --model '\(SharedModel.path)'; echo "status $?" >&2; } | head -1
      """, in: directory.url)
    #expect(result.lines.count == 1)
    #expect(result.error == "status 0\n")
  }

  @Test("an interactive reader sees each line at once")
  func interactive() throws {
    let process = Process()
    let (input, output) = (Pipe(), Pipe())
    process.executableURL = Program.url
    process.arguments = TranslateCommandTests.base
    (process.standardInput, process.standardOutput) = (input, output)
    try process.run()
    for line in ["Le chat", "", "La gare"] {
      try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
      // Blocks for ever if the line is held back until there is more.
      var answer = Data()
      while answer.last != 0x0A { answer += try output.fileHandleForReading.read(upToCount: 1) ?? Data([0x0A]) }
      #expect(line.isEmpty == (answer.count == 1))
    }
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }
}
