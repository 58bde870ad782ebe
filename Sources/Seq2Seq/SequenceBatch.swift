import Autograd

/// Sentences as ids laid end to end, without padding.
public struct SequenceBatch: Sendable, Equatable {
  /// [N], all tokens of the batch.
  public private(set) var ids: [Int32] = []
  /// [B+1], sentence b is `ids[offsets[b] ..< offsets[b+1]]`.
  public private(set) var offsets: [Int32] = [0]
  /// Ascending places in `ids` of tokens whose embeddings are left out; none but while learning.
  public private(set) var cuts: [Int] = []

  public init() {}

  public init(_ sentences: some Sequence<[Int32]>) {
    for sentence in sentences { append(sentence) }
  }

  public mutating func append(_ sentence: some Collection<Int32>) {
    ids.append(contentsOf: sentence)
    offsets.append(Int32(ids.count))
  }

  /// B, the number of sentences.
  public var count: Int { offsets.count - 1 }
  /// N, the number of tokens.
  public var tokenCount: Int { ids.count }

  public subscript(sentence: Int) -> ArraySlice<Int32> { ids[Int(offsets[sentence])..<Int(offsets[sentence + 1])] }

  /// The same with each token's embedding left out with the given chance: token cutoff (Shen et al. 2020).
  public func cutting(_ chance: Float, _ random: inout RandomGenerator) -> SequenceBatch {
    guard chance > 0 else { return self }
    var result = self
    result.cuts = ids.indices.filter { _ in random.uniform() < Double(chance) }
    return result
  }

  public func length(_ sentence: Int) -> Int { Int(offsets[sentence + 1] - offsets[sentence]) }
}

extension SequenceBatch {
  /// Place of each token in its sentence, [N].
  var positions: [Int32] {
    var places: [Int32] = []
    places.reserveCapacity(tokenCount)
    for b in 0..<count { places.append(contentsOf: 0..<Int32(length(b))) }
    return places
  }

  /// What the encoder is fed: `ids`, with −1, the zero embedding, where they are cut. [N]
  var inputs: [Int32] {
    var inputs = ids
    for place in cuts { inputs[place] = -1 }
    return inputs
  }

  /// What the decoder is fed: each sentence one token later, beginning with −1, the zero embedding. [N]
  var shifted: [Int32] {
    let inputs = inputs
    var shifted: [Int32] = []
    shifted.reserveCapacity(tokenCount)
    for b in 0..<count where length(b) > 0 {
      shifted.append(-1)
      shifted.append(contentsOf: inputs[Int(offsets[b])..<Int(offsets[b + 1]) - 1])
    }
    return shifted
  }
}
