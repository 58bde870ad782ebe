import Testing

@testable import TextProcessing

@Suite struct NumbersTests {
  private func found(_ line: String) -> [String] {
    let scalars = Array(line.unicodeScalars)
    return Numbers.find(in: scalars).map { String(scalars: scalars[$0]) }
  }

  @Test("Numbers end where their separators make no sense", arguments: [
    ("le 12 mai 2004.", ["12", "2004"]), ("1 234,5 km et 12 345 678", ["1 234,5", "12 345 678"]),
    ("9 h 30", ["9", "30"]), ("pages 12 345a", ["12", "345"]), ("en 2004 300 personnes", ["2004", "300"]),
    ("H5N1, A4 et x_3", []), ("90kg", ["90"]), ("1,2,3 ; 4, 5", ["1,2,3", "4", "5"]), ("l'an 2000, 3.", ["2000", "3"]),
    ("1\u{202F}200 \u{20AC}", ["1\u{202F}200"]), ("", []), ("7", ["7"]),
  ])
  func find(line: String, expected: [String]) { #expect(found(line) == expected) }

  @Test("Separators become the other language's, what is not written by the rules stays", arguments: [
    ("fr", "en", "1 234,5", "1,234.5"), ("fr", "en", "12\u{A0}345\u{202F}678", "12,345,678"), ("fr", "en", "2,3", "2.3"),
    ("fr", "en", "2004", "2004"), ("fr", "en", "3.14", "3.14"), ("en", "fr", "1,234.5", "1\u{202F}234,5"),
    ("en", "de", "1,234.5", "1.234,5"), ("en", "fr", "12,34", "12,34"), ("de", "en", "1.000", "1,000"),
    ("fr", "en", "1,2,3", "1,2,3"),
  ])
  func convert(source: String, target: String, number: String, expected: String) {
    #expect(NumberStyle(source: source, target: target).convert(number) == expected)
  }

  @Test("Each number is wanted as often as it occurs, by its digits")
  func missing() {
    #expect(Numbers.missing(["12345", "12"], in: "12 and 1,234.5") == [])
    #expect(Numbers.missing(["7", "12", "12"], in: "12 or 13, 7") == [2])
    #expect(Numbers.missing(["200"], in: "2000 and A200") == [0])
    #expect(Numbers.missing([], in: "5") == [])
  }

  @Test("Numbers in words: the longest that begins at a word, whatever stands between its parts", arguments: [
    ("fr", "Quatre-vingt-dix jours, quatre vingts lits", [90: 1, 80: 1]), ("fr", "vingt et un ; DIX-HUIT, dix-huit", [21: 1, 18: 2]),
    ("en", "twenty-one of ninety days; one hundred, someone, tension", [21: 1, 90: 1]),
    ("de", "neunundneunzig Luftballons und zwei", [99: 1, 2: 1]), ("fr", "un cent, zéro", [:]), ("xx-none", "", [:]),
  ])
  func spelled(language: String, text: String, expected: [Int: Int]) {
    #expect(SpelledNumbers.counts(in: text, language: language) == expected)
  }

  @Test("Small whole numbers in words are no loss where words are accepted, and still one where digits are preferred")
  func words() throws {
    let pipeline = try SampleCorpus.pipeline()
    let masked = pipeline.mask("Within 90 days, 90 or 3.5, in 2004", numbers: NumberStyle(source: "en", target: "fr"))
    #expect(masked.numbers.map(\.digits) == ["90", "90", "35", "2004"])
    func losses(_ text: String) -> [Int] { [masked.losses(in: text), masked.losses(in: text, acceptingWords: true)] }
    #expect(losses("90 jours, quatre-vingt-dix ou 3,5 en 2004") == [1, 0])
    #expect(losses("quatre-vingt-dix jours ou trente-cinq, en 2004") == [3, 2])
    #expect(losses("quatre-vingts jours, quatre-vingt-dix-neuf ou 3,5 en deux mille quatre") == [3, 3])
  }

  @Test("Numbers beside spans: noted at their places in the masked text, masked after the spans, restored in the other style")
  func masking() throws {
    let pipeline = try SampleCorpus.pipeline()
    let masked = pipeline.mask(
      "Le B27 a 1 200 places, 3,5 m et https://example.org/42 le 7.", numbers: NumberStyle(source: "fr", target: "en"))
    let placeholders = (0..<5).map { String(Placeholder.scalar($0)) }
    #expect(masked.spans == ["B27", "https://example.org/42"])
    #expect(masked.text == "Le \(placeholders[0]) a 1 200 places, 3,5 m et \(placeholders[1]) le 7.")
    #expect(masked.numbers.map(\.digits) == ["1200", "35", "7"])
    #expect(
      masked.withNumbersMasked
        == "Le \(placeholders[0]) a \(placeholders[2]) places, \(placeholders[3]) m et \(placeholders[1]) le \(placeholders[4]).")
    #expect(masked.original == "Le B27 a 1 200 places, 3,5 m et https://example.org/42 le 7.")
    let translation = "On \(placeholders[4]), \(placeholders[0]) has \(placeholders[2]) seats, \(placeholders[3])m; \(placeholders[1])"
    #expect(masked.restore(translation) == "On 7, B27 has 1,200 seats, 3.5 m; https://example.org/42")
    #expect(masked.losses(in: translation) == 0 && masked.numberLosses(in: translation) == 0)
    let lossy = "B27 has 1,200 seats, 35 m; https://example.org/42"
    #expect(masked.losses(in: lossy) == 1 && masked.numberLosses(in: lossy) == 1)
    #expect(masked.losses(in: lossy + " 7 \(placeholders[4])\(placeholders[4])") == 1)
    #expect(pipeline.mask("En 2004").numbers.isEmpty)
    #expect(pipeline.mask("rien", numbers: NumberStyle(source: "fr", target: "en")).withNumbersMasked == nil)
  }
}
