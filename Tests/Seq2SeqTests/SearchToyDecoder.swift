import Autograd
import Foundation
import Seq2Seq

/// A decoder whose logits depend on the sentence and on every earlier token, by a hash: no network, same contract.
final class ToyDecoder: DecoderState {
  struct Row {
    var sentence: Int
    var tokens: [Int32] = []
  }

  let vocabularySize: Int
  private(set) var rows: [Row]
  private(set) var steps = 0
  /// Rows computed in all steps together.
  private(set) var work = 0
  private let spread: Double
  private let endBonus: Float
  private let sourceLength: Int
  private var logits: UnsafeMutableBufferPointer<Float>

  /// `spread` is the range of the logits; `endBonus` is added to the end symbol's.
  init(sentences: [Int], vocabulary: Int, spread: Double = 6, endBonus: Float = 0, sourceLength: Int = 3) {
    rows = sentences.map { Row(sentence: $0) }
    vocabularySize = vocabulary
    (self.spread, self.endBonus, self.sourceLength) = (spread, endBonus, sourceLength)
    logits = .allocate(capacity: 0)
  }

  deinit { logits.deallocate() }

  var rowCount: Int { rows.count }

  static func logits(
    sentence: Int, prefix: [Int32], vocabulary: Int, spread: Double = 6, endBonus: Float = 0
  ) -> [Float] {
    var random = RandomGenerator(seed: 77, sentence, prefix.count)
    for token in prefix { random = RandomGenerator(seed: random.next(), Int(token)) }
    return (0..<vocabulary).map { Float(random.uniform() * spread) + ($0 == 0 ? endBonus : 0) }
  }

  /// Log-probabilities in double precision, the independent way.
  static func logProbabilities(
    sentence: Int, prefix: [Int32], vocabulary: Int, spread: Double = 6, endBonus: Float = 0
  ) -> [Double] {
    let x = logits(sentence: sentence, prefix: prefix, vocabulary: vocabulary, spread: spread, endBonus: endBonus)
      .map(Double.init)
    let sum = log(x.reduce(0) { $0 + exp($1) })
    return x.map { $0 - sum }
  }

  func step(_ tokens: [Int32]?) -> UnsafeMutableBufferPointer<Float> {
    if let tokens { for r in rows.indices { rows[r].tokens.append(tokens[r]) } }
    steps += 1
    work += rows.count
    logits.deallocate()
    logits = .allocate(capacity: rows.count * vocabularySize)
    for (r, row) in rows.enumerated() {
      let x = ToyDecoder.logits(
        sentence: row.sentence, prefix: row.tokens, vocabulary: vocabularySize, spread: spread, endBonus: endBonus)
      for (i, value) in x.enumerated() { logits[r * vocabularySize + i] = value }
    }
    return logits
  }

  func reorder(_ order: [Int]) { rows = order.map { rows[$0] } }

  func fork(_ order: [Int]) -> any DecoderState {
    let copy = ToyDecoder(
      sentences: [], vocabulary: vocabularySize, spread: spread, endBonus: endBonus, sourceLength: sourceLength)
    copy.rows = order.map { rows[$0] }
    return copy
  }

  /// Rows that sum to one.
  func attention() -> [[Float]]? {
    rows.map { row in
      var random = RandomGenerator(seed: 5, row.sentence, row.tokens.count, Int(row.tokens.last ?? 0))
      let weights = (0..<sourceLength).map { _ in Float(random.uniform()) + 0.01 }
      let sum = weights.reduce(0, +)
      return weights.map { $0 / sum }
    }
  }
}

/// Every output of at most `maximumLength` tokens with its log-probability, by enumeration.
func enumerateOutputs(
  sentence: Int, vocabulary: Int, maximumLength: Int, spread: Double = 6, endBonus: Float = 0
) -> [(tokens: [Int32], logProbability: Double)] {
  var complete: [(tokens: [Int32], logProbability: Double)] = []
  func extend(_ prefix: [Int32], _ logProbability: Double) {
    let next = ToyDecoder.logProbabilities(
      sentence: sentence, prefix: prefix, vocabulary: vocabulary, spread: spread, endBonus: endBonus)
    complete.append((prefix, logProbability + next[0]))
    guard prefix.count < maximumLength else { return }
    for token in 2..<vocabulary { extend(prefix + [Int32(token)], logProbability + next[token]) }
  }
  extend([], 0)
  return complete
}
