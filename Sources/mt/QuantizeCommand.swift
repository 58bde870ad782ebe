import ArgumentParser
import Autograd
import Evaluation
import Foundation
import Training
import Translation

/// `mt quantize`
struct QuantizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantize",
    abstract: "Store a model's weights in fewer bits, and say what that costs.",
    discussion: """
      int8 takes a little more than a quarter of float32's size: a whole number for each weight and a scale for each \
      output of a product; bfloat16 takes half. With --source and --references both models translate these lines, and \
      BLEU before and after is printed.

      Example:  mt quantize Models/fr-en fr-en-int8 --source Eval/test.fr --references Eval/test.en
      """)

  @Argument(help: "The model to read.", completion: .directory)
  var model: String

  @Argument(help: "The model directory to make.", completion: .directory)
  var output: String

  @Option(help: "How to store the weights: int8, bfloat16 or float32.")
  var precision = Precision.int8

  @Option(help: ArgumentHelp("Lines to translate with both models.", valueName: "file"), completion: .file())
  var source: String?

  @Option(
    parsing: .upToNextOption, help: ArgumentHelp("Their reference translations.", valueName: "file"), completion: .file())
  var references: [String] = []

  @OptionGroup var threads: ThreadsOption

  func validate() throws {
    guard (source == nil) == references.isEmpty else { throw ValidationError("--source and --references go together.") }
  }

  func run() throws {
    let (from, to) = (URL(fileURLWithPath: model), URL(fileURLWithPath: output))
    // Read before anything is written, so that a wrong file leaves nothing behind.
    let test = try source.map {
      try TestSet.read(
        source: $0, references: references, languages: ("", ""), needsSource: true, replacingInvalid: false)
    }
    let sizes = try ModelDirectory(from).write(to: to, precision: precision)
    func megabytes(_ bytes: Int) -> String { String(format: "%.2f MB", Double(bytes) / 1e6) }
    let share = Double(sizes.after) / Double(max(sizes.before, 1)) * 100
    try StandardOutput.shared.write(
      line: "\(output): \(precision.rawValue), \(megabytes(sizes.after)), "
        + "\(String(format: "%.1f", share)) % of \(megabytes(sizes.before))")
    guard let test else { return }
    let (before, after) = try (score(from, test), score(to, test))
    try StandardOutput.shared.write(
      line: String(format: "BLEU %.2f before, %.2f after (%+.2f)", before.score, after.score, after.score - before.score)
        + " \(after.signature)")
  }

  private func score(_ model: URL, _ test: TestSet) throws -> Score {
    let translator = try Translator(model: model)
    var options = translator.defaultOptions
    options.threads = threads.threads
    let lines = translator.translate(test.sources, options: options).map(\.text)
    return try BLEU(analysisOfLanguage: translator.description.targetLanguage)
      .corpusScore(hypotheses: lines, references: test.references)
  }
}

/// `mt average`
struct AverageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "average",
    abstract: "Make a model of the mean of a training's last checkpoints.",
    discussion: """
      Often a little better than any one of them (Vaswani et al. 2017, §6.1). Reads what `mt train` left in its output \
      directory.

      Example:  mt average runs/fr-en Models/fr-en-averaged --last 4
      """)

  @Argument(help: "The output directory of a training.", completion: .directory)
  var training: String

  @Argument(help: "The model directory to make.", completion: .directory)
  var output: String

  @Option(help: ArgumentHelp("How many checkpoints to average, the last ones.", valueName: "n"))
  var last = 4

  func validate() throws {
    guard last >= 1 else { throw ValidationError("--last \(last) is below 1.") }
  }

  func run() throws {
    let destination = ModelDirectory(URL(fileURLWithPath: output))
    try destination.requireVacant()
    let updates = try averageCheckpoints(run: URL(fileURLWithPath: training), last: last, output: destination.url)
    try StandardOutput.shared.write(
      line: "\(output): the mean of the checkpoints after updates \(updates.map(String.init).joined(separator: ", "))")
  }
}
