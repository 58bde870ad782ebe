import Foundation
import HTTPTypes
import Hummingbird

/// What a request is answered with when it cannot be served: a status and `{"error": text}`, as LibreTranslate does.
public struct APIError: HTTPResponseError, Sendable, Equatable, CustomStringConvertible {
  public var status: HTTPResponse.Status
  public var message: String
  /// Seconds after which another try makes sense.
  public var retryAfter: Int?
  /// The methods that would be right, where this one is not.
  public var allow: String?

  public init(_ status: HTTPResponse.Status, _ message: String, retryAfter: Int? = nil, allow: String? = nil) {
    (self.status, self.message, self.retryAfter, self.allow) = (status, message, retryAfter, allow)
  }

  public var description: String { "\(status.code) \(message)" }

  public func response(from request: Request, context: some RequestContext) throws -> Response {
    var response = try JSONAnswer.response(["error": message], status: status)
    if let retryAfter { response.headers[.retryAfter] = String(retryAfter) }
    if let allow { response.headers[.allow] = allow }
    return response
  }
}

extension APIError {
  static func missing(_ parameter: String) -> APIError {
    APIError(.badRequest, "Invalid request: missing \(parameter) parameter")
  }
}

/// Responses of JSON whose keys come in the same order every time.
enum JSONAnswer {
  static func response(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
    Response(
      status: status, headers: [.contentType: "application/json; charset=utf-8"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: try data(value))))
  }

  static func data(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(value)
  }
}

/// Turns every error into JSON. What is nobody's fault but ours is logged, and not told.
struct ErrorMiddleware: RouterMiddleware {
  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    let error: APIError
    do {
      return try await next(request, context)
    } catch let thrown as APIError {
      error = thrown
    } catch let thrown as any HTTPResponseError {
      error = APIError(thrown.status, (thrown as? HTTPError)?.body ?? thrown.status.reasonPhrase)
    } catch is CancellationError {
      // Nobody is there to read it.
      error = APIError(HTTPResponse.Status(code: 499, reasonPhrase: "Client Closed Request"), "the client has gone")
    } catch {
      context.logger.error("request failed", metadata: ["error": "\(error)"])
      return try APIError(.internalServerError, "Cannot translate text: internal error").response(
        from: request, context: context)
    }
    return try error.response(from: request, context: context)
  }
}
