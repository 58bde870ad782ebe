import Autograd
import Foundation
import Seq2Seq
import TextProcessing
import Translation

/// What the command line adds to a recipe.
public struct TrainOptions: Sendable {
  /// Default: `runs/<recipe name>` under the working directory.
  public var output: URL?
  /// Where relative corpus paths are looked up first.
  public var data: URL?
  /// `key=value`, put into the recipe before it is read.
  public var overrides: [String] = []
  public var resume = false
  public var maximumUpdates: Int?
  public var maximumSeconds: Double?
  public var checkpointEvery: Int?
  public var threads = ProcessInfo.processInfo.activeProcessorCount

  public init() {}
}

/// How a run ended.
public struct TrainResult: Sendable {
  public let output: URL
  public let end: TrainingEnd
  public let update: Int
  public let best: ValidationRecord?
  public let seconds: Double
}

/// Trains by a recipe: reads and cleans the corpora, learns the vocabulary, runs the loop, and leaves a model directory
/// with its card, log, curves and checkpoints.
///
/// Throws `RecipeError`, `TrainingError`, `TextError`, `ModelError` or `ConfigurationError`.
public func train(recipe url: URL, options: TrainOptions, progress: any ProgressSink) throws -> TrainResult {
  let recipe = try Recipe(contentsOf: url, overrides: options.overrides)
  let output = options.output ?? URL(fileURLWithPath: "runs").appendingPathComponent(recipe.name)
  return try TrainingRun(recipe, output: output, options: options, progress: progress).run()
}

/// Averages the last `count` checkpoints of a run into a model directory of its own.
/// - Returns: the updates averaged. Throws `ModelError`, and `TextError` where the output cannot be written.
public func averageCheckpoints(run: URL, last count: Int, output: URL) throws -> [Int] {
  let directory = ModelDirectory(run)
  var description = try directory.readDescription()
  let model = try description.model.makeModel()
  let updates = try CheckpointDirectory(run: run).average(last: count, into: model)
  description.training?.merge(ModelDescription.averaged(updates)) { $1 }
  // All is read before anything is written, and what makes it a model comes last.
  let text = try TextPipeline(directory: run)
  let companions = try directory.files([directory.wordCounts, directory.shortlist])
  try OutputDirectory.make(output)
  try text.write(to: output)
  for (name, data) in companions { try AtomicFile.write(data, to: output.appendingPathComponent(name)) }
  try ModelDirectory(output).save(description, model)
  return updates
}

extension ModelDescription {
  /// What a model's description says of where its parameters come from, if they are a mean.
  static func averaged(_ updates: [Int]) -> [String: String] {
    ["averaged_updates": updates.map(String.init).joined(separator: " ")]
  }
}

/// One call of `train`, step by step.
final class TrainingRun {
  let recipe: Recipe
  let output: URL
  let options: TrainOptions
  let progress: any ProgressSink
  private(set) var cleaning: [(name: String, report: String)] = []
  /// The checkpoints whose mean the model is, and its scores if it was judged.
  private(set) var mean: (updates: [Int], scores: ValidationRecord?)?
  private var lock: RunLock?

  init(_ recipe: Recipe, output: URL, options: TrainOptions, progress: any ProgressSink) {
    (self.recipe, self.output, self.options, self.progress) = (recipe, output, options, progress)
  }

  func run() throws -> TrainResult {
    let checkpoints = CheckpointDirectory(run: output)
    let last = options.resume ? checkpoints.updates().last : nil
    try prepareOutput()
    let start = try recipe.startFrom.map { try StartingPoint($0, recipe, options) }
    let texts = try readCorpora()
    let pool = WorkerPool(threads: options.threads)
    defer { pool.close() }
    var pipeline: TextPipeline
    if last != nil {
      pipeline = try TextPipeline(directory: output)
    } else {
      pipeline = try start.map { try TextPipeline(directory: $0.directory.url) } ?? learnVocabulary(texts)
    }
    // A lexicon of names tells them in one language only: a model turned around needs another.
    let isTurned = last == nil && start.map { $0.description.sourceLanguage != recipe.sourceLanguage } ?? false
    if recipe.augmentation.copiedItems > 0, pipeline.names == nil || isTurned {
      pipeline = try pipeline.adding(TrainingNames.learn(texts, pool: pool))
    }
    let model = try makeModel(pipeline, start)
    let configuration = model.configuration

    let words = ModelDirectory(output).wordCounts
    let needsCounts = last == nil || !FileManager.default.fileExists(atPath: words.path)
    let counts = needsCounts ? TrainingWords.count(texts, pool: pool) : nil
    let (pairs, tokens) = try encode(texts, pipeline, configuration, pool)
    let order = EpochOrder(
      seed: recipe.training.seed, sizes: pairs.sizes,
      repetitions: EpochOrder.repetitions(
        sizes: pairs.sizes, weights: recipe.train.map(\.weight), temperature: recipe.temperature))
    guard zip(pairs.sizes, order.repetitions).contains(where: { (Double($0) * $1).rounded() >= 1 }) else {
      throw TrainingError.noData(
        "corpora.train: their weights leave no whole sentence pair an epoch, of \(pairs.sizes.reduce(0, +))")
    }
    let epochTokens = zip(zip(pairs.sizes, tokens), order.repetitions).reduce(0) { $0 + Double($1.0.0) * $1.0.1 * $1.1 }
    let totalUpdates = plannedUpdates(epochTokens: epochTokens)

    let trainer = Trainer(
      model, optimization(totalUpdates), shards: recipe.training.shards, threads: options.threads)
    var state = TrainingState()
    if let last {
      state = try checkpoints.load(update: last, of: recipe.identity, into: trainer)
      progress.message("resuming at update \(Format.grouped(last))")
    }
    state.recipe = recipe.identity
    state.totalUpdates = totalUpdates
    var description = ModelDescription(
      sourceLanguage: recipe.sourceLanguage, targetLanguage: recipe.targetLanguage,
      precision: recipe.training.savedPrecision, model: configuration, search: start?.description.search,
      training: ["recipe": recipe.name])
    description.copiesPlaceholders = recipe.augmentation.copiedItems > 0 ? true : start?.description.copiesPlaceholders
    let validator = try makeValidator(pipeline, description, pool)
    progress.message(
      "\(Format.grouped(model.parameters.parameterCount)) parameters, "
        + "\(Format.grouped(Int(epochTokens))) target tokens an epoch, \(Format.grouped(totalUpdates)) updates planned")

    var batches = BatchOptions()
    batches.batchTokens = recipe.training.batchTokens
    batches.shards = recipe.training.shards
    batches.lengthWindow = recipe.training.lengthWindow
    batches.seed = recipe.training.seed
    // Only now, when no recipe and no corpus can be found wrong any more: what cannot begin leaves the folder empty.
    try pipeline.write(to: output)
    try counts?.write(to: words, limit: ModelDirectory.wordCountsLimit)
    let stream = BatchStream(pairs, order, batches, from: state.position)
    let loop = try TrainingLoop(
      trainer, stream, loopOptions(totalUpdates), state: state, run: output, validator: validator, progress: progress)
    Interruption.listen()
    defer { Interruption.ignore() }
    let end = try loop.run()
    try finish(loop, end, trainer, validator, description)
    return TrainResult(
      output: output, end: end, update: loop.state.update, best: loop.state.best, seconds: loop.state.seconds)
  }

  /// The model with the parameters it begins with.
  private func makeModel(_ pipeline: TextPipeline, _ start: StartingPoint?) throws -> any EncoderDecoder {
    let model: any EncoderDecoder
    if let start {
      model = try start.directory.readModel(start.description)
      progress.message("beginning from \(start.directory.url.path)")
    } else {
      var configuration = recipe.model
      configuration.sourceVocabularySize = pipeline.sourceVocabulary.count
      configuration.targetVocabularySize = pipeline.targetVocabulary.count
      model = try configuration.makeModel()
      if recipe.training.depthScaling, let transformer = model as? Transformer {
        transformer.initializeByDepth(seed: recipe.training.seed)
      } else {
        model.parameters.initialize(seed: recipe.training.seed)
      }
    }
    for prefix in recipe.frozen {
      let parameters = model.parameters.parameters.filter { $0.name.hasPrefix(prefix) }
      guard !parameters.isEmpty else {
        let names = Set(model.parameters.parameters.map { $0.name.prefix { $0 != "." } }).sorted()
        throw RecipeError.wrongType(
          key: "freeze", line: nil, value: prefix,
          expected: "the beginning of a parameter's name; they begin with \(names.joined(separator: ", "))")
      }
      for parameter in parameters { parameter.isFrozen = true }
    }
    return model
  }

  private func prepareOutput() throws {
    try OutputDirectory.make(output)
    lock = try RunLock(output)
    let contents = (try? FileManager.default.contentsOfDirectory(atPath: output.path)) ?? []
    // What has been trained and has no checkpoints to go on from is not begun anew over its weights.
    let isDone = contents.contains("model.safetensors") && !contents.contains("checkpoints")
    if isDone, options.resume { throw TrainingError.alreadyTrained(output.path) }
    guard options.resume || contents.isEmpty else { throw TrainingError.outputNotEmpty(output.path) }
    // Of a run that had no time for a checkpoint these files are there; others are somebody's.
    let early: Set = [ModelDirectory.textFile, ModelDirectory.wordCountsFile, ModelDirectory.trainingLogFile]
    if !contents.contains("checkpoints"), let other = contents.first(where: { !early.contains($0) && !$0.hasSuffix(".part") }) {
      throw TrainingError.notARun(output.path, holds: other)
    }
  }

  private func readCorpora() throws -> [ParallelText] {
    let finder = CorpusFinder(data: options.data, recipe: recipe.directory)
    // All files are found before the first is read.
    let files = try recipe.train.map { (try finder.find($0.source), try finder.find($0.target)) }
    if let valid = recipe.valid { _ = (try finder.find(valid.source), try finder.find(valid.target)) }
    var texts: [ParallelText] = []
    for (source, target) in files {
      var cleaner = CorpusCleaner(recipe.cleaning)
      texts.append(try ParallelText(source: source, target: target, cleaner: &cleaner))
      cleaning.append((source.lastPathComponent, cleaner.report.summary))
      progress.message("\(source.lastPathComponent): \(cleaner.report.summary)")
    }
    guard texts.contains(where: { $0.count > 0 }) else {
      throw TrainingError.noData(
        "no sentence pair to learn from in \(recipe.train.map(\.source).joined(separator: ", "))")
    }
    return texts
  }

  // MARK: Settings

  private func plannedUpdates(epochTokens: Double) -> Int {
    let settings = recipe.training
    let byEpochs = settings.epochs.map { Int(($0 * epochTokens / Double(settings.batchTokens)).rounded(.up)) }
    return max(1, min(settings.updates ?? Int.max, byEpochs ?? Int.max))
  }

  private func optimization(_ totalUpdates: Int) -> OptimizationOptions {
    let settings = recipe.training
    var options = OptimizationOptions()
    options.objective = settings.objective
    options.schedule = Schedule(
      kind: settings.schedule, peak: settings.learningRate, warmup: settings.warmup, totalUpdates: totalUpdates)
    options.optimizer = settings.optimizer
    options.clipNorm = settings.clipNorm
    options.averageDecay = settings.averageDecay
    options.precision = settings.precision
    options.seed = settings.seed
    return options
  }

  private func loopOptions(_ totalUpdates: Int) -> LoopOptions {
    var loop = LoopOptions()
    loop.totalUpdates = totalUpdates
    loop.lastUpdate = min(totalUpdates, options.maximumUpdates ?? Int.max)
    loop.maximumSeconds = options.maximumSeconds ?? recipe.training.maximumSeconds
    loop.validateEvery = recipe.validation.every
    loop.checkpointEvery = options.checkpointEvery ?? recipe.training.checkpointEvery
    loop.keepCheckpoints = max(recipe.training.keepCheckpoints, recipe.training.averageLast)
    loop.patience = recipe.validation.patience
    loop.metric = recipe.validation.metric
    return loop
  }

  // MARK: The end

  private func finish(
    _ loop: TrainingLoop, _ end: TrainingEnd, _ trainer: Trainer, _ validator: TextValidator?,
    _ description: ModelDescription
  ) throws {
    let directory = ModelDirectory(output)
    let isMissing = [directory.weights, directory.configuration].contains { !FileManager.default.fileExists(atPath: $0.path) }
    if validator == nil || loop.state.best == nil || isMissing {
      // Nothing has been judged, or what was is gone: the model is what there is.
      let model = try description.model.makeModel()
      var description = description
      if end == .finished, recipe.training.averageLast > 1 {
        let updates = try CheckpointDirectory(run: output).average(last: recipe.training.averageLast, into: model)
        description.training?.merge(ModelDescription.averaged(updates)) { $1 }
        mean = (updates, nil)
      } else {
        _ = model.parameters.values.update(fromContentsOf: trainer.learntValues)
      }
      try directory.save(description, model)
    }
    if end == .finished, recipe.training.averageLast > 1, let validator, mean == nil {
      try averageAtEnd(loop, trainer, validator)
    }
    try TrainingReport(self, loop.state, end, trainer, validator?.metrics).write()
    switch end {
    case .finished: progress.message("finished: \(output.path) holds the model")
    case .earlyStop: progress.message("stopped early: no better validation; \(output.path) holds the best model")
    case .updateLimit, .timeLimit, .interrupted:
      progress.message(
        "stopped after update \(Format.grouped(loop.state.update)), all is saved; to go on, give the same command with --resume")
    }
  }

  /// Takes the mean of the last checkpoints if it is better than the best single one.
  private func averageAtEnd(_ loop: TrainingLoop, _ trainer: Trainer, _ validator: TextValidator) throws {
    let updates = try CheckpointDirectory(run: output).average(last: recipe.training.averageLast, into: validator.model)
    var record = try validator.score(trainer.pool)
    record.update = loop.state.update
    let isBetter = loop.state.best.map { recipe.validation.metric.prefers(record, to: $0) } ?? true
    if isBetter {
      try validator.keep(averaged: updates)
      mean = (updates, record)
    }
    progress.message(
      "mean of the last \(updates.count) checkpoints: \(TrainingLoop.scores(record))"
        + (isBetter ? ", the best" : ", not better than the best"))
  }
}
