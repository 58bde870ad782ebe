/// Every hypothesis that a beam search weighed for one sentence, and what became of it.
public struct BeamTree: Sendable, Equatable {
  /// What became of a hypothesis when it had been ranked.
  public enum Fate: String, Sendable, Codable, CaseIterable {
    /// Stayed in the beam and was lengthened.
    case alive
    /// More probable ones took all places of the beam.
    case pruned
    /// Ended with the end symbol, among the first of its step: it has a score.
    case finished
    /// Was in the beam when the search ended.
    case stopped
  }

  /// A hypothesis: its parent's tokens and one more.
  public struct Node: Sendable, Equatable {
    /// Its place in `nodes`; nil where this is the first token.
    public var parent: Int?
    /// Tokens before this one.
    public var step: Int
    /// Among all of its step, from 0.
    public var rank: Int
    /// The end symbol's is a finished hypothesis.
    public var token: Int32
    /// log P of the token given those before it, nats.
    public var tokenLogProbability: Float
    /// log P of all tokens so far, nats.
    public var logProbability: Double
    /// What finished hypotheses are ranked by.
    public var score: Double?
    public var fate: Fate
  }

  /// Parents before children, step by step, those of a step in the order of their rank.
  public internal(set) var nodes: [Node] = []
  /// The last nodes of the hypotheses that the search returned, best first.
  public internal(set) var results: [Int] = []

  /// The tokens of a node's hypothesis.
  public func tokens(_ node: Int) -> [Int32] { path(node).map { nodes[$0].token } }

  /// From the first token to the node.
  public func path(_ node: Int) -> [Int] {
    var (path, next) = ([Int](), Optional(node))
    while let node = next {
      path.append(node)
      next = nodes[node].parent
    }
    return path.reversed()
  }
}

/// Writes the tree while a search runs.
struct BeamRecorder {
  private(set) var tree = BeamTree()
  /// Where the hypotheses that the search keeps stand in the tree, by their number in the search.
  private var places: [Int] = []

  /// `parent` is the search's number, −1 before the first token; kept hypotheses get the next number.
  mutating func add(_ node: BeamTree.Node, parent: Int32, isKept: Bool) {
    if isKept { places.append(tree.nodes.count) }
    tree.nodes.append(node)
    tree.nodes[tree.nodes.count - 1].parent = parent < 0 ? nil : places[Int(parent)]
  }

  mutating func stop(_ number: Int32) { tree.nodes[places[Int(number)]].fate = .stopped }

  /// The tree with what the search returned; a number and a score each.
  func finished(_ results: [(number: Int32, score: Double)]) -> BeamTree {
    var tree = tree
    for (number, score) in results where number >= 0 {
      tree.results.append(places[Int(number)])
      tree.nodes[places[Int(number)]].score = score
    }
    return tree
  }
}
