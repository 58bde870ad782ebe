import Autograd

/// What a decoder thought at each step while it was made to produce a given output.
public struct ForcedTrace: Sendable, Equatable {
  /// The output with its end symbol.
  public var tokens: [Int32]
  /// log P of each of `tokens` given those before it, nats.
  public var logProbabilities: [Float]
  /// The token that the model found most probable in its place, and log P of that.
  public var favourites: [Int32]
  public var favouriteLogProbabilities: [Float]
  /// [tokens][S], cross-attention averaged over the heads of the last layer, the source's end symbol among S; nil where
  /// the model has none.
  public var attention: [[Float]]?
  /// [layer][head][tokens][S], where asked for.
  public var heads: [[[[Float]]]]?
}

/// Decodes given outputs step by step: slower than `ForcedScoring`, but attention and rivals can be seen.
public struct ForcedDecoding {
  private let model: any EncoderDecoder
  private let workspace: Workspace
  public let keepsHeads: Bool

  public init(_ model: any EncoderDecoder, workspace: Workspace, keepsHeads: Bool = false) {
    (self.model, self.workspace, self.keepsHeads) = (model, workspace, keepsHeads)
  }

  /// The traces of `targets`, all decoded side by side. Sources and targets are without end symbols. Cost: as many decoder
  /// steps as the longest target has tokens, and one.
  public func run(sources: [[Int32]], targets: [[Int32]]) -> [ForcedTrace] {
    precondition(sources.count == targets.count, "\(sources.count) sources and \(targets.count) targets")
    let outputs = targets.map { $0 + [SpecialToken.end] }
    var traces = outputs.map {
      ForcedTrace(tokens: $0, logProbabilities: [], favourites: [], favouriteLogProbabilities: [])
    }
    guard !sources.isEmpty else { return traces }
    let state = model.startDecoding(SequenceBatch(sources.map { $0 + [SpecialToken.end] }), workspace: workspace)
    let vocabulary = state.vocabularySize
    var live = Array(outputs.indices)
    var step = 0
    while !live.isEmpty {
      let logits = state.step(step == 0 ? nil : live.map { outputs[$0][step - 1] })
      let attention = state.attention()
      let heads = keepsHeads ? state.attentionByHead() : nil
      for (row, output) in live.enumerated() {
        guard let values = logits.baseAddress.map({ $0 + row * vocabulary }) else { continue }
        let favourite = Int32((0..<vocabulary).max { values[$0] < values[$1] } ?? 0)
        traces[output].favourites.append(favourite)
        traces[output].favouriteLogProbabilities.append(
          logProbability(of: favourite, in: values, vocabulary: vocabulary))
        traces[output].logProbabilities.append(
          logProbability(of: outputs[output][step], in: values, vocabulary: vocabulary))
        if let attention { traces[output].attention = (traces[output].attention ?? []) + [attention[row]] }
        if let heads { ForcedDecoding.append(heads, row: row, to: &traces[output]) }
      }
      step += 1
      let going = live.indices.filter { outputs[live[$0]].count > step }
      if going.count < live.count { state.reorder(going) }
      live = going.map { live[$0] }
    }
    return traces
  }

  private static func append(_ heads: [[[[Float]]]], row: Int, to trace: inout ForcedTrace) {
    var kept = trace.heads ?? heads.map { $0[row].map { _ in [] } }
    for layer in heads.indices {
      for head in heads[layer][row].indices { kept[layer][head].append(heads[layer][row][head]) }
    }
    trace.heads = kept
  }
}
