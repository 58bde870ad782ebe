import Foundation
import TestSupport
import Testing
import Translation

@testable import TranslationServer

@Suite struct TranslateTests {
  /// What the model makes of sentences that are translated each by itself.
  private func expected(_ server: InMemoryServer, _ pair: String, _ sentences: [String]) throws -> [String] {
    try server.translator(pair).translate(sentences).map(\.text)
  }

  @Test func translatesTextKeepingItsShape() async throws {
    let server = try InMemoryServer()
    let text = "  Le petit chat dort.  Où est la gare ?\r\n\r\n\tIl pleut depuis ce matin.\n"
    let parts = try expected(server, "fr-en", ["Le petit chat dort.", "Où est la gare ?", "Il pleut depuis ce matin."])
    let answer = try await server.post("/translate", ["q": text, "source": "fr", "target": "en"])
    #expect(answer.status == 200)
    #expect(answer["Content-Type"] == "application/json; charset=utf-8")
    #expect(answer.json == ["translatedText": "  \(parts[0])  \(parts[1])\r\n\r\n\t\(parts[2])\n"])
    #expect(Set(parts).count == 3, "the model makes the same of everything, so that nothing is tested")
  }

  @Test func readsFormsAndQueries() async throws {
    let server = try InMemoryServer()
    let expected = try expected(server, "fr-en", ["La gare est petite & rouge.", "Il pleut."])
    let form = try await server.send(
      .post, "/translate", type: "application/x-www-form-urlencoded; charset=utf-8",
      body: "q=La+gare+est+petite+%26+rouge.%0D%0AIl%20pleut.&source=FR&target=en&format=text")
    #expect(form.json == ["translatedText": expected.joined(separator: "\n")])
    let query = try await server.send(.post, "/translate?q=Il%20pleut.&source=fr&target=en")
    #expect(query.json == ["translatedText": expected[1]])
    let multipart = try await server.send(
      .post, "/translate", type: "multipart/form-data; boundary=\"x y\"",
      body: "--x y\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\nIl pleut.\r\n"
        + "--x y\r\nContent-Disposition: form-data; name=\"source\"\r\n\r\nfr\r\n"
        + "--x y\r\nContent-Disposition: form-data; name=\"target\"\r\n\r\nen\r\n--x y--\r\n")
    #expect(multipart.json == ["translatedText": expected[1]])
  }

  @Test func answersArraysWithArrays() async throws {
    let server = try InMemoryServer()
    let texts = ["Il pleut.", "", "Où est la gare ?", "🙂", "Il pleut."]
    let expected = try expected(server, "fr-en", texts)
    let answer = try await server.post("/translate", ["q": texts, "source": "fr", "target": "en", "alternatives": 2])
    #expect(answer.json?["translatedText"] as? [String] == expected)
    let alternatives = answer.json?["alternatives"] as? [[String]]
    #expect(alternatives?.map(\.count) == [2, 0, 2, 0, 2])
    #expect(alternatives?[0] == alternatives?[4])
    #expect(answer.json?["detectedLanguage"] == nil)
    let one = try await server.post("/translate", ["q": ["Il pleut."], "source": "fr", "target": "en"])
    #expect(one.json == ["translatedText": [expected[0]]])
  }

  @Test func alternativesDifferFromTheAnswerAndEachOther() async throws {
    let server = try InMemoryServer()
    let text = "Le petit chat dort. Où est la gare ?"
    let answer = try await server.post(
      "/translate", ["q": text, "source": "fr", "target": "en", "alternatives": 3])
    let best = try #require(answer.json?["translatedText"] as? String)
    let alternatives = try #require(answer.json?["alternatives"] as? [String])
    #expect(alternatives.count == 3)
    #expect(Set(alternatives + [best]).count == 4)
    // The sentence's own n-best list, where there is one sentence.
    let translator = try server.translator("fr-en")
    var options = translator.defaultOptions
    options.search.hypothesisCount = 3
    let candidates = translator.translate(["Il pleut."], options: options)[0].candidates.map(\.text)
    let single = try await server.post(
      "/translate", ["q": "Il pleut.", "source": "fr", "target": "en", "alternatives": "2"])
    #expect(single.json?["translatedText"] as? String == candidates[0])
    #expect(single.json?["alternatives"] as? [String] == Array(candidates[1...]))
  }

  @Test func detectsTheSource() async throws {
    let server = try InMemoryServer([("fr", "en"), ("en", "fr")])
    let french = "Il pleut depuis ce matin et la gare est fermée."
    let answer = try await server.post("/translate", ["q": french, "source": "auto", "target": "en"])
    let detected = answer.json?["detectedLanguage"] as? NSDictionary
    #expect(detected?["language"] as? String == "fr")
    #expect((detected?["confidence"] as? Double).map { (50...100).contains($0) } == true)
    #expect(answer.json?["translatedText"] as? String == (try expected(server, "fr-en", [french]))[0])
    // A text in the target's own language stays as it is; of several texts each has its language.
    let english = "It has been raining since this morning and the station is closed."
    let both = try await server.post("/translate", ["q": [french, english], "source": "auto", "target": "en"])
    let languages = (both.json?["detectedLanguage"] as? [NSDictionary])?.map { $0["language"] as? String }
    #expect(languages == ["fr", "en"])
    #expect((both.json?["translatedText"] as? [String])?[1] == english)
    let list = try await server.post("/detect", ["q": english])
    #expect(list.list?.map { $0["language"] as? String } == ["en", "fr"])
    #expect(list.list?.last?["confidence"] as? Double == 0)
  }

  @Test func pivotsThroughAThirdLanguage() async throws {
    let server = try InMemoryServer([("fr", "en"), ("en", "de")])
    let english = try expected(server, "fr-en", ["Il pleut.", "Où est la gare ?"])
    let german = try expected(server, "en-de", english)
    let answer = try await server.post(
      "/translate", ["q": "Il pleut.\nOù est la gare ?", "source": "fr", "target": "de"])
    #expect(answer.json == ["translatedText": german.joined(separator: "\n")])
    let languages = try await server.get("/languages")
    #expect(
      languages.list == [
        ["code": "de", "name": "German", "targets": ["de"]], ["code": "en", "name": "English", "targets": ["de", "en"]],
        ["code": "fr", "name": "French", "targets": ["de", "en", "fr"]],
      ])
    let same = try await server.post("/translate", ["q": "Il pleut.", "source": "fr", "target": "fr"])
    #expect(same.json == ["translatedText": "Il pleut."])
  }

  @Test func detectsTheLanguageOfWordsNotOfMarkup() async throws {
    let server = try InMemoryServer([("fr", "en"), ("en", "fr")])
    let html = "<p class=\"lead text-center\"><a href=\"https://www.example.com/the/path/of/this/page.html\" title=\"the home page\">"
      + "Il pleut depuis ce matin.</a></p>"
    let answer = try await server.post("/translate", ["q": html, "source": "auto", "target": "en", "format": "html"])
    #expect((answer.json?["detectedLanguage"] as? NSDictionary)?["language"] as? String == "fr")
    #expect(try answer.json?["translatedText"] as? String == server.translator("fr-en").translate(html: [html])[0])
  }

  @Test func streamsWhatIsSettled() async throws {
    let server = try InMemoryServer()
    let text = "Le petit chat dort sur la chaise rouge. Où est la gare, s'il vous plaît ?\nIl pleut."
    let whole = try await server.post("/translate", ["q": text, "source": "fr", "target": "en"])
    let fresh = try InMemoryServer()
    let answer = try await fresh.post("/translate/stream", ["q": text, "source": "fr", "target": "en"])
    #expect(answer["Content-Type"] == "text/event-stream; charset=utf-8")
    let events = answer.text.components(separatedBy: "\n\n").filter { !$0.isEmpty }.map { event in
      event.components(separatedBy: "\n")
    }
    #expect(events.last?[0] == "event: translation")
    func translated(_ event: [String]) -> String? {
      let data = Data(event[1].dropFirst("data: ".count).utf8)
      return (try? JSONSerialization.jsonObject(with: data) as? NSDictionary)?["translatedText"] as? String
    }
    #expect(fresh.service.metrics.text(fresh.service, connections: 0).contains(
      #"mt_http_request_duration_seconds_count{endpoint="/translate/stream"} 1"#))
    let final = try #require(events.last.flatMap(translated))
    #expect(final == whole.json?["translatedText"] as? String)
    #expect(events.count > 3)
    for (event, next) in zip(events, events.dropFirst()) {
      #expect(event[0] == "event: beginning")
      let (a, b) = (try #require(translated(event)), try #require(translated(next)))
      #expect(b.utf8.starts(with: a.utf8), "\(b) does not begin with \(a)")
    }
    let list = try await fresh.post("/translate/stream", ["q": ["Il pleut."], "source": "fr", "target": "en"])
    #expect(list.text.contains(#""index":0"#))
  }
}
