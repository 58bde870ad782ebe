import Autograd
import Foundation
import NeuralNet
import Seq2Seq
@testable import Training

/// Sequences of 3–12 symbols out of 20 and what is to be made of them; ids 0 and 1 are special.
func symbolPairs(_ count: Int, seed: UInt64, reversed: Bool = false) -> EncodedCorpus {
  var random = RandomGenerator(seed: seed)
  var corpus = EncodedCorpus()
  for _ in 0..<count {
    let symbols = (0..<Int.random(in: 3...12, using: &random)).map { _ in Int32.random(in: 2..<22, using: &random) }
    corpus.append(source: symbols + [0], target: (reversed ? symbols.reversed() : symbols) + [0])
  }
  return corpus
}

func tinyTransformer(seed: UInt64 = 1, size: Int = 32, layers: Int = 1, dropout: Float = 0.1) throws -> any EncoderDecoder {
  var shape = TransformerConfiguration()
  (shape.modelSize, shape.feedForwardSize, shape.heads) = (size, 2 * size, 4)
  (shape.encoderLayers, shape.decoderLayers, shape.dropout, shape.maximumLength) = (layers, layers, dropout, 64)
  let model = try ModelConfiguration(
    transformer: shape, sourceVocabularySize: 22, targetVocabularySize: 22, embeddings: .all
  ).makeModel()
  model.parameters.initialize(seed: seed)
  return model
}

func temporaryDirectory() throws -> URL {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("mt-training-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  return url
}

/// Everything a run needs, on symbols instead of text.
struct SymbolRun {
  var pairs = EncodedPairs([symbolPairs(300, seed: 5)])
  var batches = BatchOptions()
  var optimization = OptimizationOptions()
  var loop = LoopOptions()
  var threads = 1
  var model: (any EncoderDecoder)?

  init() {
    batches.batchTokens = 200
    batches.shards = 3
    optimization.averageDecay = 0.99
    optimization.schedule = Schedule(kind: .cosine, peak: 3e-3, warmup: 4, totalUpdates: 40)
    loop.validateEvery = 0
    loop.checkpointEvery = 0
    loop.totalUpdates = 40
    loop.lastUpdate = 40
  }

  /// Trains in `run`, from its last checkpoint with `resume`; returns the trainer and why it ended.
  func train(in run: URL, resume: Bool = false, validator: (any Validator)? = nil) throws -> (Trainer, TrainingState, TrainingEnd) {
    let trainer = Trainer(try model ?? tinyTransformer(), optimization, shards: batches.shards, threads: threads)
    var state = TrainingState()
    if resume, let last = CheckpointDirectory(run: run).updates().last {
      state = try CheckpointDirectory(run: run).load(update: last, of: "", into: trainer)
    }
    let order = EpochOrder(
      seed: batches.seed, sizes: pairs.sizes, repetitions: pairs.sizes.map { _ in 1 })
    let stream = BatchStream(pairs, order, batches, from: state.position)
    let loop = try TrainingLoop(
      trainer, stream, loop, state: state, run: run, validator: validator, progress: SilentProgress())
    let end = try loop.run()
    return (trainer, loop.state, end)
  }
}

/// All numbers of a trainer that a checkpoint must keep.
func numbers(_ trainer: Trainer) -> [[Float]] {
  [
    Array(trainer.model.parameters.values), Array(trainer.optimizer.firstMoment), Array(trainer.optimizer.secondMoment),
    trainer.average.map(Array.init) ?? [],
  ]
}

/// Greedy output for each source equals its target: the share of which.
func exactMatch(_ model: any EncoderDecoder, _ corpus: EncodedCorpus) -> Double {
  var options = SearchOptions()
  options.beamSize = 1
  let sources = SequenceBatch((0..<corpus.count).map { Array(corpus.source($0)) })
  let state = model.startDecoding(sources, workspace: Workspace())
  let outputs = options.makeSearch().run(
    state, (0..<corpus.count).map { SearchSentence(maximumLength: 20, index: $0) })
  let right = (0..<corpus.count).filter { Array(corpus.target($0).dropLast()) == outputs[$0][0].tokens }
  return Double(right.count) / Double(corpus.count)
}
