import Foundation
import FoundationNetworking
import TestSupport
import Testing

/// `mt serve` as a process, and `mt translate --stream`.
@Suite(.timeLimit(.minutes(5))) struct ServeCommandTests {
  @Test("serve answers as translate does, and ends when told to, with status 0")
  func serve() async throws {
    let line = "Où est la gare, s'il vous plaît ?"
    let expected = try Program.run(["translate", "--model", SharedModel.path], text: line + "\n").lines
    let server = try await ServerProcess(["--model", SharedModel.path])
    let (status, body) = try await server.post("translate", ["q": line, "source": "fr", "target": "en"])
    #expect(status == 200)
    #expect(body as? NSDictionary == ["translatedText": expected[0]])
    #expect(server.stop(SIGTERM) == 0)
    #expect(server.log.contains("fr-en"))
    #expect(!server.log.contains("gare"), "the log has a text")
  }

  @Test("SIGTERM lets the requests under way be answered, and takes no further ones")
  func drain() async throws {
    let server = try await ServerProcess(["--model", SharedModel.path, "--threads", "1", "--char-limit", "-1", "--deadline", "600"])
    let text = (0..<500).map { "Le petit chat numéro \($0) dort." }.joined(separator: "\n")
    async let answer = server.post("translate", ["q": text, "source": "fr", "target": "en"])
    while try await server.metric("mt_characters_total") == 0 { try await Task.sleep(for: .milliseconds(5)) }
    server.signal(SIGTERM)
    let (status, body) = try await answer
    #expect(status == 200)
    #expect((body as? [String: String])?["translatedText"]?.split(separator: "\n", omittingEmptySubsequences: false).count == 500)
    #expect(server.waitForEnd() == 0)
    await #expect(throws: (any Error).self) { try await server.post("detect", ["q": "a"]) }
  }

  @Test("SIGHUP takes up models that have come")
  func reload() async throws {
    let folder = try TemporaryDirectory()
    let models = folder.url.appendingPathComponent("Models")
    try TinyModel.save(to: models.appendingPathComponent("fr-en"))
    let server = try await ServerProcess(["--log-format", "json"], in: folder.url)
    #expect(try await server.post("translate", ["q": "a", "source": "en", "target": "de"]).0 == 400)
    try TinyModel.save(to: models.appendingPathComponent("en-de"), source: "en", target: "de")
    server.signal(SIGHUP)
    while !server.log.contains("models reloaded") { try await Task.sleep(for: .milliseconds(5)) }
    #expect(try await server.post("translate", ["q": "Il pleut.", "source": "fr", "target": "de"]).0 == 200)
    #expect(server.stop(SIGINT) == 0)
    for line in server.log.split(separator: "\n") {
      #expect((try? JSONSerialization.jsonObject(with: Data(line.utf8))) is [String: String], "\(line)")
    }
  }

  @Test("what is wrong with the command line or the files it names is said")
  func mistakes() throws {
    for (arguments, status, message) in [
      (["--port", "70000"], 64, "--port 70000 is not in 0...65535"),
      (["--require-api-key"], 64, "--require-api-key needs --api-keys"),
      (["--model", "nowhere"], 1, "nowhere: no such model directory"), ([], 1, "no model: give --model DIR"),
      (["--model", SharedModel.path, "--api-keys", "none"], 1, "none: cannot be read"),
    ] as [([String], Int32, String)] {
      let result = try Program.run(["serve"] + arguments)
      #expect(result.status == status, "\(arguments)")
      #expect(result.error.contains(message), "\(result.error)")
    }
  }

  @Test("translate --stream prints what translate prints")
  func stream() throws {
    let text = "Où est la gare ?\n\nLe petit chat dort sur la chaise rouge. Il pleut.\n🙂\nÉcris à a@b.fr !\n"
    let plain = try Program.run(["translate", "--model", SharedModel.path], text: text)
    let streamed = try Program.run(["translate", "--model", SharedModel.path, "--stream"], text: text)
    #expect(streamed.status == 0, "\(streamed.error)")
    #expect(plain.lines.count == 5)
    #expect(streamed.output == plain.output)
    let refused = try Program.run(["translate", "--model", SharedModel.path, "--stream", "--n-best", "2"])
    #expect(refused.status == 64)
  }

  static let python = ProcessInfo.processInfo.environment["MT_PYTHON"] ?? "python3"

  static func hasClient() -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [python, "-c", "import libretranslatepy"]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }

  @Test("LibreTranslate's own Python client works", .enabled(if: hasClient()))
  func pythonClient() async throws {
    let server = try await ServerProcess(["--model", SharedModel.path])
    let expected = try Program.run(["translate", "--model", SharedModel.path], text: "Il pleut à l'école & là.\n").lines
    let script = """
      import json, sys
      from libretranslatepy import LibreTranslateAPI
      api = LibreTranslateAPI(sys.argv[1])
      print(json.dumps([
        api.translate("Il pleut à l'école & là.", "fr", "en"), api.languages(), api.detect("Il pleut à l'école.")
      ]))
      """
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [Self.python, "-c", script, "http://127.0.0.1:\(server.port)/"]
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let results = try #require(try JSONSerialization.jsonObject(with: data) as? [Any])
    #expect(results[0] as? String == expected[0])
    #expect(
      results[1] as? [NSDictionary] == [
        ["code": "en", "name": "English", "targets": ["en"]], ["code": "fr", "name": "French", "targets": ["en", "fr"]],
      ])
    #expect((results[2] as? [NSDictionary])?.map { $0["language"] as? String } == ["fr", "en"])
    #expect(server.stop(SIGTERM) == 0)
  }
}

/// A running `mt serve` on a port of its own.
private final class ServerProcess: @unchecked Sendable {
  private let process = Process()
  private let files: TemporaryDirectory
  private let session = URLSession(configuration: .ephemeral)
  private(set) var port = 0

  init(_ arguments: [String], in directory: URL? = nil) async throws {
    files = try TemporaryDirectory()
    process.executableURL = Program.url
    process.arguments = ["serve", "--port", "0"] + arguments
    process.currentDirectoryURL = directory ?? files.url
    process.environment = Program.environment
    process.standardInput = FileHandle.nullDevice
    process.standardError = try FileHandle(forWritingTo: files.write([], to: "log"))
    try process.run()
    while port == 0 {
      guard process.isRunning else { throw POSIXError(.ECHILD) }
      try await Task.sleep(for: .milliseconds(10))
      // Hummingbird says that it listens, too, but not on a port by that name.
      guard let line = log.split(separator: "\n").first(where: { $0.contains("listening") && $0.contains("port") })
      else { continue }
      // port=123 in text, "port":"123" in JSON.
      let digits = line.range(of: "port").map { line[$0.upperBound...].drop { !$0.isNumber }.prefix { $0.isNumber } }
      port = digits.flatMap { Int($0) } ?? 0
    }
  }

  deinit { if process.isRunning { process.terminate() } }

  var log: String {
    String(decoding: (try? Data(contentsOf: files.url.appendingPathComponent("log"))) ?? Data(), as: UTF8.self)
  }

  func post(_ path: String, _ object: [String: String]) async throws -> (Int, Any) {
    var request = URLRequest(url: URL(string: "http://127.0.0.1:\(port)/\(path)")!)
    request.httpMethod = "POST"
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    request.httpBody = try JSONSerialization.data(withJSONObject: object)
    let (data, response) = try await session.data(for: request)
    return ((response as? HTTPURLResponse)?.statusCode ?? 0, try JSONSerialization.jsonObject(with: data))
  }

  func metric(_ name: String) async throws -> Double {
    let (data, _) = try await session.data(from: URL(string: "http://127.0.0.1:\(port)/metrics")!)
    let line = String(decoding: data, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix(name + " ") }
    return line.flatMap { Double($0.dropFirst(name.count + 1)) } ?? 0
  }

  func signal(_ number: Int32) { kill(process.processIdentifier, number) }

  func waitForEnd() -> Int32 {
    process.waitUntilExit()
    return process.terminationStatus
  }

  func stop(_ number: Int32) -> Int32 {
    signal(number)
    return waitForEnd()
  }
}
