import Foundation

extension TextPipeline {
  /// What keeps SentencePiece from cutting as this pipeline does, and the training option that would not; nil where it
  /// can, so that `sentencePieceModels` may be called.
  public var sentencePieceObstacle: String? {
    guard case .bytePairs = subwords else { return nil }
    if configuration.tokenizer == .icu {
      return "tokenizer: icu finds words by rules that SentencePiece does not have; train with tokenizer: marks"
    }
    if !configuration.byteFallback {
      return "byte_fallback: false makes an unknown word of each character; train with byte_fallback: true"
    }
    if configuration.lowercase { return "lowercase: true depends on neighbouring characters; train with lowercase: false" }
    if configuration.normalForm == .nfkc {
      return "normal_form: nfkc is larger than the table that is written; train with normal_form: nfc"
    }
    return nil
  }

  /// The contents of the two `.spm` files. Pieces have the same ids as here. They give the same ids as this pipeline for
  /// every line that does not hold U+2581 itself, whose characters above U+3000 are in the normal form, and whose marks are
  /// in the canonical order: two marks of Hebrew or Arabic are put into it, more of them, and those of other scripts, are not.
  public func sentencePieceModels() -> (source: Data, target: Data) {
    switch subwords {
    case .sentencePiece(let subwords): return (subwords.source.model.serialized, subwords.target.model.serialized)
    case .bytePairs:
      precondition(sentencePieceObstacle == nil, sentencePieceObstacle ?? "")
      let map = CharacterMap(Normalizer(configuration)).serialized
      let source = Self.sentencePieceModel(sourceVocabulary, map, splitDigits: configuration.splitDigits)
      guard !targetVocabulary.isShared else { return (source, source) }
      return (source, Self.sentencePieceModel(targetVocabulary, map, splitDigits: configuration.splitDigits))
    }
  }

  /// A `ModelProto` (sentencepiece_model.proto) of type BPE, whose scores are the order in which pieces merge.
  private static func sentencePieceModel(_ vocabulary: Vocabulary, _ map: [UInt8], splitDigits: Bool) -> Data {
    var model = ProtobufWriter()
    for id in 0..<Int32(vocabulary.count) {
      var piece = ProtobufWriter()
      piece.add(1, vocabulary.bytes(id))
      piece.add(2, -Float(id))
      // UNKNOWN 2, CONTROL 3, BYTE 6, NORMAL 1.
      let type = id == Vocabulary.unknown ? 2 : id == Vocabulary.endOfSentence ? 3 : vocabulary.byte(id) != nil ? 6 : 1
      piece.add(3, type)
      model.add(1, piece.bytes)
    }
    var trainer = ProtobufWriter()
    trainer.add(3, 2)
    trainer.add(4, vocabulary.count)
    trainer.add(25, splitDigits ? 1 : 0)
    trainer.add(35, vocabulary.hasByteFallback ? 1 : 0)
    for (field, id) in [(40, Int(Vocabulary.unknown)), (41, -1), (42, Int(Vocabulary.endOfSentence)), (43, -1)] {
      trainer.add(field, id)
    }
    trainer.add(45, Vocabulary.unknownPiece.utf8)
    trainer.add(47, Vocabulary.endOfSentencePiece.utf8)
    model.add(2, trainer.bytes)
    var normalizer = ProtobufWriter()
    normalizer.add(1, "mt".utf8)
    normalizer.add(2, map)
    for field in [3, 4, 5] { normalizer.add(field, 1) }
    model.add(3, normalizer.bytes)
    return Data(model.bytes)
  }
}

/// `ModelProto` of type WORD.
enum SentencePieceWords {
  static func model(_ words: [String]) -> Data {
    var model = ProtobufWriter()
    let special = [(Vocabulary.endOfSentencePiece, 3), (Vocabulary.unknownPiece, 2)]
    for (text, type) in special + words.map({ ("\(Vocabulary.spaceMark)\($0)", 1) }) {
      var piece = ProtobufWriter()
      piece.add(1, text.utf8)
      piece.add(2, Float(0))
      piece.add(3, type)
      model.add(1, piece.bytes)
    }
    var trainer = ProtobufWriter()
    trainer.add(3, 3)
    trainer.add(4, words.count + special.count)
    for (field, id) in [(40, 1), (41, -1), (42, 0), (43, -1)] { trainer.add(field, id) }
    trainer.add(45, Vocabulary.unknownPiece.utf8)
    trainer.add(47, Vocabulary.endOfSentencePiece.utf8)
    model.add(2, trainer.bytes)
    var normalizer = ProtobufWriter()
    normalizer.add(1, "identity".utf8)
    for field in [3, 4, 5] { normalizer.add(field, 1) }
    model.add(3, normalizer.bytes)
    return Data(model.bytes)
  }
}

/// The three kinds of protobuf fields that SentencePiece's models have.
struct ProtobufWriter {
  private(set) var bytes: [UInt8] = []

  private mutating func add(varint value: UInt64) {
    var value = value
    while value >= 0x80 {
      bytes.append(UInt8(value & 0x7F) | 0x80)
      value >>= 7
    }
    bytes.append(UInt8(value))
  }

  /// A whole number, below zero in two's complement of 64 bits.
  mutating func add(_ field: Int, _ value: Int) {
    add(varint: UInt64(field) << 3)
    add(varint: UInt64(bitPattern: Int64(value)))
  }

  mutating func add(_ field: Int, _ value: Float) {
    add(varint: UInt64(field) << 3 | 5)
    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// Text, bytes or a message.
  mutating func add(_ field: Int, _ value: some Collection<UInt8>) {
    add(varint: UInt64(field) << 3 | 2)
    add(varint: UInt64(value.count))
    bytes.append(contentsOf: value)
  }
}
