import Foundation
import Autograd
import Synchronization

/// What moves the matrices of a model's layers. Embeddings, biases and norms move by Adam always.
public enum OptimizerMethod: String, CaseIterable, Codable, Sendable {
  case adam
  /// The momentum made orthogonal, so that a step is as long in every direction (Jordan et al. 2024).
  case muon
}

/// Adam (Kingma & Ba 2015), or Muon for the matrices of layers, with decoupled weight decay (Loshchilov & Hutter 2019)
/// over the flat buffer of a store, with an optional exponential moving average of the values. State [count] each, f32.
public final class Optimizer: @unchecked Sendable {
  public struct Options: Sendable, Equatable {
    public var method = OptimizerMethod.adam
    /// Muon's.
    public var momentum: Float = 0.95
    public var beta1: Float = 0.9
    public var beta2: Float = 0.98
    public var epsilon: Float = 1e-9
    /// Applied to matrices only, not to biases and norms.
    public var weightDecay: Float = 0

    public init() {}
  }

  public let options: Options
  public let store: ParameterStore
  /// Of Muon's products.
  let precision: Precision
  /// Of Muon: as many as threads have been at work at once.
  let idleScratch = Mutex<[OrthogonalizationScratch]>([])
  /// First and second moments, [store.count].
  public let firstMoment: UnsafeMutableBufferPointer<Float>
  public let secondMoment: UnsafeMutableBufferPointer<Float>
  /// Updates made so far.
  public var updates = 0

  public init(_ store: ParameterStore, options: Options = Options(), precision: Precision = .float32) {
    self.store = store
    self.precision = precision.supported
    self.options = options
    firstMoment = .allocate(capacity: store.count)
    secondMoment = .allocate(capacity: store.count)
    firstMoment.initialize(repeating: 0)
    secondMoment.initialize(repeating: 0)
  }

  deinit {
    firstMoment.deallocate()
    secondMoment.deallocate()
  }

  /// Parameters cut into `parts` runs of about equal size, for threads.
  public func partition(_ parts: Int) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var start = 0
    var size = 0
    for (i, p) in store.parameters.enumerated() {
      size += p.count
      if size * parts >= store.parameterCount * (ranges.count + 1) || i == store.parameters.count - 1 {
        ranges.append(start..<(i + 1))
        start = i + 1
      }
    }
    return ranges
  }

  /// Updates the parameters `range` with `gradient` [store.count] times `scale` at the given rate. The caller has
  /// counted this update in `updates` and calls once for each part; parts may run on different threads.
  /// `average` [store.count] moves by average·decay + value·(1 − decay). bfloat16 copies are refreshed. Frozen
  /// parameters stay, weight decay or not.
  public func update(
    _ range: Range<Int>, gradient: UnsafePointer<Float>, scale: Float, rate: Float,
    average: UnsafeMutablePointer<Float>? = nil, averageDecay: Float = 0
  ) {
    precondition(updates > 0, "count the update first")
    let correction1 = Float(1 - pow(Double(options.beta1), Double(updates)))
    let correction2 = Float(1 - pow(Double(options.beta2), Double(updates)))
    for p in store.parameters[range] where !p.isFrozen {
      if options.method == .muon, p.rows > 1, let blocks = p.layerBlocks {
        updateByMuon(
          p, blocks: blocks, gradient: gradient + p.offset, scale: scale, rate: rate,
          average: average.map { $0 + p.offset }, averageDecay: averageDecay)
      } else {
        mt_adam(
          p.data, gradient + p.offset, firstMoment.baseAddress! + p.offset, secondMoment.baseAddress! + p.offset,
          Int64(p.count), scale, rate, options.beta1, options.beta2, options.epsilon, correction1, correction2,
          p.rows > 1 ? options.weightDecay : 0, p.bfloat16Copy, average.map { $0 + p.offset }, averageDecay)
      }
    }
  }
}
