import Autograd

/// How probable a model finds given translations: the search in which every token is forced.
public struct ForcedScoring {
  private let model: any EncoderDecoder
  private let workspace: Workspace
  /// Source and target tokens computed at once, unless one pair has more.
  public static let tokensPerBatch = 2048

  public init(_ model: any EncoderDecoder, workspace: Workspace) {
    self.model = model
    self.workspace = workspace
  }

  /// log P(token | source, earlier tokens), nats, of every token of each target and of its end symbol last.
  /// Sources and targets are given without end symbols. Cost: one pass of encoder and decoder over all tokens.
  public func logProbabilities(sources: [[Int32]], targets: [[Int32]]) -> [[Float]] {
    precondition(sources.count == targets.count, "\(sources.count) sources and \(targets.count) targets")
    // Pairs of like length together: shards of one size, and no long pair waits for short ones.
    let order = sources.indices.sorted {
      (sources[$0].count + targets[$0].count, $0) < (sources[$1].count + targets[$1].count, $1)
    }
    var results = [[Float]](repeating: [], count: sources.count)
    var first = 0
    while first < order.count {
      var (source, target) = (SequenceBatch(), SequenceBatch())
      var last = first
      while last < order.count {
        let pair = order[last]
        let tokens = sources[pair].count + targets[pair].count + 2
        if last > first, source.tokenCount + target.tokenCount + tokens > ForcedScoring.tokensPerBatch { break }
        source.append(sources[pair] + [SpecialToken.end])
        target.append(targets[pair] + [SpecialToken.end])
        last += 1
      }
      workspace.arena.reset()
      let values = model.logProbabilities(source: source, target: target, graph: Graph(arena: workspace.arena))
      for (sentence, pair) in order[first..<last].enumerated() {
        results[pair] = Array(values[Int(target.offsets[sentence])..<Int(target.offsets[sentence + 1])])
      }
      first = last
    }
    return results
  }
}
