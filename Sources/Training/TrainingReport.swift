import Foundation
import Seq2Seq
import TextProcessing
import Translation

/// What a run leaves for people: the model card and the page of curves.
struct TrainingReport {
  private let run: TrainingRun
  private let state: TrainingState
  private let end: TrainingEnd
  private let parameterCount: Int
  private let architecture: ArchitectureKind
  /// Nil where nothing was validated.
  private let metrics: ValidationMetrics?

  init(_ run: TrainingRun, _ state: TrainingState, _ end: TrainingEnd, _ trainer: Trainer, _ metrics: ValidationMetrics?) {
    (self.run, self.state, self.end, self.metrics) = (run, state, end, metrics)
    parameterCount = trainer.model.parameters.parameterCount
    architecture = trainer.model.configuration.architecture
  }

  func write() throws {
    let directory = ModelDirectory(run.output)
    try AtomicFile.write(Data(card.utf8), to: directory.card)
    let records = try TrainingLog.read(directory.trainingLog)
    let page = TrainingPage(title: run.recipe.name, records: records, validations: state.validations, facts: facts)
    try AtomicFile.write(Data(page.html.utf8), to: run.output.appendingPathComponent("training.html"))
  }

  private var facts: [(String, String)] {
    let recipe = run.recipe
    var facts = [
      ("direction", "\(recipe.sourceLanguage) → \(recipe.targetLanguage)"),
      ("architecture", architecture.rawValue),
      ("parameters", Format.grouped(parameterCount)),
      ("updates", "\(Format.grouped(state.update)) of \(Format.grouped(state.totalUpdates))"),
      ("target tokens", Format.grouped(state.targetTokens)),
      ("training time", Format.duration(state.seconds)),
    ]
    if let best = state.best {
      facts.append(("best validation", "\(TrainingLoop.scores(best)), at update \(Format.grouped(best.update))"))
    }
    if let (updates, scores) = run.mean {
      let places = updates.map { Format.grouped($0) }.joined(separator: "; ")
      let judged = scores.map { ": " + TrainingLoop.scores($0) } ?? ""
      facts.append(("the model", "the mean of the checkpoints at updates \(places)\(judged)"))
    }
    return facts
  }

  private var card: String {
    let recipe = run.recipe
    var lines = [
      "# \(recipe.name)", "",
      "Translates \(recipe.sourceLanguage) to \(recipe.targetLanguage). Trained by `mt train` with the recipe below.", "",
      "| | |", "|---|---|",
    ]
    lines += facts.map { "| \($0.0) | \($0.1) |" }
    lines += ["", "## Data", "", "| source | target | weight | cleaning |", "|---|---|---|---|"]
    for (corpus, cleaning) in zip(recipe.train, run.cleaning) {
      lines.append("| \(corpus.source) | \(corpus.target) | \(corpus.weight) | \(cleaning.report) |")
    }
    if let valid = recipe.valid { lines += ["", "Validated on \(valid.source) and \(valid.target)."] }
    if let metrics, !state.validations.isEmpty {
      lines += [
        "",
        "Validation scores (\(metrics.name) of a search with beam \(recipe.validation.beamSize) over the "
          + "first \(recipe.validation.maximumLines) lines):", "",
        "| update | epoch | perplexity | BLEU | chrF |", "|---|---|---|---|---|",
      ]
      for v in state.validations {
        let scores = [v.bleu, v.chrf].map { $0.map { Format.fixed($0, 2) } ?? "–" }.joined(separator: " | ")
        lines.append("| \(v.update) | \(v.epoch) | \(Format.fixed(v.perplexity, 3)) | \(scores) |")
      }
    }
    lines += ["", "## Recipe", "", "```yaml", recipe.canonicalText.trimmingCharacters(in: .newlines), "```", ""]
    return lines.joined(separator: "\n")
  }
}
