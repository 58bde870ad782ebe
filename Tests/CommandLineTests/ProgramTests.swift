import Foundation
import TestSupport
import Testing
import Translation

@Suite struct ProgramTests {
  @Test("help and version", arguments: [
    ["--help"], ["translate", "--help"], ["eval", "--help"], ["score", "--help"], ["tokenize", "--help"],
    ["detokenize", "--help"], ["error-analysis", "--help"], ["train", "--help"], ["data", "--help"], ["data", "clean", "--help"],
  ])
  func help(arguments: [String]) throws {
    let result = try Program.run(arguments)
    #expect(result.status == 0)
    #expect(result.output.contains("USAGE: mt"))
    // The parser breaks all lines but those that show the usage.
    let usage = result.output.components(separatedBy: "USAGE:")[0]
    #expect(usage.split(separator: "\n").allSatisfy { $0.count <= 80 })
  }

  @Test("the version is one line; completions come for three shells")
  func versionAndCompletions() throws {
    #expect(try Program.run(["--version"]).output.hasPrefix("mt "))
    for shell in ["bash", "zsh", "fish"] {
      #expect(try Program.run(["--generate-completion-script", shell]).output.contains("error-analysis"))
    }
  }

  @Test("a wrong command line is status 64 and says what is wrong", arguments: [
    (["translate", "--beam", "0"], "--beam 0"), (["translate", "--bean", "5"], "--bean"),
    (["translate", "--n-best", "9", "--beam", "3"], "--beam of at least 9"),
    (["translate", "--length-normalization", "x"], "none"), (["translate", "--top-p", "0"], "--top-p"),
    (["translate", "--min-length", "9", "--max-length", "3"], "--min-length 9"),
    (["score", "--source", "a"], "--target"), (["fly"], "fly"),
  ])
  func wrongCommandLine(arguments: [String], message: String) throws {
    let result = try Program.run(arguments)
    #expect(result.status == 64)
    #expect(result.output == "")
    #expect(result.error.contains(message))
  }

  @Test("without a model mt says where it looked; MT_MODEL, Models/fr-en and the share folder are found")
  func modelLookup() throws {
    let place = try TemporaryDirectory()
    let none = try Program.run(["translate"], text: "Le chat\n", in: place.url)
    #expect(none.status == 1)
    #expect(none.error.contains("no model: give --model DIR or set MT_MODEL"))

    let expected = try Program.run(TranslateCommandTests.base, text: "Le chat\n").output
    let named = try Program.run(
      ["translate", "--max-length", "8"], input: "Le chat\n".utf8, environment: ["MT_MODEL": SharedModel.path])
    #expect(named.output == expected)

    let models = place.url.appendingPathComponent("Models")
    try FileManager.default.createDirectory(at: models, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      at: SharedModel.directory.url, to: models.appendingPathComponent("fr-en"))
    #expect(try Program.run(["translate", "--max-length", "8"], text: "Le chat\n", in: place.url).output == expected)

    let prefix = try TemporaryDirectory()
    let installed = try Program.shell(
      """
      mkdir -p bin share/mt/models && cp "$MT" bin/mt && cp -r '\(SharedModel.path)' share/mt/models/fr-en
      cd / && echo 'Le chat' | '\(prefix.url.path)/bin/mt' translate --max-length 8
      """, in: prefix.url)
    #expect(installed.output == expected)
  }

  @Test("a missing, truncated or foreign model is status 1 and names the file")
  func brokenModels() throws {
    let missing = try Program.run(["translate", "--model", "/nowhere"], text: "x\n")
    #expect(missing.status == 1)
    #expect(missing.error.contains("/nowhere"))

    let model = try TemporaryDirectory()
    try TinyModel.save(to: model.url)
    let weights = ModelDirectory(model.url).weights
    let whole = try Data(contentsOf: weights)
    try whole.prefix(whole.count / 2).write(to: weights)
    let truncated = try Program.run(["translate", "--model", model.url.path], text: "x\n")
    #expect(truncated.status == 1)
    #expect(truncated.error.contains("model.safetensors") && truncated.error.contains("truncated"))
    try Data("PK\u{3}\u{4} something else entirely".utf8).write(to: weights)
    #expect(try Program.run(["translate", "--model", model.url.path], text: "x\n").error.contains("not a safetensors"))
    try whole.write(to: weights)
    try Data("{}".utf8).write(to: ModelDirectory(model.url).text)
    #expect(try Program.run(["translate", "--model", model.url.path], text: "x\n").error.contains("text.json"))
  }

  @Test("a full disk is an error, not silence")
  func fullDisk() throws {
    let directory = try TemporaryDirectory()
    let result = try Program.shell(
      "echo 'Le chat' | \"$MT\" translate --max-length 4 --model '\(SharedModel.path)' > /dev/full", in: directory.url)
    #expect(result.status == 1)
    #expect(result.error.contains("standard output: cannot be written"))
  }
}
