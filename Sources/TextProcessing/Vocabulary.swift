import Foundation

/// The pieces of one language, or of both where it is joint, numbered from 0 without a gap:
/// `</s>`, `<unk>`, then with byte fallback `<0x00>` to `<0xFF>`, then characters, then merges in the order they apply.
/// There is no padding and no beginning symbol.
public struct Vocabulary: Sendable {
  public static let endOfSentence: Int32 = 0
  public static let unknown: Int32 = 1
  static let endOfSentencePiece = "</s>"
  static let unknownPiece = "<unk>"
  /// U+2581, the space before a word. It begins pieces and stands nowhere else in them.
  static let spaceMark: Unicode.Scalar = "\u{2581}"

  private let table: ByteStringTable
  /// V
  public var count: Int { table.count }
  /// True where source and target have one vocabulary.
  public let isShared: Bool
  public let hasByteFallback: Bool
  let characterCount: Int

  /// The ids of single characters and of merges; bytes lie below.
  var characters: Range<Int> { firstCharacter..<(firstCharacter + characterCount) }
  var merges: Range<Int> { characters.upperBound..<count }
  private var firstCharacter: Int { hasByteFallback ? 258 : 2 }

  /// - Parameters:
  ///   - characters: one Unicode scalar each, ▁ among them.
  ///   - merges: longer pieces, the first to apply first.
  init(characters: [String], merges: [String], byteFallback: Bool, isShared: Bool) {
    var table = ByteStringTable(minimumCapacity: 258 + characters.count + merges.count)
    _ = table.insert(Self.endOfSentencePiece)
    _ = table.insert(Self.unknownPiece)
    if byteFallback {
      for byte in UInt8.min ... .max { _ = table.insert(Self.bytePiece(byte)) }
    }
    for piece in characters + merges {
      let isNew = table.insert(piece).isNew
      precondition(isNew, "the piece \(piece) appears twice")
    }
    self.table = table
    self.isShared = isShared
    hasByteFallback = byteFallback
    characterCount = characters.count
  }

  /// A vocabulary of SentencePiece's, which alone knows what its pieces are made of: all by id, the two special ones
  /// first.
  init(pieces: [String], isShared: Bool) {
    var table = ByteStringTable(minimumCapacity: pieces.count)
    for piece in pieces {
      let isNew = table.insert(piece).isNew
      precondition(isNew, "the piece \(piece) appears twice")
    }
    self.table = table
    self.isShared = isShared
    hasByteFallback = false
    characterCount = pieces.count - 2
  }

  /// The piece of an id below `count`.
  public func piece(_ id: Int32) -> String {
    precondition(id >= 0 && id < count, "id \(id) in a vocabulary of \(count)")
    return table.string(at: Int(id))
  }

  /// CRC-32 of all pieces in order, a line feed after each: to tell which vocabulary a file of ids is of.
  public var checksum: UInt32 {
    var bytes = Data()
    for id in 0..<count {
      bytes.append(contentsOf: table.bytes(at: id))
      bytes.append(0x0A)
    }
    return Deflate.checksum(bytes)
  }

  /// The id of a piece, compared byte by byte.
  public func id(_ piece: String) -> Int32? { table.find(piece).map(Int32.init) }

  /// Pieces that another vocabulary has too, with their ids here and there; not the special ones.
  public func copies(in other: Vocabulary) -> [(here: Int32, there: Int32)] {
    (0..<Int32(count)).compactMap { id in
      Vocabulary.isSpecial(id) ? nil : other.id(piece(id)).map { (id, $0) }
    }
  }

  /// True for `</s>` and `<unk>`.
  public static func isSpecial(_ id: Int32) -> Bool { id == endOfSentence || id == unknown }

  /// The byte that an id stands for.
  func byte(_ id: Int32) -> UInt8? {
    hasByteFallback && (2..<258).contains(id) ? UInt8(id - 2) : nil
  }

  func byteID(_ byte: UInt8) -> Int32 { Int32(byte) + 2 }

  func bytes(_ id: Int32) -> ArraySlice<UInt8> { table.bytes(at: Int(id)) }

  func find(_ bytes: UnsafeBufferPointer<UInt8>) -> Int32? { table.find(bytes).map(Int32.init) }

  var allPieces: [String] { (0..<count).map { table.string(at: $0) } }
  var characterPieces: [String] { characters.map { table.string(at: $0) } }
  var mergePieces: [String] { merges.map { table.string(at: $0) } }

  // MARK: Forms of pieces

  private static let digits = Array("0123456789ABCDEF".utf8)

  static func bytePiece(_ byte: UInt8) -> String {
    "<0x\(Unicode.Scalar(digits[Int(byte >> 4)]))\(Unicode.Scalar(digits[Int(byte & 15)]))>"
  }

  /// The byte that a piece such as `<0x0A>` stands for.
  static func byte(ofPiece piece: String) -> UInt8? {
    let bytes = Array(piece.utf8)
    guard bytes.count == 6, bytes.starts(with: Array("<0x".utf8)), bytes[5] == UInt8(ascii: ">"),
      let high = digits.firstIndex(of: bytes[3]), let low = digits.firstIndex(of: bytes[4])
    else { return nil }
    return UInt8(high << 4 | low)
  }

  /// True for forms that no learnt piece may have, because they mean something else.
  static func isReserved(_ piece: String) -> Bool {
    piece == endOfSentencePiece || piece == unknownPiece || byte(ofPiece: piece) != nil
  }
}
