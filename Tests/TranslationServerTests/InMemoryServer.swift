import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOEmbedded
import TestSupport
import Translation

@testable import TranslationServer

/// A server of tiny models whose routes are called without a socket.
final class InMemoryServer: Sendable {
  struct Answer {
    var status: Int
    var headers: HTTPFields
    var body: Data

    var text: String { String(decoding: body, as: UTF8.self) }
    var json: NSDictionary? { try? JSONSerialization.jsonObject(with: body) as? NSDictionary }
    var list: [NSDictionary]? { try? JSONSerialization.jsonObject(with: body) as? [NSDictionary] }
    var error: String? { json?["error"] as? String }
    subscript(name: String) -> String? { HTTPField.Name(name).flatMap { headers[$0] } }
  }

  let directory: TemporaryDirectory
  let server: Server
  private let responder: RouterResponder<ServerContext>

  /// Models from one language to another, each with weights of its own.
  init(
    _ pairs: [(String, String)] = [("fr", "en")], _ change: (inout ServerOptions) -> Void = { _ in },
    logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  ) throws {
    directory = try TemporaryDirectory()
    var models: [URL] = []
    for (number, pair) in pairs.enumerated() {
      let url = directory.url.appendingPathComponent("\(pair.0)-\(pair.1)")
      try TinyModel.save(to: url, seed: UInt64(5 + number), source: pair.0, target: pair.1)
      models.append(url)
    }
    var options = ServerOptions(models: models)
    options.threads = 2
    // Hundreds of tests run side by side: on a busy machine a request waits for its turn longer than a caller would, and
    // more than the minute of a limit goes by between two of them.
    options.deadline = 3_600
    let start = ContinuousClock.now
    options.now = { start }
    change(&options)
    server = try Server(options, logger: logger)
    responder = server.router().buildResponder()
  }

  var service: TranslationService { server.service }

  func translator(_ pair: String) throws -> Translator {
    try Translator(model: directory.url.appendingPathComponent(pair))
  }

  func send(
    _ method: HTTPRequest.Method, _ path: String, type: String? = nil, headers: [String: String] = [:],
    body: String = ""
  ) async throws -> Answer {
    var fields = HTTPFields()
    if let type { fields[.contentType] = type }
    for (name, value) in headers { fields[HTTPField.Name(name)!] = value }
    let head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path, headerFields: fields)
    let context = ServerContext(
      source: ApplicationRequestContextSource(
        channel: NIOAsyncTestingChannel(), logger: server.logger))
    let request = Request(head: head, body: RequestBody(buffer: ByteBuffer(string: body)))
    let response = try await responder.respond(to: request, context: context)
    let collector = BodyCollector()
    try await response.body.write(collector)
    return Answer(status: response.status.code, headers: response.headers, body: collector.data)
  }

  /// `POST` of JSON.
  func post(_ path: String, _ object: [String: Any], headers: [String: String] = [:]) async throws -> Answer {
    let body = try JSONSerialization.data(withJSONObject: object)
    return try await send(
      .post, path, type: "application/json", headers: headers, body: String(decoding: body, as: UTF8.self))
  }

  func get(_ path: String, headers: [String: String] = [:]) async throws -> Answer {
    try await send(.get, path, headers: headers)
  }
}

private final class BodyCollector: ResponseBodyWriter, @unchecked Sendable {
  var data = Data()
  func write(_ buffer: ByteBuffer) async throws { data.append(contentsOf: buffer.readableBytesView) }
  func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
