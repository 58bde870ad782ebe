import Foundation
import TestSupport
import Testing

@Suite struct ScoringCommandTests {
  let directory: TemporaryDirectory
  let source: String
  let target: String

  init() throws {
    directory = try TemporaryDirectory()
    source = try directory.write("Le chat est là.\n\nOù est la gare ?\n".utf8, to: "source").path
    target = try directory.write("The cat is there.\nNothing.\nWhere is the station?\n".utf8, to: "target").path
  }

  @Test("score prints log P; words add up to it; normalising divides by the length")
  func score() throws {
    let base = ["score", "--model", SharedModel.path, "--source", source, "--target", target]
    let plain = try Program.run(base)
    #expect(plain.status == 0 && plain.lines.count == 3)
    let values = plain.lines.compactMap(Double.init)
    #expect(values.count == 3 && values.allSatisfy { $0 < 0 })
    let words = try Program.run(base + ["--words"]).lines
    for (line, value) in zip(words, values) {
      let fields = line.split(separator: "\t")
      #expect(Double(fields[0]) == value)
      let parts = fields[1].split(separator: " ")
      #expect(parts.last?.hasPrefix("</s>=") == true)
      let sum = parts.compactMap { $0.split(separator: "=").last.flatMap { Double($0) } }.reduce(0, +)
      #expect(abs(sum - value) < 1e-2)
    }
    let normalized = try Program.run(base + ["--normalize"]).lines.compactMap(Double.init)
    let pieces = try Program.run(
      ["tokenize", "--subwords", "--side", "target", "--model", SharedModel.path, target]
    ).lines.map { $0.split(separator: " ").count }
    for i in 0..<3 { #expect(abs(normalized[i] - values[i] / Double(pieces[i] + 1)) < 1e-5) }
    let json = try Program.run(base + ["--format", "jsonl"]).lines[1]
    let record = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    #expect(record["source"] as? String == "" && record["target"] as? String == "Nothing.")
  }

  @Test("sides with different line counts are an error that gives both")
  func unequalSides() throws {
    let short = try directory.write("one\n".utf8, to: "short").path
    let result = try Program.run(["score", "--model", SharedModel.path, "--source", source, "--target", short])
    #expect(result.status == 1)
    #expect(result.error.contains("has 3 lines") && result.error.contains("has 1;"))
  }

  @Test("tokenize and detokenize undo each other, in words and in subwords")
  func tokenize() throws {
    let text = "L'homme n'a pas dit « oui » à 10:30, c'est-à-dire…\n\nGrüße 😀 字 x\u{FFED}y\n"
    for more in [[], ["--subwords"]] {
      let tokens = try Program.run(["tokenize", "--model", SharedModel.path] + more, text: text)
      #expect(tokens.lines.count == 3 && tokens.lines[1] == "")
      #expect(tokens.lines[0].split(separator: " ").count > 12)
      let back = try Program.run(["detokenize", "--model", SharedModel.path] + more, text: tokens.output)
      #expect(back.output == text)
    }
  }

  @Test("eval scores files with sacreBLEU's signature, in every format")
  func evaluate() throws {
    let hypothesis = try directory.write("The cat is there.\nNothing.\nWhere is a station?\n".utf8, to: "hypothesis").path
    let base = ["eval", "--references", target, "--hypotheses", hypothesis]
    let text = try Program.run(base + ["--bleu"]).output
    #expect(text.hasPrefix("BLEU|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:mt-1.0 = "))
    let json = try Program.run(base + ["--bleu", "--chrf", "--ter", "--format", "json"]).output
    let records = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [[String: Any]])
    #expect(records.map { $0["name"] as? String } == ["BLEU", "chrF2", "TER"])
    #expect(records.allSatisfy { $0["signature"] is String && $0["score"] is Double })
    // One of nine words differs.
    #expect(abs((records[2]["score"] as? Double ?? 0) - 100.0 / 9) < 1e-9)
    #expect(try Program.run(base + ["--format", "markdown"]).output.contains("| System | BLEU | chrF2 |"))
    #expect(try Program.run(base + ["--format", "tsv"]).lines.count == 3)
  }

  @Test("eval translates where no hypotheses are given, and finds the test set in Eval")
  func evaluateModel() throws {
    let folder = directory.url.appendingPathComponent("Eval")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data(contentsOf: URL(fileURLWithPath: source)).write(to: folder.appendingPathComponent("test.fr"))
    try Data(contentsOf: URL(fileURLWithPath: target)).write(to: folder.appendingPathComponent("test.en"))
    let result = try Program.run(
      ["eval", "--bleu", "--model", SharedModel.path, "--max-length", "5"], in: directory.url)
    #expect(result.status == 0)
    #expect(result.output.contains("BLEU|nrefs:1"))
    let none = try Program.run(["eval", "--model", SharedModel.path])
    #expect(none.status == 1 && none.error.contains("no test set"))
  }

  @Test("error analysis names the fault of each sentence and counts them")
  func errorAnalysis() throws {
    let base = [
      "error-analysis", "--model", SharedModel.path, "--source", source, "--references", target, "--max-length", "5",
    ]
    let json = try Program.run(base + ["--format", "json"])
    #expect(json.status == 0)
    let report = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
    let sentences = try #require(report["sentences"] as? [[String: Any]])
    #expect(sentences.count == 3)
    for sentence in sentences {
      let objective = try #require(sentence["objective"] as? [String: Double])
      let expected = (objective["reference"] ?? 0) > (objective["hypothesis"] ?? 0) ? "search" : "model"
      #expect(sentence["fault"] as? String == expected)
      #expect((sentence["log_probability"] as? [String: Double])?.count == 2)
    }
    // The references themselves as hypotheses: nobody is at fault.
    let same = try Program.run(base + ["--hypotheses", target])
    #expect(same.output.contains("none           3  100.0 %"))
    let page = directory.url.appendingPathComponent("page.html")
    #expect(try Program.run(base + ["--format", "html", "--output", page.path]).output == "")
    #expect(try String(contentsOf: page, encoding: .utf8).hasPrefix("<!doctype html>"))
  }

  @Test("error analysis sets two systems side by side and saves the report in three forms")
  func comparison() throws {
    let a = try directory.write("The cat.\nNothing.\nWhere is it?\n".utf8, to: "a.en").path
    let b = try directory.write("The cat is there.\nNo.\nWhere is it?\n".utf8, to: "b.en").path
    let base = ["error-analysis", "--model", SharedModel.path, "--source", source, "--references", target]
    let prefix = directory.url.appendingPathComponent("report").path
    let result = try Program.run(
      base + ["--hypotheses", a, "--other-hypotheses", b, "--other-model", SharedModel.path, "--save", prefix])
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.contains("b.en against a.en") && result.output.contains("wins 1, loses 1, ties 1"))
    let data = try Data(contentsOf: URL(fileURLWithPath: prefix + ".json"))
    let report = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let comparison = try #require(report["comparison"] as? [String: Any])
    #expect((comparison["judgements"] as? [Any])?.count == 2 && (comparison["sentences"] as? [Any])?.count == 3)
    #expect(try String(contentsOfFile: prefix + ".html", encoding: .utf8).contains("Where b.en wins most"))
    #expect(try String(contentsOfFile: prefix + ".md", encoding: .utf8).hasPrefix("# Error analysis of a.en\n"))
    let short = try directory.write("one\n".utf8, to: "short").path
    let unequal = try Program.run(base + ["--other-hypotheses", short])
    #expect(unequal.status == 1 && unequal.error.contains("short has 1"))
  }

  @Test("inspect draws attention and finds neighbours")
  func inspect() throws {
    let base = ["inspect", "attention", "Le chat", "--model", SharedModel.path, "--max-length", "4"]
    #expect(try Program.run(base).lines.last?.contains("</s>") == true)
    #expect(try Program.run(base + ["--all"]).output.contains("layer 2, head 2"))
    #expect(try Program.run(base + ["--format", "html"]).output.hasPrefix("<!doctype html>"))
    let wrong = try Program.run(base + ["--head", "3"])
    #expect(wrong.status == 64 && wrong.error.contains("--head 3 is not in 1...2"))
    let near = ["inspect", "embeddings", "--model", SharedModel.path]
    let found = try Program.run(near + ["chat", "rouge", "--neighbours", "3"])
    #expect(found.status == 0 && found.lines.count == 8, "\(found.error)")
    #expect(try Program.run(near + ["--analogy", "chat", "gare", "rouge"]).lines.count == 11)
    let map = directory.url.appendingPathComponent("map.svg").path
    #expect(try Program.run(near + ["--map", map, "--words", "20", "--method", "tsne"]).status == 0)
    #expect(try String(contentsOfFile: map, encoding: .utf8).hasPrefix("<svg "))
    #expect(try Program.run(near).status == 64)
  }
}
