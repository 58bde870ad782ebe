import Testing

@testable import TextProcessing

@Suite struct SpanMaskingTests {
  /// Placeholders as their numbers, for reading.
  private func shown(_ masked: MaskedText) -> String {
    masked.text.unicodeScalars.map {
      Placeholder.contains($0) ? "<\($0.value - Placeholder.scalar(0).value)>" : String($0)
    }.joined()
  }

  @Test("what is to be kept becomes a placeholder, up to its exact limits; the rest stays", arguments: [
    ("Le train XR-500 part.", "Le train <0> part.", ["XR-500"]),
    ("Le train (TGV(1998) 12 - 1997/0042(RER)).", "Le train (<0> 12 - <1>).", ["TGV(1998)", "1997/0042(RER)"]),
    ("Le train [42/07(RER)], le 3(a), le 3(RAILWAY) et TRAIN(AB).", "Le train [<0>], le 3(a), le 3(RAILWAY) et TRAIN(AB).",
      ["42/07(RER)"]),
    ("à 10h30, arg1 et wasm32-web, mi-1990, 3km2", "à 10h30, <0> et <1>, mi-1990, 3km2", ["arg1", "wasm32-web"]),
    ("Où va-t-il (B27) ?", "Où va-t-il (<0>) ?", ["B27"]),
    ("voir rapport_final_v3.pdf.", "voir <0>.", ["rapport_final_v3.pdf"]),
    ("parse_line() et l'A380", "<0> et l'<1>", ["parse_line()", "A380"]),
    ("la valeur 0x80F3, puis #FF8800 !", "la valeur <0>, puis <1> !", ["0x80F3", "#FF8800"]),
    ("à /dev/ttyUSB0 et/ou / ici", "à <0> et/ou / ici", ["/dev/ttyUSB0"]),
    ("Il dit : a@b.fr et https://x.org/a.", "Il dit : <0> et <1>.", ["a@b.fr", "https://x.org/a"]),
    ("Oui 😀👍🏽 non", "Oui <0> non", ["😀👍🏽"]),
    ("le mot « привет мир » et 你好!", "le mot « <0> » et <1>!", ["привет мир", "你好"]),
    // Symbols stand alone beside a word or number, but a unit has its power.
    ("chien😀 dort 3,20€ à 18°C ★★★", "chien<0> dort 3,20<1> à 18<2>C <3>", ["😀", "€", "°", "★★★"]),
    ("10 m² de CO₂, froide² et 1️⃣", "10 <0> de <1>, froide<2> et <3>", ["m²", "CO₂", "²", "1️⃣"]),
    // Signs that the vocabulary lacks; text between backticks is one.
    ("la R&D & un #mot de @toi", "la <0> <1> un <2> de <3>", ["R&D", "&", "#mot", "@toi"]),
    ("| un | {b} ~20 C:\\Users\\Paul", "<0> un <1> <2> <3>20 <4>", ["|", "|", "{b}", "~", "C:\\Users\\Paul"]),
    ("dire `git push` puis ``a ` b`` et `", "dire <0> puis <1> et <2>", ["`git push`", "``a ` b``", "`"]),
    ("sur exemple.fr, exemple.com/la/page ou le-mot.pdf. Oui.non", "sur <0>, <1> ou <2>. Oui.non",
      ["exemple.fr", "exemple.com/la/page", "le-mot.pdf"]),
    ("à prénom.nom@société.fr, été@a.fr", "à <0>, <1>", ["prénom.nom@société.fr", "été@a.fr"]),
    ("Monsieur Şahin vient", "Monsieur <0> vient", ["Şahin"]),
    ("prix : 10,45 euros, 1er train, 3 ANS, le 2e", "prix : 10,45 euros, 1er train, 3 ANS, le 2e", []),
    ("appeler le 06 39 98 45 67, le +33 1 99 00 56 78 ou le 555-0142.", "appeler le <0>, le <1> ou le <2>.",
      ["06 39 98 45 67", "+33 1 99 00 56 78", "555-0142"]),
    ("10 000 000 habitants, 0 20 fois, 007", "10 000 000 habitants, 0 20 fois, 007", []),
    ("la version 2.4.1 (v1.0-b), 7.0rc2 ou 3.11", "la version <0> (<1>), <2> ou 3.11", ["2.4.1", "v1.0-b", "7.0rc2"]),
    // The capital of a known letter is known.
    ("À LA MER, PRÈS, OÙ", "À LA MER, PRÈS, OÙ", []),
    // Punctuation of another script belongs to the words on both its sides.
    ("dire 你好，世界。 puis … non", "dire <0>。 puis … non", ["你好，世界"]),
  ])
  func spans(line: String, text: String, spans: [String]) throws {
    let pipeline = try SampleCorpus.pipeline()
    let masked = pipeline.mask(line)
    #expect(shown(masked) == text)
    #expect(masked.spans == spans)
    #expect(masked.restore(masked.text) == line)
    #expect(masked.losses(in: masked.text) == 0)
  }

  @Test("restoring gives back the line for random Unicode; never more placeholders than there are")
  func roundTrip() throws {
    let pipeline = try SampleCorpus.pipeline()
    var random = SeededGenerator(31)
    var withSpans = 0
    for _ in 0..<2000 {
      let line = RandomText.make(upTo: 12, &random)
      let masked = pipeline.mask(line)
      #expect(masked.spans.count <= Placeholder.count)
      if masked.spans.isEmpty {
        #expect(masked.text == line)
      } else {
        withSpans += 1
        #expect(Array(masked.restore(masked.text).unicodeScalars) == Array(pipeline.normalize(line).unicodeScalars))
      }
    }
    #expect(withSpans > 500)
    #expect(pipeline.mask(String(repeating: "😀 a ", count: 40)).spans.count == Placeholder.count)
  }

  @Test("a line with placeholders of its own stays as it is")
  func ownPlaceholders() throws {
    let line = "Le \u{E003} 😀"
    #expect(try SampleCorpus.pipeline().mask(line) == MaskedText(text: line, spans: []))
  }

  @Test("a translation keeps the spans if each placeholder is there once; unknown ones vanish")
  func kept() throws {
    let masked = try SampleCorpus.pipeline().mask("Le B27 et le B28")
    let (a, b, c) = (Placeholder.scalar(0), Placeholder.scalar(1), Placeholder.scalar(2))
    #expect(masked.losses(in: "the \(b) and \(a)") == 0 && masked.restore("the \(b) and \(a)") == "the B28 and B27")
    for (wrong, losses) in [("the \(a)", 1), ("\(a)\(a)\(b)", 1), ("\(a)\(b)\(c)", 1), ("", 2), ("\(c)\(c)", 5), ("the B27 and \(b)", 0)] {
      #expect(masked.losses(in: wrong) == losses)
    }
    #expect(masked.restore("\(c)x\(a)") == "x B27" && masked.original == "Le B27 et le B28")
    let twins = MaskedText(text: "\(a), \(b)", spans: ["B27", "B27"])
    for (translation, losses) in [("\(a)", 1), ("\(b) B27", 0), ("B27", 1), ("B27 B27", 0), ("\(b)\(b)", 1)] {
      #expect(twins.losses(in: translation) == losses)
    }
  }

  @Test("a letter beside a placeholder is kept apart, unless it stood there in the source")
  func spaces() throws {
    let masked = MaskedText(text: "d'\(Placeholder.scalar(0)) à \(Placeholder.scalar(1))e", spans: ["Ella", "X9"])
    let (a, b) = (Placeholder.scalar(0), Placeholder.scalar(1))
    #expect(masked.restore("of\(a)'s, at \(b)e") == "of Ella's, at X9e")
    #expect(masked.restore("\(a)is by\(b)") == "Ella is by X9")
    // No spaces between words there.
    #expect(masked.restore("我\(a)在\(b)") == "我Ella在X9")
    // The second stands behind a space in the source, the first does not.
    #expect(masked.restore("(\(b) and,\(b), but,\(a)\(b)") == "(X9 and, X9, but,Ella X9")
  }
}
