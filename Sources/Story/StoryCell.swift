import ErrorAnalysis
import Evaluation
import Foundation
import NeuralNet
import Seq2Seq
import Training
import Translation

/// One stage of the story: a trained model and everything that is measured of it.
public struct StoryCell: Codable, Sendable, Equatable {
  /// Sentences by source words.
  public struct LengthBand: Codable, Sendable, Equatable {
    public var lowest: Int
    /// nil: no end.
    public var highest: Int?
    public var sentences: Int
    public var bleu: Double

    public var label: String { highest.map { lowest == $0 ? "\(lowest)" : "\(lowest)–\($0)" } ?? "\(lowest)+" }
  }

  public struct GradientNorm: Codable, Sendable, Equatable {
    public var update: Int
    /// The largest before clipping among the updates up to this one since the last.
    public var norm: Double
  }

  public var name: String
  public var configuration: ModelConfiguration
  public var parameters: Int
  public var updates: Int
  public var targetTokens: Int
  /// Of training, without validation.
  public var seconds: Double
  public var bleu: Double
  public var chrF: Double
  public var lengthRatio: Double
  public var bands: [LengthBand]
  public var gradientNorms: [GradientNorm]
  /// Before the first update, and of the finished model.
  public var reachAtStart: GradientReach
  public var reachAtEnd: GradientReach
  public var attention: AttentionMap?
  public var sweep: SweepTotals?

  enum CodingKeys: String, CodingKey {
    case name, configuration, parameters, updates, seconds, bleu, bands, attention, sweep
    case targetTokens = "target_tokens"
    case chrF = "chrf"
    case lengthRatio = "length_ratio"
    case gradientNorms = "gradient_norms"
    case reachAtStart = "reach_at_start"
    case reachAtEnd = "reach_at_end"
  }

  public var tokensPerSecond: Double { Double(targetTokens) / max(seconds, 1e-9) }
}

/// What all cells are measured with.
public struct StoryMeasure: Sendable {
  public var sources: [String]
  public var references: [String]
  /// The sentence whose attention is drawn.
  public var sentence: String
  /// Words of the longest sentences of each band but the last.
  public var bandEnds = [7, 9, 11, 13, 16, 20]
  /// Tokens over which the gradient's reach is measured.
  public var steps = 40
  /// Of the random start, as in the recipe.
  public var seed: UInt64 = 1
  public var threads: Int
  public var progress: @Sendable (String) -> Void = { _ in }

  public static let sweepBeams = [1, 2, 4, 8, 16, 32]
  public static let sweepPenalties = [0, 0.5, 1]

  public init(sources: [String], references: [String], sentence: String, threads: Int) {
    precondition(sources.count == references.count, "\(sources.count) sources, \(references.count) references")
    (self.sources, self.references) = (sources, references)
    (self.sentence, self.threads) = (sentence, threads)
  }

  /// Measures the model in a folder: translates the test set with beam 5, and follows gradients back through the encoder.
  public func cell(_ folder: URL) throws -> StoryCell {
    let name = folder.lastPathComponent
    let directory = ModelDirectory(folder)
    let records = try UpdateRecord.read(directory.trainingLog)
    let loaded = try directory.load()
    progress("\(name): translating \(sources.count) sentences")
    let translator = try Translator([loaded])
    var options = translator.defaultOptions
    options.threads = threads
    let outputs = translator.translate(sources, options: options).map(\.text)
    let bleu = BLEU(analysisOfLanguage: loaded.description.targetLanguage)
    let score = try corpus(bleu, outputs, sources.indices.map { $0 })
    var ratio = 0.0
    if case .bleu(_, _, _, _, let length, let referenceLength) = score.details {
      ratio = Double(length) / Double(max(referenceLength, 1))
    }
    progress("\(name): following gradients")
    let ids = sources.flatMap { loaded.text.encodeSource($0) }
    // A model with plain weights: the loaded one has its weights packed.
    let model = try directory.readModel(loaded.description)
    let atEnd = GradientReach(model, ids: ids, steps: steps)
    model.parameters.initialize(seed: seed)
    let hasAttention = loaded.model.configuration.rnn?.attention != AttentionKind.none
    return StoryCell(
      name: name, configuration: loaded.model.configuration, parameters: model.parameters.parameterCount,
      updates: records.last?.update ?? 0, targetTokens: records.last?.targetTokens ?? 0,
      seconds: records.last?.seconds ?? 0, bleu: score.score,
      chrF: try corpus(ChrF(), outputs, sources.indices.map { $0 }).score, lengthRatio: ratio,
      bands: try bands(outputs, bleu), gradientNorms: norms(records),
      reachAtStart: GradientReach(model, ids: ids, steps: steps), reachAtEnd: atEnd,
      attention: hasAttention
        ? try AttentionMap(loaded, source: sentence, target: nil, search: options.search) : nil,
      sweep: nil)
  }

  /// BLEU, length and time by beam and by the power of the length norm. Minutes.
  public func sweep(_ folder: URL) throws -> SweepTotals {
    let loaded = try ModelDirectory(folder).load()
    var options = try Translator([loaded]).defaultOptions
    options.threads = threads
    var analysis = FaultAnalysis(loaded, options: options)
    let (progress, name) = (progress, folder.lastPathComponent)
    analysis.progress = { progress("\(name): \($0)") }
    return try analysis.sweep(
      sources: sources, references: references.map { [$0] }, beams: StoryMeasure.sweepBeams,
      penalties: StoryMeasure.sweepPenalties)
  }

  private func corpus(_ metric: any Metric, _ outputs: [String], _ places: [Int]) throws -> Score {
    var scorer = CorpusScorer(metric: metric)
    for i in places { scorer.add(hypothesis: outputs[i], references: [references[i]]) }
    return try scorer.score()
  }

  func bands(_ outputs: [String], _ bleu: BLEU = BLEU()) throws -> [StoryCell.LengthBand] {
    let words = sources.map { $0.split(whereSeparator: \.isWhitespace).count }
    var lowest = 1
    var result: [StoryCell.LengthBand] = []
    for highest in bandEnds.map(Optional.some) + [nil] {
      let places = words.indices.filter { words[$0] >= lowest && words[$0] <= highest ?? Int.max }
      if !places.isEmpty {
        result.append(
          StoryCell.LengthBand(
            lowest: lowest, highest: highest, sentences: places.count,
            bleu: try corpus(bleu, outputs, places).score))
      }
      lowest = (highest ?? 0) + 1
    }
    return result
  }

  /// About a hundred points, each the largest of its stretch: what clipping is for are the peaks.
  func norms(_ records: [UpdateRecord]) -> [StoryCell.GradientNorm] {
    let stretch = max(1, (records.count + 99) / 100)
    return stride(from: 0, to: records.count, by: stretch).compactMap { start in
      let part = records[start..<min(start + stretch, records.count)]
      guard let largest = part.compactMap(\.gradientNorm).max(), let last = part.last else { return nil }
      return StoryCell.GradientNorm(update: last.update, norm: largest)
    }
  }
}
