/// mteval-v13a's tokenization: unescapes four entities, then four substitutions over ASCII marks.
struct Tokenizer13a: Tokenizer {
  private let input = ByteBuffer()
  private let rules = WesternRules()

  func tokenize(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer) {
    input.count = 0
    input.reserve(text.count + 2)
    input.put(0x20)
    input.append(text)
    if input.bytes.contains(0x3C) { input.replace("<skipped>", with: "") }
    if input.bytes.contains(0x0A) {
      input.replace("-\n", with: "")
      input.replace("\n", with: " ")
    }
    if input.bytes.contains(0x26) {
      // In this order, so that `&amp;lt;` ends as `<`.
      input.replace("&quot;", with: "\"")
      input.replace("&amp;", with: "&")
      input.replace("&lt;", with: "<")
      input.replace("&gt;", with: ">")
    }
    input.reserve(input.count + 1)
    input.put(0x20)
    rules.apply(input.bytes, into: output)
  }
}

/// The four substitutions that 13a and zh share. Each is one pass from left to right in which a match consumes
/// both of its characters, so runs of marks are split only as far as such a pass splits them.
///
/// The rules look at ASCII characters and their neighbours. A neighbour is never a digit if it is not ASCII, so
/// bytes may stand for characters.
struct WesternRules {
  private let first = ByteBuffer()
  private let second = ByteBuffer()

  /// - Parameter splitsPossessives: after the first pass also puts a space before each `'s `, as Tercom does.
  func apply(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer, splitsPossessives: Bool = false) {
    let hasStopOrComma = Self.isolateMarks(text, into: first)
    if splitsPossessives {
      Self.splitPossessives(first.bytes, into: second)
      first.count = 0
      first.append(second.bytes)
    }
    if hasStopOrComma {
      Self.splitStopsAfterNonDigit(first.bytes, into: second)
      Self.splitStopsBeforeNonDigit(second.bytes, into: first)
    }
    Self.splitHyphenAfterDigit(first.bytes, into: output)
  }

  /// All ASCII marks but `'` `,` `-` `.`, and the space, get a space on each side.
  /// - Returns: whether there is a `.` or `,`, without which the next two rules do nothing.
  private static func isolateMarks(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer) -> Bool {
    output.count = 0
    output.reserve(text.count * 3)
    var hasStopOrComma = false
    for byte in text {
      if isIsolated(byte) {
        output.put(0x20)
        output.put(byte)
        output.put(0x20)
      } else {
        hasStopOrComma = hasStopOrComma || isStopOrComma(byte)
        output.put(byte)
      }
    }
    return hasStopOrComma
  }

  private static func splitPossessives(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer) {
    output.count = 0
    output.reserve(text.count * 2)
    for position in text.indices {
      if text[position] == 0x27, position + 2 < text.count, text[position + 1] == 0x73, text[position + 2] == 0x20 {
        output.put(0x20)
      }
      output.put(text[position])
    }
  }

  private static func splitStopsAfterNonDigit(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer) {
    output.count = 0
    output.reserve(text.count * 2 + 2)
    var position = 0
    while position < text.count {
      output.put(text[position])
      if position + 1 < text.count && !isDigit(text[position]) && isStopOrComma(text[position + 1]) {
        output.put(0x20)
        output.put(text[position + 1])
        output.put(0x20)
        position += 1
      }
      position += 1
    }
  }

  private static func splitStopsBeforeNonDigit(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer) {
    output.count = 0
    output.reserve(text.count * 2 + 2)
    var position = 0
    while position < text.count {
      if position + 1 < text.count && isStopOrComma(text[position]) && !isDigit(text[position + 1]) {
        output.put(0x20)
        output.put(text[position])
        output.put(0x20)
        position += 1
      }
      output.put(text[position])
      position += 1
    }
  }

  private static func splitHyphenAfterDigit(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer) {
    output.count = 0
    output.reserve(text.count * 2 + 2)
    var position = 0
    while position < text.count {
      output.put(text[position])
      if position + 1 < text.count && isDigit(text[position]) && text[position + 1] == 0x2D {
        output.put(0x20)
        output.put(0x2D)
        output.put(0x20)
        position += 1
      }
      position += 1
    }
  }

  @inline(__always)
  private static func isIsolated(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x20...0x26, 0x28...0x2B, 0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
    default: false
    }
  }

  @inline(__always)
  private static func isStopOrComma(_ byte: UInt8) -> Bool { byte == 0x2E || byte == 0x2C }

  @inline(__always)
  private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
}
