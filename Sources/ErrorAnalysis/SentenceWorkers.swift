import Foundation
import Seq2Seq

/// Threads that take sentence after sentence, each with its own memory.
struct SentenceWorkers {
  var threads: Int
  /// Told how much is done.
  var progress: @Sendable (String) -> Void

  /// The results in the order of what is worked on, `unit` in the plural. `work` must not depend on which thread does it.
  func map<Result: Sendable>(
    count: Int, _ task: String, unit: String = "sentences", _ work: @Sendable (Int, Workspace) -> Result
  ) -> [Result] {
    let queue = Queue<Result>(count: count)
    DispatchQueue.concurrentPerform(iterations: max(1, min(threads, count))) { _ in
      let workspace = Workspace()
      while let index = queue.next() {
        let done = queue.store(work(index, workspace), at: index)
        progress("\(task): \(done) of \(count) \(unit)")
      }
    }
    return queue.results
  }

  private final class Queue<Result>: @unchecked Sendable {
    private let lock = NSLock()
    private var given = 0
    private var done = 0
    private var stored: [Result?]

    init(count: Int) { stored = Array(repeating: nil, count: count) }

    /// Read when all are done.
    var results: [Result] { stored.compactMap { $0 } }

    func next() -> Int? {
      lock.withLock {
        guard given < stored.count else { return nil }
        given += 1
        return given - 1
      }
    }

    func store(_ result: Result, at index: Int) -> Int {
      lock.withLock {
        stored[index] = result
        done += 1
        return done
      }
    }
  }
}
