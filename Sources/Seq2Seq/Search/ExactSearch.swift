import Autograd

/// Finds the output with the best score of all, and proves it: depth-first over all beginnings, leaving out those of
/// which no continuation can beat the best output so far (Stahlberg & Byrne 2019).
///
/// A later token only lowers log P, so a beginning of log-probability s scores at most s / lp(L) + γ · L for the most
/// favourable length L that its outputs can still have: an admissible bound for raw log-probability, |Y|^α, GNMT and
/// word reward. Coverage only lowers the score. The best children of a beginning are expanded as one batch; all others
/// wait at their depth in a fork of the decoder's state.
///
/// Cost: at a depth, at most exp(−s) beginnings have log-probability s or more, since their probabilities sum to one;
/// so an output of log P = −6 costs at most 403 decoder rows a token, under raw log-probability.
public struct ExactSearch: Sendable {
  /// What a sentence may cost. Only the time depends on the machine.
  public struct Budget: Sendable, Equatable {
    /// Beginnings expanded: decoder rows.
    public var nodes: Int
    public var seconds: Double

    public init(nodes: Int = 20_000, seconds: Double = 3) { (self.nodes, self.seconds) = (nodes, seconds) }
  }

  /// What was found.
  public struct Result: Sendable, Equatable {
    /// The best output found; of the seeds, if nothing beats them.
    public var best: Hypothesis
    /// No output scores more than `best`.
    public var isSettled: Bool
    /// No output scores more than this; the score of `best` where it is settled.
    public var bound: Double
    /// Beginnings expanded.
    public var nodes: Int
  }

  /// Which outputs there are, and how they are scored; how the beam searches is not looked at.
  public let options: SearchOptions
  public let budget: Budget
  /// Siblings expanded at once, at most.
  public let batchRows: Int

  public init(_ options: SearchOptions, budget: Budget = Budget(), batchRows: Int = 32) {
    precondition(batchRows > 0, "batches of \(batchRows)")
    (self.options, self.budget, self.batchRows) = (options, budget, batchRows)
  }

  /// The longest output, in tokens without the end symbol, that an exact search looks at by default: enough for any
  /// translation, and not so much that the bound of normalised scores becomes worthless.
  public static func longestOutput(sourceLength: Int) -> Int { min(2 * sourceLength + 10, 60) }

  /// Searches all outputs of at most `maximumLength` tokens. `state` is before its first token and has one row. `seeds`
  /// are outputs known before, with their scores, the more probable the better: they prune from the start.
  public func run(_ state: any DecoderState, maximumLength: Int, seeds: [Hypothesis] = []) -> Result {
    precondition(state.rowCount == 1, "\(state.rowCount) rows for one sentence")
    return ExactSearchRun(self, state, maximumLength: maximumLength, seeds: seeds).run()
  }
}

/// One sentence's search.
private final class ExactSearchRun {
  /// A beginning that waits to be expanded.
  private struct Child {
    var logProbability: Double
    /// Row of its level's state.
    var row: Int32
    var token: Int32
    var tokenLogProbability: Float
  }

  /// Beginnings of one length that were expanded together.
  private struct Level {
    var state: any DecoderState
    /// Each row's last token in `nodes`; −1 before the first.
    var nodes: [Int32]
    /// [R][S], attention in all; empty where it is not asked for.
    var coverage: [[Float]]
    /// The least probable first.
    var pending: [Child]
  }

  /// A token in the tree of all expanded beginnings.
  private struct Node {
    var parent: Int32
    var token: Int32
    var logProbability: Float
  }

  private let search: ExactSearch
  private let normalization: LengthNormalization
  private let maximumLength: Int
  private let vocabulary: Int
  private let forbidden: Set<Int32>
  private var best: Hypothesis
  /// Level n has beginnings of n tokens.
  private var levels: [Level] = []
  private var nodes: [Node] = []
  private var expanded = 0
  /// Log-probability of the best child of level n that was dropped because the budget cannot reach it.
  private var dropped: [Double] = []

  init(_ search: ExactSearch, _ state: any DecoderState, maximumLength: Int, seeds: [Hypothesis]) {
    self.search = search
    self.maximumLength = maximumLength
    normalization = search.options.lengthNormalization
    vocabulary = state.vocabularySize
    forbidden = Set(search.options.forbiddenTokens)
    let nothing = Hypothesis(tokens: [], logProbability: -.infinity, score: -.infinity, tokenLogProbabilities: [])
    best = seeds.max { $0.score < $1.score } ?? nothing
    expand(state, tokens: nil, nodes: [-1], logProbabilities: [0], coverage: [])
  }

  func run() -> ExactSearch.Result {
    let deadline = ContinuousClock.now + .seconds(min(search.budget.seconds, 1e9))
    var isCut = false
    while let level = levels.indices.last {
      let least = leastLogProbability(childOf: level)
      let affordable = min(search.batchRows, search.budget.nodes - expanded)
      var batch: [Child] = []
      while batch.count < affordable, let child = levels[level].pending.last, child.logProbability > least {
        batch.append(child)
        levels[level].pending.removeLast()
      }
      if batch.isEmpty {
        if affordable <= 0, let child = levels[level].pending.last, child.logProbability > least {
          isCut = true
          break
        }
        levels.removeLast()
        continue
      }
      expand(batch, of: levels[level])
      if ContinuousClock.now >= deadline {
        isCut = true
        break
      }
    }
    let bound = isCut || !dropped.isEmpty ? remainingBound() : best.score
    return ExactSearch.Result(best: best, isSettled: bound <= best.score, bound: bound, nodes: expanded)
  }

  /// Lengths, with the end symbol, that outputs beginning with a child of `level` can have.
  private func lengths(childOf level: Int) -> ClosedRange<Int> { (level + 2)...max(maximumLength + 1, level + 2) }

  private func leastLogProbability(childOf level: Int) -> Double {
    normalization.leastLogProbability(beating: best.score, lengths: lengths(childOf: level))
  }

  /// What the best of all beginnings that still wait, or were dropped, could come to.
  private func remainingBound() -> Double {
    var bound = best.score
    for level in 0..<max(levels.count, dropped.count) {
      let waiting = level < levels.count ? levels[level].pending.last?.logProbability ?? -.infinity : -.infinity
      let most = max(waiting, level < dropped.count ? dropped[level] : -.infinity)
      guard most > -.infinity else { continue }
      bound = max(bound, normalization.bound(logProbability: most, lengths: lengths(childOf: level)))
    }
    return bound
  }

  private func expand(_ batch: [Child], of level: Level) {
    let firstNode = Int32(nodes.count)
    for child in batch {
      nodes.append(
        Node(parent: level.nodes[Int(child.row)], token: child.token, logProbability: child.tokenLogProbability))
    }
    let rows = batch.map { Int($0.row) }
    expand(
      level.state.fork(rows), tokens: batch.map(\.token), nodes: batch.indices.map { firstNode + Int32($0) },
      logProbabilities: batch.map(\.logProbability), coverage: level.coverage.isEmpty ? [] : rows.map { level.coverage[$0] })
  }

  /// Steps the rows of `state`, ends each of them, and makes the level of their children.
  private func expand(
    _ state: any DecoderState, tokens: [Int32]?, nodes rowNodes: [Int32], logProbabilities: [Double], coverage: [[Float]]
  ) {
    let depth = levels.count
    let logits = state.step(tokens)
    expanded += rowNodes.count
    var coverage = coverage
    if normalization.coveragePenalty != 0, let attention = state.attention() {
      coverage = coverage.isEmpty ? attention : zip(coverage, attention).map { zip($0, $1).map(+) }
    }
    mt_log_softmax(logits.baseAddress!, nil, Int64(rowNodes.count), Int64(vocabulary))
    if depth >= min(search.options.minimumLength, maximumLength) {
      for row in rowNodes.indices {
        let value = logits[row * vocabulary + Int(SpecialToken.end)]
        end(rowNodes[row], logProbabilities[row], value, depth: depth, coverage: coverage.isEmpty ? nil : coverage[row])
      }
    }
    guard depth < maximumLength else {
      levels.append(Level(state: state, nodes: rowNodes, coverage: coverage, pending: []))
      return
    }
    var children: [Child] = []
    let affordable = max(search.budget.nodes - expanded, 1)
    var least = leastLogProbability(childOf: depth)
    for row in rowNodes.indices {
      let values = logits.baseAddress! + row * vocabulary
      let banned = banned(after: rowNodes[row])
      var threshold = least - logProbabilities[row]
      for token in 0..<vocabulary where Double(values[token]) > threshold {
        let id = Int32(token)
        if id == SpecialToken.end || banned.contains(id) { continue }
        children.append(
          Child(
            logProbability: logProbabilities[row] + Double(values[token]), row: Int32(row), token: id,
            tokenLogProbability: values[token]))
        guard children.count >= 2 * affordable else { continue }
        // More than the budget can expand: the less probable half goes, and is remembered.
        children.sort { $0.logProbability > $1.logProbability }
        drop(children[affordable].logProbability, level: depth)
        children.removeLast(children.count - affordable)
        least = max(least, dropped[depth])
        threshold = least - logProbabilities[row]
      }
    }
    // Whatever was passed over for the raised threshold is not more probable than what was dropped for it.
    children.sort { ($0.logProbability, $1.row, $1.token) < ($1.logProbability, $0.row, $0.token) }
    levels.append(Level(state: state, nodes: rowNodes, coverage: coverage, pending: children))
  }

  private func drop(_ logProbability: Double, level: Int) {
    while dropped.count <= level { dropped.append(-.infinity) }
    dropped[level] = max(dropped[level], logProbability)
  }

  /// Takes the output that ends after `node` if it is the best so far.
  private func end(_ node: Int32, _ logProbability: Double, _ endValue: Float, depth: Int, coverage: [Float]?) {
    let total = logProbability + Double(endValue)
    let score = normalization.score(logProbability: total, length: depth + 1, coverage: coverage)
    guard score > best.score else { return }
    let path = path(node)
    best = Hypothesis(
      tokens: path.map(\.token), logProbability: total, score: score,
      tokenLogProbabilities: path.map(\.logProbability) + [endValue])
  }

  private func path(_ node: Int32) -> [Node] {
    var (path, node) = ([Node](), node)
    while node >= 0 {
      path.append(nodes[Int(node)])
      node = nodes[Int(node)].parent
    }
    return path.reversed()
  }

  /// The tokens that may not follow `node`.
  private func banned(after node: Int32) -> Set<Int32> {
    let context = search.options.noRepeatNgram - 1
    let breaksLoops = search.options.breaksLoops
    guard context >= 0 || breaksLoops else { return forbidden }
    let tokens = path(node).map(\.token)
    var banned = forbidden
    if breaksLoops, !tokens.isEmpty { Loop.forbid(after: tokens[...]) { banned.insert($0) } }
    guard context >= 0, tokens.count > context else { return banned }
    for start in 0..<tokens.count - context
    where tokens[start..<start + context].elementsEqual(tokens[(tokens.count - context)...]) {
      banned.insert(tokens[start + context])
    }
    return banned
  }
}
