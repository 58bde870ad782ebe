import Foundation
import Seq2Seq
import TextProcessing
import Translation

/// When to look, when to save and when to stop.
public struct LoopOptions: Sendable, Equatable {
  /// The run ends after this many updates in all; the schedule's last update, unless the user asked for fewer.
  public var lastUpdate = 10_000
  /// Updates that are planned: for the display, and for what the next run continues.
  public var totalUpdates = 10_000
  /// The run ends when its training time, in this process, has passed this.
  public var maximumSeconds: Double?
  /// Validate after each so many updates; 0 validates at the end only.
  public var validateEvery = 500
  /// Save a checkpoint after each so many updates; 0 saves at the end only.
  public var checkpointEvery = 500
  public var keepCheckpoints = 3
  /// Validations without improvement after which the run ends; 0 goes on to the last update.
  public var patience = 0
  public var metric = ValidationMetric.bleu

  public init() {}
}

/// By which score the best parameters are chosen.
public enum ValidationMetric: String, CaseIterable, Codable, Sendable {
  case perplexity
  case bleu
  case chrf

  /// Whether `a` is better than `b`: by this score, else by those that say more of a model that can do little yet, whose
  /// BLEU is 0.
  func prefers(_ a: ValidationRecord, to b: ValidationRecord) -> Bool {
    if self == .bleu, let x = a.bleu, let y = b.bleu, x != y { return x > y }
    if self != .perplexity, let x = a.chrf, let y = b.chrf, x != y { return x > y }
    return a.perplexity < b.perplexity || (b.perplexity.isNaN && !a.perplexity.isNaN)
  }
}

/// Judges parameters during a run, and keeps the best.
public protocol Validator: AnyObject {
  /// Scores the trainer's learnt values.
  func validate(_ trainer: Trainer) throws -> ValidationRecord
  /// Makes the values that `validate` saw last the run's model.
  func keep(_ record: ValidationRecord) throws
}

/// Why a run ended.
public enum TrainingEnd: Sendable, Equatable {
  /// The last update was made.
  case finished
  case updateLimit
  case timeLimit
  case interrupted
  /// No better validation for so long.
  case earlyStop
}

/// Training cannot go on, or not begin.
public enum TrainingError: Error, CustomStringConvertible, Equatable, Sendable {
  case diverged(update: Int, reason: String, checkpoint: String?)
  case noData(String)
  case outputNotEmpty(String)
  case alreadyTrained(String)
  case notARun(String, holds: String)
  case outputInUse(String)
  case differentRecipe(String)
  case corpusMissing(file: String, searched: [String])
  case startMissing(directory: String, searched: [String])

  public var description: String {
    switch self {
    case .diverged(_, let reason, let checkpoint):
      return "training diverged: \(reason); halving the learning rate repeatedly did not help. "
        + (checkpoint.map { "The last good checkpoint is \($0)" } ?? "There is no checkpoint yet")
    case .noData(let problem): return problem
    case .outputNotEmpty(let path):
      return "\(path) is not empty: continue what is there with --resume, or choose another --output"
    case .alreadyTrained(let path):
      return "\(path) holds a model and no checkpoints to go on from: choose another --output; a recipe's start_from begins "
        + "from it"
    case .notARun(let path, let file):
      return "\(path) holds \(file) and no checkpoints: it is no run to --resume; choose another --output"
    case .outputInUse(let path):
      return "\(path): another training is writing there; wait for its end or choose another --output"
    case .differentRecipe(let path):
      return "\(path) was trained with other settings: --resume needs the same recipe and --set values"
    case .corpusMissing(let file, let searched):
      return "\(file): no such corpus file; looked for \(searched.joined(separator: ", "))"
    case .startMissing(let directory, let searched):
      return "start_from: \(directory) is no model directory; looked at \(searched.joined(separator: ", "))"
    }
  }
}

/// A run: updates, validations, checkpoints, until there is a reason to end.
public final class TrainingLoop {
  let trainer: Trainer
  let options: LoopOptions
  let checkpoints: CheckpointDirectory
  let validator: (any Validator)?
  let progress: any ProgressSink
  public private(set) var state: TrainingState
  private let pipeline: InputPipeline
  private let log: TrainingLog
  private let stopwatch: Stopwatch
  private var speed = SpeedMeter()
  private var recentNegativeLogLikelihood = 0.0
  /// The update of the checkpoint of where an earlier call stopped: not one that the whole run would have made, so it does not
  /// outlive the next.
  private var stopCheckpoint: Int?

  /// - Parameter run: the output directory, which exists.
  /// - Parameter state: of a new run, or as `CheckpointDirectory.load` gave it.
  init(
    _ trainer: Trainer, _ stream: BatchStream, _ options: LoopOptions, state: TrainingState, run: URL,
    validator: (any Validator)?, progress: any ProgressSink
  ) throws {
    self.trainer = trainer
    self.options = options
    self.state = state
    self.validator = validator
    self.progress = progress
    checkpoints = CheckpointDirectory(run: run)
    log = try TrainingLog(ModelDirectory(run).trainingLog, keepingUpTo: state.update)
    pipeline = InputPipeline(stream)
    stopwatch = Stopwatch(before: state.seconds)
    // Models are kept before the first checkpoint; that there may be one tells a run from a model that has none.
    try OutputDirectory.make(checkpoints.url)
    if state.update > 0, options.checkpointEvery == 0 || !state.update.isMultiple(of: options.checkpointEvery) {
      stopCheckpoint = state.update
    }
  }

  deinit { pipeline.close() }

  /// Trains until something ends it; leaves a checkpoint of where it ended.
  func run() throws -> TrainingEnd {
    var saved = checkpoints.updates().last
    var validated = state.validations.last?.update ?? -1
    stopwatch.start()
    var end = reasonToEnd()
    while end == nil {
      guard let batch = pipeline.next() else { throw TrainingError.noData("the corpora hold no usable sentence pair") }
      try learn(batch)
      if every(options.validateEvery) {
        try validate()
        validated = state.update
      }
      // While updates fail there is nothing new worth keeping.
      if every(options.checkpointEvery), trainer.consecutiveSkips == 0 {
        try save()
        saved = state.update
      }
      end = reasonToEnd()
    }
    stopwatch.stop()
    state.seconds = stopwatch.seconds
    // An interrupted run is not judged: the user waits. Its resumption must see the state as it would have been.
    if end == .finished || end == .earlyStop, validated != state.update { try validate() }
    if saved != state.update || end == .finished { try save() }
    return end ?? .finished
  }

  private func every(_ count: Int) -> Bool { count > 0 && state.update % count == 0 }

  private func reasonToEnd() -> TrainingEnd? {
    if options.patience > 0, state.stall >= options.patience { return .earlyStop }
    if state.update >= options.totalUpdates { return .finished }
    if state.update >= options.lastUpdate { return .updateLimit }
    if Interruption.isRequested { return .interrupted }
    if let limit = options.maximumSeconds, stopwatch.secondsHere >= limit { return .timeLimit }
    return nil
  }

  private func learn(_ batch: UpdateBatch) throws {
    let outcome = trainer.learn(batch)
    state.update = trainer.update
    state.optimizerUpdates = trainer.optimizer.updates
    state.consecutiveSkips = trainer.consecutiveSkips
    state.rateFactor = trainer.rateFactor
    state.position = batch.next
    state.targetTokens += batch.targetTokens
    state.seconds = stopwatch.seconds
    try log.append(
      UpdateRecord(
        update: state.update, epoch: batch.epoch + 1, loss: outcome.loss, learningRate: outcome.learningRate,
        gradientNorm: outcome.gradientNorm, targetTokens: state.targetTokens, seconds: state.seconds,
        skipped: outcome.skipped))
    if let skipped = outcome.skipped {
      progress.message("warning: \(skipped); the update is skipped")
      if trainer.consecutiveSkips % Trainer.patience == 0 {
        progress.message("warning: \(trainer.consecutiveSkips) updates failed in a row; the learning rate is halved")
      }
      if trainer.hasDiverged {
        let last = checkpoints.updates().last.map { checkpoints.file(update: $0).path }
        throw TrainingError.diverged(update: state.update, reason: skipped, checkpoint: last)
      }
    }
    report(batch, outcome)
  }

  private func report(_ batch: UpdateBatch, _ outcome: UpdateOutcome) {
    speed.add(tokens: batch.targetTokens, at: stopwatch.secondsHere)
    if let value = outcome.negativeLogLikelihood {
      recentNegativeLogLikelihood = recentNegativeLogLikelihood == 0
        ? value : 0.95 * recentNegativeLogLikelihood + 0.05 * value
    }
    let remaining = Double(min(options.lastUpdate, options.totalUpdates) - state.update)
    var eta = remaining * stopwatch.secondsHere / Double(max(speed.updates, 1))
    if let limit = options.maximumSeconds { eta = min(eta, limit - stopwatch.secondsHere) }
    var parts = [
      "update \(Format.grouped(state.update))/\(Format.grouped(options.totalUpdates))", "epoch \(batch.epoch + 1)",
      "loss \(outcome.loss.map { Format.fixed($0, 3) } ?? "–")",
      "ppl \(Format.fixed(exp(recentNegativeLogLikelihood), 2))",
      "\(Format.grouped(Int(speed.tokensPerSecond))) tok/s", "ETA \(Format.duration(eta))",
      "lr \(String(format: "%.2e", outcome.learningRate))",
      "grad \(outcome.gradientNorm.map { Format.fixed($0, 2) } ?? "–")",
    ]
    if let last = state.validations.last { parts.append("valid " + TrainingLoop.scores(last)) }
    progress.status(parts.joined(separator: "  "))
  }

  static func scores(_ record: ValidationRecord) -> String {
    var text = "ppl \(Format.fixed(record.perplexity, 2))"
    if let bleu = record.bleu { text += " BLEU \(Format.fixed(bleu, 1))" }
    if let chrf = record.chrf { text += " chrF \(Format.fixed(chrf, 1))" }
    return text
  }

  private func validate() throws {
    guard let validator else { return }
    stopwatch.stop()
    defer { stopwatch.start() }
    let begin = ContinuousClock.now
    var record = try validator.validate(trainer)
    record.update = state.update
    record.epoch = state.position.epoch + 1
    state.validations.append(record)
    let isBest = state.best.map { options.metric.prefers(record, to: $0) } ?? true
    if isBest {
      state.best = record
      state.stall = 0
      try validator.keep(record)
    } else {
      state.stall += 1
    }
    let took = Format.duration((ContinuousClock.now - begin).seconds)
    progress.message(
      "update \(Format.grouped(state.update)): validation \(TrainingLoop.scores(record))\(isBest ? ", the best so far" : "")"
        + " (\(took))")
  }

  private func save() throws {
    stopwatch.stop()
    defer { stopwatch.start() }
    try checkpoints.save(trainer, state)
    if let stopCheckpoint, stopCheckpoint != state.update { checkpoints.remove(update: stopCheckpoint) }
    stopCheckpoint = nil
    checkpoints.prune(keeping: options.keepCheckpoints)
  }
}

/// Training time: runs on from an earlier process, stands still while validating and saving.
final class Stopwatch {
  private let before: Double
  private var elapsed = 0.0
  private var started: ContinuousClock.Instant?

  init(before: Double) { self.before = before }

  func start() { if started == nil { started = .now } }

  func stop() {
    if let started { elapsed += (ContinuousClock.now - started).seconds }
    started = nil
  }

  /// In this process.
  var secondsHere: Double { elapsed + (started.map { (ContinuousClock.now - $0).seconds } ?? 0) }
  /// In all.
  var seconds: Double { before + secondsHere }
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

/// Tokens per second over the last updates.
struct SpeedMeter {
  private var recent: [(tokens: Int, seconds: Double)] = []
  private(set) var updates = 0

  mutating func add(tokens: Int, at seconds: Double) {
    updates += 1
    recent.append((tokens, seconds))
    if recent.count > 50 { recent.removeFirst() }
  }

  var tokensPerSecond: Double {
    guard let first = recent.first, let last = recent.last, last.seconds > first.seconds else { return 0 }
    return Double(recent.dropFirst().reduce(0) { $0 + $1.tokens }) / (last.seconds - first.seconds)
  }
}
