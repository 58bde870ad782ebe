import ArgumentParser
import Foundation
import Training

/// `mt train`
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a model by a recipe.",
    discussion: """
      Corpus files that the recipe names are looked up in --data, else in $MT_DATA, else beside the recipe, plain or \
      gzipped. The output is a model directory from the first validation on, with training.jsonl (one record an \
      update), training.html (curves) and checkpoints. Interrupted at any moment, the same command with --resume goes \
      on, and ends with the same bits.

      Example:  mt train Models/recipes/tutorial.yaml
      """)

  @Argument(help: "The recipe.", completion: .file(extensions: ["yaml", "yml"]))
  var recipe: String

  @Option(help: ArgumentHelp("The model directory to make. (default: runs/<recipe name>)", valueName: "dir"),
    completion: .directory)
  var output: String?

  @Option(help: ArgumentHelp("Where the corpora are. (default: $MT_DATA)", valueName: "dir"), completion: .directory)
  var data: String?

  @Option(help: ArgumentHelp(
    "Change a value of the recipe, as in --set training.updates=2000; may be given several times.",
    valueName: "key=value"))
  var set: [String] = []

  @Flag(help: "Go on from the last checkpoint in the output directory, or from the beginning if there is none.")
  var resume = false

  @Option(help: ArgumentHelp("Stop after this update, saved and ready to be resumed.", valueName: "n"))
  var maxUpdates: Int?

  @Option(help: ArgumentHelp("Stop after so much training time, saved and ready to be resumed.", valueName: "s"))
  var maxSeconds: Double?

  @Option(help: ArgumentHelp("Save a checkpoint after each n updates. (default: as in the recipe)", valueName: "n"))
  var checkpointEvery: Int?

  @OptionGroup var threads: ThreadsOption

  func validate() throws {
    try SearchFlags.require("--max-updates", maxUpdates, in: 0...Int.max)
    try SearchFlags.require("--checkpoint-every", checkpointEvery, in: 1...Int.max)
    if let maxSeconds, !(maxSeconds >= 0) { throw ValidationError("--max-seconds \(maxSeconds) is below 0.") }
  }

  func run() throws {
    var options = TrainOptions()
    options.output = output.map { URL(fileURLWithPath: $0) }
    let environment = ProcessInfo.processInfo.environment["MT_DATA"].flatMap { $0.isEmpty ? nil : $0 }
    options.data = (data ?? environment).map { URL(fileURLWithPath: $0) }
    options.overrides = set
    options.resume = resume
    options.maximumUpdates = maxUpdates
    options.maximumSeconds = maxSeconds
    options.checkpointEvery = checkpointEvery
    options.threads = threads.threads
    do {
      _ = try train(recipe: URL(fileURLWithPath: recipe), options: options, progress: StandardErrorProgress())
    } catch let error as RecipeError {
      throw NamedRecipeError(description: error.description(in: recipe))
    }
  }
}

/// What is wrong with a recipe, and which.
private struct NamedRecipeError: Error, CustomStringConvertible {
  let description: String
}
