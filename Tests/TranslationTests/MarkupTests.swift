import Autograd
import Foundation
import Seq2Seq
import TestSupport
import Testing

@testable import TextProcessing
@testable import Translation

@Suite struct MarkupTests {
  static let splitter = try! SentenceSplitter()

  /// A fragment's translation where each target word says which source word it came from: "small<2".
  static func render(_ html: String, _ translations: [String], placeholders: Bool = false) -> String {
    let text = MarkedUpText(html, splitter: splitter, usesPlaceholders: placeholders)
    #expect(text.sentences.count == translations.count, "\(text.sentences)")
    return text.parts.map { part in
      switch part {
      case .verbatim(let raw): return raw
      case .run(let run, let split, let places):
        let cuts = run.nodes.flatMap { [$0.range.lowerBound, $0.range.upperBound] }
        var start = 0
        let alignments = zip(split.sentences, places).map { sentence, place in
          let source = TextUnits(sentence.text, cuts: Set(cuts.map { $0 - start }))
          start += sentence.text.unicodeScalars.count + sentence.gap.unicodeScalars.count
          let words = translations[place].split(separator: " ").map { $0.split(separator: "<").map(String.init) }
          let target = TextUnits(words.map { $0[0] }.joined(separator: " "))
          #expect(target.count == words.count)
          return WordAlignment(
            source: source.words, target: target.words,
            weights: words.map { word in (0..<source.count).map { word.count > 1 && Int(word[1]) == $0 ? 0.9 : 0.01 } },
            logProbabilities: [])
        }
        return run.lead + MarkupPlacement(run, split, alignments).html() + run.trail
      }
    }.joined()
  }

  @Test("tokens are the fragment, cut where tags begin and end")
  func tokens() {
    typealias Token = MarkupTokens.Token
    func tokens(_ html: String) -> [Token] { Array(MarkupTokens(html)) }
    #expect(tokens("a <b class='x>y'>c</b> d") == [
      .text("a "), .open("b", "<b class='x>y'>"), .text("c"), .close("b", "</b>"), .text(" d"),
    ])
    #expect(tokens("1 < 2 <3 a<") == [.text("1 < 2 <3 a<")])
    #expect(tokens("x<BR/>y<!-- <b> --><hr>") == [
      .text("x"), .mark("<BR/>", isBlock: true), .text("y"), .mark("<!-- <b> -->", isBlock: false),
      .mark("<hr>", isBlock: true),
    ])
    #expect(tokens("<script>if (a<b) '</div>'</script>z") == [
      .frozen("<script>if (a<b) '</div>'</script>", isBlock: true), .text("z"),
    ])
    #expect(tokens("<p translate=no>a<p>b</p></p>c<i class=\"x notranslate\">d</i><i class=notranslated>e</i>") == [
      .frozen("<p translate=no>a<p>b</p></p>", isBlock: true), .text("c"),
      .frozen("<i class=\"x notranslate\">d</i>", isBlock: false), .open("i", "<i class=notranslated>"), .text("e"),
      .close("i", "</i>"),
    ])
    #expect(tokens("<a title=\"x>y</a>") == [.open("a", "<a title=\"x>"), .text("y"), .close("a", "</a>")])
    #expect(tokens("<![CDATA[a<b>]]><?php x ?>") == [
      .mark("<![CDATA[a<b>]]>", isBlock: false), .mark("<?php x ?>", isBlock: true),
    ])
    #expect(tokens("<code>x") == [.frozen("<code>x", isBlock: false)])
    #expect(tokens("") == [])
  }

  @Test("references become text and text becomes references")
  func entities() {
    #expect(HTMLEntities.decode("&eacute;t&#233; &amp;lt; &#x1F600; &unknown; &#0; &#xD800; & &;&#x;&euro;")
      == "été &lt; 😀 &unknown; &#0; &#xD800; & &;&#x;€")
    // As browsers have it: Windows' characters, no semicolon behind the names of Latin 1 and numbers; accents of HTML 5.
    #expect(HTMLEntities.decode("l&#146;ami &#x96; 5&nbsp€ &copy A&eacutet&#233 &euro &Lstrok;&oacute;d&zacute;&colon;&qacute;")
      == "l’ami – 5\u{A0}€ © Aété &euro Łódź:&qacute;")
    #expect(HTMLEntities.encode("a<b> & \u{A0}\"é\"") == "a&lt;b&gt; &amp; &nbsp;\"é\"")
    // What Python's html.entities says of some: the first, the last, and the one with a digit.
    #expect(HTMLEntities.decode("&Aacute;&frac34;&yuml;&thetasym;&zwnj;") == "Á¾ÿϑ\u{200C}")
  }

  @Test("tags follow their words", arguments: [
    // A noun and its adjective change places.
    ("Un <b>chat</b> noir dort.", "A<0 black<2 cat<1 sleeps<3 .<4", "A black <b>cat</b> sleeps ."),
    ("Un <b>chat</b> <i>noir</i> dort.", "A<0 black<2 cat<1 sleeps<3 .<4", "A <i>black</i> <b>cat</b> sleeps ."),
    // Nested, and as wide as their parents.
    ("<p><em>Un <b>chat</b></em></p>", "A<0 cat<1", "<p><em>A <b>cat</b></em></p>"),
    ("<a href=\"/x?a=1&b=2\"><b>Bonjour</b></a> !", "Hello<0 !<1", "<a href=\"/x?a=1&b=2\"><b>Hello</b></a> !"),
    // One word becomes two, two become one.
    ("Il <b>pleut</b>.", "It<0 is<1 raining<1 .<2", "It <b>is raining</b> ."),
    ("Il <b>ne part pas</b>.", "He<0 stays<3 .<4", "He <b>stays</b> ."),
    // A word whose attention strays within an element is kept in it.
    ("<b>un deux trois</b> quatre", "one<0 two<3 three<2 four<3", "<b>one two three</b> four"),
    // No word is aligned to the element: the likeliest has it.
    ("Le <b>bon</b> pain", "Bread<2", "<b>Bread</b>"),
    ("Le bon <b>pain</b>", "The<0 good<1 one<1", "The good <b>one</b>"),
    // Part of a word.
    ("in<b>croyable</b> mais vrai", "un<0 believable<1 but<2 true<3", "un <b>believable</b> but true"),
    // White space within and around.
    (" \n Le<b> chat </b>dort \n", "The<0 cat<1 sleeps<2", " \n The <b>cat</b> sleeps \n"),
    // References stay references.
    ("Sel &amp; <b>poivre</b> &gt;", "Salt<0 &<1 pepper<2 ><3", "Salt &amp; <b>pepper</b> &gt;"),
  ])
  func placement(html: String, translation: String, expected: String) {
    #expect(MarkupTests.render(html, [translation]) == expected)
  }

  @Test("marks stand between words, with their white space")
  func marks() {
    #expect(MarkupTests.render("Un <img src=a> chat", ["A<0 cat<1"]) == "A <img src=a> cat")
    #expect(MarkupTests.render("Un<wbr>chat", ["A<0 cat<1"]) == "A<wbr> cat")
    #expect(MarkupTests.render("<!-- x -->Un chat<x/>", ["A<0 cat<1"]) == "<!-- x -->A cat<x/>")
    // It stands before what translates the word behind it, where words go the same way.
    #expect(MarkupTests.render("un deux <img> <img> trois", ["one<0 two<1 three<2"]) == "one two <img> <img> three")
    // Tags that are not nested are kept as they come, and so are those without partners.
    #expect(MarkupTests.render("<b>un <i>deux</b> trois</i>", ["one<0 two<1 three<2"]) == "<b>one <i>two</b> three</i>")
    #expect(MarkupTests.render("un</b> <i>deux", ["one<0 two<1"]) == "one</b> <i>two")
    #expect(MarkupTests.render("un <b></b><i> </i>deux", ["one<0 two<1"]) == "one <b></b><i></i>two")
    #expect(MarkupTests.render("un <img><img> deux", ["one<0 two<1"]) == "one <img><img> two")
    // Space beside what begins or ends a run stays where it is.
    for (html, expected) in [
      ("<i class=x></i> Le chat", "<i class=x></i> The cat"), (" <input> <img> Le chat", " <input> <img> The cat"),
      ("<b> Le</b> chat", "<b> The</b> cat"), ("<b><i></i> Le</b> chat", "<b><i></i> The</b> cat"),
      ("Le chat <img> ", "The cat <img> "), ("Le chat <img><i></i>\n", "The cat <img><i></i>\n"),
    ] {
      #expect(MarkupTests.render(html, ["The<0 cat<1"]) == expected)
    }
  }

  @Test("blocks part sentences, and an element may hold several or cross from one to the next")
  func sentences() {
    #expect(MarkupTests.render("<p>Oui.</p><p>Non.<br>Si</p>", ["Yes .", "No .", "Rather"])
      == "<p>Yes .</p><p>No .<br>Rather</p>")
    #expect(MarkupTests.render("<b>Il dort. Elle part.</b> Oui.", ["He<0 sleeps<1 .<2", "She<0 leaves<1 .<2", "Yes<0 .<1"])
      == "<b>He sleeps . She leaves .</b> Yes .")
    #expect(MarkupTests.render("Il <b>dort. Elle</b> part.", ["He<0 sleeps<1 .<2", "She<0 leaves<1 .<2"])
      == "He <b>sleeps . She</b> leaves .")
    #expect(MarkupTests.render("<ul> <li>1</li>\n<li>…</li></ul>", ["1"]) == "<ul> <li>1</li>\n<li>…</li></ul>")
  }

  @Test("what is not to be translated stays as it is, and the model sees a code for it")
  func frozen() {
    let html = "Tapez <code>ls -l &gt; x</code> puis <span translate=\"no\">Entrée</span>."
    let text = MarkedUpText(html, splitter: MarkupTests.splitter, usesPlaceholders: true)
    #expect(text.sentences == ["Tapez X_1 puis X_2."])
    #expect(MarkupTests.render(html, ["X_2<0 then<2 type<0 X_1<2 .<4"], placeholders: true)
      == "<span translate=\"no\">Entrée</span> then type <code>ls -l &gt; x</code> .")
    // The code is lost: what it stood for takes the place of what attended to it.
    #expect(MarkupTests.render(html, ["Type<0 this<1 then<2 X_2<3 .<4"], placeholders: true)
      == "Type <code>ls -l &gt; x</code> then <span translate=\"no\">Entrée</span> .")
    #expect(MarkedUpText("X_1 <kbd>a</kbd>", splitter: MarkupTests.splitter, usesPlaceholders: true).sentences == ["X_1 XX_1"])
    // Without placeholders its own text is there for the model.
    #expect(MarkedUpText(html, splitter: MarkupTests.splitter, usesPlaceholders: false).sentences
      == ["Tapez ls -l > x puis Entrée."])
    #expect(MarkupTests.render("Tapez <code>ls -l</code>.", ["Type<0 lists<1 -<2 l<3 .<4"]) == "Type <code>ls -l</code> .")
    #expect(MarkupTests.render("<script>var a = 'Oui.'</script><style>b{}</style>", []) == "<script>var a = 'Oui.'</script><style>b{}</style>")
  }

  @Test("a footnote's mark belongs to no word, an unknown reference stays as it is, and tags cut words where they did")
  func withinWords() {
    #expect(Self.render("une mer froide<sup><a href=x>12</a></sup> ici", ["a<0 cold<2 sea<1 here<3"])
      == "a cold sea<sup><a href=x>12</a></sup> here")
    let text = MarkedUpText(
      "10 m<sup>2</sup> &zz9; non-<code>nil</code>, 1<sup>er</sup> mot<sup>e</sup>", splitter: Self.splitter,
      usesPlaceholders: true)
    #expect(text.sentences == ["10 m2 non-X_1, 1er mote"])
    #expect(MarkedUpText.cuts(in: "1er 10 m2, non-X_1 m22", of: "10 m2 non-X_1, 1er", at: [4, 10, 16]) == [1, 8, 15])
  }

  @Test("what stays as it is may touch letters, and letters that go on a word make no word")
  func joined() {
    let text = MarkedUpText("Tapez<kbd>Entrée</kbd>pour voir", splitter: Self.splitter, usesPlaceholders: true)
    #expect(text.sentences == ["Tapez X_1 pour voir"])
    #expect(Self.render("Tapez<kbd>Entrée</kbd>pour voir", ["Type<0 X_1<1 to<2 see<3"], placeholders: true)
      == "Type<kbd>Entrée</kbd>to see")
    #expect(MarkedUpText.cuts(in: "dans X_1l'école X_12", of: "", at: [], codes: ["X_1", "X_2"]) == [5, 8])
    #expect(Self.render("Le 1<sup>er</sup> mai", ["On<0 1<1 May<3"]) == "On 1<sup></sup> May")
    #expect(Self.render("10 m<sup>2</sup> ici", ["here<3 10<0 m2<2"]).contains("<sup></sup>"))
    #expect(MarkedUpText.text(of: "<p class='lead text'>Il <b>pleut</b>.</p><style>a{}</style><p>Oui.", splitter: Self.splitter)
      == "Il pleut.\nOui.")
  }

  @Test("whatever comes in, every tag comes out once and in nesting")
  func anything() {
    var random = RandomGenerator(seed: 31)
    let pieces = [
      "<b>", "</b>", "<i>", "</i>", "<a href='x'>", "</a>", "<p>", "</p>", "<br>", "<img>", "<code>x</code>", "un", " deux",
      "trois. ", "Quatre ", " ", "&amp;", "<", ">", "\"", "<!-- c -->", "é", "!",
    ]
    for _ in 0..<400 {
      let html = (0..<Int.random(in: 1...24, using: &random)).map { _ in pieces.randomElement(using: &random)! }.joined()
      let text = MarkedUpText(html, splitter: MarkupTests.splitter, usesPlaceholders: false)
      // Words anywhere, aligned to anything.
      let translations = text.sentences.map { sentence in
        (0..<Int.random(in: 0...6, using: &random)).map { "w\($0)<\(Int.random(in: 0...5, using: &random))" }
          .joined(separator: " ")
      }
      let result = MarkupTests.render(html, translations)
      func tags(_ html: String) -> [String] {
        MarkupTokens(html).compactMap {
          switch $0 {
          case .text: nil
          case .open(_, let raw), .close(_, let raw), .mark(let raw, _), .frozen(let raw, _): String(raw)
          }
        }
      }
      #expect(tags(result).sorted() == tags(html).sorted(), "\(html) became \(result)")
      if MarkupTests.isNested(html) { #expect(MarkupTests.isNested(result), "\(html) became \(result)") }
    }
  }

  static func isNested(_ html: String) -> Bool {
    var open: [String] = []
    for token in MarkupTokens(html) {
      switch token {
      case .open(let name, _): open.append(name)
      case .close(let name, _): if open.popLast() != name { return false }
      default: break
      }
    }
    return open.isEmpty
  }

  @Test("a model's translations take the markup back")
  func translator() throws {
    let directory = try TemporaryDirectory()
    try TinyModel.save(to: directory.url)
    let translator = try Translator(model: directory.url)
    var options = translator.defaultOptions
    options.search.maximumLength = 10
    let html = "<p>Le <b>petit chat</b> dort. Où est <a href=\"#\">la gare</a> ?</p>\n<p>Il pleut.</p>"
    let plain = translator.translate(["Le petit chat dort.", "Où est la gare ?", "Il pleut."], options: options).map(\.text)
    let result = translator.translate(html: [html, "", "x < y"], options: options)
    func text(_ html: String) -> String {
      MarkupTokens(html).map { if case .text(let text) = $0 { HTMLEntities.decode(text) } else { "" } }.joined()
    }
    #expect(text(result[0]) == plain[0] + " " + plain[1] + "\n" + plain[2])
    #expect(MarkupTests.isNested(result[0]))
    #expect(result[0].hasSuffix("</p>\n<p>\(HTMLEntities.encode(plain[2]))</p>"))
    #expect(result[1] == "" && result[2] == HTMLEntities.encode(translator.translate(["x < y"], options: options)[0].text))
  }

  @Test("large and hostile fragments take linear time")
  func large() {
    for piece in ["<a ='", "<b>", "</b>", "<", "<code>", "&", "<!--", "a <img> ", "<b><i></b>", "mot ", "<p "] {
      let html = String(repeating: piece, count: 20_000)
      let text = MarkedUpText(html, splitter: MarkupTests.splitter, usesPlaceholders: true)
      #expect(!text.parts.isEmpty)
    }
  }
}
