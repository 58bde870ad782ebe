import Autograd
import Foundation
import NeuralNet
import Seq2Seq

/// How parameters are learnt from a batch.
public struct OptimizationOptions: Sendable, Equatable {
  public var objective = Objective()
  public var schedule = Schedule(kind: .inverseSquareRoot, peak: 1e-3, warmup: 1000, totalUpdates: 10_000)
  public var optimizer = Optimizer.Options()
  /// The gradient's Euclidean norm is brought down to this; 0 leaves it alone (Pascanu et al. 2013).
  public var clipNorm: Double = 1
  /// Of the exponential moving average of the parameters; 0 keeps none.
  public var averageDecay: Double = 0
  public var precision: Precision = .float32
  public var seed: UInt64 = 1

  public init() {}
}

/// What became of one update.
public struct UpdateOutcome: Sendable, Equatable {
  /// The objective per target token, nats, with label smoothing; nil if it was not a finite number.
  public var loss: Double?
  /// Per target token, nats, without label smoothing.
  public var negativeLogLikelihood: Double?
  /// Before clipping; nil if it was not a finite number.
  public var gradientNorm: Double?
  public var learningRate: Double
  /// Why the parameters were left as they were, if they were.
  public var skipped: String?
}

/// A model, its optimiser, and the one thing they do: learn from a batch. The result does not depend on `threads`:
/// shards are computed each into a gradient of its own, and those are added up in their order.
public final class Trainer: @unchecked Sendable {
  public let model: any EncoderDecoder
  public let options: OptimizationOptions
  public let optimizer: Optimizer
  /// The exponential moving average of the parameters, [store.count], if one is kept.
  public let average: UnsafeMutableBufferPointer<Float>?
  /// Updates so far, also those that were skipped.
  public internal(set) var update = 0
  /// Updates skipped in a row.
  public internal(set) var consecutiveSkips = 0
  /// What the schedule's rate is multiplied by: halved whenever updates fail repeatedly.
  public internal(set) var rateFactor = 1.0
  let pool: WorkerPool
  private let gradients: [GradientBuffer]
  private let arenas: [Arena]
  private let optimizerParts: [Range<Int>]

  /// Failed updates in a row after which the rate is halved, and halvings after which nothing helps.
  static let patience = 3
  static let smallestFactor = 1.0 / 64

  public init(_ model: any EncoderDecoder, _ options: OptimizationOptions, shards: Int, threads: Int) {
    self.model = model
    self.options = options
    let store = model.parameters
    optimizer = Optimizer(store, options: options.optimizer, precision: options.precision)
    if options.averageDecay > 0 {
      let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: store.count)
      _ = buffer.initialize(from: store.values)
      average = buffer
    } else {
      average = nil
    }
    gradients = (0..<shards).map { _ in GradientBuffer(store) }
    pool = WorkerPool(threads: threads)
    arenas = (0..<pool.threads).map { _ in Arena() }
    optimizerParts = optimizer.partition(16)
    if options.precision.supported == .bfloat16 { _ = store.bfloat16Values() }
  }

  deinit {
    pool.close()
    average?.deallocate()
  }

  /// One update. Cost: three forward passes' worth of products, and one pass over the optimiser's state.
  public func learn(_ batch: UpdateBatch) -> UpdateOutcome {
    precondition(batch.shards.count == gradients.count, "\(batch.shards.count) shards, expected \(gradients.count)")
    update += 1
    let rate = options.schedule.rate(update) * rateFactor
    let sums = computeGradients(batch)
    var outcome = UpdateOutcome(learningRate: rate)
    for (shard, sum) in sums.enumerated() where !sum.loss.isFinite {
      return skip(&outcome, "the loss of shard \(shard) is not finite (\(sum.loss))")
    }
    let tokens = Double(batch.targetTokens)
    outcome.loss = sums.reduce(0) { $0 + $1.loss } / tokens
    outcome.negativeLogLikelihood = -sums.reduce(0) { $0 + $1.logLikelihood } / tokens
    let norm = sumGradients().squareRoot()
    guard norm.isFinite else { return skip(&outcome, "the gradient's norm is not finite (\(norm))") }
    outcome.gradientNorm = norm
    let clip = options.clipNorm > 0 && norm > options.clipNorm ? options.clipNorm / norm : 1
    apply(rate: Float(rate), scale: Float(clip))
    consecutiveSkips = 0
    return outcome
  }

  private func skip(_ outcome: inout UpdateOutcome, _ reason: String) -> UpdateOutcome {
    outcome.skipped = "update \(update): \(reason)"
    consecutiveSkips += 1
    if consecutiveSkips % Trainer.patience == 0 { rateFactor /= 2 }
    return outcome
  }

  /// Nothing more can be hoped for: the rate was lowered again and again and no update succeeded.
  var hasDiverged: Bool { consecutiveSkips >= Trainer.patience && rateFactor <= Trainer.smallestFactor }

  private func computeGradients(_ batch: UpdateBatch) -> [LossSum] {
    let results = Results(count: batch.shards.count)
    let (objective, precision) = (options.objective, options.precision.supported)
    let scale = 1 / Float(max(batch.targetTokens, 1))
    pool.run(batch.shards.count) { [self] worker, index in
      let (shard, gradient) = (batch.shards[index], gradients[index])
      gradient.clear()
      guard shard.source.count > 0 else { return gradient.finish() }
      let graph = Graph(
        arena: arenas[worker], gradients: gradient, precision: precision,
        random: RandomGenerator(seed: options.seed, 104, update, index))
      results.sums[index] = model.loss(
        source: shard.source, target: shard.target, objective: objective, gradientScale: scale, graph: graph)
      graph.backward()
      graph.reset()
    }
    return Array(UnsafeBufferPointer(start: results.sums, count: batch.shards.count))
  }

  /// Adds all gradients into the first, in fixed pieces whatever the threads, and returns Σ g².
  private func sumGradients() -> Double {
    let count = gradients[0].count
    let piece = 1 << 16
    let pieces = (count + piece - 1) / piece
    let squares = Results(count: pieces)
    let buffers = Pointers(gradients.map(\.data))
    pool.run(pieces) { _, index in
      let start = index * piece
      squares.sums[index].loss = mt_sum_gradients(
        buffers.base, Int64(buffers.count), Int64(start), Int64(min(piece, count - start)))
    }
    return (0..<pieces).reduce(0) { $0 + squares.sums[$1].loss }
  }

  private func apply(rate: Float, scale: Float) {
    optimizer.updates += 1
    // Early on the average would remember little but the random start (as in TensorFlow's `num_updates`).
    let decay = Float(min(options.averageDecay, Double(1 + optimizer.updates) / Double(10 + optimizer.updates)))
    pool.run(optimizerParts.count) { [self] _, part in
      optimizer.update(
        optimizerParts[part], gradient: gradients[0].data, scale: scale, rate: rate, average: average?.baseAddress,
        averageDecay: decay)
    }
  }

  /// The parameters to translate with: the average if one is kept, [store.count].
  public var learntValues: UnsafeMutableBufferPointer<Float> { average ?? model.parameters.values }
}

/// A slot for each piece of work, written by whichever thread computes it.
private final class Results: @unchecked Sendable {
  let sums: UnsafeMutablePointer<LossSum>

  init(count: Int) {
    sums = .allocate(capacity: max(count, 1))
    sums.initialize(repeating: LossSum(), count: max(count, 1))
  }

  deinit { sums.deallocate() }
}

private final class Pointers: @unchecked Sendable {
  let base: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>
  let count: Int

  init(_ pointers: [UnsafeMutablePointer<Float>]) {
    count = pointers.count
    base = .allocate(capacity: max(count, 1))
    for (i, pointer) in pointers.enumerated() { (base + i).initialize(to: pointer) }
  }

  deinit { base.deallocate() }
}
