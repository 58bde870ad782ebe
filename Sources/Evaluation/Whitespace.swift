// Whitespace as Python's `str.split` and `str.rstrip` see it, on UTF-8: ASCII 9–13, 28–31 and 32, and
// U+0085, 00A0, 1680, 2000–200A, 2028, 2029, 202F, 205F, 3000.

/// Length in bytes of the whitespace character at `position`, 0 if there is none.
@inline(__always)
func whitespaceLength(_ text: UnsafeBufferPointer<UInt8>, at position: Int) -> Int {
  let byte = text[position]
  if byte < 0x80 { return isASCIIWhitespace(byte) ? 1 : 0 }
  return wideWhitespaceLength(text, at: position)
}

@inline(__always)
func isASCIIWhitespace(_ byte: UInt8) -> Bool {
  byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) || (byte >= 0x1C && byte <= 0x1F)
}

private func wideWhitespaceLength(_ text: UnsafeBufferPointer<UInt8>, at position: Int) -> Int {
  let left = text.count - position
  switch text[position] {
  case 0xC2:
    guard left >= 2 else { return 0 }
    return text[position + 1] == 0x85 || text[position + 1] == 0xA0 ? 2 : 0
  case 0xE1:
    guard left >= 3 else { return 0 }
    return text[position + 1] == 0x9A && text[position + 2] == 0x80 ? 3 : 0
  case 0xE2:
    guard left >= 3 else { return 0 }
    let last = text[position + 2]
    if text[position + 1] == 0x80 {
      return last <= 0x8A || last == 0xA8 || last == 0xA9 || last == 0xAF ? 3 : 0
    }
    return text[position + 1] == 0x81 && last == 0x9F ? 3 : 0
  case 0xE3:
    guard left >= 3 else { return 0 }
    return text[position + 1] == 0x80 && text[position + 2] == 0x80 ? 3 : 0
  default:
    return 0
  }
}

/// Whether the scalar is whitespace.
@inline(__always)
func isWhitespace(_ scalar: UInt32) -> Bool {
  if scalar < 0x80 { return isASCIIWhitespace(UInt8(scalar)) }
  switch scalar {
  case 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: return true
  default: return false
  }
}

/// Calls `body` with the bounds of each run of bytes between whitespace.
@inline(__always)
func forEachWord(in text: UnsafeBufferPointer<UInt8>, _ body: (_ start: Int, _ end: Int) -> Void) {
  var position = 0
  var start = -1
  while position < text.count {
    let length = whitespaceLength(text, at: position)
    if length == 0 {
      if start < 0 { start = position }
      position += 1
    } else {
      if start >= 0 { body(start, position) }
      start = -1
      position += length
    }
  }
  if start >= 0 { body(start, text.count) }
}

/// The text without whitespace at its right end.
func strippedRight(_ text: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
  var end = text.count
  while end > 0 {
    // The last character starts at most three bytes before the end.
    var start = end - 1
    while start > 0 && text[start] & 0xC0 == 0x80 { start -= 1 }
    let length = whitespaceLength(UnsafeBufferPointer(rebasing: text[..<end]), at: start)
    guard length > 0 && start + length == end else { break }
    end = start
  }
  return UnsafeBufferPointer(rebasing: text[..<end])
}

/// The text without whitespace at its left end.
func strippedLeft(_ text: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
  var start = 0
  while start < text.count {
    let length = whitespaceLength(text, at: start)
    guard length > 0 else { break }
    start += length
  }
  return UnsafeBufferPointer(rebasing: text[start...])
}
