/// mteval-v13a's tokenization: unescapes four entities, then four substitutions over ASCII marks.
struct Tokenizer13a: Tokenizer {
  private let input = ByteBuffer()
  private let rules = WesternRules()

  func tokenize(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer) {
    input.count = 0
    input.reserve(text.count + 2)
    input.put(0x20)
    input.append(text)
    var hasBracket = false, hasNewline = false, hasAmpersand = false
    for byte in text {
      hasBracket = hasBracket || byte == 0x3C
      hasNewline = hasNewline || byte == 0x0A
      hasAmpersand = hasAmpersand || byte == 0x26
    }
    if hasBracket { input.replace("<skipped>", with: "") }
    if hasNewline {
      input.replace("-\n", with: "")
      input.replace("\n", with: " ")
    }
    if hasAmpersand {
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

/// The four substitutions that 13a and zh share, in one pass over the bytes.
///
/// As defined each is a pass of its own from left to right, in which a match consumes both of its characters, so
/// runs of marks are split only as far as such a pass splits them:
/// 1. all ASCII marks but `'` `,` `-` `.` get a space on each side;
/// 2. a non-digit and a `.` or `,`: spaces around the mark;
/// 3. a `.` or `,` and a non-digit: spaces around the mark;
/// 4. a digit and a `-`: spaces around the hyphen.
///
/// Here every character goes through four stages that remember what their pass has consumed. The rules look at ASCII
/// characters and their neighbours; a neighbour that is not ASCII is no digit, so bytes may stand for characters.
/// The first pass would also put spaces around spaces, which no later pass can tell from one space.
struct WesternRules {
  /// - Parameter splitsPossessives: after the first pass also puts a space before each `'s `, as Tercom does.
  func apply(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer, splitsPossessives: Bool = false) {
    // No byte becomes more than ten: a mark of rule 1 three, a stop five, a hyphen three.
    output.count = 0
    output.reserve(text.count * 10 + 16)
    var stages = Stages(output: output.base)
    for position in text.indices {
      let byte = text[position]
      if Self.isIsolated(byte) {
        stages.afterFirst(0x20)
        if byte != 0x20 {
          stages.afterFirst(byte)
          stages.afterFirst(0x20)
        }
      } else {
        if splitsPossessives, byte == 0x27, position + 2 < text.count, text[position + 1] == 0x73,
          Self.isIsolated(text[position + 2])
        {
          stages.afterFirst(0x20)
        }
        stages.afterFirst(byte)
      }
    }
    stages.finish()
    output.count = stages.written
  }

  /// What the second, third and fourth pass know about the characters before.
  private struct Stages {
    let output: UnsafeMutablePointer<UInt8>
    var written = 0
    /// Second pass: the last character is no digit and not consumed.
    private var followsNonDigit = false
    /// Third pass: a stop or comma that waits for its neighbour, 0 if none.
    private var waiting: UInt8 = 0
    /// Fourth pass: the last character is a digit.
    private var followsDigit = false

    init(output: UnsafeMutablePointer<UInt8>) {
      self.output = output
    }

    @inline(__always)
    mutating func afterFirst(_ byte: UInt8) {
      if followsNonDigit && WesternRules.isStopOrComma(byte) {
        afterSecond(0x20)
        afterSecond(byte)
        afterSecond(0x20)
        followsNonDigit = false
      } else {
        afterSecond(byte)
        followsNonDigit = !WesternRules.isDigit(byte)
      }
    }

    @inline(__always)
    private mutating func afterSecond(_ byte: UInt8) {
      if waiting == 0 {
        if WesternRules.isStopOrComma(byte) { waiting = byte } else { afterThird(byte) }
        return
      }
      let mark = waiting
      waiting = 0
      if WesternRules.isDigit(byte) {
        afterThird(mark)
      } else {
        afterThird(0x20)
        afterThird(mark)
        afterThird(0x20)
      }
      afterThird(byte)
    }

    @inline(__always)
    private mutating func afterThird(_ byte: UInt8) {
      if followsDigit && byte == 0x2D {
        put(0x20)
        put(byte)
        put(0x20)
      } else {
        put(byte)
      }
      followsDigit = WesternRules.isDigit(byte)
    }

    @inline(__always)
    private mutating func put(_ byte: UInt8) {
      output[written] = byte
      written &+= 1
    }

    mutating func finish() {
      if waiting != 0 { afterThird(waiting) }
      waiting = 0
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
