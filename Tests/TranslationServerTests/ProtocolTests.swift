import Foundation
import HTTPTypes
import Testing

@testable import TranslationServer

/// The table of `Eval/serve.md`: statuses and bodies of what is wrong, in LibreTranslate's order of checks.
@Suite struct ProtocolTests {
  struct Case: Sendable {
    var body: String
    var status: Int
    var error: String

    init(_ body: String, _ status: Int, _ error: String) { (self.body, self.status, self.error) = (body, status, error) }
  }

  static let cases = [
    Case("{", 400, "Invalid JSON format"), Case("[1]", 400, "Invalid JSON format"),
    Case("{}", 400, "Invalid request: missing q parameter"),
    Case(#"{"q":"","source":"xx"}"#, 400, "Invalid request: missing q parameter"),
    Case(#"{"q":[]}"#, 400, "Invalid request: missing q parameter"),
    Case(#"{"q":5}"#, 400, "Invalid request: q parameter is not a text or a list of texts"),
    Case(#"{"q":["a",5]}"#, 400, "Invalid request: q parameter is not a text or a list of texts"),
    Case(#"{"q":"a"}"#, 400, "Invalid request: missing source parameter"),
    Case(#"{"q":"a","source":["fr"]}"#, 400, "Invalid request: source parameter is not a text"),
    Case(#"{"q":"a","source":"xx"}"#, 400, "Invalid request: missing target parameter"),
    Case(
      #"{"q":"a","source":"xx","target":"en","alternatives":"many"}"#, 400,
      "Invalid request: alternatives parameter is not a number"),
    Case(
      #"{"q":"a","source":"xx","target":"en","alternatives":6}"#, 400,
      "Invalid request: alternatives parameter must be <= 5"),
    Case(#"{"q":"a","source":"xx","target":"en","alternatives":-1e300}"#, 400, "xx is not supported"),
    Case(
      #"{"q":"a","source":"xx","target":"en","alternatives":1e300}"#, 400,
      "Invalid request: alternatives parameter must be <= 5"),
    Case(
      #"{"q":["a","b","c","d"],"source":"xx","target":"en"}"#, 400,
      "Invalid request: request (4) exceeds text limit (3)"),
    // Of Unicode scalars: é is one, the flag two.
    Case(
      #"{"q":"0123456789é\ud83c\uddeb\ud83c\uddf7","source":"xx","target":"en"}"#, 400,
      "Invalid request: request (13) exceeds text limit (12)"),
    Case(#"{"q":"a","source":"xx","target":"yy","format":"z"}"#, 400, "xx is not supported"),
    Case(#"{"q":"a","source":"fr","target":"yy","format":"z"}"#, 400, "yy is not supported"),
    Case(#"{"q":"a","source":"en","target":"fr","format":"z"}"#, 400, "z format is not supported"),
    Case(
      #"{"q":"a","source":"en","target":"fr"}"#, 400,
      "French (fr) is not available as a target language from English (en)"),
  ]

  @Test(arguments: cases) func refuses(_ refused: Case) async throws {
    let server = try InMemoryServer { options in
      options.batchLimit = 3
      options.characterLimit = 12
    }
    let answer = try await server.send(.post, "/translate", type: "application/json", body: refused.body)
    #expect(answer.status == refused.status)
    #expect(answer.json == ["error": refused.error])
  }

  @Test func readsHalfCharactersOfJavaScript() throws {
    for (json, text) in [
      (#"{"q":"a\ud83d b","source":"fr"}"#, "a\u{FFFD} b"), (#"{"q":"\uDE00\ud83d\ude00\\ud83d"}"#, "\u{FFFD}😀\\ud83d"),
      (#"{"q":"\ud83d\ud83d\ude00\"\u00e9"}"#, "\u{FFFD}😀\"é"),
    ] {
      #expect(try RequestParameters(json: Data(json.utf8)).text("q") == text)
    }
    for json in [#"{"q":"\ud83"}"#, #"{"q":"\ud83d"#, #"{"q":"\"#] {
      #expect(throws: APIError.self) { try RequestParameters(json: Data(json.utf8)) }
    }
  }

  @Test func answersOtherPathsAndMethods() async throws {
    let server = try InMemoryServer()
    for (method, path, status, error) in [
      (HTTPRequest.Method.get, "/detect", 405, "Method Not Allowed"), (.get, "/translate", 405, "Method Not Allowed"),
      (.post, "/languages", 405, "Method Not Allowed"), (.get, "/nothing", 404, "Not Found"),
      (.get, "/../../etc/passwd", 404, "Not Found"), (.get, "/page.js/..%2f..%2fetc", 404, "Not Found"),
      (.post, "/translate_file", 403, "Files translation are disabled on this server."),
      (.get, "/download_file/a.txt", 400, "Files translation are disabled on this server."),
      (.post, "/suggest", 403, "Suggestions are disabled on this server."),
      (.post, "/detect", 400, "Invalid request: missing q parameter"),
    ] {
      let answer = try await server.send(method, path)
      #expect(answer.status == status, "\(method) \(path)")
      #expect(answer.error == error, "\(method) \(path)")
    }
    #expect(try await server.get("/detect")["Allow"] == "POST")
    #expect(try await server.send(.head, "/languages").status == 200)
  }

  @Test func refusesBodiesThatAreTooLarge() async throws {
    let server = try InMemoryServer { $0.bodyLimit = 100 }
    let answer = try await server.post(
      "/translate", ["q": String(repeating: "a", count: 100), "source": "fr", "target": "en"])
    #expect(answer.status == 413)
    #expect(answer.error == "Invalid request: the body exceeds 100 bytes")
  }

  @Test func tellsSettings() async throws {
    let server = try InMemoryServer { $0.apiKeys = try? APIKeys("k 5", file: "keys") }
    let settings = try await server.get("/frontend/settings")
    #expect(
      settings.json == [
        "apiKeys": true, "charLimit": 20_000, "filesTranslation": false, "frontendTimeout": 500, "keyRequired": false,
        "language": [
          "source": ["code": "auto", "name": "Auto Detect"], "target": ["code": "en", "name": "English"],
        ], "suggestions": false, "supportedFilesFormat": [],
      ])
    #expect(try await server.get("/health").json == ["status": "ok"])
  }

  @Test func describesItself() async throws {
    let server = try InMemoryServer()
    let spec = try await server.get("/spec")
    let paths = try #require(spec.json?["paths"] as? [String: [String: Any]])
    #expect(paths.count == 8)
    for (path, methods) in paths {
      let method = try #require(methods.keys.first)
      let answer = try await server.send(HTTPRequest.Method(rawValue: method.uppercased())!, path)
      #expect([200, 400].contains(answer.status), "\(method) \(path) is answered with \(answer.status)")
    }
    // Every reference leads somewhere.
    let text = spec.text
    for reference in text.components(separatedBy: "\"$ref\": \"#/").dropFirst() {
      var value: Any? = spec.json
      for key in reference.prefix(while: { $0 != "\"" }).split(separator: "/") {
        value = (value as? [String: Any])?[String(key)]
      }
      #expect(value != nil, "\(reference.prefix(60))")
    }
  }

  @Test func keepsBrowsersCareful() async throws {
    let closed = try await InMemoryServer().get("/languages", headers: ["Origin": "https://example.org"])
    #expect(closed["Access-Control-Allow-Origin"] == nil)
    #expect(closed["X-Content-Type-Options"] == "nosniff")
    #expect(closed["Content-Security-Policy"]?.contains("default-src 'none'") == true)
    #expect(closed["Cache-Control"] == "no-store")
    let open = try InMemoryServer { $0.allowsOtherOrigins = true }
    let answer = try await open.get("/languages")
    #expect(answer["Access-Control-Allow-Origin"] == "*")
    #expect(answer["Access-Control-Allow-Methods"] == "GET, POST")
    #expect(try await open.send(.options, "/translate")["Access-Control-Allow-Headers"] == "Authorization, Content-Type")
    #expect(try await open.send(.options, "/translate").status == 204)
    #expect(try await InMemoryServer().send(.options, "/translate").status == 405)
  }

  @Test func servesThePage() async throws {
    let server = try InMemoryServer()
    for (path, type) in [
      ("/", "text/html; charset=utf-8"), ("/page.css", "text/css; charset=utf-8"),
      ("/page.js", "text/javascript; charset=utf-8"), ("/api.js", "text/javascript; charset=utf-8"),
      ("/attention.js", "text/javascript; charset=utf-8"), ("/tree.js", "text/javascript; charset=utf-8"),
      ("/words.js", "text/javascript; charset=utf-8"), ("/icon.svg", "image/svg+xml"),
    ] {
      let answer = try await server.get(path)
      #expect(answer.status == 200)
      #expect(answer["Content-Type"] == type)
      #expect(answer.body.count > 100)
    }
    #expect(try await server.get("/").text.hasPrefix("<!doctype html>"))
  }
}
