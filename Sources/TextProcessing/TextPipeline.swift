import Foundation
import Synchronization

/// Text ⇄ token ids: normalise, cut into words, encode in subwords, and back. `decode(encode(x)) == normalize(x)` for
/// every string, where bytes cover what the vocabulary lacks. Any number of threads may use one pipeline at once.
public final class TextPipeline: Sendable {
  public let configuration: TextConfiguration
  public let sourceVocabulary: Vocabulary
  public let targetVocabulary: Vocabulary

  private let normalizer: Normalizer
  let subwords: Subwords
  /// The characters that the source vocabulary holds, where bytes spell the others.
  let knownCharacters: Set<Unicode.Scalar>?
  /// What `mask` needs to tell names from words that are translated; nil where nothing was learnt of it.
  public let names: NameLexicon?
  /// Encoders that nobody uses now; there are never more than threads that encoded at once.
  private let idle: Mutex<[TextEncoder]>

  /// How words become ids.
  enum Subwords: Sendable {
    case bytePairs(source: BytePairEncoder, target: BytePairEncoder)
    /// Cuts and normalises by itself; `configuration` then only tells how `words` are found.
    case sentencePiece(SentencePieceSubwords)
  }

  init(
    _ configuration: TextConfiguration, source: Vocabulary, target: Vocabulary, names: NameLexicon? = nil
  ) throws(TextError) {
    self.configuration = configuration
    self.names = names
    sourceVocabulary = source
    targetVocabulary = target
    knownCharacters = source.hasByteFallback ? Set(source.characterPieces.flatMap(\.unicodeScalars)) : nil
    normalizer = Normalizer(configuration)
    let encoder = BytePairEncoder(source)
    subwords = .bytePairs(source: encoder, target: target.isShared ? encoder : BytePairEncoder(target))
    // Opening one here shows that ICU has its data.
    idle = try Mutex([TextEncoder(configuration, normalizer)])
  }

  init(_ sentencePiece: SentencePieceSubwords) throws(TextError) {
    configuration = TextConfiguration()
    names = nil
    knownCharacters = nil
    sourceVocabulary = sentencePiece.source.vocabulary
    targetVocabulary = sentencePiece.target.vocabulary
    normalizer = Normalizer(configuration)
    subwords = .sentencePiece(sentencePiece)
    idle = try Mutex([TextEncoder(configuration, normalizer)])
  }

  /// The same with a lexicon of names; SentencePiece's text has none, and stays as it is.
  public func adding(_ names: NameLexicon?) throws(TextError) -> TextPipeline {
    guard case .bytePairs = subwords else { return self }
    return try TextPipeline(configuration, source: sourceVocabulary, target: targetVocabulary, names: names)
  }

  // MARK: Normalising and words

  /// The line as the model sees it: the text that `decode` gives back.
  public func normalize(_ line: String) -> String {
    guard case .sentencePiece(let subwords) = subwords else { return normalizer.normalize(line) }
    var line = line
    return line.withUTF8 { subwords.source.normalize($0) }
  }

  /// The line as words are found in it: SentencePiece's normaliser comes first where there is one.
  private func wordText(_ line: String) -> String {
    if case .sentencePiece = subwords { normalize(line) } else { line }
  }

  /// Words, each without white space; U+FFED begins one that no space precedes, and is doubled where it is text.
  public func tokenize(_ line: String) -> [String] {
    var tokens: [String] = []
    withEncoder { encoder in
      encoder.forEachWord(of: wordText(line)) { word, afterSpace in
        tokens.append(WordForms.token(String(decoding: word, as: UTF8.self), afterSpace: afterSpace))
      }
    }
    return tokens
  }

  /// The inverse of `tokenize`: `detokenize(tokens: tokenize(x)) == normalize(x)`.
  public func detokenize(tokens: [String]) -> String { WordForms.text(ofTokens: tokens) }

  /// The words alone, to count or compare them.
  public func words(_ line: String) -> [String] {
    var words: [String] = []
    withEncoder { encoder in
      encoder.forEachWord(of: wordText(line)) { word, _ in words.append(String(decoding: word, as: UTF8.self)) }
    }
    return words
  }

  // MARK: Ids

  /// Ids of a source line, without end symbol. An empty or blank line has none.
  public func encodeSource(_ line: String) -> [Int32] {
    var random = NoRandomness()
    return encode(line, .source, dropout: 0, &random)
  }

  /// Ids of a target line, without end symbol.
  public func encodeTarget(_ line: String) -> [Int32] {
    var random = NoRandomness()
    return encode(line, .target, dropout: 0, &random)
  }

  /// The same with BPE-dropout (Provilkov et al. 2020): each merge is passed over with probability `dropout` at each
  /// step; 0 gives the plain encoding and 1 single characters. SentencePiece's encoding knows no dropout here.
  public func encodeSource(_ line: String, dropout: Double, random: inout some RandomNumberGenerator) -> [Int32] {
    encode(line, .source, dropout: dropout, &random)
  }

  public func encodeTarget(_ line: String, dropout: Double, random: inout some RandomNumberGenerator) -> [Int32] {
    encode(line, .target, dropout: dropout, &random)
  }

  private enum Side { case source, target }

  private func encode(
    _ line: String, _ side: Side, dropout: Double, _ random: inout some RandomNumberGenerator
  ) -> [Int32] {
    precondition(dropout >= 0 && dropout <= 1, "dropout \(dropout) is not a probability")
    var line = line
    return line.withUTF8 { line in
      switch subwords {
      case .sentencePiece(let subwords):
        return side == .source ? subwords.encodeSource(line) : subwords.encodeTarget(line)
      case .bytePairs(let source, let target):
        let encoder = side == .source ? source : target
        // A cache belongs to one vocabulary.
        let cache = side == .source || target.vocabulary.isShared ? 0 : 1
        return withEncoder { $0.encode(line, encoder, side: cache, dropout: dropout, random: &random) }
      }
    }
  }

  /// The text of source ids: special symbols are passed over, bytes that are not UTF-8 become U+FFFD, and there is no
  /// line break in it.
  public func decodeSource(_ ids: [Int32]) -> String {
    if case .sentencePiece(let subwords) = subwords { subwords.source.decode(ids) } else { decode(ids, sourceVocabulary) }
  }

  /// The text of target ids, as `decodeSource`.
  public func decodeTarget(_ ids: [Int32]) -> String {
    if case .sentencePiece(let subwords) = subwords { subwords.decodeTarget(ids) } else { decode(ids, targetVocabulary) }
  }

  /// The token that every target begins with, where the model is made to begin with one: `encodeTarget` puts it first, and
  /// `decodeTarget` leaves it out.
  public var targetBegin: Int32? {
    if case .sentencePiece(let subwords) = subwords { subwords.targetBegin } else { nil }
  }

  private func decode(_ ids: [Int32], _ vocabulary: Vocabulary) -> String {
    var bytes: [UInt8] = []
    for id in ids where !Vocabulary.isSpecial(id) {
      precondition(id >= 0 && id < vocabulary.count, "id \(id) in a vocabulary of \(vocabulary.count)")
      if let byte = vocabulary.byte(id) {
        bytes.append(byte)
      } else {
        WordForms.append(piece: vocabulary.bytes(id), to: &bytes)
      }
    }
    return WordForms.text(ofBytes: bytes)
  }

  // MARK: Pieces

  /// The pieces the model eats; none contains white space.
  public func sourcePieces(_ line: String) -> [String] { encodeSource(line).map(sourceVocabulary.piece) }

  public func targetPieces(_ line: String) -> [String] { encodeTarget(line).map(targetVocabulary.piece) }

  /// The text of pieces, from this vocabulary or another's.
  public func detokenize(pieces: [String]) -> String {
    if case .sentencePiece(let subwords) = subwords { return subwords.target.text(ofPieces: pieces) }
    var bytes: [UInt8] = []
    for piece in pieces where piece != Vocabulary.endOfSentencePiece && piece != Vocabulary.unknownPiece {
      if let byte = Vocabulary.byte(ofPiece: piece) {
        bytes.append(byte)
      } else {
        WordForms.append(piece: Array(piece.utf8)[...], to: &bytes)
      }
    }
    return WordForms.text(ofBytes: bytes)
  }

  // MARK: Encoders

  /// Lends an encoder to the calling thread alone.
  func withEncoder<Result>(_ body: (TextEncoder) -> Result) -> Result {
    let encoder = idle.withLock { $0.popLast() } ?? newEncoder()
    defer { idle.withLock { $0.append(encoder) } }
    return body(encoder)
  }

  private func newEncoder() -> TextEncoder {
    do { return try TextEncoder(configuration, normalizer) } catch {
      // One was opened when the pipeline was made, so only memory can be lacking.
      preconditionFailure("no further encoder: \(error)")
    }
  }
}

/// For encoding without dropout, which asks for no number.
private struct NoRandomness: RandomNumberGenerator {
  func next() -> UInt64 { 0 }
}
