import HTTPTypes
import Hummingbird
import Logging
import Synchronization

/// Around every request: counts it, logs it without what it says, and adds the headers that keep browsers careful.
struct RequestMiddleware: RouterMiddleware {
  let service: TranslationService

  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    let start = ContinuousClock.now
    service.metrics.begin()
    var response: Response
    if service.options.allowsOtherOrigins, request.method == .options {
      response = Response(status: .noContent)
    } else {
      response = try await next(request, context)
    }
    // A path that the server knows, or none: what was asked for may be anything, also somebody's text.
    let endpoint = context.endpointPath.flatMap { $0 == "NotFound" ? nil : $0 } ?? "other"
    let (status, length) = (response.status.code, response.body.contentLength)
    let ended = { @Sendable [service] in
      let elapsed = (ContinuousClock.now - start) / .seconds(1)
      service.metrics.end(endpoint, status: status, seconds: elapsed)
      context.logger.info(
        "request",
        metadata: [
          "method": "\(request.method.rawValue)", "endpoint": "\(endpoint)", "status": "\(status)",
          "ms": "\((elapsed * 1e4).rounded() / 10)", "bytes": "\(length ?? -1)",
        ])
    }
    if length == nil {
      // A stream: it has only begun.
      let (body, end) = (response.body, StreamEnd(ended))
      response.body = ResponseBody { writer in
        defer { end.reach() }
        try await body.write(writer)
      }
    } else {
      ended()
    }
    addHeaders(to: &response)
    return response
  }

  private func addHeaders(to response: inout Response) {
    for (name, value) in Self.careful where response.headers[name] == nil { response.headers[name] = value }
    guard service.options.allowsOtherOrigins else { return }
    for (name, value) in Self.otherOrigins { response.headers[name] = value }
  }

  private static let careful: [(HTTPField.Name, String)] = [
    (.contentSecurityPolicy,
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        + "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"),
    (.xContentTypeOptions, "nosniff"), (.cacheControl, "no-store"),
  ] + named([("Referrer-Policy", "no-referrer"), ("X-Frame-Options", "DENY")])

  /// What LibreTranslate sends with every answer.
  private static let otherOrigins = named([
    ("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Headers", "Authorization, Content-Type"),
    ("Access-Control-Expose-Headers", "Authorization"), ("Access-Control-Allow-Methods", "GET, POST"),
    ("Access-Control-Max-Age", "1728000"),
  ])

  private static func named(_ fields: [(String, String)]) -> [(HTTPField.Name, String)] {
    fields.compactMap { name, value in HTTPField.Name(name).map { ($0, value) } }
  }
}

/// Calls once, at the end of a stream, or when it is let go without having been written.
private final class StreamEnd: Sendable {
  private let action: Mutex<(@Sendable () -> Void)?>

  init(_ action: @escaping @Sendable () -> Void) { self.action = Mutex(action) }

  deinit { reach() }

  func reach() {
    let action = action.withLock { action in
      defer { action = nil }
      return action
    }
    action?()
  }
}
