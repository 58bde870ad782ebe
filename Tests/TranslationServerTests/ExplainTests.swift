import Foundation
import Synchronization
import Testing
import Translation

@testable import TranslationServer

@Suite struct ExplainTests {
  @Test func explainsEachSentence() async throws {
    let server = try InMemoryServer()
    let text = " Le chat dort.\n\nOù est la gare ?"
    let answer = try await server.post(
      "/explain", ["q": text, "source": "FR", "target": "en", "alternatives": 2, "tree": true, "beam": 4])
    #expect(answer.status == 200)
    let json = try #require(answer.json)
    #expect(json["source"] as? String == "fr" && json["target"] as? String == "en" && json["lead"] as? String == " ")
    let sentences = try #require(json["sentences"] as? [NSDictionary])
    #expect(sentences.map { $0["text"] as? String } == ["Le chat dort.", "Où est la gare ?"])
    #expect(sentences.map { $0["gap"] as? String } == ["\n\n", ""])
    let translator = try server.translator("fr-en")
    var options = translator.defaultOptions
    (options.search.beamSize, options.search.hypothesisCount) = (4, 3)
    let lines = translator.translate(["Le chat dort.", "Où est la gare ?"], options: options)
    for (sentence, line) in zip(sentences, lines) {
      let hypotheses = try #require(sentence["hypotheses"] as? [NSDictionary])
      #expect(hypotheses.map { $0["text"] as? String } == line.candidates.map(\.text))
      let words = try #require(sentence["words"] as? [NSDictionary])
      for (hypothesis, candidate) in zip(hypotheses, line.candidates) {
        let own = try #require(hypothesis["words"] as? [[String: Any]])
        let text = (hypothesis["lead"] as? String ?? "") + own.map { "\($0["text"]!)\($0["gap"]!)" }.joined()
        #expect(text == candidate.text)
        let attention = try #require(hypothesis["attention"] as? [[Double]])
        #expect(attention.count == own.count && attention.allSatisfy { $0.count == words.count })
        #expect(own.allSatisfy { ($0["logProbability"] as? Double ?? 1) <= 0 })
      }
      let tree = try #require(sentence["tree"] as? NSDictionary)
      #expect(tree["beam"] as? Int == 4)
      let nodes = try #require(tree["nodes"] as? [NSDictionary])
      let results = try #require(tree["results"] as? [Int])
      #expect(results.count == 3 && results.first == tree["chosen"] as? Int)
      #expect(abs((nodes[results[0]]["score"] as? Double ?? 9) - line.candidates[0].score) < 1e-4)
      #expect(Set(nodes.compactMap { $0["fate"] as? String }).isSubset(of: ["alive", "pruned", "finished", "stopped"]))
      #expect(nodes[0]["parent"] is NSNull)
    }
  }

  @Test("what cannot be explained is said so", arguments: [
    (["q": "", "source": "fr", "target": "en"], "Invalid request: missing q parameter"),
    (["q": "a", "target": "en"], "Invalid request: missing source parameter"),
    (["q": "a", "source": "fr", "target": "xx"], "xx is not supported"),
    (["q": "a", "source": "en", "target": "fr"], "French (fr) is not available as a target language from English (en)"),
    (["q": "a", "source": "fr", "target": "fr"], "there is nothing to explain from fr to fr"),
    (["q": "a", "source": "fr", "target": "en", "beam": "17"], "Invalid request: beam parameter must be a number from 1 to 16"),
    (["q": "a", "source": "fr", "target": "en", "alternatives": "x"],
      "Invalid request: alternatives parameter must be a number from 0 to 5"),
    (["q": String(repeating: "a", count: 5001), "source": "fr", "target": "en"],
      "Invalid request: request (5001) exceeds text limit (5000)"),
  ] as [([String: String], String)])
  func refuses(request: [String: String], message: String) async throws {
    let answer = try await InMemoryServer().post("/explain", request)
    #expect(answer.status == 400)
    #expect(answer.error == message)
  }

  @Test func asksForTheSameKeysAsTranslate() async throws {
    // One bucket for both; it takes a minute to fill again.
    let server = try InMemoryServer { $0.requestsPerMinute = 1 }
    let request = ["q": "…", "source": "fr", "target": "en"]
    #expect(try await server.post("/translate", request).status == 200)
    let answer = try await server.post("/explain", request)
    #expect(answer.status == 429 && answer["Retry-After"] != nil)
  }

  @Test func translatesHTML() async throws {
    let server = try InMemoryServer([("fr", "en"), ("en", "de")])
    let html = "<p class=\"a\">Le <b>petit chat</b> dort.<br/>Où &amp; quand ?</p><script>Oui</script>"
    for (target, models) in [("en", ["fr-en"]), ("de", ["fr-en", "en-de"])] {
      let answer = try await server.post(
        "/translate", ["q": html, "source": "fr", "target": target, "format": "html", "alternatives": 2])
      #expect(answer.status == 200)
      let translated = try #require(answer.json?["translatedText"] as? String)
      var expected = html
      for model in models { expected = try server.translator(model).translate(html: [expected])[0] }
      #expect(translated == expected)
      #expect(translated.hasPrefix("<p class=\"a\">") && translated.hasSuffix("</p><script>Oui</script>"))
      #expect(translated.components(separatedBy: "<b>").count == 2 && translated.components(separatedBy: "</b>").count == 2)
      #expect(answer.json?["alternatives"] as? [String] == [])
    }
    let list = try await server.post("/translate", ["q": ["<i>Il pleut.</i>", "x"], "source": "fr", "target": "en", "format": "html"])
    #expect((list.json?["translatedText"] as? [String])?.first?.hasPrefix("<i>") == true)
  }

  @Test func turnsAwayWhatWouldWaitTooLong() async throws {
    let work = BackgroundWork(width: 1, limit: 2)
    let (gate, opened) = AsyncStream<Void>.makeStream()
    let gatekeeper = Gatekeeper()
    let first = Task {
      try await work.run {
        opened.finish()
        while !gatekeeper.isOpen.withLock({ $0 }) { Thread.sleep(forTimeInterval: 0.001) }
        return 1
      }
    }
    for await _ in gate {}
    let second = Task { try await work.run { 2 } }
    while work.underWay < 2 { await Task.yield() }
    await #expect(throws: APIError(.serviceUnavailable, "Busy: 2 requests are waiting already", retryAfter: 2)) {
      try await work.run { 3 }
    }
    // One that is cancelled before its turn does nothing.
    second.cancel()
    gatekeeper.isOpen.withLock { $0 = true }
    #expect(try await first.value == 1)
    await #expect(throws: CancellationError.self) { try await second.value }
    #expect(try await work.run { 4 } == 4 && work.underWay == 0)
  }

  private final class Gatekeeper: Sendable {
    let isOpen = Mutex(false)
  }
}
