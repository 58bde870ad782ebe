import Autograd

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
  private var layers = 0
  private var width = 0
  private var storage: UnsafeMutablePointer<Float>?
  private var free: [Int32] = []

  deinit { storage?.deallocate() }

  /// Starts anew for a model with `layers` layers and rows of `width` floats.
  func start(layers: Int, width: Int) {
    if layers != self.layers || width != self.width {
      storage?.deallocate()
      storage = nil
      capacity = 0
    }
    (self.layers, self.width) = (layers, width)
    free = (0..<Int32(capacity)).reversed()
  }

  /// The first row of a layer; slot s is at `width` times s from there. Valid until the next `take`.
  func base(layer: Int) -> UnsafeMutablePointer<Float> { storage! + layer * capacity * width }

  /// Fresh slots for `count` tokens. `isUsed` marks the slots that live hypotheses still need; it is asked only when
  /// the pool has run dry.
  func take(_ count: Int, used: () -> [Int32]) -> [Int32] {
    if free.count < count {
      var inUse = [Bool](repeating: false, count: capacity)
      for slot in used() { inUse[Int(slot)] = true }
      free = (0..<Int32(capacity)).reversed().filter { !inUse[Int($0)] }
      // Half must be free after a sweep, so that sweeps stay rare.
      if free.count < max(count, capacity / 2) { grow(to: max(2 * capacity, 4 * count)) }
    }
    let taken = Array(free[(free.count - count)...].reversed())
    free.removeLast(count)
    return taken
  }

  private func grow(to newCapacity: Int) {
    let bigger = UnsafeMutablePointer<Float>.allocate(capacity: layers * newCapacity * width)
    if let storage {
      for layer in 0..<layers {
        (bigger + layer * newCapacity * width).update(from: storage + layer * capacity * width, count: capacity * width)
      }
      storage.deallocate()
    }
    free = (Int32(capacity)..<Int32(newCapacity)).reversed() + free
    storage = bigger
    capacity = newCapacity
  }
}
