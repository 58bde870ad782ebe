import Autograd
import Foundation

/// The most probable next tokens of every row of a decoder, with the tokens a search must not produce left out.
///
/// Log-probabilities are the model's own: forbidding a token does not raise those of the others. Buffers are reused
/// from step to step. Not thread-safe: one per running search.
final class NextTokens {
  /// [R, k], best first; −1 where a row has fewer.
  private(set) var ids = UnsafeMutableBufferPointer<Int32>.allocate(capacity: 0)
  /// [R, k]
  private(set) var values = UnsafeMutableBufferPointer<Float>.allocate(capacity: 0)
  let count: Int
  private let forbidden: [Int32]
  private let noRepeatNgram: Int
  private let minimumLength: Int
  /// log Σ exp of the logits taken out of each row.
  private var removed: [Double] = []
  private var banned: [Int32] = []

  init(_ options: SearchOptions, count: Int) {
    self.count = count
    forbidden = options.forbiddenTokens
    noRepeatNgram = options.noRepeatNgram
    minimumLength = options.minimumLength
  }

  deinit {
    ids.deallocate()
    values.deallocate()
  }

  /// Fills `ids` and `values` from logits [R, V], in which forbidden entries become −∞. `step` is the number of tokens
  /// every row has. `tokens` gives a row's tokens so far and is asked only if repetitions are forbidden.
  func find(
    _ logits: UnsafeMutableBufferPointer<Float>, rows: Int, vocabulary: Int, step: Int,
    maximumLength: (Int) -> Int, tokens: (Int) -> [Int32]
  ) {
    reserve(rows)
    removed.removeAll(keepingCapacity: true)
    for row in 0..<rows {
      banned.removeAll(keepingCapacity: true)
      banned.append(contentsOf: forbidden)
      if step < min(minimumLength, maximumLength(row)) { banned.append(SpecialToken.end) }
      if noRepeatNgram > 0, step >= noRepeatNgram { banRepetitions(tokens(row)) }
      removed.append(remove(banned, from: logits.baseAddress! + row * vocabulary, vocabulary: vocabulary))
    }
    mt_log_softmax_top_k(
      logits.baseAddress!, nil, Int64(rows), Int64(vocabulary), Int64(count), ids.baseAddress!, values.baseAddress!)
    for row in 0..<rows where removed[row] > -.infinity {
      // The kernel divided by the sum without the removed entries; put them back.
      guard ids[row * count] >= 0 else { continue }
      let best = logits[row * vocabulary + Int(ids[row * count])]
      let logSum = Double(best) - Double(values[row * count])
      let larger = max(logSum, removed[row])
      let correction = Float(larger + log1p(exp(min(logSum, removed[row]) - larger)) - logSum)
      for i in row * count..<(row + 1) * count { values[i] -= correction }
    }
  }

  private func reserve(_ rows: Int) {
    guard ids.count < rows * count else { return }
    ids.deallocate()
    values.deallocate()
    ids = .allocate(capacity: rows * count)
    values = .allocate(capacity: rows * count)
  }

  /// Sets entries of a row to −∞ and returns log Σ exp of what they were.
  private func remove(_ tokens: [Int32], from row: UnsafeMutablePointer<Float>, vocabulary: Int) -> Double {
    var (largest, sum) = (-Double.infinity, 0.0)
    for token in tokens where token >= 0 && token < vocabulary {
      let x = Double(row[Int(token)])
      guard x > -.infinity else { continue }
      row[Int(token)] = -.infinity
      if x > largest {
        sum = sum * exp(largest - x) + 1
        largest = x
      } else {
        sum += exp(x - largest)
      }
    }
    return sum > 0 ? largest + log(sum) : -.infinity
  }

  /// Bans every token that would complete an n-gram the row already has.
  private func banRepetitions(_ tokens: [Int32]) {
    let context = noRepeatNgram - 1
    let suffix = tokens.count - context
    for start in 0..<suffix where tokens[start..<start + context].elementsEqual(tokens[suffix...]) {
      banned.append(tokens[start + context])
    }
  }
}

/// log softmax(logits)[label] of one row [V].
func logProbability(of label: Int32, in row: UnsafePointer<Float>, vocabulary: Int) -> Float {
  var (label, value) = (label, Float(0))
  mt_label_log_probabilities(row, nil, &label, 1, Int64(vocabulary), &value)
  return value
}
