import Foundation

/// Prepares the next updates on a thread of its own, so that the loop never waits for text.
final class InputPipeline: @unchecked Sendable {
  private let stream: BatchStream
  private let depth: Int
  private let condition = NSCondition()
  private var ready: [UpdateBatch] = []
  private var isExhausted = false
  private var isClosed = false

  /// Keeps up to `depth` updates ready.
  init(_ stream: BatchStream, depth: Int = 8) {
    (self.stream, self.depth) = (stream, depth)
    let thread = Thread { [self] in fill() }
    thread.stackSize = 8 << 20
    thread.name = "input"
    thread.start()
  }

  /// The next update; nil if the corpora hold no pair.
  func next() -> UpdateBatch? {
    condition.lock()
    defer { condition.unlock() }
    while ready.isEmpty, !isExhausted { condition.wait() }
    guard !ready.isEmpty else { return nil }
    condition.broadcast()
    return ready.removeFirst()
  }

  /// Lets the thread end.
  func close() {
    condition.lock()
    isClosed = true
    condition.broadcast()
    condition.unlock()
  }

  private func fill() {
    while true {
      let batch = stream.next()
      condition.lock()
      while ready.count >= depth, !isClosed { condition.wait() }
      if isClosed {
        condition.unlock()
        return
      }
      if let batch { ready.append(batch) } else { isExhausted = true }
      condition.broadcast()
      condition.unlock()
      if batch == nil { return }
    }
  }
}
