import Dispatch
import Synchronization

/// Computing beside the pool, such as aligning: on threads of its own, a few at once and some waiting, so that it neither
/// holds up other requests nor takes all processors.
final class BackgroundWork: Sendable {
  /// Each does one piece after the other.
  private let queues: [DispatchQueue]
  private let limit: Int
  private let state = Mutex((underWay: 0, next: 0))

  /// `width` pieces of work at once, `limit` under way or waiting.
  init(width: Int, limit: Int) {
    queues = (0..<max(1, width)).map { DispatchQueue(label: "mt background \($0)") }
    self.limit = limit
  }

  /// Pieces of work under way or waiting.
  var underWay: Int { state.withLock { $0.underWay } }

  /// Throws `APIError` where too much is waiting, and `CancellationError` if the task is cancelled before its turn.
  func run<T: Sendable>(_ work: @escaping @Sendable () -> T) async throws -> T {
    let place = state.withLock { state -> Int? in
      guard state.underWay < limit else { return nil }
      state.underWay += 1
      state.next = (state.next + 1) % queues.count
      return state.next
    }
    guard let place else {
      throw APIError(.serviceUnavailable, "Busy: \(limit) requests are waiting already", retryAfter: 2)
    }
    let isCancelled = CancellationFlag()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        queues[place].async { [self] in
          let result: Result<T, any Error> = isCancelled.value ? .failure(CancellationError()) : .success(work())
          state.withLock { $0.underWay -= 1 }
          continuation.resume(with: result)
        }
      }
    } onCancel: {
      isCancelled.set()
    }
  }

  private final class CancellationFlag: Sendable {
    private let flag = Mutex(false)
    var value: Bool { flag.withLock { $0 } }
    func set() { flag.withLock { $0 = true } }
  }
}
