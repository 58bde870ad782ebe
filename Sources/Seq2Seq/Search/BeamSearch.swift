import Autograd

/// Keeps the K most probable beginnings of each sentence and lengthens them token by token.
///
/// At each step the 2K best continuations of a sentence's live hypotheses are ranked by log P. Those among the first K
/// that end leave for the sentence's n-best list, which is ranked by the normalised score; the K best that go on stay
/// live. A hypothesis that can no longer enter the n-best list, however it continues, is dropped, and the sentence
/// with its last one: nothing is lost by stopping there. A beam of one has one place, which its first ended
/// hypothesis takes: it is greedy search.
///
/// Cost: one decoder step over all live hypotheses of all sentences per output token.
public struct BeamSearch: Search {
  public let options: SearchOptions

  public init(_ options: SearchOptions) {
    precondition(options.beamSize > 0, "beam of \(options.beamSize)")
    precondition(
      (1...options.beamSize).contains(options.hypothesisCount),
      "\(options.hypothesisCount) hypotheses from a beam of \(options.beamSize)")
    self.options = options
  }

  public func run(
    _ state: any DecoderState, _ sentences: [SearchSentence], settled: SettledBeginnings?
  ) -> [[Hypothesis]] {
    search(state, sentences, keepsTrees: false, settled: settled).map { $0.results() }
  }

  /// The same with all that was looked at on the way. Cost: a node for each of the 2K candidates of each step.
  public func trace(
    _ state: any DecoderState, _ sentences: [SearchSentence]
  ) -> [(hypotheses: [Hypothesis], tree: BeamTree)] {
    search(state, sentences, keepsTrees: true, settled: nil).map { ($0.results(), $0.tree()) }
  }

  private func search(
    _ state: any DecoderState, _ sentences: [SearchSentence], keepsTrees: Bool, settled: SettledBeginnings?
  ) -> [Beam] {
    precondition(state.rowCount == sentences.count, "\(state.rowCount) rows for \(sentences.count) sentences")
    let beams = sentences.map { Beam(options, $0, keepsTree: keepsTrees) }
    let next = NextTokens(options, count: 2 * options.beamSize)
    let wantsAttention = options.keepsAttention || options.lengthNormalization.coveragePenalty != 0
    let sentence = Dictionary(
      uniqueKeysWithValues: settled == nil ? [] : beams.enumerated().map { (ObjectIdentifier($1), $0) })
    /// The beam of each row of the state.
    var owners = beams
    var places = Array(repeating: 0, count: beams.count)
    var (rows, nextOwners, nextPlaces) = ([Int](), [Beam](), [Int]())
    var tokens: [Int32]?
    var step = 0
    while !owners.isEmpty {
      next.prepare(
        rows: owners.count, step: step, sentence: { owners[$0].sentence },
        tokens: { owners[$0].tokens(live: places[$0]) }, recent: { owners[$0].recentTokens(live: places[$0]) })
      state.step(tokens, finding: next)
      let attention = wantsAttention ? state.attention() : nil
      rows.removeAll(keepingCapacity: true)
      nextOwners.removeAll(keepingCapacity: true)
      nextPlaces.removeAll(keepingCapacity: true)
      var following: [Int32] = []
      following.reserveCapacity(owners.count)
      var first = 0
      while first < owners.count {
        let beam = owners[first]
        let count = beam.live.count
        beam.advance(step: step, firstRow: first, next: next, attention: attention)
        if let settled, let tokens = beam.newlySettled() { settled(sentence[ObjectIdentifier(beam)] ?? 0, tokens) }
        for (place, hypothesis) in beam.live.enumerated() {
          rows.append(first + hypothesis.parentPlace)
          following.append(hypothesis.token)
          nextOwners.append(beam)
          nextPlaces.append(place)
        }
        first += count
      }
      if !rows.isEmpty, rows.count != owners.count || rows.indices.contains(where: { rows[$0] != $0 }) {
        state.reorder(rows)
      }
      swap(&owners, &nextOwners)
      swap(&places, &nextPlaces)
      tokens = following
      step += 1
    }
    return beams
  }
}

/// The beam of one sentence.
private final class Beam {
  struct Live {
    /// The last token's entry in `nodes`; −1 before the first.
    var node: Int32
    var token: Int32
    var logProbability: Double
    /// Which live hypothesis of the step before this one continues.
    var parentPlace: Int
    /// [S], the attention each source token has had so far; empty where not asked for.
    var coverage: [Float]
  }

  /// A token in the tree of all hypotheses.
  private struct Node {
    var parent: Int32
    var token: Int32
    var logProbability: Float
    /// Tokens up to this one.
    var length: Int32
  }

  private struct Finished {
    var node: Int32
    var logProbability: Double
    var score: Double
  }

  private struct Candidate {
    var place: Int
    var token: Int32
    var tokenLogProbability: Float
    var logProbability: Double

    /// As the tree shows it.
    func node(_ step: Int, _ rank: Int, _ fate: BeamTree.Fate, score: Double? = nil) -> BeamTree.Node {
      BeamTree.Node(
        parent: nil, step: step, rank: rank, token: token, tokenLogProbability: tokenLogProbability,
        logProbability: logProbability, score: score, fate: fate)
    }
  }

  let sentence: SearchSentence
  private let options: SearchOptions
  private(set) var live = [Live(node: -1, token: 0, logProbability: 0, parentPlace: 0, coverage: [])]
  private var nodes: [Node] = []
  /// Attention of each node, where asked for.
  private var attentions: [[Float]] = []
  /// Best first, at most `finishedCapacity`.
  private var finished: [Finished] = []
  /// As many as are to be returned, or as the stopping rule looks at.
  private let finishedCapacity: Int
  private var finishedInAll = 0
  private var candidates: [Candidate] = []
  private var previous: [Live] = []
  private var settledLength: Int32 = 0
  /// The last tokens of each live hypothesis and of each before this step, `Loop.memory` a place, the newest last; empty
  /// where loops do not matter.
  private var recent: [Int32] = []
  private var previousRecent: [Int32] = []
  /// Nil unless the tree is asked for.
  private var recorder: BeamRecorder?

  init(_ options: SearchOptions, _ sentence: SearchSentence, keepsTree: Bool) {
    self.options = options
    self.sentence = sentence
    recorder = keepsTree ? BeamRecorder() : nil
    finishedCapacity = options.stopping == .noneLeads ? options.beamSize : options.hypothesisCount
    candidates.reserveCapacity(2 * options.beamSize + 1)
    if options.breaksLoops, !sentence.mayLoop {
      recent = Array(repeating: -1, count: options.beamSize * Loop.memory)
      previousRecent = recent
    }
  }

  /// Lengthens all live hypotheses by one token. `next` holds the best tokens of this beam's rows from `firstRow`.
  func advance(step: Int, firstRow: Int, next: NextTokens, attention: [[Float]]?) {
    rankCandidates(firstRow: firstRow, next: next)
    swap(&live, &previous)
    swap(&recent, &previousRecent)
    live.removeAll(keepingCapacity: true)
    for (rank, candidate) in candidates.enumerated() {
      let parent = previous[candidate.place]
      let row = attention?[firstRow + candidate.place] ?? []
      if candidate.token == SpecialToken.end, rank < options.beamSize {
        let score = finish(candidate, parent: parent, attention: row, length: step + 1)
        recorder?.add(candidate.node(step, rank, .finished, score: score), parent: parent.node, isKept: true)
      } else if candidate.token != SpecialToken.end, live.count < options.beamSize {
        append(candidate, parent: parent, attention: row)
        recorder?.add(candidate.node(step, rank, .alive), parent: parent.node, isKept: true)
      } else {
        recorder?.add(candidate.node(step, rank, .pruned), parent: parent.node, isKept: false)
      }
    }
    if live.isEmpty, finished.isEmpty { surrender(step: step) }
    let ranked = recorder == nil ? [] : live.map(\.node)
    dropLosers(step: step + 1)
    for node in ranked.dropFirst(live.count) { recorder?.stop(node) }
  }

  /// The 2K best continuations, best first; of equals the one from the better hypothesis.
  private func rankCandidates(firstRow: Int, next: NextTokens) {
    candidates.removeAll(keepingCapacity: true)
    let capacity = next.count
    for place in live.indices {
      let base = live[place].logProbability
      if let (token, value) = next.forcedToken(firstRow + place) {
        insert(
          Candidate(
            place: place, token: token, tokenLogProbability: value, logProbability: base + Double(value)),
          capacity: capacity)
        continue
      }
      let start = (firstRow + place) * next.count
      for i in start..<start + next.count {
        let (token, value) = (next.ids[i], next.values[i])
        guard token >= 0 else { break }
        let candidate = Candidate(
          place: place, token: token, tokenLogProbability: value, logProbability: base + Double(value))
        if !insert(candidate, capacity: capacity) { break }
      }
    }
  }

  /// False if the candidate has no place among the best `capacity`.
  @discardableResult
  private func insert(_ candidate: Candidate, capacity: Int) -> Bool {
    if candidates.count == capacity {
      guard candidate.logProbability > candidates[capacity - 1].logProbability else { return false }
      candidates.removeLast()
    }
    var i = candidates.count
    while i > 0, candidates[i - 1].logProbability < candidate.logProbability { i -= 1 }
    candidates.insert(candidate, at: i)
    return true
  }

  private func makeNode(_ candidate: Candidate, parent: Live, attention: [Float]) -> Int32 {
    nodes.append(
      Node(
        parent: parent.node, token: candidate.token, logProbability: candidate.tokenLogProbability,
        length: length(parent.node) + 1))
    if options.keepsAttention { attentions.append(attention) }
    return Int32(nodes.count - 1)
  }

  private func covered(_ parent: Live, _ attention: [Float]) -> [Float] {
    parent.coverage.isEmpty ? attention : zip(parent.coverage, attention).map(+)
  }

  private func append(_ candidate: Candidate, parent: Live, attention: [Float]) {
    if !recent.isEmpty {
      let (from, to) = (candidate.place * Loop.memory, live.count * Loop.memory)
      for i in 1..<Loop.memory { recent[to + i - 1] = previousRecent[from + i] }
      recent[to + Loop.memory - 1] = candidate.token
    }
    live.append(
      Live(
        node: makeNode(candidate, parent: parent, attention: attention), token: candidate.token,
        logProbability: candidate.logProbability, parentPlace: candidate.place,
        coverage: attention.isEmpty ? [] : covered(parent, attention)))
  }

  /// Returns the score.
  private func finish(_ candidate: Candidate, parent: Live, attention: [Float], length: Int) -> Double {
    let score = options.lengthNormalization.score(
      logProbability: candidate.logProbability, length: length,
      coverage: attention.isEmpty ? nil : covered(parent, attention))
    finishedInAll += 1
    insert(
      Finished(
        node: makeNode(candidate, parent: parent, attention: attention), logProbability: candidate.logProbability,
        score: score))
    return score
  }

  private func insert(_ new: Finished) {
    var i = finished.count
    while i > 0, finished[i - 1].score < new.score { i -= 1 }
    finished.insert(new, at: i)
    if finished.count > finishedCapacity { finished.removeLast() }
  }

  /// Every continuation is forbidden or not a number: the most probable beginning stands, without an end symbol.
  private func surrender(step: Int) {
    guard let best = previous.first else { return }
    let score = options.lengthNormalization.score(logProbability: best.logProbability, length: step + 1)
    insert(Finished(node: best.node, logProbability: best.logProbability, score: score))
  }

  /// Drops the live hypotheses that cannot enter the n-best list any more; all of them have `length` tokens.
  private func dropLosers(step length: Int) {
    guard let worst = finished.last, finished.count == finishedCapacity else { return }
    if options.beamSize == 1 || (options.stopping == .beamFull && finishedInAll >= options.beamSize) {
      live.removeAll()
      return
    }
    if options.stopping == .noneLeads, let best = live.first,
      options.lengthNormalization.score(logProbability: best.logProbability, length: length) <= worst.score
    {
      live.removeAll()
    }
    guard options.stopping == .noneCanWin else { return }
    let lengths = (length + 1)...(max(sentence.maximumLength, length) + 1)
    while let last = live.last,
      options.lengthNormalization.bound(logProbability: last.logProbability, lengths: lengths) <= worst.score
    {
      live.removeLast()
    }
  }

  private func path(_ node: Int32) -> [Int] {
    var path: [Int] = []
    var node = node
    while node >= 0 {
      path.append(Int(node))
      node = nodes[Int(node)].parent
    }
    return path.reversed()
  }

  private func length(_ node: Int32) -> Int32 { node < 0 ? 0 : nodes[Int(node)].length }

  /// The tokens with which all hypotheses begin, live and ended, where they are more than when this was last asked; nil
  /// otherwise. Cost: as many looks as the hypotheses have tokens that they do not share.
  func newlySettled() -> [Int32]? {
    guard !live.isEmpty else { return nil }
    var ends = Set(live.map(\.node) + finished.map { nodes[Int($0.node)].parent })
    // The longest give way until all are one.
    while ends.count > 1 {
      let longest = ends.lazy.map(self.length).max() ?? 0
      guard longest > settledLength else { return nil }
      ends = Set(ends.map { self.length($0) == longest ? nodes[Int($0)].parent : $0 })
    }
    guard let end = ends.first, length(end) > settledLength else { return nil }
    settledLength = length(end)
    return path(end).map { nodes[$0].token }
  }

  /// The last tokens of a live hypothesis, after negative numbers where it is shorter than `Loop.memory`.
  func recentTokens(live place: Int) -> ArraySlice<Int32> {
    recent[place * Loop.memory..<(place + 1) * Loop.memory]
  }

  /// The tokens of a live hypothesis.
  func tokens(live place: Int) -> [Int32] { path(live[place].node).map { nodes[$0].token } }

  /// Empty where it was not asked for.
  func tree() -> BeamTree {
    recorder?.finished(finished.prefix(options.hypothesisCount).map { ($0.node, $0.score) }) ?? BeamTree()
  }

  func results() -> [Hypothesis] {
    finished.prefix(options.hypothesisCount).map { hypothesis in
      let path = path(hypothesis.node)
      let tokens = path.map { nodes[$0].token }
      let hasAttention = options.keepsAttention && !path.isEmpty && !attentions[path[0]].isEmpty
      return Hypothesis(
        tokens: tokens.last == SpecialToken.end ? Array(tokens.dropLast()) : tokens,
        logProbability: hypothesis.logProbability, score: hypothesis.score,
        tokenLogProbabilities: path.map { nodes[$0].logProbability },
        attention: hasAttention ? path.map { attentions[$0] } : nil)
    }
  }
}
