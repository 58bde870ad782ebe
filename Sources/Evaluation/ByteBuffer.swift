/// A growable run of bytes that is reused from segment to segment, so that scoring does not allocate.
final class ByteBuffer {
  private(set) var base: UnsafeMutablePointer<UInt8>
  private(set) var capacity: Int
  var count = 0

  init(capacity: Int = 1024) {
    self.capacity = capacity
    base = .allocate(capacity: capacity)
  }

  deinit { base.deallocate() }

  var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

  /// Makes room for `size` bytes in all; keeps what is there.
  func reserve(_ size: Int) {
    guard size > capacity else { return }
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: size * 2)
    larger.update(from: base, count: count)
    base.deallocate()
    base = larger
    capacity = size * 2
  }

  /// Appends without a check: the caller has reserved.
  @inline(__always)
  func put(_ byte: UInt8) {
    base[count] = byte
    count += 1
  }

  func append(_ text: UnsafeBufferPointer<UInt8>) {
    reserve(count + text.count)
    guard let start = text.baseAddress else { return }
    (base + count).update(from: start, count: text.count)
    count += text.count
  }

  /// Appends one Unicode scalar; the caller has reserved four bytes.
  @inline(__always)
  func putScalar(_ scalar: UInt32) {
    if scalar < 0x80 {
      put(UInt8(scalar))
    } else if scalar < 0x800 {
      put(UInt8(0xC0 | scalar >> 6))
      put(UInt8(0x80 | scalar & 0x3F))
    } else if scalar < 0x10000 {
      put(UInt8(0xE0 | scalar >> 12))
      put(UInt8(0x80 | scalar >> 6 & 0x3F))
      put(UInt8(0x80 | scalar & 0x3F))
    } else {
      put(UInt8(0xF0 | scalar >> 18))
      put(UInt8(0x80 | scalar >> 12 & 0x3F))
      put(UInt8(0x80 | scalar >> 6 & 0x3F))
      put(UInt8(0x80 | scalar & 0x3F))
    }
  }

  /// Replaces every occurrence of `pattern`, left to right without overlap.
  func replace(_ pattern: StaticString, with replacement: StaticString) {
    let wanted = UnsafeBufferPointer(start: pattern.utf8Start, count: pattern.utf8CodeUnitCount)
    precondition(replacement.utf8CodeUnitCount <= wanted.count, "replacement is longer than \(pattern)")
    var read = 0, written = 0
    while read < count {
      var matched = read + wanted.count <= count
      var offset = 0
      while matched && offset < wanted.count {
        matched = base[read + offset] == wanted[offset]
        offset += 1
      }
      if matched {
        for position in 0..<replacement.utf8CodeUnitCount {
          base[written] = replacement.utf8Start[position]
          written += 1
        }
        read += wanted.count
      } else {
        base[written] = base[read]
        written += 1
        read += 1
      }
    }
    count = written
  }
}

/// Decodes the scalar that starts at `position` of valid UTF-8 and moves past it.
@inline(__always)
func decodeScalar(_ text: UnsafeBufferPointer<UInt8>, _ position: inout Int) -> UInt32 {
  let first = UInt32(text[position])
  if first < 0x80 {
    position += 1
    return first
  }
  let length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
  guard position + length <= text.count else {  // only bytes that are no UTF-8 get here
    position += 1
    return 0xFFFD
  }
  var scalar = first & (0x7F >> UInt32(length))
  for offset in 1..<length { scalar = scalar << 6 | UInt32(text[position + offset]) & 0x3F }
  position += length
  return scalar
}
