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
    if let problem = SentencePieceCheck.problem(serialized) {
      throw .file(path: path, problem: "is not a SentencePiece model: \(problem)")
    }
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

/// The kinds of models that the library learns.
public enum SentencePieceKind: String, CaseIterable, Codable, Sendable {
  /// Kudo 2018: pieces by their probability.
  case unigram
  /// Pieces by the order of merges.
  case bpe
}

extension SentencePieceModel {
  /// Learns a model from lines: `vocabularySize` pieces (fewer where there are not so many), of which 0 is the end symbol
  /// and 1 the unknown piece. Of the configuration the vocabulary size, the character coverage, the byte fallback and
  /// the splitting of digits are used. The normaliser is the library's usual one, NFKC with fewer kinds of spaces.
  /// - Throws: `TextError.emptyCorpus`, or `.option` with the library's words where it cannot.
  static func learn(
    _ kind: SentencePieceKind, _ configuration: TextConfiguration, lines: [String]
  ) throws(TextError) -> Data {
    guard lines.contains(where: { !$0.isEmpty }) else { throw .emptyCorpus }
    let options = mt_sentencepiece_training(
      is_bpe: kind == .bpe, vocabulary_size: Int32(configuration.vocabularySize),
      character_coverage: configuration.characterCoverage, byte_fallback: configuration.byteFallback,
      split_digits: configuration.splitDigits)
    let exchange = Exchange(lines: lines)
    var message = [CChar](repeating: 0, count: 512)
    let succeeded = mt_sentencepiece_train(
      options, Unmanaged.passUnretained(exchange).toOpaque(),
      { context, text, length in
        guard let context else { return false }
        let exchange = Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
        guard exchange.advance() else { return false }
        exchange.current.withUnsafeBufferPointer {
          text?.pointee = $0.baseAddress
          length?.pointee = Int64($0.count - 1)
        }
        return true
      },
      { context, bytes, length in
        guard let context, let bytes else { return }
        Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue().model = Data(bytes: bytes, count: Int(length))
      }, &message, Int64(message.count))
    guard succeeded, !exchange.model.isEmpty else {
      let reason = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw .option(name: "sentencepiece", problem: "no model can be learnt: \(reason)")
    }
    return exchange.model
  }

  /// What goes between the library and a training.
  private final class Exchange {
    private let lines: [String]
    private var next = 0
    /// A line and a zero, which stays where it is until the next.
    private(set) var current: ContiguousArray<CChar> = [0]
    var model = Data()

    init(lines: [String]) { self.lines = lines }

    func advance() -> Bool {
      guard next < lines.count else { return false }
      current = ContiguousArray(lines[next].utf8CString)
      next += 1
      return true
    }
  }

  /// Pieces that text can become, in order.
  var textPieces: [String] {
    (0..<count).filter { !isControl($0) && !isUnknown($0) }.map { String(decoding: piece($0), as: UTF8.self) }
  }
}
