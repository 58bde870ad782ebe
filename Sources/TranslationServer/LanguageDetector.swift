import CLanguageDetection
import Foundation

// The one file that imports CLD2.

/// Which of the languages a server knows a text is in.
public struct LanguageDetector: Sendable {
  public struct Detection: Encodable, Equatable, Sendable {
    /// 0–100.
    public var confidence: Double
    public var language: String
  }

  /// Codes (BCP 47) in the order in which they are preferred where nothing tells them apart.
  let languages: [String]
  private let expected: String

  public init(_ languages: [String]) {
    self.languages = languages
    expected = languages.map(LanguageDetector.base).joined(separator: ",")
  }

  /// All languages, the best first; never empty unless no language is known.
  ///
  /// The confidence is the share of the text that CLD2 finds to be in the language. Where CLD2 finds too little to be sure,
  /// as in texts of a word or two, its guess is asked for and its share taken times 0.9: so many of such guesses were
  /// right (`Eval/serve.md`). It is 0 where nothing speaks for the language.
  public func detect(_ text: String) -> [Detection] {
    // CLD2 counts in 32 bits, and the beginning of a book tells its language.
    var text = String(decoding: text.utf8.prefix(1 << 16), as: UTF8.self)
    // What was cut in the middle of a character; and a zero byte is no text.
    text.unicodeScalars.removeAll { $0 == "\u{FFFD}" || $0.value == 0 }
    var shares = find(&text, guesses: false)
    if !languages.contains(where: { shares[LanguageDetector.base($0)] != nil }) {
      shares = find(&text, guesses: true).mapValues { 0.9 * $0 }
    }
    return languages.enumerated()
      .map { (place: $0, Detection(confidence: shares[LanguageDetector.base($1)] ?? 0, language: $1)) }
      .sorted { (-$0.1.confidence, $0.place) < (-$1.1.confidence, $1.place) }
      .map(\.1)
  }

  /// Languages by CLD2's codes, and how many percent of the text are in each.
  private func find(_ text: inout String, guesses: Bool) -> [String: Double] {
    var found = [mt_detected_language](repeating: mt_detected_language(code: nil, percent: 0), count: 3)
    let count = text.withUTF8 { bytes -> Int in
      guard let base = bytes.baseAddress else { return 0 }
      return base.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
        Int(mt_detect_languages($0, Int32(bytes.count), expected, guesses, &found))
      }
    }
    var shares: [String: Double] = [:]
    for language in found.prefix(count) {
      guard let code = language.code.map({ LanguageDetector.base(String(cString: $0)) }) else { continue }
      shares[code] = max(Double(min(100, max(0, language.percent))), shares[code] ?? 0)
    }
    return shares
  }

  /// The language without script or region, as CLD2 names it.
  private static func base(_ code: String) -> String {
    let base = code.prefix { $0 != "-" && $0 != "_" }.lowercased()
    return ["nb": "no", "nn": "no", "he": "iw", "jv": "jw"][base] ?? base
  }
}
