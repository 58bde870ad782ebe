/// Subwords by a SentencePiece model for each side, numbered by a vocabulary of its own: a piece is looked up by its
/// text, as in Marian's models, so the models' numbering plays no part.
struct SentencePieceSubwords: Sendable {
  let source: Side
  let target: Side
  /// The token that asks a multilingual model for a target language; it comes before every source.
  let targetCode: Int32?
  /// The token that every target begins with, for models that are made to begin with it; it is no text.
  let targetBegin: Int32?

  /// One language's model with the ids that its pieces have.
  struct Side: Sendable {
    let model: SentencePieceModel
    let vocabulary: Vocabulary
    /// By the model's numbers; −1 for its unknown piece, whose text decides.
    private let ids: [Int32]
    private let hasBytes: Bool

    init(_ model: SentencePieceModel, _ vocabulary: Vocabulary) {
      (self.model, self.vocabulary) = (model, vocabulary)
      ids = (0..<model.count).map { number in
        if model.isUnknown(number) { return -1 }
        if model.isControl(number) { return Vocabulary.unknown }
        return Side.id(model.piece(number), in: vocabulary)
      }
      hasBytes = (0..<model.count).contains(where: model.isByte)
    }

    /// The id of a piece of text; never the end of the sentence, whatever the text says.
    private static func id(_ piece: [UInt8], in vocabulary: Vocabulary) -> Int32 {
      let id = piece.withUnsafeBufferPointer { vocabulary.find($0) } ?? Vocabulary.unknown
      return Vocabulary.isSpecial(id) ? Vocabulary.unknown : id
    }

    func encode(_ line: UnsafeBufferPointer<UInt8>) -> [Int32] {
      model.encode(line).map { piece in
        let id = ids[Int(piece.id)]
        return id >= 0 ? id : Side.id(piece.unknown, in: vocabulary)
      }
    }

    /// The line as the model sees it: what its pieces spell.
    func normalize(_ line: UnsafeBufferPointer<UInt8>) -> String {
      var bytes: [UInt8] = []
      for piece in model.encode(line) {
        append(piece.unknown.isEmpty ? model.piece(Int(piece.id)) : piece.unknown, to: &bytes)
      }
      return WordForms.text(ofBytes: bytes)
    }

    func decode(_ ids: [Int32]) -> String {
      var bytes: [UInt8] = []
      for id in ids where !Vocabulary.isSpecial(id) {
        precondition(id >= 0 && id < vocabulary.count, "id \(id) in a vocabulary of \(vocabulary.count)")
        append(Array(vocabulary.bytes(id)), to: &bytes)
      }
      return WordForms.text(ofBytes: bytes)
    }

    func text(ofPieces pieces: [String]) -> String {
      var bytes: [UInt8] = []
      for piece in pieces where piece != Vocabulary.endOfSentencePiece && piece != Vocabulary.unknownPiece {
        append(Array(piece.utf8), to: &bytes)
      }
      return WordForms.text(ofBytes: bytes)
    }

    /// Appends a piece's text, every ▁ as a space, a byte piece as its byte.
    private func append(_ piece: [UInt8], to bytes: inout [UInt8]) {
      if hasBytes, piece.count == 6, let byte = Vocabulary.byte(ofPiece: String(decoding: piece, as: UTF8.self)) {
        bytes.append(byte)
        return
      }
      var at = 0
      while at < piece.count {
        if piece[at] == 0xE2, piece[at...].starts(with: [0xE2, 0x96, 0x81]) {
          bytes.append(0x20)
          at += 3
        } else {
          bytes.append(piece[at])
          at += 1
        }
      }
    }
  }

  func encodeSource(_ line: UnsafeBufferPointer<UInt8>) -> [Int32] {
    let ids = source.encode(line)
    guard let targetCode, !ids.isEmpty else { return ids }
    return [targetCode] + ids
  }

  func encodeTarget(_ line: UnsafeBufferPointer<UInt8>) -> [Int32] {
    let ids = target.encode(line)
    return targetBegin.map { [$0] + ids } ?? ids
  }

  func decodeTarget(_ ids: [Int32]) -> String {
    target.decode(targetBegin != nil && ids.first == targetBegin ? Array(ids.dropFirst()) : ids)
  }
}
