import Testing

@testable import TextProcessing
@testable import Translation

@Suite struct TextUnitsTests {
  @Test("words and marks", arguments: [
    ("L'homme qu'elle aime n'est pas là.", ["L'", "homme", "qu'", "elle", "aime", "n'", "est", "pas", "là", "."]),
    ("He doesn't know Paul's aunt; we'll see.", ["He", "doesn't", "know", "Paul's", "aunt", ";", "we'll", "see", "."]),
    ("Peut-être 3,5 km à 10.000 m ?", ["Peut-être", "3,5", "km", "à", "10.000", "m", "?"]),
    ("«Oui», dit-il… (bas)", ["«", "Oui", "»", ",", "dit-il", "…", "(", "bas", ")"]),
    ("une clé X_12 - voilà", ["une", "clé", "X_12", "-", "voilà"]),
    ("我喜欢 茶", ["我", "喜", "欢", "茶"]), ("e\u{301}te\u{301} 👍🏽!", ["e\u{301}te\u{301}", "👍🏽", "!"]), ("", []), ("  \n", []),
    ("’tis l’’a '", ["’", "tis", "l", "’", "’", "a", "'"]),
  ])
  func units(text: String, expected: [String]) {
    let units = TextUnits(text)
    #expect((0..<units.count).map { units.text($0) } == expected)
    // Words and gaps are the text.
    #expect(units.lead + units.words.map { $0.text + $0.gap }.joined() == text)
  }

  @Test("a cut ends a word")
  func cuts() {
    let units = TextUnits("incroyable !", cuts: [2, 7, 40, -3])
    #expect((0..<units.count).map { units.text($0) } == ["in", "croya", "ble", "!"])
  }

  @Test("places in a text that is normalised otherwise")
  func places() {
    func map(_ a: String, _ b: String) -> [Int] {
      ScalarMap.places(Array(a.unicodeScalars), in: Array(b.unicodeScalars))
    }
    #expect(map("ab cd", "ab   cd") == [0, 1, 5, 5, 6])
    // An accent of its own, which the normal form has not: within its word places are proportional, the next is exact.
    #expect(map("été ici", "e\u{301}te\u{301} ici") == [0, 1, 3, 6, 6, 7, 8])
    #expect(map("a b c", "xyz") == [0, 1, 1, 2, 2])
    #expect(map("", "abc") == [] && map("ab", "") == [0, 0])
  }
}
