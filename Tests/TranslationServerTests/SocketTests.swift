import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import TranslationServer

/// Over real sockets, on a port that the system chooses.
@Suite(.serialized, .timeLimit(.minutes(3))) struct SocketTests {
  private static let post =
    "POST /translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "

  private static func request(_ text: String) -> String {
    let body = #"{"q":"\#(text)","source":"fr","target":"en"}"#
    return post + "\(body.utf8.count)\r\n\r\n" + body
  }

  private func withServer(
    _ change: (inout ServerOptions) -> Void = { _ in }, _ body: @Sendable (InMemoryServer, Int) async throws -> Void
  ) async throws {
    let memory = try InMemoryServer([("fr", "en")]) { options in
      options.port = 0
      options.threads = 1
      change(&options)
    }
    let (ports, source) = AsyncStream<Int>.makeStream()
    let running = Task { try await memory.server.run(handlesSignals: false) { source.yield($0) } }
    var iterator = ports.makeAsyncIterator()
    let port = try #require(await iterator.next())
    do { try await body(memory, port) } catch {
      running.cancel()
      throw error
    }
    running.cancel()
    _ = await running.result
  }

  @Test func answersOnOneConnectionAgainAndAgain() async throws {
    try await withServer { memory, port in
      let expected = try await memory.translator("fr-en").translate(["Il pleut.", "La gare est rouge."]).map(\.text)
      let connection = try Connection(port)
      for (text, answer) in zip(["Il pleut.", "La gare est rouge."], expected) {
        let (head, body) = try await connection.ask(Self.request(text))
        #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(try JSONSerialization.jsonObject(with: body) as? NSDictionary == ["translatedText": answer])
      }
      // Both were written before the first was answered.
      try connection.write(Self.request("Il pleut.") + "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
      #expect(try await connection.read().head.hasPrefix("HTTP/1.1 200 OK\r\n"))
      #expect(String(decoding: try await connection.read().body, as: UTF8.self) == #"{"status":"ok"}"#)
    }
  }

  @Test func stopsWorkingForAClientThatHangsUp() async throws {
    let sentences = (0..<4000).map { "Le petit chat numéro \($0) dort sur la chaise rouge de la gare." }
    try await withServer { options in
      options.characterLimit = nil
    } _: { memory, port in
      let connection = try Connection(port)
      try connection.write(Self.request(sentences.joined(separator: " ")))
      let pool = memory.service.pool
      // Under way, and far from done.
      while pool.statistics.waitingSentences == 0 { try await Task.sleep(for: .milliseconds(2)) }
      #expect(memory.server.connections.count == 1)
      connection.close()
      while pool.statistics.waitingSentences > 0 { try await Task.sleep(for: .milliseconds(2)) }
      #expect(pool.statistics.sentences < 4000)
      while memory.server.connections.count > 0 { try await Task.sleep(for: .milliseconds(2)) }
      // And the next is served.
      let next = try Connection(port)
      #expect(try await next.ask(Self.request("Il pleut.")).head.hasPrefix("HTTP/1.1 200 OK\r\n"))
    }
  }

  @Test func closesConnectionsOnWhichNothingHappens() async throws {
    try await withServer { options in
      options.idleTimeout = 1
    } _: { _, port in
      let silent = try Connection(port)
      let slow = try Connection(port)
      try slow.write("POST /translate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nq=")
      #expect(try await silent.isClosed())
      #expect(try await slow.isClosed())
    }
  }

  @Test func refusesWhatIsNotHTTP() async throws {
    try await withServer { _, port in
      let connection = try Connection(port)
      try connection.write("\u{1}\u{2} not HTTP\r\n\r\n")
      #expect(try await connection.read().head.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
      #expect(try await connection.isClosed())
    }
  }

  @Test func refusesAnAddressInUse() async throws {
    try await withServer { _, port in
      let second = try InMemoryServer([("fr", "en")]) { $0.port = port }
      let error = await #expect(throws: ListenError.self) { try await second.server.run(handlesSignals: false) }
      #expect(error?.description == "127.0.0.1, port \(port): cannot be listened on: Address already in use")
    }
  }

  @Test func closesAfterAnAnswerWhereTheClientExpectsIt() async throws {
    try await withServer { _, port in
      for request in ["GET /health HTTP/1.0\r\n\r\n", "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Close\r\n\r\n"] {
        let connection = try Connection(port)
        #expect(String(decoding: try await connection.ask(request).body, as: UTF8.self) == #"{"status":"ok"}"#)
        #expect(try await connection.isClosed())
      }
      let kept = try Connection(port)
      for _ in 0..<2 {
        let request = "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        #expect(try await kept.ask(request).head.hasPrefix("HTTP/1.1 200 OK\r\n"))
      }
    }
  }

  @Test func toldOfABodyThatIsNone() async throws {
    try await withServer { options in
      options.deadline = 0.2
    } _: { _, port in
      let broken = try Connection(port)
      let head = "POST /translate HTTP/1.1\r\nHost: localhost\r\n"
      try broken.write(head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n")
      #expect(try await broken.read().head.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
      let slow = try Connection(port)
      let (answer, body) = try await slow.ask(head + "Content-Length: 100\r\n\r\nq=")
      #expect(answer.hasPrefix("HTTP/1.1 408 Request Timeout\r\n"))
      #expect(String(decoding: body, as: UTF8.self).contains("the body was not there within"))
      #expect(try await slow.isClosed())
    }
  }

  @Test func saysNoYesWithinAnotherAnswer() async throws {
    try await withServer { _, port in
      let connection = try Connection(port)
      let whole = Self.request("Il pleut.")
      let end = try #require(whole.range(of: "\r\n\r\n"))
      try connection.write(whole + whole[..<end.lowerBound] + "\r\nExpect: 100-continue\r\n\r\n")
      #expect(try await connection.read().head.hasPrefix("HTTP/1.1 200 OK\r\n"))
      try connection.write(String(whole[end.upperBound...]))
      #expect(try await connection.read().head.hasPrefix("HTTP/1.1 200 OK\r\n"))
    }
  }

  @Test func saysYesToAClientThatAsksBeforeItSends() async throws {
    try await withServer { _, port in
      let whole = Self.request("Il pleut.")
      let end = try #require(whole.range(of: "\r\n\r\n"))
      let connection = try Connection(port)
      try connection.write(whole[..<end.lowerBound] + "\r\nExpect: 100-continue\r\n\r\n")
      #expect(try await connection.read().head.hasPrefix("HTTP/1.1 100 Continue\r\n"))
      try connection.write(String(whole[end.upperBound...]))
      #expect(try await connection.read().head.hasPrefix("HTTP/1.1 200 OK\r\n"))
    }
  }
}

/// A client that knows just enough HTTP. Blocking calls run on threads of their own.
private final class Connection: @unchecked Sendable {
  private let socket: Int32
  private var buffer = Data()
  private var isOpen = true

  init(_ port: Int) throws {
    socket = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw POSIXError(.ECONNREFUSED) }
  }

  deinit { close() }

  func close() {
    guard isOpen else { return }
    isOpen = false
    _ = Foundation.close(socket)
  }

  func write(_ text: String) throws {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { throw POSIXError(.EPIPE) }
      bytes = bytes.dropFirst(count)
    }
  }

  /// False at the end.
  private func receive() async -> Bool {
    let socket = socket
    let bytes: [UInt8] = await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socket, &bytes, bytes.count, 0)
        continuation.resume(returning: Array(bytes.prefix(max(0, count))))
      }
    }
    buffer.append(contentsOf: bytes)
    return !bytes.isEmpty
  }

  /// One answer with a length.
  func read() async throws -> (head: String, body: Data) {
    while true {
      if let end = buffer.range(of: Data("\r\n\r\n".utf8)) {
        let head = String(decoding: buffer[..<end.lowerBound], as: UTF8.self) + "\r\n"
        let length = head.lowercased().components(separatedBy: "content-length: ").last
          .flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
        if buffer.distance(from: end.upperBound, to: buffer.endIndex) >= length {
          let last = buffer.index(end.upperBound, offsetBy: length)
          let body = Data(buffer[end.upperBound..<last])
          buffer = Data(buffer[last...])
          return (head, body)
        }
      }
      guard await receive() else { throw POSIXError(.ECONNRESET) }
    }
  }

  func ask(_ request: String) async throws -> (head: String, body: Data) {
    try write(request)
    return try await read()
  }

  /// Waits until the other end closes.
  func isClosed() async throws -> Bool {
    while await receive() {}
    return true
  }
}
