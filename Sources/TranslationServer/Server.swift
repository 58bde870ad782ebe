import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import Synchronization
import UnixSignals

/// The HTTP face of the models: LibreTranslate's interface, and a page.
public struct Server: Sendable {
  public let service: TranslationService
  let connections = Connections()
  private let access: AccessControl
  let logger: Logger

  /// Throws what says where the models are, and `ModelError` where one's description cannot be used.
  public init(_ options: ServerOptions, logger: Logger) throws {
    service = try TranslationService(options)
    access = AccessControl(options)
    self.logger = logger
  }

  /// What is served: the languages, "fr-en", and where the model is.
  public var models: [(pair: String, directory: String)] {
    service.models.entries.map { ("\($0.source)-\($0.target)", $0.directory.url.relativePath) }
  }

  /// All routes, each group of which has a file of its own.
  func router() -> Router<ServerContext> {
    let router = Router(context: ServerContext.self)
    router.add(middleware: RequestMiddleware(service: service))
    router.add(middleware: ErrorMiddleware())
    TranslateRoutes(service: service, access: access, connections: connections).add(to: router)
    DetectRoutes(service: service, access: access).add(to: router)
    LanguageRoutes(service: service).add(to: router)
    StatusRoutes(service: service, connections: connections).add(to: router)
    SpecificationRoutes(service: service).add(to: router)
    DisabledRoutes().add(to: router)
    ExplainRoutes(service: service, access: access, connections: connections).add(to: router)
    PageRoutes().add(to: router)
    return router
  }

  /// Serves until its task is cancelled; with `handlesSignals` until the process is told to end (SIGTERM, SIGINT): then no
  /// connection is accepted any more, and the requests under way are answered, and SIGHUP looks for models again.
  /// `listening` is told the port. Throws `ListenError` where the address cannot be listened on.
  public func run(
    handlesSignals: Bool = true, listening: @escaping @Sendable (Int) -> Void = { _ in }
  ) async throws {
    let options = service.options
    if options.loadsModelsAtStart {
      for entry in service.models.entries { _ = try await service.models.translator(entry) }
    }
    let isListening = Mutex(false)
    do {
      try await serve(handlesSignals: handlesSignals) { port in
        isListening.withLock { $0 = true }
        listening(port)
      }
    } catch where !isListening.withLock({ $0 }) && !(error is CancellationError) {
      throw ListenError(host: options.host, port: options.port, error)
    }
  }

  private func serve(handlesSignals: Bool, listening: @escaping @Sendable (Int) -> Void) async throws {
    let options = service.options
    let application = Application(
      router: router(),
      server: .http1(
        configuration: .init(
          additionalChannelHandlers: [HTTP1Handler.Installer(), HangUpHandler(connections)],
          idleTimeout: .seconds(Int64(options.idleTimeout)))),
      configuration: .init(
        address: .hostname(options.host, port: options.port), serverName: "mt",
        availableConnectionsDelegate: MaximumAvailableConnections(options.connectionLimit, logger: logger)),
      onServerRunning: { channel in listening(channel.localAddress?.port ?? options.port) },
      logger: logger)
    guard handlesSignals else { return try await application.run() }
    signal(SIGHUP, SIG_IGN)
    let reloads = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
    reloads.setEventHandler { reload() }
    reloads.resume()
    defer { reloads.cancel() }
    try await application.runService(gracefulShutdownSignals: [.sigterm, .sigint])
  }

  private func reload() {
    do {
      try service.reload()
      logger.info("models reloaded", metadata: ["models": "\(service.models.entries.count)"])
    } catch {
      logger.error("models not reloaded", metadata: ["error": "\(error)"])
    }
  }
}

/// Another program has the port, or the address is none of this machine's.
public struct ListenError: Error, Equatable, CustomStringConvertible {
  public let description: String

  init(host: String, port: Int, _ error: any Error) {
    let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
    description = "\(host), port \(port): cannot be listened on: \(reason)"
  }
}

extension Router where Context == ServerContext {
  /// A path that knows one method (and HEAD with GET); others are answered with 405.
  func only(
    _ method: HTTPRequest.Method, _ path: RouterPath,
    use handler: @escaping @Sendable (Request, ServerContext) async throws -> Response
  ) {
    on(path, method: method, use: handler)
    let isGet = method == .get
    for other in [HTTPRequest.Method.get, .head, .post, .put, .patch, .delete, .options] where other != method {
      if isGet, other == .head {
        on(path, method: .head) { request, context in
          try await handler(request, context).createHeadResponse()
        }
      } else {
        on(path, method: other) { _, _ -> Response in
          throw APIError(.methodNotAllowed, "Method Not Allowed", allow: isGet ? "GET, HEAD" : method.rawValue)
        }
      }
    }
  }
}
