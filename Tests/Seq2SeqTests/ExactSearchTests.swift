import Autograd
import Foundation
import Seq2Seq
import Testing

@Suite struct ExactSearchTests {
  static func run(
    _ normalization: LengthNormalization, sentence: Int, vocabulary: Int = 6, maximumLength: Int = 5, batchRows: Int = 32,
    budget: ExactSearch.Budget = .init(), endBonus: Float = 0, seeds: [Hypothesis] = [],
    _ change: (inout SearchOptions) -> Void = { _ in }
  ) -> ExactSearch.Result {
    var options = SearchOptions()
    options.lengthNormalization = normalization
    change(&options)
    return ExactSearch(options, budget: budget, batchRows: batchRows).run(
      ToyDecoder(sentences: [sentence], vocabulary: vocabulary, endBonus: endBonus), maximumLength: maximumLength,
      seeds: seeds)
  }

  static let normalizations: [LengthNormalization] = [
    .init(.none), .init(.none, wordReward: 0.7), .init(.none, wordReward: 1.9), .init(.none, wordReward: -0.4),
    .init(.power, lengthPenalty: 0.6), .init(.power, lengthPenalty: 1), .init(.power, lengthPenalty: 1.7),
    .init(.power, lengthPenalty: -0.5), .init(.gnmt, lengthPenalty: 0.6), .init(.gnmt, lengthPenalty: 2),
    .init(.power, lengthPenalty: 1, wordReward: 0.1),
  ]

  @Test("the optimum is the one that enumeration finds", arguments: normalizations, [1, 3, 32])
  func equalsBruteForce(normalization: LengthNormalization, batchRows: Int) {
    for (sentence, endBonus) in [(3, Float(0)), (1, 2), (9, 4), (12, -1)] {
      let all = enumerateOutputs(sentence: sentence, vocabulary: 6, maximumLength: 5, endBonus: endBonus).map {
        (
          tokens: $0.tokens,
          score: normalization.score(logProbability: $0.logProbability, length: $0.tokens.count + 1)
        )
      }
      let optimum = all.max { $0.score < $1.score }!
      let found = ExactSearchTests.run(normalization, sentence: sentence, batchRows: batchRows, endBonus: endBonus)
      #expect(found.isSettled && found.best.tokens == optimum.tokens)
      #expect(abs(found.best.score - optimum.score) < 1e-5 && found.bound == found.best.score)
      // Complete outputs of the longest length are expanded once, all others can be: never more than there are.
      #expect(found.nodes <= all.count)

      var beam = SearchOptions()
      (beam.beamSize, beam.lengthNormalization) = (2, normalization)
      let seed = beam.makeSearch().run(
        ToyDecoder(sentences: [sentence], vocabulary: 6, endBonus: endBonus), [SearchSentence(maximumLength: 5)])[0]
      let seeded = ExactSearchTests.run(
        normalization, sentence: sentence, batchRows: batchRows, endBonus: endBonus, seeds: seed)
      #expect(seeded.isSettled && seeded.best.tokens == optimum.tokens)
      // One by one, a seed can only save work.
      #expect(batchRows > 1 || seeded.nodes <= found.nodes)
    }
  }

  @Test("raw log-probability expands no beginning less probable than the optimum, if a seed is the optimum")
  func expandsOnlyWhatItMust() {
    for sentence in 0..<10 {
      let optimum = ExactSearchTests.run(.init(.none), sentence: sentence, vocabulary: 8)
      let again = ExactSearchTests.run(.init(.none), sentence: sentence, vocabulary: 8, seeds: [optimum.best])
      // At each of the six depths the probabilities of all beginnings sum to one.
      #expect(Double(again.nodes) <= 6 * exp(-optimum.best.logProbability))
      #expect(again.best == optimum.best)
      #expect(optimum.best.tokenLogProbabilities.count == optimum.best.tokens.count + 1)
      let sum = optimum.best.tokenLogProbabilities.reduce(0) { $0 + Double($1) }
      #expect(abs(sum - optimum.best.logProbability) < 1e-6)
    }
  }

  @Test("the rules for outputs hold as in a beam wide enough to hold them all", arguments: [0, 3, 8])
  func rules(sentence: Int) {
    let rules: [(inout SearchOptions) -> Void] = [
      { $0.minimumLength = 3 }, { $0.noRepeatNgram = 1 }, { ($0.noRepeatNgram, $0.minimumLength) = (2, 4) },
      { $0.forbiddenTokens = [1, 4] }, { $0.lengthNormalization.coveragePenalty = 0.8 },
      { ($0.breaksLoops, $0.forbiddenTokens) = (true, [1, 3, 4, 5]) },
    ]
    for rule in rules {
      var options = SearchOptions()
      options.beamSize = 700
      rule(&options)
      let expected = options.makeSearch().run(
        ToyDecoder(sentences: [sentence], vocabulary: 6, endBonus: 1), [SearchSentence(maximumLength: 4)])[0][0]
      let found = ExactSearchTests.run(
        options.lengthNormalization, sentence: sentence, maximumLength: 4, endBonus: 1, rule)
      #expect(found.isSettled && found.best.tokens == expected.tokens)
      #expect(abs(found.best.score - expected.score) < 1e-5)
    }
  }

  @Test("what a budget leaves open is said: nothing scores more than the bound", arguments: [1, 5, 20, 60, 300])
  func budgets(nodes: Int) {
    var settled = 0
    for sentence in 0..<4 {
      for normalization in ExactSearchTests.normalizations {
        let optimum = ExactSearchTests.run(normalization, sentence: sentence, vocabulary: 14, maximumLength: 3)
        #expect(optimum.isSettled)
        let found = ExactSearchTests.run(
          normalization, sentence: sentence, vocabulary: 14, maximumLength: 3, batchRows: 4,
          budget: .init(nodes: nodes))
        #expect(found.nodes <= nodes)
        #expect(found.bound >= optimum.best.score && found.best.score <= optimum.best.score)
        #expect(found.isSettled == (found.bound == found.best.score))
        if found.isSettled {
          settled += 1
          #expect(found.best.tokens == optimum.best.tokens)
        }
      }
    }
    #expect(nodes > 1 || settled < 22)
    #expect(nodes < 300 || settled > 8)
  }

  @Test("a seed that nothing beats comes back, and no time leaves the sentence open")
  func seedsAndTime() {
    let seed = Hypothesis(tokens: [5, 5], logProbability: 0, score: 0.5, tokenLogProbabilities: [0, 0, 0])
    let found = ExactSearchTests.run(.init(.none), sentence: 2, seeds: [seed])
    #expect(found.best == seed && found.isSettled)
    let cut = ExactSearchTests.run(.init(.power), sentence: 2, batchRows: 1, budget: .init(seconds: 0))
    #expect(!cut.isSettled && cut.nodes == 2)
  }

  @Test("no output but the empty one is possible at length 0")
  func onlyEmpty() {
    let found = ExactSearchTests.run(.init(.power), sentence: 2, maximumLength: 0)
    #expect(found.isSettled && found.best.tokens.isEmpty && found.nodes == 1)
  }

  static func models() throws -> [any EncoderDecoder] {
    try [
      SearchModelTests.makeModel(), AttentionRNNSearchTests.makeModel(.lstm, .additive),
      AttentionRNNSearchTests.makeModel(.gru, .none),
    ]
  }

  @Test("over real decoders the optimum is a very wide beam's, with the log-probability of forced scoring")
  func realModels() throws {
    for model in try ExactSearchTests.models() {
      for source in SearchModelTests.sources.prefix(3) {
        var options = SearchOptions()
        (options.beamSize, options.lengthNormalization.lengthPenalty) = (400, 1.2)
        func start() -> any DecoderState {
          model.startDecoding(SequenceBatch([source + [0]]), workspace: Workspace())
        }
        let expected = options.makeSearch().run(start(), [SearchSentence(maximumLength: 2)])[0][0]
        let found = ExactSearch(options, batchRows: 7).run(start(), maximumLength: 2)
        #expect(found.isSettled && found.best.tokens == expected.tokens)
        let forced = ForcedScoring(model, workspace: Workspace()).logProbabilities(
          sources: [source], targets: [found.best.tokens])[0].reduce(0) { $0 + Double($1) }
        #expect(abs(forced - found.best.logProbability) < 1e-4)
        let ensemble = ExactSearch(options).run(EnsembleState([start(), start()]), maximumLength: 2)
        #expect(ensemble.isSettled && ensemble.best.tokens == expected.tokens)
      }
    }
  }

  @Test("a fork goes its own way, to the last bit, however often others step in between")
  func forks() throws {
    for model in try ExactSearchTests.models() {
      let sources = SequenceBatch(SearchModelTests.sources.prefix(2).map { $0 + [0] })
      func start() -> any DecoderState { model.startDecoding(sources, workspace: Workspace()) }
      /// Logits of the last step when the rows go through `steps` alone.
      func alone(_ steps: [(rows: [Int], tokens: [Int32])]) -> [Float] {
        let state = start()
        var logits = Array(state.step(nil))
        for step in steps {
          state.reorder(step.rows)
          logits = Array(state.step(step.tokens))
        }
        return logits
      }
      let root = start()
      _ = root.step(nil)
      // A trunk of forks, each of which is stepped again and again, so that the pool is swept many times.
      var trunk: [(rows: [Int], tokens: [Int32])] = []
      var states = [root]
      for depth in 0..<6 {
        let next: (rows: [Int], tokens: [Int32]) = (depth == 0 ? [1, 0, 1] : [2, 0, 1], [3, Int32(depth + 2), 7])
        for token in 2..<12 { _ = states[depth].fork([0, 1]).step([Int32(token), Int32(token + 1)]) }
        let fork = states[depth].fork(next.rows)
        #expect(states[depth].rowCount == (depth == 0 ? 2 : 3) && fork.rowCount == 3)
        trunk.append(next)
        #expect(Array(fork.step(next.tokens)) == alone(trunk))
        states.append(fork)
      }
      for depth in [5, 2, 0, 3] {
        let last: (rows: [Int], tokens: [Int32]) = ([1], [8])
        #expect(Array(states[depth].fork([1]).step([8])) == alone(Array(trunk[..<depth]) + [last]))
      }
    }
  }
}
