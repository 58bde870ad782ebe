/// Lower-cases UTF-8 as Python's `str.lower` does: full mappings and the final sigma.
///
/// The mappings follow the Unicode version of the Swift library; Python's may be older, which shows only in
/// letters that were encoded in between.
struct Lowercaser {
  /// Writes the lower-cased text to `output`, which is emptied first.
  func lowercase(_ text: UnsafeBufferPointer<UInt8>, into output: ByteBuffer) {
    output.count = 0
    output.reserve(text.count * 3 + 16)
    var position = 0
    while position < text.count {
      let byte = text[position]
      if byte < 0x80 {
        output.put(byte &- 0x41 < 26 ? byte | 0x20 : byte)
        position += 1
        continue
      }
      let start = position
      let scalar = decodeScalar(text, &position)
      if scalar == Self.capitalSigma {
        output.putScalar(isFinalSigma(text, start, position) ? 0x3C2 : 0x3C3)
      } else if scalar < UInt32(Self.table.count), Self.table[Int(scalar)] != 0 {
        output.putScalar(Self.table[Int(scalar)])
      } else {
        output.reserve(output.count + 64 + (text.count - position) * 3)
        for lower in Self.mapping(scalar) { output.putScalar(lower) }
      }
    }
  }

  private static let capitalSigma: UInt32 = 0x3A3

  /// One-to-one mappings of the scripts that have case and are common, [scalar]; 0 where the mapping is longer.
  private static let table: [UInt32] = (0..<0x2C00).map { scalar in
    let lower = mapping(UInt32(scalar))
    return lower.count == 1 ? lower[0] : 0
  }

  private static func mapping(_ scalar: UInt32) -> [UInt32] {
    guard let value = Unicode.Scalar(scalar) else { return [scalar] }
    return value.properties.lowercaseMapping.unicodeScalars.map(\.value)
  }

  /// A capital sigma ends a word if a cased letter precedes it and none follows, case-ignorable marks aside.
  private func isFinalSigma(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
    var before = start
    var precededByCased = false
    while before > 0 {
      before -= 1
      while before > 0 && text[before] & 0xC0 == 0x80 { before -= 1 }
      var position = before
      let properties = Unicode.Scalar(decodeScalar(text, &position))?.properties
      if properties?.isCaseIgnorable == true { continue }
      precededByCased = properties?.isCased == true
      break
    }
    guard precededByCased else { return false }
    var after = end
    while after < text.count {
      let properties = Unicode.Scalar(decodeScalar(text, &after))?.properties
      if properties?.isCaseIgnorable == true { continue }
      return properties?.isCased != true
    }
    return true
  }
}
