/// Words on paper: how tokens and pieces are written so that every text comes back.
enum WordForms {
  /// U+FFED, before a token that no space precedes. In the text itself it is written twice.
  static let joiner: Unicode.Scalar = "\u{FFED}"

  static func token(_ word: String, afterSpace: Bool) -> String {
    guard !afterSpace || word.unicodeScalars.contains(joiner) else { return word }
    var result = String.UnicodeScalarView()
    if !afterSpace { result.append(joiner) }
    for scalar in word.unicodeScalars {
      result.append(scalar)
      if scalar == joiner { result.append(scalar) }
    }
    return String(result)
  }

  /// The text of tokens. An odd number of joiners at a token's beginning holds one that joins.
  static func text(ofTokens tokens: [String]) -> String {
    var result = String.UnicodeScalarView()
    for token in tokens where !token.isEmpty {
      var scalars = token.unicodeScalars[...]
      let leading = scalars.prefix { $0 == joiner }.count
      if leading % 2 == 1 {
        scalars.removeFirst()
      } else if !result.isEmpty {
        result.append(" ")
      }
      var pending = false
      for scalar in scalars {
        if scalar == joiner, !pending {
          pending = true
          continue
        }
        // One alone, which this program never writes, stands for itself.
        if pending, scalar != joiner { result.append(joiner) }
        result.append(scalar)
        pending = false
      }
      if pending { result.append(joiner) }
    }
    return String(result)
  }

  /// Appends a piece's text, ▁ as a space.
  static func append(piece: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
    if piece.count >= 3, piece.starts(with: [0xE2, 0x96, 0x81]) {
      bytes.append(0x20)
      bytes.append(contentsOf: piece.dropFirst(3))
    } else {
      bytes.append(contentsOf: piece)
    }
  }

  /// The text of bytes put together from pieces: line breaks and the like become spaces, runs of spaces one, none at an
  /// end; what is not UTF-8 becomes U+FFFD. Normalised text has nothing of all this and comes through unchanged.
  static func text(ofBytes bytes: [UInt8]) -> String {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var spacePending = false
    var at = 0
    while at < bytes.count {
      var width = 0
      switch bytes[at] {
      case 0x20, 0x09...0x0D, 0x1C...0x1F: width = 1
      case 0xC2 where at + 1 < bytes.count && bytes[at + 1] == 0x85: width = 2
      case 0xE2 where at + 2 < bytes.count && bytes[at + 1] == 0x80 && (0xA8...0xA9).contains(bytes[at + 2]): width = 3
      default: break
      }
      if width > 0 {
        spacePending = !result.isEmpty
        at += width
        continue
      }
      if spacePending { result.append(0x20) }
      spacePending = false
      result.append(bytes[at])
      at += 1
    }
    return String(decoding: result, as: UTF8.self)
  }
}
