import Testing

@testable import TextProcessing

@Suite struct WordTokenizerTests {
  /// A space stands for a space, | for a cut without one.
  private static let goldens: [(String, String)] = [
    ("L'homme qu'il a vu", "L'|homme qu'|il a vu"),
    ("jusqu’à l’aube, lorsqu'on s'en va", "jusqu’|à l’|aube|, lorsqu'|on s'|en va"),
    ("aujourd'hui d'aujourd'hui Aujourd’hui", "aujourd'hui d'|aujourd'hui Aujourd’hui"),
    ("la presqu'île des prud'hommes, quelqu'un", "la presqu'île des prud'hommes|, quelqu'un"),
    ("presqu'elle n'y est", "presqu'|elle n'|y est"),
    ("I don't, can't, won’t; it's we'll I'd they've", "I do|n't|, ca|n't|, wo|n’t|; it|'s we|'ll I|'d they|'ve"),
    ("the child's toys, the boys' toys", "the child|'s toys|, the boys|' toys"),
    ("Où va-t-il ? Avez-vous vu celui-ci ?", "Où va|-t-il ? Avez|-vous vu celui|-ci ?"),
    ("dix-sept arc-en-ciel rendez-vous allez-vous-en", "dix-sept arc-en-ciel rendez-vous allez|-vous|-en"),
    ("Qu'est-ce que c'est ?", "Qu'|est|-ce que c'|est ?"),
    ("3,14 3.14 1 000 50% -5 1er", "3,14 3.14 1 000 50|% -|5 1er"),
    ("10h30 10:30 10:30:15 note: oui a:b", "10h30 10:30 10:30:15 note|: oui a|:|b"),
    ("Voir https://a.fr/x?y=(1). Ou www.b.org, ok", "Voir https://a.fr/x?y=(1)|. Ou www.b.org|, ok"),
    ("écris à j.d@ex-a.fr!", "écris à j.d@ex-a.fr|!"),
    ("a.b+c@d.co.uk.", "a.b+c@d.co.uk|."),
    ("%1$s a {name} %(n)s ${x} {{y}} %d%% 100%de", "%1$s a {name} %(n)s ${x} {{y}} %d|%% 100|%|de"),
    ("👩‍👩‍👧‍👦👍🏽 🇫🇷🇬🇧 1️⃣", "👩‍👩‍👧‍👦|👍🏽 🇫🇷|🇬🇧 1️⃣"),
    ("Ah... oui -- non!!! «bon»", "Ah|... oui -- non|!!! «|bon|»"),
    ("", ""),
  ]

  @Test("French and English are cut where their words end", arguments: goldens)
  func cuts(line: String, expected: String) throws {
    let pipeline = try SampleCorpus.pipeline()
    var found = ""
    for token in pipeline.tokenize(line) {
      if let rest = token.unicodeScalars.first == WordForms.joiner ? token.unicodeScalars.dropFirst() : nil {
        found += "|" + String(rest)
      } else {
        found += (found.isEmpty ? "" : " ") + token
      }
    }
    #expect(found == expected)
  }

  @Test("tokens are words, with the joiner where no space precedes and doubled where it is text")
  func joiners() throws {
    let pipeline = try SampleCorpus.pipeline()
    #expect(pipeline.tokenize("l'an") == ["l'", "\u{FFED}an"])
    #expect(pipeline.tokenize("\u{FFED}") == ["\u{FFED}\u{FFED}"])
    #expect(pipeline.tokenize(" .\u{FFED}") == [".", "\u{FFED}\u{FFED}\u{FFED}"])
    #expect(pipeline.words("l'an 2000!") == ["l'", "an", "2000", "!"])
    #expect(pipeline.detokenize(tokens: ["a", "", "\u{FFED}b", "c\u{FFED}d", "e\u{FFED}"]) == "ab c\u{FFED}d e\u{FFED}")
  }

  @Test("words between spaces alone, where asked")
  func whitespace() throws {
    let pipeline = try SampleCorpus.pipeline { $0.tokenizer = .whitespace }
    #expect(pipeline.tokenize("L'homme,  qu'il\u{A0}a vu.") == ["L'homme,", "qu'il", "a", "vu."])
  }

  @Test("protected spans are found with their exact limits")
  func protectedSpans() {
    func find(_ text: String) -> [String] { ProtectedSpans.find(in: text).map { String(text[$0]) } }
    #expect(find("é %s, %1$s and %-08.3lf; {a.b} (http://x.fr/é?a=b), j.d@x-y.co.uk.") == [
      "%s", "%1$s", "%-08.3lf", "{a.b}", "http://x.fr/é?a=b", "j.d@x-y.co.uk",
    ])
    #expect(find("voir « https://fr.wikipedia.org/wiki/Mot_(sens) »") == ["https://fr.wikipedia.org/wiki/Mot_(sens)"])
    #expect(find("50%d 100% { a } a@b @c.d :// x:// %é www. wwww.a.b {{a}") == ["{a}"])
    #expect(find("%(count)d %@ %2$-5d {} {0} git+ssh://h/p") == ["%(count)d", "%@", "%2$-5d", "{}", "{0}", "git+ssh://h/p"])
  }
}
