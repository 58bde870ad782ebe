import Foundation
import TestSupport
import Testing
import TextProcessing

@testable import TranslationServer

@Suite struct TextTests {
  @Test(arguments: [
    "", "\n", "  \r\n\t ", "Un. Deux ! Trois ?", "\u{FEFF}Un.\u{2028}  Deux.\u{85}\n\n", "M. Petit dort.  Il rêve.\r\n Fin",
    "a\u{0}b\u{B}c", "« Viens ! » dit-il. Elle vint.",
  ]) func keepsWhatStandsBetweenSentences(_ text: String) throws {
    let document = DocumentText(text, try SentenceSplitter())
    #expect(document.joined(document.sentences) == text)
    #expect(document.sentences.allSatisfy { !$0.isEmpty && $0.first?.isWhitespace == false })
  }

  @Test func cutsAtLinesAndSentences() throws {
    let document = DocumentText("Un. Deux !\nTrois\r\nQuatre", try SentenceSplitter())
    #expect(document.sentences == ["Un.", "Deux !", "Trois", "Quatre"])
    #expect(document.joined(["A", "B", "C", "D"]) == "A B\nC\r\nD")
    #expect(document.joined(upTo: ["A", "B", "C"]) == "A B\nC")
    #expect(document.joined(upTo: []) == "")
  }

  @Test(arguments: ["fr", "en"]) func tellsFrenchFromEnglish(_ language: String) throws {
    let file = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../Eval/test.\(language)").standardized
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
    let detector = LanguageDetector(["en", "fr"])
    let right = lines.filter { detector.detect($0)[0].language == language }.count
    #expect(lines.count > 200)
    #expect(Double(right) >= 0.97 * Double(lines.count), "\(right) of \(lines.count)")
  }

  @Test func detectsAmongKnownLanguagesOnly() {
    let detector = LanguageDetector(["de", "fr"])
    #expect(detector.detect("The station is closed today, so we walk home.").map(\.confidence) == [0, 0])
    #expect(detector.detect("The station is closed today.").map(\.language) == ["de", "fr"])
    #expect(detector.detect("La gare est fermée aujourd'hui, nous rentrons à pied.")[0].language == "fr")
    #expect(detector.detect("").map(\.confidence) == [0, 0])
    #expect(detector.detect("a\u{0}b").count == 2)
    #expect(LanguageDetector([]).detect("La gare").isEmpty)
    // A cut in the middle of a character must not make it unreadable.
    let long = String(repeating: "é", count: 40_000) + " la gare est fermée"
    #expect(detector.detect("a" + long).count == 2)
    let chinese = LanguageDetector(["en", "zh-Hans"])
    #expect(chinese.detect("今天车站关闭，我们走路回家。")[0].language == "zh-Hans")
  }

  @Test func readsParameters() throws {
    var form = RequestParameters()
    form.add(form: "q=a%2Bb+c%0D%0Ad&empty=&bad=10 %+par%E9t%C3%A9%zz%&=x&flag")
    #expect(form["q"] == .text("a+b c\nd"))
    #expect(form.text("empty") == nil)
    #expect(form["bad"] == .text("10 % par\u{FFFD}té%zz%"))
    let json = try RequestParameters(json: Data(#"{"q":["a","b"],"n":2,"x":null,"m":[1],"t":true}"#.utf8))
    #expect(json["q"] == .list(["a", "b"]))
    #expect(json["n"] == .number(2))
    #expect(json["x"] == nil)
    #expect(json["m"] == .other)
  }
}
