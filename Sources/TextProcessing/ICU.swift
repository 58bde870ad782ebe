import CICU

// The one file that imports ICU.

/// Unicode normal forms (UAX #15).
public enum NormalForm: String, CaseIterable, Codable, Sendable {
  case nfc
  case nfkc
  case none
}

enum ICU {
  /// The text in the given form. Linear time.
  static func normalize(_ text: [UInt16], to form: NormalForm) throws(TextError) -> [UInt16] {
    if form == .none { return text }
    return try growing("unorm2_normalize", from: text) { input, output, status in
      mt_icu_normalize(
        form == .nfkc, input.baseAddress, Int32(input.count), output.baseAddress, Int32(output.count), &status)
    }
  }

  /// Lower case by the root locale's rules (final sigma by context).
  static func lowercase(_ text: [UInt16]) throws(TextError) -> [UInt16] {
    try growing("u_strToLower", from: text) { input, output, status in
      mt_icu_lowercase(input.baseAddress, Int32(input.count), output.baseAddress, Int32(output.count), &status)
    }
  }

  /// True where a text of such scalars alone is already in the form.
  static func isPlain(_ scalar: UInt32, in form: NormalForm) -> Bool {
    form == .none || mt_icu_is_plain(Int32(scalar), form == .nfkc)
  }

  /// The number of the scalar's script (property Script; 0 Common, 1 Inherited).
  static func script(of scalar: UInt32) -> Int32 { mt_icu_script(Int32(scalar)) }

  /// ISO 15924 code: "Latn".
  static func scriptName(_ script: Int32) -> String {
    guard let name = mt_icu_script_name(script) else { return "Zzzz" }
    return String(cString: name)
  }

  /// The decimal and the grouping separator of a locale; nil where a symbol is not one character.
  static func numberSeparators(_ locale: String) -> (decimal: Unicode.Scalar?, grouping: Unicode.Scalar?) {
    var (decimal, grouping, status) = (UInt16(0), UInt16(0), mt_icu_status(0))
    mt_icu_number_separators(locale, &decimal, &grouping, &status)
    guard status <= 0 else { return (nil, nil) }
    return (decimal == 0 ? nil : Unicode.Scalar(decimal), grouping == 0 ? nil : Unicode.Scalar(grouping))
  }

  /// 0, 1, … as a locale spells them; empty where it cannot.
  static func spelledNumbers(_ locale: String, count: Int) -> [String] {
    var status = mt_icu_status(0)
    let units = [UInt16](unsafeUninitializedCapacity: 64 * count) { buffer, written in
      let length = mt_icu_spell_numbers(locale, Int32(count), buffer.baseAddress, Int32(buffer.count), &status)
      written = status <= 0 ? Int(length) : 0
    }
    return String(decoding: units, as: UTF16.self).split(separator: "\n").map(String.init)
  }

  static func failure(_ function: String, _ status: mt_icu_status) -> TextError {
    .icu(function: function, status: mt_icu_error_name(status).map { String(cString: $0) } ?? "\(status)")
  }

  /// Calls a function that says how much room its result needs: once with some, again where that was too little.
  private static func growing(
    _ function: String, from text: [UInt16],
    _ call: (UnsafeBufferPointer<UInt16>, UnsafeMutableBufferPointer<UInt16>, inout mt_icu_status) -> Int32
  ) throws(TextError) -> [UInt16] {
    // ICU counts in 32 bits; NFKC makes at most 18 units of one.
    guard text.count < Int(Int32.max) / 18 else {
      throw TextError.tooLong(units: text.count, limit: Int(Int32.max) / 18)
    }
    var capacity = text.count + text.count / 8 + 16
    while true {
      var status = mt_icu_status(0)
      var needed: Int32 = 0
      let result = [UInt16](unsafeUninitializedCapacity: capacity) { output, count in
        needed = text.withUnsafeBufferPointer { call($0, output, &status) }
        count = min(Int(needed), capacity)
      }
      if status == mt_icu_status(MT_ICU_BUFFER_OVERFLOW) {
        capacity = Int(needed) + 1
        continue
      }
      guard status <= 0 else { throw failure(function, status) }
      return result
    }
  }
}

/// ICU's word or sentence boundaries over UTF-8. One thread at a time.
final class BreakIterator {
  enum Kind { case word, sentence }

  /// What ICU says of the text before a boundary.
  enum Status {
    case other, number, letter, ideograph
  }

  private let breaks: OpaquePointer
  private var text: OpaquePointer?

  init(_ kind: Kind) throws(TextError) {
    var status = mt_icu_status(0)
    let opened = kind == .word ? mt_icu_open_words(&status) : mt_icu_open_sentences(&status)
    guard let opened, status <= 0 else { throw ICU.failure("ubrk_open", status) }
    breaks = opened
  }

  deinit {
    mt_icu_close_breaks(breaks)
    if let text { mt_icu_close_text(text) }
  }

  /// Calls `body` with the end of every segment, in order; the last is `bytes.count`. Linear time.
  func forEachBoundary(in bytes: UnsafeBufferPointer<UInt8>, _ body: (_ end: Int, _ status: Status) -> Void) {
    guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
    precondition(bytes.count < Int32.max, "a text of \(bytes.count) bytes, at most \(Int32.max - 1)")
    base.withMemoryRebound(to: CChar.self, capacity: bytes.count) { characters in
      var status = mt_icu_status(0)
      text = mt_icu_open_utf8(text, characters, Int64(bytes.count), &status)
      precondition(status <= 0, "utext_openUTF8 failed with \(status)")
      mt_icu_set_text(breaks, text, &status)
      precondition(status <= 0, "ubrk_setUText failed with \(status)")
      while true {
        let end = mt_icu_next_break(breaks)
        if end < 0 { break }
        let tag = mt_icu_break_status(breaks)
        let kind: Status =
          switch tag {
          case 100..<200: .number
          case 200..<300: .letter
          case 300..<500: .ideograph
          default: .other
          }
        body(Int(end), kind)
      }
    }
  }
}
