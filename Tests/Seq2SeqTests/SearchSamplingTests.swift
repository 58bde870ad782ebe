import Foundation
import Seq2Seq
import Testing

@Suite struct SearchSamplingTests {
  static func options(_ change: (inout SamplingOptions) -> Void = { _ in }) -> SearchOptions {
    var options = SearchOptions()
    var sampling = SamplingOptions()
    change(&sampling)
    options.sampling = sampling
    return options
  }

  /// How often each first token is drawn for one sentence, out of `draws`.
  static func firstTokens(_ options: SearchOptions, draws: Int, vocabulary: Int) -> [Double] {
    let state = ToyDecoder(sentences: Array(repeating: 3, count: draws), vocabulary: vocabulary, spread: 3)
    let places = (0..<draws).map { SearchSentence(maximumLength: 1, index: $0) }
    var counts = [Double](repeating: 0, count: vocabulary)
    for hypotheses in options.makeSearch().run(state, places) { counts[Int(hypotheses[0].tokens.first ?? 0)] += 1 }
    return counts.map { $0 / Double(draws) }
  }

  @Test("tokens are drawn as often as they are probable", arguments: [Float(0.5), 1, 2])
  func distribution(temperature: Float) {
    let frequency = SearchSamplingTests.firstTokens(
      SearchSamplingTests.options { $0.temperature = temperature }, draws: 20_000, vocabulary: 6)
    var expected = ToyDecoder.logits(sentence: 3, prefix: [], vocabulary: 6, spread: 3)
      .map { exp(Double($0 / temperature)) }
    expected[1] = 0
    let sum = expected.reduce(0, +)
    // Five standard deviations of a frequency of 20,000 draws are below 0.018.
    for i in 0..<6 { #expect(abs(frequency[i] - expected[i] / sum) < 0.018) }
    #expect(frequency[1] == 0)
  }

  @Test("top-k and top-p cut the tail")
  func cutTail() {
    let p = ToyDecoder.logProbabilities(sentence: 3, prefix: [], vocabulary: 8, spread: 3).map(exp)
    let ranked = (0..<8).filter { $0 != 1 }.sorted { p[$0] > p[$1] }
    let best3 = SearchSamplingTests.firstTokens(
      SearchSamplingTests.options { $0.topK = 3 }, draws: 3000, vocabulary: 8)
    #expect(Set((0..<8).filter { best3[$0] > 0 }) == Set(ranked.prefix(3)))
    let allowed = ranked.map { p[$0] / (1 - p[1]) }
    // A threshold within the second token's share keeps two.
    let nucleus = SearchSamplingTests.firstTokens(
      SearchSamplingTests.options { $0.topP = Float(allowed[0] + allowed[1] / 2) }, draws: 3000, vocabulary: 8)
    #expect(Set((0..<8).filter { nucleus[$0] > 0 }) == Set(ranked.prefix(2)))
  }

  @Test("the same seed gives the same samples in any batch, another seed others")
  func seeds() {
    func sample(_ seed: UInt64, _ sentences: [Int]) -> [[Hypothesis]] {
      var options = SearchSamplingTests.options {
        $0.seed = seed
        $0.topP = 0.9
      }
      options.hypothesisCount = 2
      let state = ToyDecoder(sentences: sentences, vocabulary: 20)
      return options.makeSearch().run(state, sentences.map { SearchSentence(maximumLength: 12, index: $0) })
    }
    let together = sample(4, [5, 9, 2])
    #expect(together == [sample(4, [5])[0], sample(4, [9])[0], sample(4, [2])[0]])
    #expect(together != sample(5, [5, 9, 2]))
    #expect(together[0][0].tokens != together[0][1].tokens)
    for (sentence, hypotheses) in zip([5, 9, 2], together) {
      let first = hypotheses[0].tokens.first ?? 0
      let expected = ToyDecoder.logProbabilities(sentence: sentence, prefix: [], vocabulary: 20)[Int(first)]
      #expect(abs(Double(hypotheses[0].tokenLogProbabilities[0]) - expected) < 1e-5)
    }
  }
}
