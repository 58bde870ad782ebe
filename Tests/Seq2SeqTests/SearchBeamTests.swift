import Foundation
@testable import Seq2Seq
import Testing

@Suite struct SearchBeamTests {
  static func options(_ beam: Int, _ change: (inout SearchOptions) -> Void = { _ in }) -> SearchOptions {
    var options = SearchOptions()
    options.beamSize = beam
    change(&options)
    return options
  }

  static func run(
    _ options: SearchOptions, _ sentences: [Int], vocabulary: Int = 6, maximumLength: Int = 5, spread: Double = 6,
    endBonus: Float = 0, prefix: [Int32] = []
  ) -> [[Hypothesis]] {
    let state = ToyDecoder(sentences: sentences, vocabulary: vocabulary, spread: spread, endBonus: endBonus)
    return options.makeSearch().run(
      state, sentences.map { SearchSentence(maximumLength: maximumLength, prefix: prefix, index: $0) })
  }

  @Test("a beam wide enough finds what enumeration finds", arguments: LengthPenaltyKind.allCases, [0.6, 1, 1.7])
  func equalsBruteForce(kind: LengthPenaltyKind, alpha: Double) {
    let normalization = LengthNormalization(kind, lengthPenalty: alpha)
    let options = SearchBeamTests.options(400) {
      $0.lengthNormalization = normalization
      $0.hypothesisCount = 7
    }
    let sentences = [3, 1, 9]
    let results = SearchBeamTests.run(options, sentences, vocabulary: 6, maximumLength: 4)
    for (sentence, hypotheses) in zip(sentences, results) {
      let ranked = enumerateOutputs(sentence: sentence, vocabulary: 6, maximumLength: 4)
        .map { (tokens: $0.tokens, score: $0.logProbability / normalization.penalty(length: $0.tokens.count + 1)) }
        .sorted { $0.score > $1.score }
      #expect(hypotheses.count == 7)
      for (found, expected) in zip(hypotheses, ranked) {
        #expect(found.tokens == expected.tokens)
        #expect(abs(found.score - expected.score) < 1e-5)
      }
    }
  }

  @Test("log-probabilities are the model's own, also where tokens are forbidden")
  func ownLogProbabilities() {
    let options = SearchBeamTests.options(4) {
      $0.minimumLength = 3
      $0.noRepeatNgram = 1
      $0.hypothesisCount = 3
    }
    for (sentence, hypotheses) in zip([4, 8], SearchBeamTests.run(options, [4, 8], vocabulary: 7)) {
      for hypothesis in hypotheses {
        var sum = 0.0
        for (i, token) in (hypothesis.tokens + [0]).enumerated() {
          let expected = ToyDecoder.logProbabilities(
            sentence: sentence, prefix: Array(hypothesis.tokens[..<i]), vocabulary: 7)[Int(token)]
          #expect(abs(Double(hypothesis.tokenLogProbabilities[i]) - expected) < 1e-5)
          sum += expected
        }
        #expect(hypothesis.tokenLogProbabilities.count == hypothesis.tokens.count + 1)
        #expect(abs(hypothesis.logProbability - sum) < 1e-5)
      }
    }
  }

  @Test("stopping when none can win loses nothing against going on to the longest length", arguments: [2, 3, 5])
  func stopsOnlyWhenDecided(beam: Int) {
    for kind in LengthPenaltyKind.allCases {
      for beta in [0, 0.4] {
        let stopping = SearchBeamTests.options(beam) {
          $0.stopping = .noneCanWin
          $0.lengthNormalization = LengthNormalization(kind, lengthPenalty: 1.2, coveragePenalty: beta)
          $0.hypothesisCount = 2
        }
        let sentences = Array(0..<12)
        let early = ToyDecoder(sentences: sentences, vocabulary: 8, spread: 5, endBonus: 1)
        let places = sentences.map { SearchSentence(maximumLength: 12, index: $0) }
        let found = BeamSearch(stopping).run(early, places)
        #expect(early.work < sentences.count * beam * 13)
        for (i, sentence) in sentences.enumerated() {
          // Asking for more hypotheses than the beam will ever drop keeps everything alive to the end.
          let complete = exhaustiveBeam(sentence, stopping, vocabulary: 8, maximumLength: 12, spread: 5, endBonus: 1)
          #expect(found[i].map(\.tokens) == complete.prefix(2).map(\.tokens))
          #expect(zip(found[i], complete).allSatisfy { abs($0.score - $1.score) < 1e-4 })
        }
      }
    }
  }

  /// The same beam written the slow way, for one sentence, without any rule for stopping.
  private func exhaustiveBeam(
    _ sentence: Int, _ options: SearchOptions, vocabulary: Int, maximumLength: Int, spread: Double, endBonus: Float
  ) -> [(tokens: [Int32], score: Double)] {
    var live: [(tokens: [Int32], logProbability: Double)] = [([], 0)]
    var finished: [(tokens: [Int32], score: Double)] = []
    for length in 0...maximumLength {
      var candidates: [(tokens: [Int32], last: Int32, logProbability: Double)] = []
      for hypothesis in live {
        let next = ToyDecoder.logProbabilities(
          sentence: sentence, prefix: hypothesis.tokens, vocabulary: vocabulary, spread: spread, endBonus: endBonus)
        for token in 0..<vocabulary where token != 1 && (length < maximumLength || token == 0) {
          candidates.append((hypothesis.tokens, Int32(token), hypothesis.logProbability + next[token]))
        }
      }
      candidates.sort { $0.logProbability > $1.logProbability }
      for candidate in candidates.prefix(options.beamSize) where candidate.last == 0 {
        var coverage = [Float](repeating: 0, count: 3)
        for i in 0...candidate.tokens.count {
          let state = ToyDecoder(sentences: [sentence], vocabulary: vocabulary)
          _ = state.step(nil)
          for token in candidate.tokens.prefix(i) { _ = state.step([token]) }
          coverage = zip(coverage, state.attention()![0]).map(+)
        }
        let score = options.lengthNormalization.score(
          logProbability: candidate.logProbability, length: length + 1, coverage: coverage)
        finished.append((candidate.tokens, score))
      }
      live = candidates.prefix(2 * options.beamSize).filter { $0.last != 0 }.prefix(options.beamSize)
        .map { ($0.tokens + [$0.last], $0.logProbability) }
    }
    return finished.sorted { $0.score > $1.score }
  }

  @Test("hypotheses come best first and differ")
  func nBestIsOrderedAndDistinct() {
    let options = SearchBeamTests.options(8) { $0.hypothesisCount = 8 }
    for hypotheses in SearchBeamTests.run(options, [2, 5, 6], vocabulary: 9, maximumLength: 7) {
      #expect(hypotheses.count == 8)
      #expect(zip(hypotheses, hypotheses.dropFirst()).allSatisfy { $0.score >= $1.score })
      #expect(Set(hypotheses.map(\.tokens)).count == 8)
    }
  }

  @Test("a beam of one is greedy search, to the last bit")
  func beamOfOneIsGreedy() {
    for change in [{ _ in }, { (o: inout SearchOptions) in o.minimumLength = 4; o.noRepeatNgram = 2 }] {
      let options = SearchBeamTests.options(1, change)
      let sentences = Array(0..<40)
      let places = sentences.map { SearchSentence(maximumLength: 3 + $0 % 9, index: $0) }
      let beam = BeamSearch(options).run(ToyDecoder(sentences: sentences, vocabulary: 30), places)
      let greedy = GreedySearch(options).run(ToyDecoder(sentences: sentences, vocabulary: 30), places)
      #expect(beam == greedy)
      #expect(Set(beam.map { $0[0].tokens.count }).count > 3)
    }
  }

  @Test("a sentence's hypotheses do not depend on its batch", arguments: [1, 4])
  func batchIndependence(beam: Int) {
    let options = SearchBeamTests.options(beam) {
      $0.hypothesisCount = beam
      $0.keepsAttention = true
      $0.lengthNormalization.coveragePenalty = 0.2
    }
    let sentences = [7, 3, 3, 11, 0, 25]
    let together = SearchBeamTests.run(options, sentences, vocabulary: 12, maximumLength: 9)
    for (sentence, hypotheses) in zip(sentences, together) {
      #expect(SearchBeamTests.run(options, [sentence], vocabulary: 12, maximumLength: 9)[0] == hypotheses)
    }
  }

  @Test("outputs are not shorter than the minimum nor longer than the maximum", arguments: [1, 3])
  func lengths(beam: Int) {
    let long = SearchBeamTests.options(beam) { $0.minimumLength = 4 }
    for hypotheses in SearchBeamTests.run(long, Array(0..<9), maximumLength: 5, endBonus: 8) {
      #expect(hypotheses[0].tokens.count == 4)
    }
    for hypotheses in SearchBeamTests.run(SearchBeamTests.options(beam), Array(0..<9), maximumLength: 5, endBonus: -20) {
      #expect(hypotheses[0].tokens.count == 5)
      #expect(hypotheses[0].tokenLogProbabilities.count == 6)
      #expect(hypotheses[0].logProbability < -15)
    }
    let none = SearchBeamTests.run(SearchBeamTests.options(beam), [1], maximumLength: 0)
    #expect(none[0][0].tokens.isEmpty)
  }

  @Test("no sequence of n tokens occurs twice", arguments: [1, 2, 3])
  func noRepetition(n: Int) {
    let options = SearchBeamTests.options(3) { $0.noRepeatNgram = n }
    let free = SearchBeamTests.run(
      SearchBeamTests.options(3), Array(0..<8), vocabulary: 5, maximumLength: 20, endBonus: -9)
    let ruled = SearchBeamTests.run(options, Array(0..<8), vocabulary: 5, maximumLength: 20, endBonus: -9)
    func repeats(_ tokens: [Int32]) -> Bool {
      guard tokens.count >= n else { return false }
      let grams = (0...tokens.count - n).map { Array(tokens[$0..<$0 + n]) }
      return Set(grams).count < grams.count
    }
    #expect(free.contains { repeats($0[0].tokens) })
    #expect(ruled.allSatisfy { !repeats($0[0].tokens) })
  }

  @Test(
    "a loop is the same tokens four times in a row, of at most 24",
    arguments: [
      ([7, 7, 7, 7], [7]), ([7, 7, 7], [7]), ([7, 7], []), ([1, 7, 7, 8, 7, 7], []), ([3, 4, 5, 4, 5, 4, 5, 4], [5]),
      ([4, 5, 4, 5, 4, 5], []), ([2, 3, 3, 3, 2, 3, 3, 3, 2, 3, 3, 3, 2, 3, 3], [3]), ([], []),
      ((0..<95).map { $0 % 24 }, [23]), ((0..<99).map { $0 % 25 }, []), ([2, 3, 3, 2, 3, 3, 2, 3, 3, 2, 3], [3]),
    ] as [([Int], Set<Int>)])
  func loops(tokens: [Int], closing: Set<Int>) {
    let tokens = tokens.map { Int32($0) }
    var forbidden: Set<Int> = []
    Loop.forbid(after: tokens[...]) { forbidden.insert(Int($0)) }
    #expect(forbidden == closing)
    #expect(Loop.occurs(in: tokens) == (tokens == [7, 7, 7, 7]))
    for token in closing { #expect(Loop.occurs(in: tokens + [Int32(token)])) }
  }

  @Test("no output goes round in circles but where the source does", arguments: [1, 3])
  func breaksLoops(beam: Int) {
    func run(_ breaks: Bool, source: [Int32] = []) -> [[Int32]] {
      let options = SearchBeamTests.options(beam) { $0.breaksLoops = breaks }
      let sentences = Array(0..<12)
      return options.makeSearch().run(
        ToyDecoder(sentences: sentences, vocabulary: 4, endBonus: -9),
        sentences.map { SearchSentence(maximumLength: 110, index: $0, source: source) }
      ).map { $0[0].tokens }
    }
    let free = run(false), ruled = run(true)
    #expect(free.allSatisfy { Loop.occurs(in: $0) })
    #expect(ruled.allSatisfy { !Loop.occurs(in: $0) && $0.count == 110 })
    #expect(run(true, source: [5, 6, 5, 6, 5, 6, 5, 6]) == free)
    #expect(run(true, source: [5, 6, 5, 6, 5, 6, 5]) == ruled)
  }

  @Test("a prefix stands at the beginning and is scored like any other tokens", arguments: [1, 4])
  func prefix(beam: Int) {
    let prefix: [Int32] = [4, 2, 4]
    let results = SearchBeamTests.run(SearchBeamTests.options(beam), [6, 13], maximumLength: 9, prefix: prefix)
    for (sentence, hypotheses) in zip([6, 13], results) {
      let best = hypotheses[0]
      #expect(Array(best.tokens.prefix(3)) == prefix)
      for i in 0..<3 {
        let expected = ToyDecoder.logProbabilities(
          sentence: sentence, prefix: Array(prefix[..<i]), vocabulary: 6)[Int(prefix[i])]
        #expect(abs(Double(best.tokenLogProbabilities[i]) - expected) < 1e-5)
      }
    }
  }

  @Test("logits that are not numbers end a sentence without a crash", arguments: [1, 3])
  func notANumber(beam: Int) {
    final class Broken: DecoderState {
      var rowCount = 2
      let vocabularySize = 5
      let logits = UnsafeMutableBufferPointer<Float>.allocate(capacity: 100)
      func step(_ tokens: [Int32]?) -> UnsafeMutableBufferPointer<Float> {
        logits.initialize(repeating: .nan)
        return logits
      }
      func reorder(_ rows: [Int]) { rowCount = rows.count }
      func fork(_ rows: [Int]) -> any DecoderState { self }
      func attention() -> [[Float]]? { nil }
      deinit { logits.deallocate() }
    }
    let places = [SearchSentence(maximumLength: 4), SearchSentence(maximumLength: 6)]
    let results = SearchBeamTests.options(beam).makeSearch().run(Broken(), places)
    #expect(results.map { $0[0].tokens } == [[], []])
  }
}
