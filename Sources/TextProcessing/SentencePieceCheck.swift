import Foundation

/// What the library does not check before it uses it: the table of replacements (`precompiled_charsmap`) of a model's
/// normalisers, in which a wrong number leads outside its memory.
///
/// Format: sentencepiece_model.proto; of the table, `CharacterMap`.
enum SentencePieceCheck {
  /// What is wrong with a serialised `ModelProto`; nil where it may be given to the library.
  static func problem(_ model: Data) -> String? {
    var problem: String?
    // normalizer_spec and denormalizer_spec; their precompiled_charsmap. A field may be there more than once.
    forEachField(of: model[...]) { field, specification in
      guard field == 3 || field == 5 else { return }
      forEachField(of: specification) { field, table in
        if field == 2, !table.isEmpty, !isSound(table) { problem = "its table of replacements (precompiled_charsmap) is damaged" }
      }
    }
    return problem
  }

  /// Calls `body` with each field that has a length. Ends where the message does, or is none: that is the library's to say.
  private static func forEachField(of message: Data, _ body: (_ field: UInt64, _ bytes: Data) -> Void) {
    var place = message.startIndex
    func varint() -> UInt64? {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 70, by: 7) {
        guard place < message.endIndex else { return nil }
        let byte = message[place]
        place += 1
        if shift < 64 { value |= UInt64(byte & 0x7F) << shift }
        if byte < 0x80 { return value }
      }
      return nil
    }
    while place < message.endIndex {
      guard let tag = varint() else { return }
      // A tag has 32 bits; a library that cut it down would see another field.
      let field = tag >> 3 & 0x1FFF_FFFF
      switch tag & 7 {
      case 0: if varint() == nil { return }
      case 1: place += 8
      case 2:
        guard let length = varint(), length <= UInt64(message.endIndex - place) else { return }
        let end = place + Int(length)
        body(field, message[place..<end])
        place = end
      case 5: place += 4
      // Groups: their fields follow like others.
      case 3, 4: break
      default: return
      }
    }
  }

  /// Whether no walk through the trie leaves it and every replacement it names is in the text behind it.
  private static func isSound(_ table: Data) -> Bool {
    let bytes = [UInt8](table)
    func unit(_ index: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[index + $1]) << UInt32(8 * $1) }
    }
    guard bytes.count > 8 else { return false }
    let size = Int(unit(0))
    guard size > 0, size % 4 == 0, size < bytes.count - 4, bytes[bytes.count - 1] == 0 else { return false }
    let (count, text) = (size / 4, bytes.count - 4 - size)
    for i in 0..<count {
      let value = unit(4 + 4 * i)
      // Ends of keys lead nowhere, but for the root, whose kind nobody looks at.
      guard value >> 31 == 0 || i == 0 else { continue }
      let start = i ^ (Int(value >> 10) << (Int(value & 0x200) >> 6))
      guard start | 0xFF < count else { return false }
      if value & 0x100 != 0 {
        guard Int(unit(4 + 4 * start) & 0x7FFF_FFFF) < text else { return false }
      }
    }
    return true
  }
}
