import Evaluation
import Foundation
import Seq2Seq
import Translation

/// What a forced pass over outputs and references shows besides their probabilities.
struct ForcedAnalysis: Sendable {
  private let loaded: LoadedModel
  private let workers: SentenceWorkers
  /// Sentences decoded side by side.
  private static let batch = 16

  init(_ loaded: LoadedModel, threads: Int, progress: @escaping @Sendable (String) -> Void) {
    self.loaded = loaded
    workers = SentenceWorkers(threads: threads, progress: progress)
  }

  /// The coverage of each source by its output; nil for sources that are nil, and where the model has no attention.
  func coverage(_ sources: [[Int32]?], _ outputs: [[Int32]]) -> [CoverageRecord?] {
    traces(sources, outputs, "attention to the source").enumerated().map { i, trace in
      guard let source = sources[i], let attention = trace?.attention else { return nil }
      let pieces = source.map { loaded.text.sourceVocabulary.piece($0) }
      let words = CoverageRecord.words(pieces) { places in loaded.text.decodeSource(places.map { source[$0] }) }
      return CoverageRecord(attention: attention, words: words)
    }
  }

  /// How often the most probable token is the reference's, by its probability.
  func calibration(_ sources: [[Int32]?], _ references: [[Int32]]) -> Calibration {
    var calibration = Calibration()
    for case let trace? in traces(sources, references, "calibration") {
      for (i, token) in trace.tokens.enumerated() {
        calibration.add(
          probability: min(1, exp(Double(trace.favouriteLogProbabilities[i]))), isCorrect: trace.favourites[i] == token)
      }
    }
    return calibration
  }

  private func traces(_ sources: [[Int32]?], _ outputs: [[Int32]], _ task: String) -> [ForcedTrace?] {
    // Outputs of like length side by side; none longer than the model takes.
    let asked = sources.indices.filter { sources[$0] != nil && outputs[$0].count <= loaded.maximumLength }
      .sorted { (outputs[$0].count, $0) < (outputs[$1].count, $1) }
    let size = ForcedAnalysis.batch
    let batches = stride(from: 0, to: asked.count, by: size).map { Array(asked[$0..<min($0 + size, asked.count)]) }
    let results = workers.map(count: batches.count, task, unit: "batches") { i, workspace in
      ForcedDecoding(loaded.model, workspace: workspace).run(
        sources: batches[i].map { sources[$0] ?? [] }, targets: batches[i].map { outputs[$0] })
    }
    var traces = [ForcedTrace?](repeating: nil, count: sources.count)
    for (batch, result) in zip(batches, results) { for (i, trace) in zip(batch, result) { traces[i] = trace } }
    return traces
  }
}
