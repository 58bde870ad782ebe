import Foundation
import Logging
import Synchronization
import TestSupport
import Testing
import Translation

@testable import TranslationServer

@Suite struct LimitTests {
  private let job: [String: String] = ["q": "Il pleut.", "source": "fr", "target": "en"]

  @Test func limitsRequestsOfAnAddress() async throws {
    let server = try InMemoryServer { $0.requestsPerMinute = 2 }
    for _ in 0..<2 { #expect(try await server.post("/detect", ["q": "a"]).status == 200) }
    let refused = try await server.post("/detect", ["q": "a"])
    #expect(refused.status == 429)
    #expect(refused.error == "Slowdown: 2 per 1 minute")
    #expect(refused["Retry-After"] == "30")
    #expect(try await server.post("/translate", job).status == 429)
    #expect(try await server.get("/languages").status == 200)
    // X-Forwarded-For is a proxy's to set, and nobody else's.
    #expect(try await server.post("/translate", job, headers: ["X-Forwarded-For": "10.0.0.7"]).status == 429)
    let behind = try InMemoryServer { options in
      options.requestsPerMinute = 1
      options.trustsProxy = true
    }
    for (address, status) in [("10.0.0.7", 200), ("10.0.0.8", 200), ("10.0.0.8", 429), ("1.2.3.4, 10.0.0.8", 429)] {
      let answer = try await behind.post("/detect", ["q": "a"], headers: ["X-Forwarded-For": address])
      #expect(answer.status == status)
    }
  }

  @Test func knowsKeys() async throws {
    let keys = try APIKeys("# ours\n\nfirst\nsecond 1\r\n", file: "keys")
    let server = try InMemoryServer { options in
      (options.apiKeys, options.requiresKey) = (keys, true)
    }
    for (key, status, error) in [
      (nil, 400, "Please contact the server operator to get an API key"), ("third", 403, "Invalid API key"),
      ("# ours", 403, "Invalid API key"), ("first", 200, nil), ("second", 200, nil), ("first", 200, nil),
      ("second", 429, "Slowdown: 1 per 1 minute"),
    ] as [(String?, Int, String?)] {
      var question = ["q": "a"]
      question["api_key"] = key
      let answer = try await server.post("/detect", question)
      #expect(answer.status == status)
      #expect(answer.error == error)
    }
    for (text, problem) in [
      ("\n# none\n", "has no key"), ("a\na 3", "line 2: the key is there already"),
      ("a\nb c", "line 2: a key and a number of requests per minute above 0 expected"),
    ] {
      #expect(throws: ServerFileError(file: "keys", problem: problem)) { try APIKeys(text, file: "keys") }
    }
  }

  @Test func fillsBucketsAsTimeGoesBy() {
    let limiter = RateLimiter(callers: 2)
    let start = ContinuousClock.now
    func take(_ caller: String, _ seconds: Double) -> Int? {
      limiter.take(caller, perMinute: 6, now: start + .seconds(seconds))
    }
    for _ in 0..<6 { #expect(take("a", 0) == nil) }
    #expect(take("a", 0) == 10)
    #expect(take("a", 4) == 6)
    #expect(take("a", 10.5) == nil)
    #expect(take("a", 10.5) == 10)
    // Two further callers, and the first is forgotten.
    #expect(take("b", 10.5) == nil)
    #expect(take("c", 10.5) == nil)
    #expect(take("a", 10.5) == nil)
  }

  @Test func keepsWhatWasUsedLast() {
    var cache = LRUCache<String, Int>(capacity: 10)
    cache.insert("a", 1, cost: 4)
    cache.insert("b", 2, cost: 4)
    #expect(cache.find("a") == 1)
    cache.insert("c", 3, cost: 4)
    #expect(cache.find("b") == nil)
    #expect(cache.find("a") == 1)
    cache.insert("a", 5, cost: 7)
    #expect(cache.find("c") == nil)
    #expect((cache.count, cache.cost) == (1, 7))
    cache.insert("d", 6, cost: 11)
    #expect(cache.find("d") == nil)
    #expect(cache.find("a") == 5)
    for i in 0..<1000 { cache.insert("\(i % 37)", i, cost: 1 + i % 3) }
    #expect(cache.cost <= 10)
    #expect(cache.find("0") == 999)
    cache.removeAll()
    #expect((cache.count, cache.cost) == (0, 0))
  }

  @Test func findsSentencesInTheCache() async throws {
    let server = try InMemoryServer()
    let first = try await server.post("/translate", ["q": "Il pleut. Où est la gare ? Il pleut.", "source": "fr", "target": "en"])
    #expect(server.service.pool.statistics.sentences == 2)
    let second = try await server.post("/translate", ["q": "Où est la gare ?\nIl pleut.", "source": "fr", "target": "en"])
    #expect(server.service.pool.statistics.sentences == 2)
    #expect(server.service.cache.statistics.hits == 2)
    let words = { (answer: InMemoryServer.Answer) in answer.json?["translatedText"] as? String ?? "" }
    #expect(words(first).hasSuffix(words(second).split(separator: "\n")[1]))
    let without = try InMemoryServer { $0.cacheBytes = 0 }
    for _ in 0..<2 { _ = try await without.post("/translate", job) }
    #expect(without.service.pool.statistics.sentences == 2)
  }

  @Test func givesUpAtTheDeadlineAndWhenFull() async throws {
    let late = try InMemoryServer { options in
      (options.deadline, options.characterLimit) = (0.05, nil)
    }
    let many = (0..<4000).map { "Le petit chat numéro \($0) dort." }.joined(separator: "\n")
    let answer = try await late.post("/translate", ["q": many, "source": "fr", "target": "en"])
    #expect(answer.status == 503)
    #expect(answer.error == "Busy: not done within 0 seconds")
    #expect(answer["Retry-After"] == "10")
    #expect(late.service.pool.statistics.waitingSentences == 0)
    let small = try InMemoryServer { $0.queueLimit = 2 }
    let refused = try await small.post("/translate", ["q": "Un. Deux.\nTrois.", "source": "fr", "target": "en"])
    #expect(refused.status == 413)
    #expect(refused.error == "Invalid request: request (3 sentences) exceeds limit (2)")
    #expect(try await small.post("/translate", ["q": "Un. Deux.", "source": "fr", "target": "en"]).status == 200)
  }

  @Test func countsTheSentencesOfAllFragments() async throws {
    let server = try InMemoryServer { $0.queueLimit = 3 }
    let fragments = ["<p>Un. Deux.</p>", "<b>Trois.</b>", "<i>Quatre.</i>"]
    let refused = try await server.post("/translate", ["q": fragments, "source": "fr", "target": "en", "format": "html"])
    #expect(refused.status == 413)
    #expect(refused.error == "Invalid request: request (4 sentences) exceeds limit (3)")
    let some = Array(fragments.prefix(2)) + ["<hr>"]
    let answer = try await server.post("/translate", ["q": some, "source": "fr", "target": "en", "format": "html"])
    let translator = try server.translator("fr-en")
    #expect(answer.json?["translatedText"] as? [String] == translator.translate(html: some))
  }

  @Test func tellsToComeBackWhenFull() async throws {
    let server = try InMemoryServer { options in
      (options.queueLimit, options.threads, options.characterLimit) = (3000, 1, nil)
    }
    let many = (0..<3000).map { "Le petit chat numéro \($0) dort." }.joined(separator: "\n")
    let task = Task { try await server.post("/translate", ["q": many, "source": "fr", "target": "en"]).status }
    while server.service.pool.statistics.waitingSentences == 0 { try await Task.sleep(for: .milliseconds(1)) }
    let more = (0..<2999).map { "Où est la gare numéro \($0) ?" }
    let refused = try await server.post(
      "/translate", ["q": more.joined(separator: "\n"), "source": "fr", "target": "en"])
    #expect(refused.status == 503)
    #expect(refused.error?.hasPrefix("Busy: ") == true)
    #expect(refused["Retry-After"] == "2")
    task.cancel()
    _ = await task.result
  }

  @Test func countsForPrometheus() async throws {
    let server = try InMemoryServer { $0.metricsToken = "secret" }
    _ = try await server.post("/translate", job)
    _ = try await server.post("/translate", ["q": "a"])
    _ = try await server.get("/made/up?q=text")
    #expect(try await server.get("/metrics").status == 401)
    #expect(try await server.get("/metrics", headers: ["Authorization": "Bearer Secret"]).error == "Unauthorized")
    let answer = try await server.get("/metrics", headers: ["Authorization": "Bearer secret"])
    #expect(answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
    let lines = answer.text.split(separator: "\n").map(String.init)
    for line in [
      #"mt_http_requests_total{endpoint="/translate",status="200"} 1"#,
      #"mt_http_requests_total{endpoint="/translate",status="400"} 1"#,
      #"mt_http_requests_total{endpoint="other",status="404"} 1"#,
      #"mt_http_requests_total{endpoint="/metrics",status="401"} 2"#,
      #"mt_http_request_duration_seconds_bucket{endpoint="/translate",le="+Inf"} 2"#,
      "mt_http_requests_in_flight 1", "mt_characters_total 9", "mt_sentences_total 1", "mt_batches_total 1",
      "mt_cache_entries 1", "mt_models_loaded 1", "mt_model_loads_total 1", "mt_sentences_waiting 0",
    ] { #expect(lines.contains(line), "\(line) is missing") }
    #expect(!answer.text.contains("made"))
  }

  @Test func logsNoTexts() async throws {
    let lines = Mutex<[String]>([])
    let logger = Logger(label: "test") { _ in
      JSONLog { data in lines.withLock { $0.append(String(decoding: data, as: UTF8.self)) } }
    }
    for logsTexts in [false, true] {
      let server = try InMemoryServer([("fr", "en")], { $0.logsTexts = logsTexts }, logger: logger)
      _ = try await server.post("/translate", ["q": "Il pleut beaucoup.", "source": "fr", "target": "en"])
      _ = try await server.get("/Il%20pleut?q=pleut")
      let seen = lines.withLock { seen in
        defer { seen = [] }
        return seen
      }
      #expect(seen.joined().contains("pleut") == logsTexts)
      let request = seen.compactMap { line in
        try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
      }.first { $0["endpoint"] == "/translate" && $0["message"] == "request" }
      #expect(request?["status"] == "200")
      #expect(request?["method"] == "POST")
      #expect(request?["level"] == "info")
    }
  }
}
