import Foundation

/// Threads that share out numbered pieces of work. What a piece computes must not depend on which thread takes it.
final class WorkerPool: @unchecked Sendable {
  let threads: Int
  private let condition = NSCondition()
  private var body: (@Sendable (_ worker: Int, _ piece: Int) -> Void)?
  private var pieces = 0
  private var next = 0
  private var unfinished = 0
  private var isClosed = false

  /// `threads` workers; the caller of `run` is one of them.
  init(threads: Int) {
    self.threads = max(1, threads)
    for worker in 1..<max(2, self.threads) where worker < self.threads {
      let thread = Thread { [weak self] in
        // The pool outlives its threads' work: `deinit` is reached only when no `run` is in progress.
        while let pool = self, pool.work(worker, waits: true) {}
      }
      thread.stackSize = 8 << 20
      thread.name = "worker \(worker)"
      thread.start()
    }
  }

  /// Lets the threads end. Nothing may be run afterwards.
  func close() {
    condition.lock()
    isClosed = true
    condition.broadcast()
    condition.unlock()
  }

  /// Calls `body` for every piece in 0..<count, on all threads, and returns when all are done.
  func run(_ count: Int, _ body: @escaping @Sendable (_ worker: Int, _ piece: Int) -> Void) {
    guard count > 0 else { return }
    condition.lock()
    (self.body, pieces, next, unfinished) = (body, count, 0, count)
    condition.broadcast()
    condition.unlock()
    _ = work(0, waits: false)
    condition.lock()
    while unfinished > 0 { condition.wait() }
    self.body = nil
    condition.unlock()
  }

  /// What `body` makes of every piece in 0..<count, in their order.
  func map<Result: Sendable>(_ count: Int, _ body: @escaping @Sendable (_ piece: Int) -> Result) -> [Result] {
    let slots = Slots<Result>(count)
    run(count) { _, piece in slots.set(piece, body(piece)) }
    return slots.results.compactMap { $0 }
  }

  private final class Slots<Result: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private(set) var results: [Result?]
    init(_ count: Int) { results = Array(repeating: nil, count: count) }
    func set(_ index: Int, _ result: Result) { lock.withLock { results[index] = result } }
  }

  /// Takes pieces until there are none; with `waits`, waits for some first. False: the pool is closed.
  private func work(_ worker: Int, waits: Bool) -> Bool {
    condition.lock()
    if waits {
      while !isClosed, body == nil || next >= pieces { condition.wait() }
      if isClosed {
        condition.unlock()
        return false
      }
    }
    while let body, next < pieces {
      let piece = next
      next += 1
      condition.unlock()
      body(worker, piece)
      condition.lock()
      unfinished -= 1
      if unfinished == 0 { condition.broadcast() }
    }
    condition.unlock()
    return true
  }
}
