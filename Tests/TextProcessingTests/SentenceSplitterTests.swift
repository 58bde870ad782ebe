import Testing

@testable import TextProcessing

@Suite struct SentenceSplitterTests {
  private static let goldens: [(String, [String])] = [
    ("Il pleut. Je sors ! Et toi ?", ["Il pleut.", "Je sors !", "Et toi ?"]),
    ("M. Dupont et Mme. Martin sont là. Ils parlent.", ["M. Dupont et Mme. Martin sont là.", "Ils parlent."]),
    ("Dr. Smith met J. R. Brown. They left.", ["Dr. Smith met J. R. Brown.", "They left."]),
    ("Cela coûte 3.14 euros. C'est peu.", ["Cela coûte 3.14 euros.", "C'est peu."]),
    ("Des fruits, p. ex. Pommes. Voir art. 5. Fin.", ["Des fruits, p. ex. Pommes.", "Voir art. 5.", "Fin."]),
    ("So do I. We agree.", ["So do I.", "We agree."]),
    ("« Oui. » Il part. « Non ! » dit-il. Rien.", ["« Oui. »", "Il part.", "« Non ! » dit-il.", "Rien."]),
    ("Voir http://a.fr. Ou non", ["Voir http://a.fr.", "Ou non"]),
    ("Voir https://a.fr/b?c=d&e=f!g. Ou non ? Oui.", ["Voir https://a.fr/b?c=d&e=f!g.", "Ou non ?", "Oui."]),
    ("I. Introduction. Am I? So am I. We agree.", ["I. Introduction.", "Am I?", "So am I.", "We agree."]),
    ("今日は。元気ですか。", ["今日は。", "元気ですか。"]),
    ("", []),
    ("   ", []),
  ]

  @Test("sentences end where a reader would end them", arguments: goldens)
  func cuts(text: String, expected: [String]) throws {
    let split = try SentenceSplitter().split(text)
    #expect(split.sentences.map(\.text) == expected)
    #expect(split.joined == text)
  }

  @Test("the gaps hold all white space")
  func gaps() throws {
    let split = try SentenceSplitter().split("\t Un.  Deux.\u{A0}\nTrois. ")
    #expect(split.leadingGap == "\t ")
    #expect(split.sentences.map(\.gap) == ["  ", "\u{A0}\n", " "])
  }

  @Test("sentences joined are the text, byte for byte, whatever it is")
  func joins() throws {
    let splitter = try SentenceSplitter()
    var random = SeededGenerator(6)
    for _ in 0..<1000 {
      let text = RandomText.make(upTo: 40, &random)
      let split = splitter.split(text)
      #expect(Array(split.joined.utf8) == Array(text.utf8), "\(text.debugDescription)")
      #expect(split.sentences.allSatisfy { !$0.text.isEmpty })
    }
    let long = String(repeating: "Une phrase. M. X. ", count: 6_000)
    #expect(splitter.split(long).joined == long)
  }

  @Test("the dominant script is the one with most letters, and nothing where there is none")
  func scripts() {
    #expect(ScriptDetector.dominantScript(of: "Où est Владимир Владимирович ?") == "Cyrl")
    #expect(ScriptDetector.dominantScript(of: "Où est la mer, Иван ?") == "Latn")
    #expect(ScriptDetector.dominantScript(of: "12,5 % — 👍 …") == nil)
    #expect(ScriptDetector.dominantScript(of: "日本語") == "Hani")
    #expect(ScriptDetector.share(of: ["Latn"], in: "ab вг 1") == 0.5)
    #expect(ScriptDetector.share(of: ["Latn"], in: "1") == 1)
    #expect(ScriptDetector.scripts(ofLanguage: "fr-CA") == ["Latn"])
    #expect(ScriptDetector.scripts(ofLanguage: "sr-latn-RS") == ["Latn"])
    #expect(ScriptDetector.scripts(ofLanguage: "ja") == ["Hani", "Hira", "Kana"])
    #expect(ScriptDetector.scripts(ofLanguage: "xx") == nil)
    #expect(ScriptDetector.scripts(ofLanguage: "zh-Hant-TW") == ["Hani", "Bopo"])
    #expect(ScriptDetector.scripts(ofLanguage: "ko-Kore") == ["Hang", "Hani"])
    #expect(ScriptDetector.scripts(ofLanguage: "fr-x-dial") == ["Latn"])
    #expect(ScriptDetector.scripts(ofLanguage: "de-1996") == ["Latn"])
  }
}
