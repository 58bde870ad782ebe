import Autograd
import Foundation

/// What one worker thread computes in: an arena, and the pool that decoders keep keys and values in. Reused from batch
/// to batch, so that a steady stream of sentences allocates nothing.
public final class Workspace {
  public let arena = Arena()
  let cache = KeyValuePool()

  public init() {}
}

/// Rows of keys and values by slot: every hypothesis remembers the slots of its tokens, so a beam is reordered by
/// moving slot numbers and no row is ever copied. All layers share the numbering.
final class KeyValuePool {
  private(set) var capacity = 0
  private var width = 0
  /// Each layer's rows.
  private var storage: [UnsafeMutablePointer<Float>] = []
  private var free: [Int32] = []

  deinit { release() }

  /// Starts anew for a model with `layers` layers and rows of `width` floats.
  func start(layers: Int, width: Int) {
    if layers != storage.count || width != self.width {
      release()
      self.width = width
      storage = (0..<layers).map { _ in malloc(1)!.bindMemory(to: Float.self, capacity: 0) }
    }
    free = (0..<Int32(capacity)).reversed()
  }

  private func release() {
    for rows in storage { Foundation.free(rows) }
    storage = []
    capacity = 0
  }

  /// The first row of a layer; slot s is at `width` times s from there. Valid until the next `take`.
  func base(layer: Int) -> UnsafeMutablePointer<Float> { storage[layer] }

  /// Fresh slots for `count` tokens. `isUsed` marks the slots that live hypotheses still need; it is asked only when
  /// the pool has run dry.
  func take(_ count: Int, used: () -> [Int32]) -> [Int32] {
    if free.count < count {
      var inUse = [Bool](repeating: false, count: capacity)
      for slot in used() { inUse[Int(slot)] = true }
      free = (0..<Int32(capacity)).reversed().filter { !inUse[Int($0)] }
      // Several steps' worth must be free after a sweep, so that sweeps stay rare.
      if free.count < max(4 * count, capacity / 4) { grow(to: max(capacity + capacity / 2, capacity + 4 * count)) }
    }
    let taken = Array(free[(free.count - count)...].reversed())
    free.removeLast(count)
    return taken
  }

  private func grow(to newCapacity: Int) {
    let bytes = newCapacity * width * MemoryLayout<Float>.stride
    for layer in storage.indices {
      // Large blocks are moved by the system, page by page, and not copied.
      guard let memory = realloc(storage[layer], bytes) else {
        preconditionFailure("no memory for \(bytes) bytes of keys and values")
      }
      storage[layer] = memory.bindMemory(to: Float.self, capacity: newCapacity * width)
    }
    free = (Int32(capacity)..<Int32(newCapacity)).reversed() + free
    capacity = newCapacity
  }
}
