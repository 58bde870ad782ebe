import Autograd
import Foundation
import Seq2Seq
import Testing

@Suite struct FirstPruneTests {
  static func trace(_ options: SearchOptions, sentence: Int, output: [Int32], maximumLength: Int = 5) -> FirstPrune? {
    PruneTrace(options).run(
      ToyDecoder(sentences: [sentence], vocabulary: 9, endBonus: 1), SearchSentence(maximumLength: maximumLength),
      output: output)
  }

  static func options(_ beam: Int, stopping: StoppingRule = .noneCanWin) -> SearchOptions {
    SearchBeamTests.options(beam) { $0.stopping = stopping }
  }

  @Test("what the search returns was never lost", arguments: [1, 2, 3, 7], StoppingRule.allCases)
  func result(beam: Int, stopping: StoppingRule) {
    for sentence in 0..<20 {
      let options = FirstPruneTests.options(beam, stopping: stopping)
      let state = ToyDecoder(sentences: [sentence], vocabulary: 9, endBonus: 1)
      let best = BeamSearch(options).run(state, [SearchSentence(maximumLength: 5)])[0][0]
      #expect(FirstPruneTests.trace(options, sentence: sentence, output: best.tokens) == nil)
    }
  }

  @Test("greedy search loses an output where it first takes another token, by that much")
  func greedy() {
    let options = FirstPruneTests.options(1)
    for sentence in 0..<20 {
      let state = ToyDecoder(sentences: [sentence], vocabulary: 9, endBonus: 1)
      let taken = GreedySearch(options).run(state, [SearchSentence(maximumLength: 5)])[0][0].tokens + [0]
      for step in taken.indices where step < 5 {
        for other in Int32(2)..<9 where other != taken[step] {
          let prefix = Array(taken[..<step])
          let prune = FirstPruneTests.trace(options, sentence: sentence, output: prefix + [other, 3])
          var values = ToyDecoder.logProbabilities(sentence: sentence, prefix: prefix, vocabulary: 9, endBonus: 1)
          values[1] = -.infinity
          let own = values[Int(other)]
          #expect(prune?.step == step && prune?.reason == .beam)
          #expect(prune?.rank == 1 + values.count { $0 > own })
          #expect(abs((prune?.gap ?? -1) - (values[Int(taken[step])] - own)) < 1e-4)
        }
      }
    }
  }

  @Test("a beam that holds everything loses an output only when it cannot win any more")
  func everything() {
    var reasons: Set<FirstPrune.Reason?> = []
    for (sentence, output) in [(1, [2, 3]), (2, [8, 7, 6]), (3, []), (4, [5]), (6, [4, 4, 4])] as [(Int, [Int32])] {
      let options = FirstPruneTests.options(900)
      let prune = FirstPruneTests.trace(options, sentence: sentence, output: output, maximumLength: 3)
      reasons.insert(prune?.reason)
      #expect(prune?.reason != .beam && prune?.reason != .ended)
      let state = ToyDecoder(sentences: [sentence], vocabulary: 9, endBonus: 1)
      let best = BeamSearch(options).run(state, [SearchSentence(maximumLength: 3)])[0][0]
      if best.tokens == output { #expect(prune == nil) }
    }
    #expect(reasons.contains(.score))
    #expect(FirstPruneTests.trace(FirstPruneTests.options(900), sentence: 1, output: [2, 3, 4], maximumLength: 2)?.reason != .beam)
  }

  @Test("what the beam drops ranks behind what it keeps", arguments: [2, 4])
  func ranks(beam: Int) {
    var dropped = 0
    for sentence in 0..<30 {
      let output: [Int32] = [Int32(2 + sentence % 7), Int32(2 + sentence % 5), 4]
      let options = FirstPruneTests.options(beam)
      guard let prune = FirstPruneTests.trace(options, sentence: sentence, output: output) else { continue }
      #expect(prune.gap >= 0)
      if prune.reason == .beam {
        dropped += 1
        #expect(prune.rank > beam)
      }
    }
    #expect(dropped > 5)
  }
}
