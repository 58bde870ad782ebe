import Autograd

/// A decoder whose first token the model itself lays down: it has probability one, so that it adds nothing to any score,
/// and every search begins with it. Hugging Face's `forced_bos_token_id`.
final class ForcedFirstToken: DecoderState {
  private let decoder: any DecoderState
  private let token: Int32

  /// `decoder` is before its first token.
  init(_ decoder: any DecoderState, _ token: Int32) {
    precondition(token >= 0 && token < decoder.vocabularySize, "token \(token) of \(decoder.vocabularySize)")
    (self.decoder, self.token) = (decoder, token)
  }

  var rowCount: Int { decoder.rowCount }
  var vocabularySize: Int { decoder.vocabularySize }

  func step(_ tokens: [Int32]?) -> UnsafeMutableBufferPointer<Float> {
    let logits = decoder.step(tokens)
    guard tokens == nil else { return logits }
    logits.update(repeating: -.infinity)
    for row in 0..<rowCount { logits[row * vocabularySize + Int(token)] = 0 }
    return logits
  }

  func step(_ tokens: [Int32]?, finding next: NextTokens) {
    if tokens == nil {
      next.find(in: step(nil), vocabulary: vocabularySize)
    } else {
      decoder.step(tokens, finding: next)
    }
  }

  func reorder(_ rows: [Int]) { decoder.reorder(rows) }
  func fork(_ rows: [Int]) -> any DecoderState { ForcedFirstToken(decoder.fork(rows), token) }
  func attention() -> [[Float]]? { decoder.attention() }
  func attentionByHead() -> [[[[Float]]]]? { decoder.attentionByHead() }
}
