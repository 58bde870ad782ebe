import Autograd

/// A beam search whose outputs have every token that their sentence requires, each just once: lexically constrained
/// decoding with dynamic beam allocation (Post & Vilar 2018, arXiv:1804.06609), for constraints of one token.
///
/// Besides its most probable continuations every live hypothesis is offered each required token it lacks, and it may end
/// only when it lacks none. The K places of a beam are dealt out among the hypotheses that have 0, 1, …, C of the C required
/// tokens, so that those which took an improbable one are not outrun by those which have yet to; places that a group cannot
/// fill go to the most probable of the rest. A sentence is done when nothing live can score more than its best, or when K
/// have ended. Only where the longest length comes first do outputs lack some: those that lack fewest are returned.
///
/// Cost: one decoder step over all live hypotheses per output token, with all logits, unlike `BeamSearch`'s.
public struct ConstrainedBeamSearch: Search {
  public let options: SearchOptions

  public init(_ options: SearchOptions) {
    precondition(options.beamSize > 0, "beam of \(options.beamSize)")
    self.options = options
  }

  /// Nothing is settled before the end. There may be fewer hypotheses of a sentence than the options ask for.
  public func run(
    _ state: any DecoderState, _ sentences: [SearchSentence], settled: SettledBeginnings?
  ) -> [[Hypothesis]] {
    precondition(state.rowCount == sentences.count, "\(state.rowCount) rows for \(sentences.count) sentences")
    let beams = sentences.map { Beam($0, options) }
    let vocabulary = state.vocabularySize
    let mostRequired = sentences.map(\.required.count).max() ?? 0
    // Tokens that are required already, and the end symbol, may be among the best and not be allowed.
    let next = NextTokens(options, count: min(options.beamSize + mostRequired + 1, vocabulary))
    let wantsAttention = options.keepsAttention || options.lengthNormalization.coveragePenalty != 0
    var owners = beams.map { (beam: $0, place: 0) }
    var tokens: [Int32]?
    var step = 0
    while !owners.isEmpty {
      let logits = state.step(tokens)
      next.find(
        in: logits, vocabulary: vocabulary, rows: owners.count, step: step, sentence: { owners[$0].beam.sentence },
        tokens: { owners[$0].beam.live[owners[$0].place].tokens })
      let attention = wantsAttention ? state.attention() : nil
      var (rows, following) = ([Int](), [Int32]())
      var nextOwners: [(beam: Beam, place: Int)] = []
      var first = 0
      while first < owners.count {
        let beam = owners[first].beam
        let count = beam.live.count
        beam.advance(firstRow: first, next: next, logits: logits, vocabulary: vocabulary, attention: attention)
        for (place, hypothesis) in beam.live.enumerated() {
          rows.append(first + hypothesis.parentPlace)
          following.append(hypothesis.tokens[step])
          nextOwners.append((beam, place))
        }
        first += count
      }
      if !rows.isEmpty { state.reorder(rows) }
      owners = nextOwners
      tokens = following
      step += 1
    }
    return beams.map { $0.results() }
  }
}

/// The beam of one sentence.
private final class Beam {
  struct Live {
    var tokens: [Int32] = []
    var tokenLogProbabilities: [Float] = []
    var logProbability = 0.0
    /// Which live hypothesis of the step before this one continues.
    var parentPlace = 0
    /// Places in the sentence's required tokens of those it lacks.
    var missing: [Int]
    var attention: [[Float]] = []
    /// [S], what each source token has had of it so far; empty where not asked for.
    var coverage: [Float] = []
  }

  private struct Candidate {
    var place: Int
    var token: Int32
    var tokenLogProbability: Float
    var logProbability: Double
    var missing: [Int]
  }

  let sentence: SearchSentence
  private(set) var live: [Live]
  private let options: SearchOptions
  private let capacity: Int
  private var finished: [(missing: Int, hypothesis: Hypothesis)] = []

  init(_ sentence: SearchSentence, _ options: SearchOptions) {
    (self.sentence, self.options) = (sentence, options)
    live = [Live(missing: Array(sentence.required.indices))]
    capacity = max(options.beamSize, sentence.required.count + 1)
  }

  func advance(
    firstRow: Int, next: NextTokens, logits: UnsafeMutableBufferPointer<Float>, vocabulary: Int, attention: [[Float]]?
  ) {
    let previous = live
    live.removeAll(keepingCapacity: true)
    let candidates = previous.indices.flatMap { place in
      let row = firstRow + place
      return continuations(
        of: previous[place], at: place, row: row, next: next,
        logits: UnsafeBufferPointer(rebasing: logits[row * vocabulary..<(row + 1) * vocabulary]))
    }
    for candidate in chosen(candidates) {
      let parent = previous[candidate.place]
      let row = attention?[firstRow + candidate.place] ?? []
      let lengthened = lengthen(parent, by: candidate, attention: row)
      if candidate.token == SpecialToken.end { finish(lengthened) } else { live.append(lengthened) }
    }
    if live.isEmpty, finished.isEmpty, let best = previous.max(by: { $0.missing.count > $1.missing.count }) {
      // Every continuation is forbidden or not a number: a beginning stands, without an end symbol.
      finish(best)
    }
    let best = finished.lazy.filter { $0.missing == 0 }.map(\.hypothesis.score).max()
    guard let best else { return }
    if finished.count >= options.beamSize {
      live.removeAll()
    } else if let length = live.first?.tokens.count {
      let lengths = (length + 1)...(max(sentence.maximumLength, length) + 1)
      live.removeAll { options.lengthNormalization.bound(logProbability: $0.logProbability, lengths: lengths) <= best }
    }
  }

  /// The row's most probable tokens and the required ones that it lacks; only the end where the sentence may not go on.
  private func continuations(
    of hypothesis: Live, at place: Int, row: Int, next: NextTokens, logits: UnsafeBufferPointer<Float>
  ) -> [Candidate] {
    func candidate(_ token: Int32, _ value: Float) -> Candidate {
      Candidate(
        place: place, token: token, tokenLogProbability: value,
        logProbability: hypothesis.logProbability + Double(value),
        missing: hypothesis.missing.firstIndex { sentence.required[$0] == token }.map { met in
          hypothesis.missing.indices.filter { $0 != met }.map { hypothesis.missing[$0] }
        } ?? hypothesis.missing)
    }
    if let forced = next.forcedToken(row) { return [candidate(forced.token, forced.logProbability)] }
    let lacking = Set(hypothesis.missing.map { sentence.required[$0] })
    var found: [Candidate] = []
    let start = row * next.count
    for i in start..<start + next.count where next.ids[i] >= 0 {
      let token = next.ids[i]
      let isAllowed = token == SpecialToken.end ? lacking.isEmpty : !sentence.required.contains(token)
      if isAllowed { found.append(candidate(token, next.values[i])) }
    }
    guard next.ids[start] >= 0 else { return found }
    // log P of a token is its logit less this.
    let logSum = logits[Int(next.ids[start])] - next.values[start]
    for token in lacking.sorted() where logits[Int(token)] > -.infinity {
      found.append(candidate(token, logits[Int(token)] - logSum))
    }
    return found
  }

  /// As many as there are places, best first within each group.
  private func chosen(_ candidates: [Candidate]) -> [Candidate] {
    let order = candidates.indices.sorted {
      (candidates[$1].logProbability, $0) < (candidates[$0].logProbability, $1)
    }
    let share = capacity / (sentence.required.count + 1)
    var taken = Array(repeating: 0, count: sentence.required.count + 1)
    var (first, rest) = ([Int](), [Int]())
    for i in order {
      let lacking = candidates[i].missing.count
      if taken[lacking] < share { first.append(i) } else { rest.append(i) }
      taken[lacking] += 1
    }
    return (first + rest.prefix(capacity - first.count)).map { candidates[$0] }
  }

  private func lengthen(_ parent: Live, by candidate: Candidate, attention: [Float]) -> Live {
    var result = parent
    if candidate.token != SpecialToken.end { result.tokens.append(candidate.token) }
    result.tokenLogProbabilities.append(candidate.tokenLogProbability)
    result.logProbability = candidate.logProbability
    result.parentPlace = candidate.place
    result.missing = candidate.missing
    if options.keepsAttention, !attention.isEmpty { result.attention.append(attention) }
    if !attention.isEmpty {
      result.coverage = parent.coverage.isEmpty ? attention : zip(parent.coverage, attention).map(+)
    }
    return result
  }

  private func finish(_ hypothesis: Live) {
    let score = options.lengthNormalization.score(
      logProbability: hypothesis.logProbability, length: hypothesis.tokens.count + 1,
      coverage: hypothesis.coverage.isEmpty ? nil : hypothesis.coverage)
    finished.append(
      (
        hypothesis.missing.count,
        Hypothesis(
          tokens: hypothesis.tokens, logProbability: hypothesis.logProbability, score: score,
          tokenLogProbabilities: hypothesis.tokenLogProbabilities,
          attention: hypothesis.attention.isEmpty ? nil : hypothesis.attention)
      ))
  }

  /// Of those with most of the required tokens, the best.
  func results() -> [Hypothesis] {
    let fewest = finished.map(\.missing).min()
    return finished.filter { $0.missing == fewest }.map(\.hypothesis).sorted { $0.score > $1.score }
      .prefix(options.hypothesisCount).map { $0 }
  }
}
