import Testing

@testable import TextProcessing

@Suite struct MarkBoundariesTests {
  func words(_ stretch: String) -> [String] {
    let bytes = Array(stretch.utf8)
    var words: [String] = []
    bytes.withUnsafeBufferPointer { buffer in
      MarkBoundaries.forEachWord(in: buffer) { words.append(String(decoding: buffer[$0], as: UTF8.self)) }
    }
    return words
  }

  @Test("letters and signs stand apart, an apostrophe ends the letters before it")
  func boundaries() {
    #expect(words("l'homme,") == ["l'", "homme", ","])
    #expect(words("aujourd’hui…»") == ["aujourd’", "hui", "…", "»"])
    #expect(words("don't!!!?") == ["don'", "t", "!!!", "?"])
    #expect(words("'quoted'") == ["'", "quoted'"])
    #expect(words("10:30-3,5€") == ["10", ":", "30", "-", "3", ",", "5", "€"])
    #expect(words("naïve\u{301}é日本") == ["naïve\u{301}é日本"])
    #expect(words("") == [])
  }

  @Test("whether a boundary falls between two characters does not depend on any other")
  func locality() {
    let alphabet = Array("ae'’-.,…«1日€")
    for a in alphabet {
      for b in alphabet {
        let apart = words("\(a)\(b)").count == 2
        for c in alphabet {
          // The boundary between a and b shows as a word that ends after a.
          let cut = words("\(c)\(a)\(b)\(c)")
          var length = 0
          let ends = cut.map { word -> Int in
            length += word.count
            return length
          }
          #expect(ends.contains(2) == apart, "\(c)\(a)\(b)\(c)")
        }
      }
    }
  }
}
