import Foundation
import Autograd

/// Draws every token at random from the model's distribution, sharpened, flattened or cut as the options say.
/// The log-probabilities of its hypotheses are at temperature 1, among all ids or those of a shortlist.
public struct Sampling: Search {
  public let options: SearchOptions
  private let sampling: SamplingOptions

  public init(_ options: SearchOptions) {
    self.options = options
    sampling = options.sampling ?? SamplingOptions()
    precondition(sampling.temperature > 0, "temperature \(sampling.temperature)")
  }

  /// Of several outputs for each sentence nothing settles before the end.
  public func run(
    _ state: any DecoderState, _ sentences: [SearchSentence], settled: SettledBeginnings?
  ) -> [[Hypothesis]] {
    precondition(state.rowCount == sentences.count, "\(state.rowCount) rows for \(sentences.count) sentences")
    let samples = options.hypothesisCount
    if samples > 1 { state.reorder(sentences.indices.flatMap { Array(repeating: $0, count: samples) }) }
    let vocabulary = state.vocabularySize
    let kept = sampling.topK > 0 ? min(sampling.topK, vocabulary) : vocabulary
    // Tokens come ranked where the tail is to be cut; otherwise one is enough to know which are allowed.
    let next = NextTokens(options, count: sampling.topK > 0 ? kept : 1)
    var generators = sentences.flatMap { sentence in
      (0..<samples).map { RandomGenerator(seed: sampling.seed, sentence.index, $0) }
    }
    var row = RankedRow(vocabulary)
    let repeated = sentences.flatMap { Array(repeating: $0, count: samples) }
    let outputs = StepwiseDecoding(options, repeated).run(state, settled: samples == 1 ? settled : nil) { tokens, decoding in
      let logits = state.step(tokens)
      next.find(
        in: logits, vocabulary: vocabulary, rows: decoding.live.count, step: decoding.step,
        sentence: decoding.sentence, tokens: decoding.tokens)
      return decoding.live.indices.map { place in
        if let forced = next.forcedToken(place) { return forced }
        let x = UnsafeBufferPointer(rebasing: logits[place * vocabulary..<(place + 1) * vocabulary])
        let best = place * next.count
        guard next.ids[best] >= 0 else { return (-1, 0) }
        // log P of a token is its logit less this.
        let logSum = x[Int(next.ids[best])] - next.values[best]
        if sampling.topK > 0 {
          row.load(ids: next.ids[best..<best + next.count], logits: x, temperature: sampling.temperature)
        } else {
          row.load(x, temperature: sampling.temperature, ranked: sampling.topP < 1)
        }
        let token = row.draw(topP: sampling.topP, at: generators[decoding.live[place]].uniform())
        return (token, x[Int(token)] - logSum)
      }
    }
    return sentences.indices.map { sentence in
      outputs[sentence * samples..<(sentence + 1) * samples].sorted { $0.score > $1.score }
    }
  }
}

/// The distribution one token is drawn from. Its memory is reused.
private struct RankedRow {
  private var tokens: [Int32] = []
  /// Proportional to the probabilities.
  private var weights: [Double] = []

  init(_ capacity: Int) {
    tokens.reserveCapacity(capacity)
    weights.reserveCapacity(capacity)
  }

  /// The given tokens, best first.
  mutating func load(ids: Slice<UnsafeMutableBufferPointer<Int32>>, logits: UnsafeBufferPointer<Float>, temperature: Float) {
    tokens.removeAll(keepingCapacity: true)
    for id in ids where id >= 0 { tokens.append(id) }
    weigh(logits, temperature: temperature)
  }

  /// All tokens that are allowed; `ranked` sorts them, best first.
  mutating func load(_ logits: UnsafeBufferPointer<Float>, temperature: Float, ranked: Bool) {
    tokens.removeAll(keepingCapacity: true)
    for i in logits.indices where logits[i] > -.infinity { tokens.append(Int32(i)) }
    if ranked { tokens.sort { (logits[Int($1)], $0) < (logits[Int($0)], $1) } }
    weigh(logits, temperature: temperature)
  }

  private mutating func weigh(_ logits: UnsafeBufferPointer<Float>, temperature: Float) {
    let most = tokens.reduce(-Float.infinity) { max($0, logits[Int($1)]) }
    weights.removeAll(keepingCapacity: true)
    for token in tokens { weights.append(exp(Double((logits[Int(token)] - most) / temperature))) }
  }

  /// The token at `point` in [0, 1) of the distribution, cut to its most probable part `topP`.
  func draw(topP: Float, at point: Double) -> Int32 {
    var total = weights.reduce(0, +)
    var count = tokens.count
    if topP < 1 {
      let wanted = Double(topP) * total
      var (sum, i) = (0.0, 0)
      while i < count, sum < wanted || i == 0 {
        sum += weights[i]
        i += 1
      }
      (total, count) = (sum, i)
    }
    var remaining = point * total
    for i in 0..<count {
      remaining -= weights[i]
      if remaining < 0 { return tokens[i] }
    }
    return tokens[count - 1]
  }
}
