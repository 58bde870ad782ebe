import Foundation
import TestSupport
import Testing

/// quantize, average, export and import, from the command line; what they write is judged elsewhere.
@Suite struct ModelCommandTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  func exists(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: directory.url.appendingPathComponent(name).path)
  }

  @Test("quantize says what the bits cost in size and in BLEU; the model computes as it is stored")
  func quantize() throws {
    try directory.write("Le petit chat.\nOù est la gare ?\n".utf8, to: "test.fr")
    try directory.write("The small cat.\nWhere is the station?\n".utf8, to: "test.en")
    let base = ["quantize", SharedModel.path]
    let int8 = try Program.run(
      base + ["int8", "--source", "test.fr", "--references", "test.en", "--threads", "1"], in: directory.url)
    #expect(int8.status == 0, "\(int8.error)")
    #expect(int8.lines.count == 2 && int8.lines[0].hasPrefix("int8: int8, 0.0"))
    #expect(int8.lines[1].hasPrefix("BLEU ") && int8.lines[1].contains("tok:13a"))
    // Its vectors and scales stay in four bytes.
    func share(_ line: String) -> Double { line.split(separator: " ").dropLast(4).last.flatMap { Double($0) } ?? 100 }
    #expect((25...45).contains(share(int8.lines[0])), "\(int8.lines[0])")
    let half = try Program.run(base + ["half", "--precision", "bfloat16"], in: directory.url)
    #expect((50...60).contains(share(half.lines[0])), "\(half.lines[0])")
    let text = try Program.run(["translate", "--model", "int8", "--max-length", "5"], text: "Le chat\n", in: directory.url)
    #expect(text.lines.count == 1)

    // Nothing is overwritten, and a wrong file leaves nothing behind.
    #expect(try Program.run(base + ["int8"], in: directory.url).error.contains("exists already"))
    let missing = try Program.run(base + ["new", "--source", "none.fr", "--references", "test.en"], in: directory.url)
    #expect(missing.status == 1 && missing.error.contains("none.fr") && !exists("new"))
    #expect(try Program.run(base + ["new", "--source", "test.fr"], in: directory.url).status == 64)
  }

  @Test("data shortlist learns what --shortlist chooses among; without it the command says what to do")
  func shortlist() throws {
    try TinyModel.save(to: directory.url.appendingPathComponent("model"))
    try directory.write((TinyModel.sentences[..<3].joined(separator: "\n") + "\n").utf8, to: "train.fr")
    try directory.write((TinyModel.sentences[3..<6].joined(separator: "\n") + "\n").utf8, to: "train.en")
    let translate = ["translate", "--model", "model", "--max-length", "5", "--shortlist"]
    let missing = try Program.run(translate, text: "Le chat\n", in: directory.url)
    #expect(missing.status == 1 && missing.error.contains("model/shortlist.txt.gz") && missing.output.isEmpty)
    let learnt = try Program.run(
      ["data", "shortlist", "--model", "model", "train.fr", "train.en", "--frequent", "3", "--best", "2"], in: directory.url)
    #expect(learnt.status == 0 && learnt.lines.count == 1 && learnt.lines[0].contains("these 3 on average"), "\(learnt.error)")
    let text = try Program.run(translate, text: "Le chat\n", in: directory.url)
    let free = try Program.run(translate.dropLast(), text: "Le chat\n", in: directory.url)
    #expect(text.status == 0 && text.lines.count == 1 && free.lines.count == 1 && text.output != free.output)
    #expect(try Program.run(["quantize", "model", "small"], in: directory.url).status == 0 && exists("small/shortlist.txt.gz"))
    try directory.write("0\n1\n".utf8, to: "model/shortlist.txt.gz")
    let wrong = try Program.run(translate, text: "Le chat\n", in: directory.url)
    #expect(wrong.status == 1 && wrong.error.contains("model/shortlist.txt.gz, line 1: expected \"fr "))
    let several = try Program.run(translate + ["--model", "small"], text: "Le chat\n", in: directory.url)
    #expect(several.status == 64 && several.error.contains("--shortlist"))
    let empty = try Program.run(["data", "shortlist", "--model", "model", "/dev/null", "/dev/null"], in: directory.url)
    #expect(empty.status == 1 && empty.error.contains("/dev/null: has no pair"))

    // Of a TMX file the model's languages are read.
    try TinyModel.save(to: directory.url.appendingPathComponent("other"), source: "de", target: "nl")
    let units = zip(TinyModel.sentences[..<3], TinyModel.sentences[3...]).map {
      "<tu><tuv xml:lang=\"de\"><seg>\($0)</seg></tuv><tuv xml:lang=\"nl\"><seg>\($1)</seg></tuv></tu>"
    }
    try directory.write("<tmx version=\"1.4\"><body>\(units.joined())</body></tmx>".utf8, to: "pairs.tmx")
    let read = try Program.run(["data", "shortlist", "--model", "other", "pairs.tmx"], in: directory.url)
    #expect(read.status == 0 && read.output.contains("these 3 on average"), "\(read.error)")
  }

  @Test("average makes the mean of the last checkpoints, and says which")
  func average() throws {
    try directory.write(
      TrainCommandTests.recipe.replacing("updates: 6", with: "updates: 6\n  checkpoint_every: 2").utf8, to: "tiny.yaml")
    try directory.write((TinyModel.sentences[..<3].joined(separator: "\n") + "\n").utf8, to: "train.fr")
    try directory.write((TinyModel.sentences[3..<6].joined(separator: "\n") + "\n").utf8, to: "train.en")
    #expect(try Program.run(["train", "tiny.yaml"], in: directory.url).status == 0)
    let learn = ["data", "shortlist", "--model", "runs/tiny", "train.fr", "train.en", "--frequent", "3"]
    #expect(try Program.run(learn, in: directory.url).status == 0)
    let result = try Program.run(["average", "runs/tiny", "mean", "--last", "2"], in: directory.url)
    #expect(result.output == "mean: the mean of the checkpoints after updates 4, 6\n", "\(result.error)")
    let text = try Program.run(["translate", "--model", "mean", "--max-length", "5"], text: "Le chat\n", in: directory.url)
    #expect(text.lines.count == 1 && exists("mean/word-counts.tsv.gz") && exists("mean/shortlist.txt.gz"))
    #expect(try Program.run(["quantize", "mean", "small"], in: directory.url).status == 0)
    let counts = ["mean", "small"].map { directory.url.appendingPathComponent("\($0)/word-counts.tsv.gz") }
    #expect(try Data(contentsOf: counts[0]) == Data(contentsOf: counts[1]))
    #expect(try Program.run(["average", "runs/tiny", "mean"], in: directory.url).error.contains("exists already"))
    #expect(try Program.run(["average", SharedModel.path, "other"], in: directory.url).status == 1)
  }

  @Test("export says what cannot travel; what was exported comes back", arguments: ["hf-marian", "marian"])
  func exports(_ format: String) throws {
    let result = try Program.run(["export", format, SharedModel.path, "theirs"], in: directory.url)
    #expect(result.status == 0 && result.lines.count == 1, "\(result.error)")
    #expect(result.error.contains("tokenizer: marks") && result.lines[0].hasPrefix("theirs: fr → en"))
    #expect(exists(format == "marian" ? "theirs/vocab.yml" : "theirs/vocab.json"))
    #expect(!exists("theirs/source.spm"))
    guard format == "marian" else { return }
    // Pieces in a list do not say how to cut a line into them.
    let back = try Program.run(
      [
        "import", "marian", "theirs/model.npz", "theirs/vocab.yml", "theirs/vocab.yml", "back", "--decoder",
        "theirs/decoder.yml",
      ], in: directory.url)
    #expect(back.status == 1 && back.error.contains("vocab.yml: id 2") && !exists("back"), "\(back.error)")
    #expect(
      try Program.run(["import", "marian", "theirs/vocab.yml", "a", "b", "c"], in: directory.url).error.contains("vocab.yml"))
    #expect(try Program.run(["import", "marian", "a", "b", "c", "d", "--source-language", "1"]).status == 64)
  }

  @Test("the example package builds against this checkout and translates", .enabled(if: Program.buildsExamples))
  func example() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "swift", "build", "-c", "release", "--package-path", root.appendingPathComponent("Examples/TranslateLines").path,
      "--scratch-path", directory.url.appendingPathComponent("build").path,
    ]
    process.standardOutput = FileHandle.standardError
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let input = try directory.write("Le chat\n\nOù est la gare ?\n".utf8, to: "in")
    let output = try directory.write([], to: "out")
    let run = Process()
    run.executableURL = directory.url.appendingPathComponent("build/release/TranslateLines")
    run.arguments = [SharedModel.path]
    run.standardInput = try FileHandle(forReadingFrom: input)
    run.standardOutput = try FileHandle(forWritingTo: output)
    try run.run()
    run.waitUntilExit()
    let lines = try String(contentsOf: output, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
    #expect(run.terminationStatus == 0 && lines.count == 4 && lines[1].isEmpty)
  }
}

extension Program {
  /// It takes minutes.
  fileprivate static var buildsExamples: Bool { ProcessInfo.processInfo.environment["MT_LEARNING_TESTS"] != nil }
}
