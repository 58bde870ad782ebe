import Foundation
import Seq2Seq
import Testing

@Suite struct ForcedDecodingTests {
  static let targets: [[Int32]] = [[3, 4, 5], [], [18, 2], [7, 7, 7, 7, 7], [6]]

  @Test("a trace has forced scoring's log-probabilities, the favourite's on top, and rows of attention that sum to one")
  func traces() throws {
    let models = try [SearchModelTests.makeModel(), AttentionRNNSearchTests.makeModel(.gru, .additive)]
    for (number, model) in models.enumerated() {
      let sources = SearchModelTests.sources
      let traces = ForcedDecoding(model, workspace: Workspace(), keepsHeads: true).run(
        sources: sources, targets: ForcedDecodingTests.targets)
      let forced = ForcedScoring(model, workspace: Workspace()).logProbabilities(
        sources: sources, targets: ForcedDecodingTests.targets)
      for (i, trace) in traces.enumerated() {
        #expect(trace.tokens == ForcedDecodingTests.targets[i] + [0])
        for (a, b) in zip(trace.logProbabilities, forced[i]) { #expect(abs(a - b) < 1e-4) }
        for place in trace.tokens.indices {
          #expect(trace.favouriteLogProbabilities[place] >= trace.logProbabilities[place] - 1e-5)
          let isFavourite = trace.favourites[place] == trace.tokens[place]
          #expect(!isFavourite || abs(trace.favouriteLogProbabilities[place] - trace.logProbabilities[place]) < 1e-5)
        }
        let attention = try #require(trace.attention)
        let heads = try #require(trace.heads)
        #expect(heads.count == (number == 0 ? 2 : 1) && heads[0].count == (number == 0 ? 2 : 1))
        for place in trace.tokens.indices {
          #expect(attention[place].count == sources[i].count + 1)
          for head in heads.flatMap({ $0 }) { #expect(abs(head[place].reduce(0, +) - 1) < 1e-4) }
          // The average of the last layer's heads.
          for j in attention[place].indices {
            let mean = heads[heads.count - 1].reduce(Float(0)) { $0 + $1[place][j] } / Float(heads[0].count)
            #expect(abs(mean - attention[place][j]) < 1e-6)
          }
        }
        // Alone as beside others, to the last bit.
        let alone = ForcedDecoding(model, workspace: Workspace(), keepsHeads: true).run(
          sources: [sources[i]], targets: [ForcedDecodingTests.targets[i]])
        #expect(alone[0] == trace)
      }
      #expect(traces[0].heads?[0] != traces[0].heads?[1 % (traces[0].heads?.count ?? 1)] || number == 1)
    }
    let without = try AttentionRNNSearchTests.makeModel(.gru, .none)
    let trace = ForcedDecoding(without, workspace: Workspace(), keepsHeads: true).run(sources: [[3]], targets: [[4]])[0]
    #expect(trace.attention == nil && trace.heads == nil && trace.logProbabilities.count == 2)
  }
}
