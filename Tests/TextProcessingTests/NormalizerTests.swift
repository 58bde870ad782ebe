import Testing

@testable import TextProcessing

@Suite struct NormalizerTests {
  private func normalize(_ text: String, _ change: (inout TextConfiguration) -> Void = { _ in }) -> [Unicode.Scalar] {
    var configuration = TextConfiguration()
    change(&configuration)
    return Array(Normalizer(configuration).normalize(text).unicodeScalars)
  }

  @Test("white space of every kind and line breaks become single spaces, none at an end")
  func spaces() {
    let spaces = "\u{9}\u{A}\u{B}\u{C}\u{D}\u{1C}\u{1F}\u{20}\u{85}\u{A0}\u{1680}\u{2000}\u{200A}\u{2028}\u{2029}\u{202F}\u{205F}\u{3000}"
    #expect(normalize(spaces).isEmpty)
    for space in spaces.unicodeScalars {
      #expect(normalize("\(space)a\(space) \(space)b\(space)") == ["a", " ", "b"], "U+\(String(space.value, radix: 16))")
    }
  }

  @Test("normal forms differ where they should")
  func forms() {
    #expect(normalize("e\u{301}") == ["\u{E9}"])
    #expect(normalize("e\u{301}") { $0.normalForm = .none } == ["e", "\u{301}"])
    #expect(normalize("\u{FB01}\u{A0}½") == ["\u{FB01}", " ", "½"])
    #expect(normalize("\u{FB01}\u{A0}½") { $0.normalForm = .nfkc } == ["f", "i", " ", "1", "\u{2044}", "2"])
    #expect(normalize("\u{A8}a") { $0.normalForm = .nfkc } == ["\u{308}", "a"])
    #expect(normalize("\u{212B}") == ["\u{C5}"])
  }

  @Test("controls go, turn into spaces or stay; what they kept apart composes")
  func controls() {
    #expect(normalize("e\u{1}\u{301}\u{7F}x") == ["\u{E9}", "x"])
    #expect(normalize("a\u{1}b") { $0.controlCharacters = .space } == ["a", " ", "b"])
    #expect(normalize("a\u{1}\u{9F}b") { $0.controlCharacters = .keep } == ["a", "\u{1}", "\u{9F}", "b"])
  }

  @Test("zero-width characters survive unless they are to go")
  func formatCharacters() {
    let text = "a\u{200D}b\u{200C}c\u{AD}d\u{FEFF}e\u{E0001}"
    #expect(normalize(text) == Array(text.unicodeScalars))
    #expect(normalize(text) { $0.formatCharacters = .remove } == ["a", "b", "c", "d", "e"])
  }

  @Test("quotes and case only where asked")
  func quotesAndCase() {
    let text = "«L’ÉTÉ ‘x’ “y”» ΟΔΟΣ İ"
    #expect(normalize(text).count == text.unicodeScalars.count)
    #expect(String(String.UnicodeScalarView(normalize(text) { $0.quotes = .ascii })) == "\"L'ÉTÉ 'x' \"y\"\" ΟΔΟΣ İ")
    #expect(String(String.UnicodeScalarView(normalize(text) { $0.lowercase = true })) == "«l’été ‘x’ “y”» οδος i\u{307}")
  }

  @Test("the way without ICU gives what ICU gives", arguments: configurations)
  func shortcut(configuration: TextConfiguration) {
    let normalizer = Normalizer(configuration)
    var random = SeededGenerator(5)
    // All scalars that may take the short way alone and between letters, then texts of them.
    for value in UInt32(0)..<0x3100 {
      guard let scalar = Unicode.Scalar(value) else { continue }
      check("\(scalar)", normalizer)
      check("a\(scalar)b", normalizer)
    }
    for _ in 0..<300 {
      check(RandomText.make(upTo: 12, &random), normalizer)
      var latin = ""
      for _ in 0..<20 {
        if let scalar = Unicode.Scalar(UInt32.random(in: 1..<0x180, using: &random)) { latin.unicodeScalars.append(scalar) }
      }
      check(latin, normalizer)
    }
  }

  private func check(_ text: String, _ normalizer: Normalizer) {
    let short = Array(normalizer.normalize(text).utf8)
    let long = Array(text.utf8).withUnsafeBufferPointer { Array(normalizer.consultingICU($0)) }
    if short != long { Issue.record("\(text.debugDescription): \(short) instead of \(long)") }
  }
}
