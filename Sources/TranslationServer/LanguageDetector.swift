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
  /// The confidence is the share of the text that CLD2 finds to be in the language. Where CLD2 calls its finding unreliable, as
  /// for most texts of a few words, it is taken times 0.8, the share of such findings that were right on French and
  /// English sentences. It is 0 where nothing speaks for the language.
  public func detect(_ text: String) -> [Detection] {
    // CLD2 counts in 32 bits, and the beginning of a book tells its language.
    var text = String(decoding: text.utf8.prefix(1 << 16), as: UTF8.self)
    // What was cut in the middle of a character; and a zero byte is no text.
    text.unicodeScalars.removeAll { $0 == "\u{FFFD}" || $0.value == 0 }
    var found = [mt_detected_language](repeating: mt_detected_language(code: nil, percent: 0), count: 3)
    var isReliable = false
    let count = text.withUTF8 { bytes -> Int in
      guard let base = bytes.baseAddress else { return 0 }
      return base.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
        Int(mt_detect_languages($0, Int32(bytes.count), expected, &found, &isReliable))
      }
    }
    var confidences: [String: Double] = [:]
    for language in found.prefix(count) {
      guard let code = language.code.map({ String(cString: $0) }) else { continue }
      let share = Double(min(100, max(0, language.percent))) * (isReliable ? 1 : 0.8)
      confidences[LanguageDetector.base(code)] = max(share, confidences[LanguageDetector.base(code)] ?? 0)
    }
    return languages.enumerated()
      .map { (place: $0, Detection(confidence: confidences[LanguageDetector.base($1)] ?? 0, language: $1)) }
      .sorted { (-$0.1.confidence, $0.place) < (-$1.1.confidence, $1.place) }
      .map(\.1)
  }

  /// The language without script or region, as CLD2 names it.
  private static func base(_ code: String) -> String {
    let base = code.prefix { $0 != "-" && $0 != "_" }.lowercased()
    return ["nb": "no", "nn": "no", "he": "iw", "jv": "jw"][base] ?? base
  }
}
