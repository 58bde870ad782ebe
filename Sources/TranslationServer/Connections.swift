import Hummingbird
import NIOCore
import Synchronization

/// Notices when a client hangs up.
final class HangUpHandler: ChannelInboundHandler, RemovableChannelHandler, Sendable {
  typealias InboundIn = Any

  private let connections: Connections
  private let state = Mutex<(hasGone: Bool, action: (@Sendable () -> Void)?, number: Int)>((false, nil, 0))

  init(_ connections: Connections) { self.connections = connections }

  func handlerAdded(context: ChannelHandlerContext) { connections.add(self, context.channel) }

  func channelInactive(context: ChannelHandlerContext) {
    end()
    connections.remove(context.channel)
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) { connections.remove(context.channel) }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? ChannelEvent, event == .inputClosed {
      end()
      // Like other servers: who closes its side does not wait for an answer.
      context.close(promise: nil)
    }
    context.fireUserInboundEventTriggered(event)
  }

  private func end() {
    let action = state.withLock { state in
      state.hasGone = true
      return state.action
    }
    action?()
  }

  /// What to do when the client goes, once; at once if it has gone already. The number takes it back.
  func onHangUp(_ action: @escaping @Sendable () -> Void) -> Int {
    let (hasGone, number) = state.withLock { state in
      state.action = action
      state.number += 1
      return (state.hasGone, state.number)
    }
    if hasGone { action() }
    return number
  }

  /// Does not take back what the next request has said meanwhile.
  func forget(_ number: Int) {
    state.withLock { if $0.number == number { $0.action = nil } }
  }
}

/// The connections of a server.
final class Connections: Sendable {
  private let handlers = Mutex<[ObjectIdentifier: HangUpHandler]>([:])

  var count: Int { handlers.withLock { $0.count } }

  func add(_ handler: HangUpHandler, _ channel: any Channel) {
    handlers.withLock { $0[ObjectIdentifier(channel)] = handler }
  }

  func remove(_ channel: any Channel) {
    handlers.withLock { $0[ObjectIdentifier(channel)] = nil }
  }

  /// Runs `body` in a task that is cancelled if the client at the other end of the channel hangs up.
  func whileConnected<T: Sendable>(
    _ channel: any Channel, _ body: @escaping @Sendable () async throws -> T
  ) async throws -> T {
    guard let handler = handlers.withLock({ $0[ObjectIdentifier(channel)] }) else { return try await body() }
    let task = Task(operation: body)
    let number = handler.onHangUp { task.cancel() }
    defer { handler.forget(number) }
    return try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      task.cancel()
    }
  }
}

/// Runs `body`, cancelled after so many seconds. Throws the `APIError` that says so.
func withDeadline<T: Sendable>(
  _ seconds: Double, _ body: @escaping @Sendable () async throws -> T
) async throws -> T {
  try await Deadlines.shared.within(seconds, body)
}

/// Ends what takes too long. One clock for all: a task that sleeps until its deadline would be kept by the system until
/// then, also where it is cancelled, and at a thousand requests a second that is a lot.
final class Deadlines: Sendable {
  private struct State {
    var next = 0
    var ends: [Int: (time: ContinuousClock.Instant, end: @Sendable () -> Void)] = [:]
    var isTicking = false
  }

  private final class Flag: Sendable {
    let isSet = Mutex(false)
  }

  static let shared = Deadlines()
  private static let tick: Duration = .milliseconds(100)
  private let state = Mutex(State())

  /// Runs `body`, cancelled after so many seconds, up to a tick more. Throws the `APIError` that says so.
  func within<T: Sendable>(
    _ seconds: Double, _ body: @escaping @Sendable () async throws -> T
  ) async throws -> T {
    let (task, isLate) = (Task(operation: body), Flag())
    let number = add(.now + .seconds(seconds)) {
      isLate.isSet.withLock { $0 = true }
      task.cancel()
    }
    defer { state.withLock { $0.ends[number] = nil } }
    do {
      return try await withTaskCancellationHandler { try await task.value } onCancel: { task.cancel() }
    } catch where isLate.isSet.withLock({ $0 }) {
      throw APIError(.serviceUnavailable, "Busy: not done within \(Int(seconds)) seconds", retryAfter: 10)
    }
  }

  private func add(_ time: ContinuousClock.Instant, _ end: @escaping @Sendable () -> Void) -> Int {
    let (number, begins) = state.withLock { state in
      state.next += 1
      state.ends[state.next] = (time, end)
      defer { state.isTicking = true }
      return (state.next, !state.isTicking)
    }
    if begins {
      Task.detached {
        repeat { try? await Task.sleep(for: Self.tick) } while self.endLate()
      }
    }
    return number
  }

  /// Ends what is late. False where nothing is under way, so that the clock stops.
  private func endLate() -> Bool {
    let (late, goesOn) = state.withLock { state in
      let now = ContinuousClock.now
      state.isTicking = !state.ends.isEmpty
      return (state.ends.values.filter { $0.time <= now }.map(\.end), state.isTicking)
    }
    for end in late { end() }
    return goesOn
  }
}
