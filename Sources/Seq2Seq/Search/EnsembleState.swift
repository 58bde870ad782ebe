import Autograd

/// Several models that decode the same sentences together: the average of their log-probabilities, which the search
/// makes a distribution again (a product of experts). Attention is the average of those that have any.
public final class EnsembleState: DecoderState {
  private let members: [any DecoderState]
  private var average: UnsafeMutableBufferPointer<Float>

  /// All of `members` are before their first token, with the same rows and the same vocabulary.
  public init(_ members: [any DecoderState]) {
    precondition(!members.isEmpty, "an ensemble of nothing")
    for member in members {
      precondition(
        member.rowCount == members[0].rowCount && member.vocabularySize == members[0].vocabularySize,
        "\(member.rowCount) rows of \(member.vocabularySize) beside \(members[0].rowCount) of \(members[0].vocabularySize)")
    }
    self.members = members
    average = .allocate(capacity: 0)
  }

  deinit { average.deallocate() }

  public var rowCount: Int { members[0].rowCount }
  public var vocabularySize: Int { members[0].vocabularySize }

  public func step(_ tokens: [Int32]?) -> UnsafeMutableBufferPointer<Float> {
    let count = rowCount * vocabularySize
    if average.count < count {
      average.deallocate()
      average = .allocate(capacity: count)
    }
    mt_fill(average.baseAddress!, 0, Int64(count))
    for member in members {
      let logits = member.step(tokens)
      mt_log_softmax(logits.baseAddress!, nil, Int64(rowCount), Int64(vocabularySize))
      mt_add_scaled(average.baseAddress!, logits.baseAddress!, 1 / Float(members.count), Int64(count))
    }
    return UnsafeMutableBufferPointer(rebasing: average[0..<count])
  }

  public func reorder(_ rows: [Int]) {
    for member in members { member.reorder(rows) }
  }

  public func fork(_ rows: [Int]) -> any DecoderState { EnsembleState(members.map { $0.fork(rows) }) }

  public func attention() -> [[Float]]? {
    let all = members.compactMap { $0.attention() }
    guard let first = all.first else { return nil }
    let share = 1 / Float(all.count)
    return first.indices.map { row in
      first[row].indices.map { i in all.reduce(0) { $0 + $1[row][i] } * share }
    }
  }
}
