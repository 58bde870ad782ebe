/// Sentences as ids laid end to end, without padding.
public struct SequenceBatch: Sendable, Equatable {
  /// [N], all tokens of the batch.
  public private(set) var ids: [Int32] = []
  /// [B+1], sentence b is `ids[offsets[b] ..< offsets[b+1]]`.
  public private(set) var offsets: [Int32] = [0]

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

  /// What the decoder is fed: each sentence one token later, beginning with −1, the zero embedding. [N]
  var shifted: [Int32] {
    var inputs: [Int32] = []
    inputs.reserveCapacity(tokenCount)
    for b in 0..<count where length(b) > 0 {
      inputs.append(-1)
      inputs.append(contentsOf: self[b].dropLast())
    }
    return inputs
  }
}
