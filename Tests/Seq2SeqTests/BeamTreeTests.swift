import Foundation
import Seq2Seq
import Testing

@Suite struct BeamTreeTests {
  static func trace(_ options: SearchOptions, _ sentences: [Int]) -> [(hypotheses: [Hypothesis], tree: BeamTree)] {
    BeamSearch(options).trace(
      ToyDecoder(sentences: sentences, vocabulary: 9, endBonus: 1),
      sentences.map { SearchSentence(maximumLength: 5, index: $0) })
  }

  @Test("tracing changes nothing, and the tree holds what was returned", arguments: [1, 2, 5], StoppingRule.allCases)
  func results(beam: Int, stopping: StoppingRule) {
    let options = SearchBeamTests.options(beam) {
      $0.stopping = stopping
      $0.hypothesisCount = min(beam, 3)
    }
    let sentences = Array(0..<12)
    let plain = BeamSearch(options).run(
      ToyDecoder(sentences: sentences, vocabulary: 9, endBonus: 1),
      sentences.map { SearchSentence(maximumLength: 5, index: $0) })
    let traced = BeamTreeTests.trace(options, sentences)
    #expect(traced.map(\.hypotheses) == plain)
    for (hypotheses, tree) in traced {
      #expect(tree.results.count == hypotheses.count)
      for (hypothesis, node) in zip(hypotheses, tree.results) {
        #expect(tree.tokens(node) == hypothesis.tokens + [0])
        #expect(tree.nodes[node].score == hypothesis.score)
        #expect(tree.nodes[node].logProbability == hypothesis.logProbability)
        #expect(tree.path(node).map { tree.nodes[$0].tokenLogProbability } == hypothesis.tokenLogProbabilities)
        #expect(tree.nodes[node].fate == .finished)
      }
    }
  }

  @Test("each step's ranking is the best of all continuations, and what the beam has no place for is pruned")
  func ranking() {
    let beam = 3
    var fates: [BeamTree.Fate: Int] = [:]
    for (sentence, trace) in BeamTreeTests.trace(SearchBeamTests.options(beam), Array(0..<10)).enumerated() {
      let nodes = trace.tree.nodes
      for step in 0...(nodes.map(\.step).max() ?? 0) {
        let own = nodes.indices.filter { nodes[$0].step == step }
        #expect(own.map { nodes[$0].rank } == Array(own.indices.map { $0 - own.startIndex }))
        #expect(own.count { nodes[$0].fate == .alive || nodes[$0].fate == .stopped } <= beam)
        let prefixes = step == 0 ? [([], 0)] : nodes.indices.filter {
          nodes[$0].step == step - 1 && nodes[$0].fate == .alive
        }.map { (trace.tree.tokens($0), nodes[$0].logProbability) }
        // By enumeration, not by the search.
        var all: [(tokens: [Int32], logProbability: Double)] = []
        for (prefix, sum) in prefixes {
          let values = ToyDecoder.logProbabilities(sentence: sentence, prefix: prefix, vocabulary: 9, endBonus: 1)
          // At the greatest length only the end is allowed, and the unknown word never is.
          for token in step == 5 ? [0] : [0, 2, 3, 4, 5, 6, 7, 8] { all.append((prefix + [Int32(token)], sum + values[token])) }
        }
        let best = all.sorted { $0.logProbability > $1.logProbability }.prefix(2 * beam)
        #expect(own.map { trace.tree.tokens($0) } == best.map(\.tokens))
        for (node, expected) in zip(own, best) {
          #expect(abs(nodes[node].logProbability - expected.logProbability) < 1e-4)
          fates[nodes[node].fate, default: 0] += 1
          switch nodes[node].fate {
          case .finished: #expect(nodes[node].token == 0 && nodes[node].rank < beam && nodes[node].score != nil)
          // Its continuations may all be worse than others'.
          case .alive: #expect(nodes[node].score == nil && nodes.contains { $0.step == step + 1 })
          case .pruned: #expect(!nodes.contains { $0.parent == node } && nodes[node].score == nil)
          case .stopped: #expect(!nodes.contains { $0.parent == node })
          }
        }
      }
    }
    // All of them occur, or nothing was tested.
    #expect(Set(fates.keys) == Set(BeamTree.Fate.allCases))
  }
}
