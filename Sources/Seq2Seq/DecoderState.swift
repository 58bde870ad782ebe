/// The decoder's contract with every search: initial state (from `EncoderDecoder.startDecoding`), one step, reorder.
///
/// A state holds R live hypotheses ("rows"), each belonging to one source sentence. All rows have produced the same
/// number of tokens. A row's numbers never depend on which other rows are alive.
public protocol DecoderState: AnyObject {
  /// R, live hypotheses.
  var rowCount: Int { get }
  /// V, size of the target vocabulary.
  var vocabularySize: Int { get }

  /// Feeds each row its last token (`nil` at the first step: the zero embedding) and computes the logits of the next.
  /// `tokens` has R elements. The result is [R, V], unnormalised, without ids being forbidden; it may be changed in
  /// place by the caller and is valid until the next call on this state.
  /// Cost: one decoder pass over R rows.
  func step(_ tokens: [Int32]?) -> UnsafeMutableBufferPointer<Float>

  /// The same, but instead of all logits finds only what `next` has been prepared to look for in these rows; the logits
  /// need not come into being. Without an implementation of its own a state looks through the logits of `step`.
  func step(_ tokens: [Int32]?, finding next: NextTokens)

  /// Row i of the new state continues row `rows[i]` of the old; rows may repeat (a beam spreads) or be left out (it
  /// died). Only references move, no cache is copied where the architecture allows.
  func reorder(_ rows: [Int])

  /// A further state whose row i continues row `rows[i]` of this one, which stays as it is: a search that comes back to
  /// where it has been. All states forked from one start share memory, so they belong to one thread, and logits and
  /// attention are valid until the next step of any of them. Cost: that of `reorder`.
  func fork(_ rows: [Int]) -> any DecoderState

  /// Cross-attention of the last step: [R][source length of the row's sentence], averaged over heads of the last
  /// decoder layer; nil where the model has no attention.
  func attention() -> [[Float]]?

  /// The same of every layer and head: [layer][R][head][S].
  func attentionByHead() -> [[[[Float]]]]?
}

extension DecoderState {
  /// What there is, as one layer with one head.
  public func attentionByHead() -> [[[[Float]]]]? { attention().map { [$0.map { [$0] }] } }
}

extension DecoderState {
  public func step(_ tokens: [Int32]?, finding next: NextTokens) {
    next.find(in: step(tokens), vocabulary: vocabularySize)
  }
}
