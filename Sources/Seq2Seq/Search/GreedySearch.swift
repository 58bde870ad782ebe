/// Takes the most probable token at every step until it is the end symbol.
public struct GreedySearch: Search {
  public let options: SearchOptions

  public init(_ options: SearchOptions) { self.options = options }

  public func run(
    _ state: any DecoderState, _ sentences: [SearchSentence], settled: SettledBeginnings?
  ) -> [[Hypothesis]] {
    precondition(state.rowCount == sentences.count, "\(state.rowCount) rows for \(sentences.count) sentences")
    let next = NextTokens(options, count: 1)
    let outputs = StepwiseDecoding(options, sentences).run(state, settled: settled) { tokens, decoding in
      next.prepare(
        rows: decoding.live.count, step: decoding.step, sentence: decoding.sentence, tokens: decoding.tokens,
        recent: { decoding.tokens($0)[...] })
      state.step(tokens, finding: next)
      return decoding.live.indices.map { next.forcedToken($0) ?? (next.ids[$0], next.values[$0]) }
    }
    return outputs.map { [$0] }
  }
}

/// What greedy search and sampling have in common: each row goes its own way, one token a step, until its end.
final class StepwiseDecoding {
  typealias Choice = (token: Int32, logProbability: Float)

  /// Tokens every live row has.
  private(set) var step = 0
  /// The output each live row belongs to.
  private(set) var live: [Int]
  private let options: SearchOptions
  private let sentences: [SearchSentence]
  private var outputs: [Hypothesis]
  private var coverage: [[Float]?]

  /// One output for each of `sentences`.
  init(_ options: SearchOptions, _ sentences: [SearchSentence]) {
    self.options = options
    self.sentences = sentences
    live = Array(sentences.indices)
    let attention: [[Float]]? = options.keepsAttention ? [] : nil
    outputs = sentences.map { _ in
      Hypothesis(tokens: [], logProbability: 0, score: 0, tokenLogProbabilities: [], attention: attention)
    }
    coverage = sentences.map { _ in nil }
  }

  func sentence(_ row: Int) -> SearchSentence { sentences[live[row]] }
  func tokens(_ row: Int) -> [Int32] { outputs[live[row]].tokens }

  /// `choose` is given the last token of every live row, takes a step of the state, and returns a next token for every
  /// row, −1 if there is none: the forced one where a prefix or the longest length leaves no choice.
  func run(
    _ state: any DecoderState, settled: SettledBeginnings?, choose: ([Int32]?, StepwiseDecoding) -> [Choice]
  ) -> [Hypothesis] {
    var tokens: [Int32]?
    let wantsAttention = options.keepsAttention || options.lengthNormalization.coveragePenalty != 0
    while !live.isEmpty {
      let chosen = choose(tokens, self)
      let attention = wantsAttention ? state.attention() : nil
      var (survivors, survivingOutputs, next) = ([Int](), [Int](), [Int32]())
      for row in live.indices {
        let choice = chosen[row]
        append(choice, to: live[row], attention: attention?[row])
        if choice.token > SpecialToken.end {
          survivors.append(row)
          survivingOutputs.append(live[row])
          next.append(choice.token)
          settled?(live[row], outputs[live[row]].tokens)
        }
      }
      if survivors.count < live.count, !survivors.isEmpty { state.reorder(survivors) }
      live = survivingOutputs
      tokens = next
      step += 1
    }
    return outputs
  }

  private func append(_ choice: Choice, to output: Int, attention: [Float]?) {
    if let attention {
      if options.keepsAttention { outputs[output].attention?.append(attention) }
      coverage[output] = coverage[output].map { zip($0, attention).map(+) } ?? attention
    } else {
      outputs[output].attention = nil
    }
    // Only a model whose logits are not numbers leaves a row without any token; the output ends where it is.
    if choice.token >= 0 {
      outputs[output].tokenLogProbabilities.append(choice.logProbability)
      outputs[output].logProbability += Double(choice.logProbability)
    }
    if choice.token > SpecialToken.end { outputs[output].tokens.append(choice.token) }
    if choice.token <= SpecialToken.end {
      outputs[output].score = options.lengthNormalization.score(
        logProbability: outputs[output].logProbability, length: outputs[output].tokens.count + 1,
        coverage: coverage[output])
    }
  }
}

extension SearchSentence {
  /// The only token allowed after `step` tokens: the prefix's, or the end symbol at the longest length.
  func forcedToken(step: Int) -> Int32? {
    if step < prefix.count { return prefix[step] }
    return step >= maximumLength ? SpecialToken.end : nil
  }
}
