import Autograd
import Evaluation
import Foundation
import Seq2Seq
import TextProcessing
import Translation

/// BLEU and chrF as a validation counts them: BLEU cuts words as it suits the target language, and both compare without
/// case what is learnt lower-cased, whose capitals would all be missing.
struct ValidationMetrics {
  let bleu: BLEU
  let chrf: ChrF
  /// What is counted, for people: `cased; BLEU and chrF`.
  let name: String

  init(targetLanguage: String, lowercase: Bool) {
    let tokenization = BLEU.Tokenization.forAnalysis(ofLanguage: targetLanguage)
    bleu = BLEU(.init(tokenization: tokenization, lowercase: lowercase))
    chrf = ChrF(.init(lowercase: lowercase))
    name = (lowercase ? "lower-cased" : "cased") + "; BLEU"
      + (tokenization == .v13a ? "" : ", tok:\(tokenization.rawValue),") + " and chrF"
  }
}

/// Judges parameters on held-out text: perplexity of all of it, BLEU and chrF of a search over its first lines.
final class TextValidator: Validator {
  private let settings: ValidationSettings
  private let pipeline: TextPipeline
  private let directory: ModelDirectory
  private let description: ModelDescription
  /// A model of its own, so that validation leaves no trace in training.
  let model: any EncoderDecoder
  private let pairs: EncodedCorpus
  private let references: [String]
  private let searchPrecision: Precision
  let metrics: ValidationMetrics

  init(
    _ settings: ValidationSettings, _ pipeline: TextPipeline, _ directory: ModelDirectory, _ description: ModelDescription,
    pairs: EncodedCorpus, references: [String], searchPrecision: Precision
  ) throws {
    (self.settings, self.pipeline, self.directory, self.description) = (settings, pipeline, directory, description)
    (self.pairs, self.references, self.searchPrecision) = (pairs, references, searchPrecision)
    metrics = ValidationMetrics(
      targetLanguage: description.targetLanguage, lowercase: pipeline.configuration.lowercase)
    model = try description.model.makeModel()
  }

  func validate(_ trainer: Trainer) throws -> ValidationRecord {
    _ = model.parameters.values.update(fromContentsOf: trainer.learntValues)
    return try score(trainer.pool)
  }

  /// Scores the parameters in `model`.
  func score(_ pool: WorkerPool) throws -> ValidationRecord {
    model.parameters.unpack()
    var record = ValidationRecord(update: 0, perplexity: perplexity(pool))
    guard settings.metric != .perplexity || settings.maximumLines > 0 else { return record }
    model.pack(precision: searchPrecision)
    let hypotheses = translate(pool)
    model.parameters.unpack()
    if !hypotheses.isEmpty {
      let kept = Array(references.prefix(hypotheses.count))
      record.bleu = try metrics.bleu.corpusScore(hypotheses: hypotheses, references: [kept]).score
      record.chrf = try metrics.chrf.corpusScore(hypotheses: hypotheses, references: [kept]).score
    }
    return record
  }

  func keep(_ record: ValidationRecord) throws { try keep(["update": String(record.update)]) }

  /// Makes the parameters in `model`, the mean of checkpoints, the run's model.
  func keep(averaged updates: [Int]) throws { try keep(ModelDescription.averaged(updates)) }

  private func keep(_ origin: [String: String]) throws {
    var description = description
    description.training?.merge(origin) { $1 }
    try directory.save(description, model)
  }

  private func perplexity(_ pool: WorkerPool) -> Double {
    let chunk = 64
    let chunks = (pairs.count + chunk - 1) / chunk
    let (model, pairs) = (model, pairs)
    let sums = pool.map(chunks) { piece in
      let lines = piece * chunk..<min(pairs.count, (piece + 1) * chunk)
      let source = SequenceBatch(lines.map { Array(pairs.source($0)) })
      let target = SequenceBatch(lines.map { Array(pairs.target($0)) })
      let values = model.logProbabilities(source: source, target: target, graph: Graph(arena: Arena()))
      return values.reduce(0) { $0 + Double($1) }
    }
    return exp(-sums.reduce(0, +) / Double(max(pairs.targetTokens, 1)))
  }

  private func translate(_ pool: WorkerPool) -> [String] {
    let (model, pairs, pipeline) = (model, pairs, pipeline)
    let count = min(pairs.count, settings.maximumLines)
    // Neighbours of like length finish together.
    let order = (0..<count).sorted { (pairs.source($0).count, $0) > (pairs.source($1).count, $1) }
    let chunk = 32
    var options = SearchOptions()
    options.beamSize = settings.beamSize
    let search = options.makeSearch()
    let longest = model.configuration.maximumLength - 1
    let frozen = options
    let parts = pool.map((count + chunk - 1) / chunk) { piece in
      let lines = Array(order[piece * chunk..<min(count, (piece + 1) * chunk)])
      let sources = SequenceBatch(lines.map { Array(pairs.source($0)) })
      let state = model.startDecoding(sources, workspace: Workspace())
      let sentences = lines.map {
        SearchSentence(
          maximumLength: min(longest, frozen.longestOutput(sourceLength: pairs.source($0).count - 1)), index: $0)
      }
      return search.run(state, sentences).map { pipeline.decodeTarget($0[0].tokens) }
    }
    var outputs = Array(repeating: "", count: count)
    for (line, text) in zip(order, parts.joined()) { outputs[line] = text }
    return outputs
  }
}
