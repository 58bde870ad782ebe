import Foundation
import Seq2Seq
import Translation

/// A model that a run begins from: its directory, and its description with the recipe's dropout.
struct StartingPoint {
  let directory: ModelDirectory
  let description: ModelDescription

  /// Looks for `name` under the working directory and wherever corpora are looked for.
  /// - Throws: `TrainingError.startMissing`, `ModelError`, `RecipeError` for dropouts of another architecture.
  init(_ name: String, _ recipe: Recipe, _ options: TrainOptions) throws {
    let working = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
    let folders = [working] + CorpusFinder(data: options.data, recipe: recipe.directory).folders
    let places = name.hasPrefix("/") ? [URL(fileURLWithPath: name)] : folders.map { $0.appendingPathComponent(name) }
    guard let place = places.first(where: { ModelDirectory($0).exists }) else {
      throw TrainingError.startMissing(directory: name, searched: places.map(\.standardizedFileURL.path))
    }
    directory = ModelDirectory(place)
    var description = try directory.readDescription()
    let architecture = description.model.architecture
    if let given = recipe.startArchitecture, given != architecture {
      throw RecipeError.wrongType(
        key: "model.\(given.rawValue)", line: nil, value: "a section",
        expected: "possible here: \(place.path) is of architecture \(architecture.rawValue)")
    }
    switch architecture {
    case .transformer:
      let shape = recipe.model.transformer ?? .init()
      description.model.transformer?.dropout = shape.dropout
      description.model.transformer?.attentionDropout = shape.attentionDropout
      description.model.transformer?.activationDropout = shape.activationDropout
    case .rnn:
      let shape = recipe.model.rnn ?? .init()
      description.model.rnn?.embeddingDropout = shape.embeddingDropout
      description.model.rnn?.hiddenDropout = shape.hiddenDropout
      description.model.rnn?.outputDropout = shape.outputDropout
      description.model.rnn?.wordDropout = shape.wordDropout
    }
    self.description = description
  }
}
