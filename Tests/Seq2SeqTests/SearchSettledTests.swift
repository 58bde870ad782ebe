import Seq2Seq
import Testing

/// What a search says on the way of what its outputs begin with.
@Suite struct SearchSettledTests {
  private func run(
    _ options: SearchOptions, spread: Double, settled: @escaping SettledBeginnings
  ) -> [[Hypothesis]] {
    let sentences = Array(0..<12)
    let state = ToyDecoder(sentences: sentences, vocabulary: 7, spread: spread, endBonus: 1)
    return options.makeSearch().run(
      state, sentences.map { SearchSentence(maximumLength: 14, index: $0) }, settled: settled)
  }

  @Test(arguments: [1, 2, 5, 9], StoppingRule.allCases)
  func allHypothesesBeginWithWhatIsSettled(beam: Int, stopping: StoppingRule) {
    for count in [1, beam] {
      var options = SearchOptions()
      (options.beamSize, options.stopping, options.hypothesisCount) = (beam, stopping, count)
      for spread in [2.0, 9.0] {
        var told: [Int: [[Int32]]] = [:]
        let found = run(options, spread: spread) { told[$0, default: []].append($1) }
        #expect(found == run(options, spread: spread) { _, _ in })
        for (sentence, hypotheses) in found.enumerated() {
          var last = 0
          for tokens in told[sentence] ?? [] {
            #expect(tokens.count > last)
            last = tokens.count
            for hypothesis in hypotheses {
              #expect(hypothesis.tokens.starts(with: tokens), "\(hypothesis.tokens) does not begin with \(tokens)")
            }
          }
        }
      }
    }
  }

  @Test func muchSettlesBeforeTheEndWhereTheModelIsSure() {
    var options = SearchOptions()
    options.beamSize = 3
    var told: [Int: Int] = [:]
    let found = run(options, spread: 60) { told[$0] = $1.count }
    let tokens = found.reduce(0) { $0 + $1[0].tokens.count }
    #expect(tokens > 20)
    #expect(told.values.reduce(0, +) * 4 > tokens)
  }

  @Test func greedySearchSettlesEveryToken() {
    var options = SearchOptions()
    options.beamSize = 1
    var told: [Int: [Int32]] = [:]
    let found = run(options, spread: 6) { told[$0] = $1 }
    for (sentence, hypotheses) in found.enumerated() { #expect(told[sentence] ?? [] == hypotheses[0].tokens) }
  }
}
