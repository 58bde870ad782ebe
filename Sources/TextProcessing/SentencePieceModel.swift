import CSentencePiece
import Foundation

/// A model of the SentencePiece library (Kudo & Richardson 2018), unigram or BPE, with its normaliser. Immutable: any
/// number of threads may encode with it at once.
final class SentencePieceModel: @unchecked Sendable {
  /// The file's bytes, a protobuf `ModelProto`.
  let serialized: Data
  let count: Int
  private let model: OpaquePointer

  struct Piece {
    var id: Int32
    /// The normalised text, only where the model has no piece for it.
    var unknown: [UInt8] = []
  }

  /// Throws `TextError.file`; `path` is for the message.
  init(_ serialized: Data, path: String) throws(TextError) {
    var message = [CChar](repeating: 0, count: 512)
    let loaded = serialized.withUnsafeBytes {
      mt_sentencepiece_load($0.baseAddress, Int64($0.count), &message, Int64(message.count))
    }
    guard let loaded else {
      let reason = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw .file(path: path, problem: "is not a SentencePiece model: \(reason)")
    }
    self.serialized = serialized
    model = loaded
    count = Int(mt_sentencepiece_count(loaded))
  }

  deinit { mt_sentencepiece_free(model) }

  /// The bytes of a piece.
  func piece(_ id: Int) -> [UInt8] {
    precondition(id >= 0 && id < count, "piece \(id) of \(count)")
    var length: Int64 = 0
    guard let bytes = mt_sentencepiece_piece(model, Int32(id), &length) else { return [] }
    return UnsafeRawBufferPointer(start: bytes, count: Int(length)).map { $0 }
  }

  func isUnknown(_ id: Int) -> Bool { mt_sentencepiece_is_unknown(model, Int32(id)) }
  func isControl(_ id: Int) -> Bool { mt_sentencepiece_is_control(model, Int32(id)) }
  func isByte(_ id: Int) -> Bool { mt_sentencepiece_is_byte(model, Int32(id)) }

  /// The pieces of a line in order. Empty where the library refuses the line.
  func encode(_ line: UnsafeBufferPointer<UInt8>) -> [Piece] {
    var collector = Collector(model: model)
    let succeeded = line.withMemoryRebound(to: CChar.self) { text in
      withUnsafeMutablePointer(to: &collector) { collector in
        mt_sentencepiece_encode(model, text.baseAddress, Int64(text.count), collector) { context, id, bytes, length in
          context?.assumingMemoryBound(to: Collector.self).pointee.add(id, UnsafeRawBufferPointer(start: bytes, count: Int(length)))
        }
      }
    }
    return succeeded ? collector.pieces : []
  }

  private struct Collector {
    let model: OpaquePointer
    var pieces: [Piece] = []

    mutating func add(_ id: Int32, _ bytes: UnsafeRawBufferPointer) {
      pieces.append(Piece(id: id, unknown: mt_sentencepiece_is_unknown(model, id) ? Array(bytes) : []))
    }
  }
}
