/// What makes two sentences the same one: letters, marks and digits in lower case, whatever stands between them.
public enum SentenceKey {
  /// "C'est  VRAI !" → "c est vrai". A sentence without letters and digits is its own key.
  public static func key(_ sentence: String) -> String {
    var result = String.UnicodeScalarView()
    var spacePending = false
    for scalar in sentence.unicodeScalars {
      if scalar.isASCII {
        let value = scalar.value
        if (0x61...0x7A).contains(value) || (0x30...0x39).contains(value) {
          if spacePending { result.append(" ") }
          spacePending = false
          result.append(scalar)
        } else if (0x41...0x5A).contains(value), let lower = Unicode.Scalar(value + 0x20) {
          if spacePending { result.append(" ") }
          spacePending = false
          result.append(lower)
        } else {
          spacePending = !result.isEmpty
        }
        continue
      }
      if isKept(scalar) {
        if spacePending { result.append(" ") }
        spacePending = false
        // One by one: appending a view copies the whole.
        for lower in scalar.properties.lowercaseMapping.unicodeScalars { result.append(lower) }
      } else {
        spacePending = !result.isEmpty
      }
    }
    return result.isEmpty ? sentence : String(result)
  }

  private static func isKept(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
      .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber:
      true
    default: false
    }
  }
}

/// 128 bits that stand for a text; the same in every run. Two of a million texts share one with probability below 1e-26.
struct Fingerprint: Hashable, Sendable {
  private var high: UInt64 = 0x6A09_E667_F3BC_C908
  private var low: UInt64 = 0xBB67_AE85_84CA_A73B

  init(_ texts: String...) {
    for text in texts {
      for byte in text.utf8 { add(byte) }
      // No UTF-8 holds this byte: it ends a text.
      add(0xFF)
    }
  }

  private mutating func add(_ byte: UInt8) {
    high = (high ^ UInt64(byte)) &* 0x9E37_79B9_7F4A_7C15
    high ^= high >> 29
    low = (low ^ UInt64(byte)) &* 0xD6E8_FEB8_6659_FD93
    low ^= low >> 31
  }
}
