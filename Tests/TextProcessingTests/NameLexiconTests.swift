import TestSupport
import Testing

@testable import TextProcessing

@Suite("Telling names from words with a capital that are translated")
struct NameLexiconTests {
  private func names(_ line: String, known: Set<String> = ["Londres", "Anglais"], common: Set<String> = ["Marie"])
    -> [String]
  {
    let scalars = Array(line.unicodeScalars)
    return NameLexicon(known: known).names(in: scalars) { !common.contains($0) }.map { range in
      var view = String.UnicodeScalarView()
      view.append(contentsOf: scalars[range])
      return String(view)
    }
  }

  @Test("words in title case inside a sentence, neighbours together", arguments: [
    ("La lettre pour Amélie Rousseau est là.", ["Amélie Rousseau"]),
    ("Elle va de Londres à Brenntex.", ["Brenntex"]),
    ("Il vient, Okafor aussi, d'Haddad.", ["Okafor", "Haddad"]),
    ("Le juge O'Connor et l'équipe de Clermont-Ferrand.", ["O'Connor", "Clermont-Ferrand"]),
    // A common word alone is left to the model, but not beside a rare one.
    ("Je vois Marie et Marie Okafor.", ["Marie Okafor"]),
    // What begins a sentence has a capital anyway, unless a name follows.
    ("Okafor vient. Demain il part : Dupont le sait.", []),
    ("Fatou Diop est venue.", ["Fatou Diop"]),
    ("Oui. « Okafor vient » (Okafor), dit Okafor.", ["Okafor"]),
    // The full stop of an abbreviation ends no sentence.
    ("Hier M. Dupont a vu le Dr. Haddad. Non. Demain.", ["Dupont", "Dr", "Haddad"]),
    // Abbreviations in capitals are not names, and headings tell nothing.
    ("la NATO et le XR", []),
    ("Rapport Annuel De Brenntex", []),
    ("le 3 Mai et la 5e Armée Rouge", ["Mai", "Armée Rouge"]),
    // A dash between spaces begins something, a hyphen does not.
    ("Partie 2 - Fermons la porte / Allons au Week-End", ["Week-End"]),
    ("| Nom | Ville de Brenntex |", ["Brenntex"]),
    ("", []),
  ])
  func find(line: String, expected: [String]) {
    #expect(names(line) == expected)
  }

  private func learner() -> NameLearner {
    var learner = NameLearner()
    for i in 0..<90 {
      let name = "Zo\(["ba", "ki", "lu"][i % 3])\(["r", "s", "t", "v", "x", "z"][i / 3 % 6])\(["a", "e", "i", "o", "u"][i / 18])"
      learner.add(source: "je vois \(name) ici", target: "I see \(name)'s cat")
    }
    for name in ["Aa", "Ab", "Ac", "Ad", "Ae", "Af", "Ag", "Ah", "Ai", "Aj"] {
      learner.add(source: "il lit le \(name)", target: "he reads it")
    }
    return learner
  }

  @Test("a word mostly changed is translated; of words seen once the share kept is the guess for the unseen")
  func learn() throws {
    var learner = learner()
    for i in 0..<10 {
      learner.add(source: "je vais à Londres", target: "I go to London")
      learner.add(source: "je vais à Paris", target: i < 8 ? "I go to Paris" : "I go there")
      learner.add(source: "je vais à Nantes", target: i < 6 ? "I go to Nantes" : "I go there")
    }
    #expect(learner.keptShareOfUnseen == 0.9)
    // Frequent names need no help.
    for _ in 0..<20 { learner.add(source: "je vais à Boston", target: "I go to Boston") }
    for _ in 0..<19 { learner.add(source: "je vais à Riga", target: "I go to Riga") }
    let lexicon = try #require(learner.lexicon)
    #expect(lexicon.known == Set(["Aa", "Ab", "Ac", "Ad", "Ae", "Af", "Ag", "Ah", "Ai", "Aj", "Londres", "Nantes", "Boston"]))
  }

  @Test("no lexicon where names change with the language, or where there were few")
  func unusable() {
    var few = NameLearner()
    for _ in 0..<1000 { few.add(source: "je vois Zoba", target: "I see Zoba") }
    #expect(few.lexicon == nil)
    var changing = learner()
    for i in 0..<90 {
      let name = "Ba\(["ba", "ki", "lu"][i % 3])\(["r", "s", "t", "v", "x", "z"][i / 3 % 6])\(["a", "e", "i", "o", "u"][i / 18])"
      changing.add(source: "je vois \(name)", target: "вижу кого-то")
    }
    #expect(changing.keptShareOfUnseen < 0.5 && changing.lexicon == nil)
  }

  @Test("the lexicon travels in text.json, and masking uses it")
  func file() throws {
    let lines = ["le chat dort", "la porte de Londres", "Marie voit le chat", "Marie dort"]
    var configuration = TextConfiguration()
    configuration.vocabularySize = 320
    let plain = try TextPipeline.learn(configuration: configuration, source: lines, target: lines, placeholders: true)
    #expect(plain.mask("je vois Okafor ici").spans == [])
    let pipeline = try plain.adding(NameLexicon(known: ["Londres"]))
    #expect(pipeline.mask("je vois Okafor et Londres") == MaskedText(
      text: "je vois \(Placeholder.scalar(0)) et Londres", spans: ["Okafor"]))
    let directory = try TemporaryDirectory()
    try pipeline.write(to: directory.url)
    let read = try TextPipeline(directory: directory.url)
    #expect(read.names == pipeline.names)
    // A placeholder is one piece of its own, after a space as anywhere.
    let marked = "a\(Placeholder.scalar(3)) \(Placeholder.scalar(15))"
    #expect(read.sourcePieces(marked).filter { $0.unicodeScalars.contains(where: Placeholder.contains) }.count == 2)
    #expect(!read.sourcePieces(marked).contains { $0.hasPrefix("<0x") && $0 != "<0x61>" })
    #expect(read.decodeSource(read.encodeSource(marked)) == marked)
    #expect(read.sourceVocabulary.count <= 320)
  }
}
