import Foundation
import TestSupport
import Testing

@Suite struct TrainCommandTests {
  static let recipe = """
    source_language: fr
    target_language: en
    corpora:
      train:
        - source: train.fr
          target: train.en
      valid:
        source: train.fr
        target: train.en
    text:
      vocabulary: joint
      vocabulary_size: 420
    model:
      architecture: transformer
      embeddings: all
      transformer:
        model_size: 16
        feed_forward_size: 24
        heads: 2
        encoder_layers: 1
        decoder_layers: 1
        maximum_length: 40
    training:
      batch_tokens: 60
      updates: 6
      learning_rate: 0.001
      warmup: 2
    validation:
      every: 4

    """

  let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    try directory.write(TrainCommandTests.recipe.utf8, to: "tiny.yaml")
    try directory.write((TinyModel.sentences[..<3].joined(separator: "\n") + "\n").utf8, to: "train.fr")
    try directory.write((TinyModel.sentences[3..<6].joined(separator: "\n") + "\n").utf8, to: "train.en")
  }

  @Test("without a standard error the log of training has nothing but its lines")
  func closedStandardError() throws {
    try directory.write(TrainCommandTests.recipe.utf8, to: "tiny.yaml")
    for side in ["train.fr", "train.en"] {
      try directory.write((TinyModel.sentences[..<3].joined(separator: "\n") + "\n").utf8, to: side)
    }
    #expect(try Program.shell("\"$MT\" train tiny.yaml 2>&-", in: directory.url).status == 0)
    let log = try String(contentsOf: directory.url.appendingPathComponent("runs/tiny/training.jsonl"), encoding: .utf8)
    let lines = log.split(separator: "\n")
    #expect(lines.count >= 6 && lines.allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") }, "\(log)")
  }

  @Test("a recipe becomes a model that translates; standard output stays empty")
  func trains() throws {
    let result = try Program.run(["train", "tiny.yaml"], in: directory.url)
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output == "")
    let translated = try Program.run(
      ["translate", "--model", "runs/tiny", "--max-length", "5"], text: "Le chat\n", in: directory.url)
    #expect(translated.lines.count == 1)
    let log = try String(contentsOf: directory.url.appendingPathComponent("runs/tiny/training.jsonl"), encoding: .utf8)
    #expect(log.split(separator: "\n").count == 6)

    // The counts of the target's words lie with the model, and the error analysis finds them.
    let counts = try Program.run(["data", "words", "train.en", "--output", "counts.tsv.gz"], in: directory.url)
    #expect(counts.status == 0, "\(counts.error)")
    let stored = try Data(contentsOf: directory.url.appendingPathComponent("runs/tiny/word-counts.tsv.gz"))
    #expect(try stored == Data(contentsOf: directory.url.appendingPathComponent("counts.tsv.gz")))
    let report = try Program.run(
      ["error-analysis", "--model", "runs/tiny", "--source", "train.fr", "--references", "train.en", "--max-length", "5"],
      in: directory.url)
    #expect(report.output.contains("F1 by word count"), "\(report.error)")

    let again = try Program.run(["train", "tiny.yaml"], in: directory.url)
    #expect(again.status == 1 && again.error.contains("--resume"))
  }

  @Test("stopped and resumed, the same weights come out")
  func resumes() throws {
    let whole = try Program.run(["train", "tiny.yaml", "--output", "whole"], in: directory.url)
    let first = try Program.run(["train", "tiny.yaml", "--output", "parts", "--max-updates", "3"], in: directory.url)
    let second = try Program.run(["train", "tiny.yaml", "--output", "parts", "--resume"], in: directory.url)
    #expect([whole.status, first.status, second.status] == [0, 0, 0])
    func weights(_ run: String) throws -> Data {
      try Data(contentsOf: directory.url.appendingPathComponent("\(run)/model.safetensors"))
    }
    #expect(try weights("whole") == weights("parts"))
  }

  @Test("what is wrong with a recipe or its files is said, with status 1", arguments: [
    (["train", "nowhere.yaml"], "nowhere.yaml"), (["train", "tiny.yaml", "--set", "training.updats=3"], "training.updates"),
    (["train", "tiny.yaml", "--set", "training.updates=many"], "training.updates"),
    (["train", "tiny.yaml", "--set", "corpora.valid.source=absent"], "absent"),
  ])
  func mistakes(arguments: [String], message: String) throws {
    let result = try Program.run(arguments, in: directory.url)
    #expect(result.status == 1)
    #expect(result.error.contains(message))
  }
}
