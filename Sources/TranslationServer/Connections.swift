import Hummingbird
import NIOCore
import Synchronization

/// Notices when a client hangs up.
final class HangUpHandler: ChannelInboundHandler, RemovableChannelHandler, Sendable {
  typealias InboundIn = Any

  private let connections: Connections
  private let state = Mutex<(hasGone: Bool, action: (@Sendable () -> Void)?)>((false, nil))

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

  /// What to do when the client goes, once; at once if it has gone already.
  func onHangUp(_ action: (@Sendable () -> Void)?) {
    let hasGone = state.withLock { state in
      state.action = action
      return state.hasGone
    }
    if hasGone { action?() }
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
    handler.onHangUp { task.cancel() }
    defer { handler.onHangUp(nil) }
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
  try await withThrowingTaskGroup(of: T?.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: .seconds(seconds))
      return nil
    }
    defer { group.cancelAll() }
    if let value = try await group.next() ?? nil { return value }
    throw APIError(.serviceUnavailable, "Busy: not done within \(Int(seconds)) seconds", retryAfter: 10)
  }
}
