import Autograd
import Seq2Seq
import Testing

/// Models that begin every output with one token.
@Suite struct ForcedFirstTokenTests {
  static let token: Int32 = 7

  static func makeModel(forced: Bool = true) throws -> any EncoderDecoder {
    var configuration = try SearchModelTests.makeModel().configuration
    if forced { configuration.forcedFirstToken = token }
    let model = try configuration.makeModel()
    model.parameters.initialize(seed: 11)
    return model
  }

  static let kinds: [(String, SearchOptions)] = ["greedy", "beam", "none-can-win", "sampling", "top-k"].map { name in
    var options = SearchOptions()
    options.lengthNormalization.kind = .power
    options.beamSize = name == "greedy" ? 1 : 4
    options.hypothesisCount = name == "greedy" ? 1 : 3
    if name == "none-can-win" { options.stopping = .noneCanWin }
    if name == "sampling" || name == "top-k" { options.sampling = SamplingOptions() }
    if name == "top-k" { options.sampling?.topK = 5 }
    return (name, options)
  }

  @Test("every search begins with it, at no cost, and scores as forced scoring does", arguments: kinds.map(\.0))
  func searches(_ name: String) throws {
    let model = try Self.makeModel()
    let options = try #require(Self.kinds.first { $0.0 == name }?.1)
    let found = SearchModelTests.search(options, model, SearchModelTests.sources)
    let free = SearchModelTests.search(options, try Self.makeModel(forced: false), SearchModelTests.sources)
    #expect(free.contains { $0.contains { $0.tokens.first != Self.token } })
    for (source, hypotheses) in zip(SearchModelTests.sources, found) {
      #expect(hypotheses.count == options.hypothesisCount)
      let forced = ForcedScoring(model, workspace: Workspace()).logProbabilities(
        sources: hypotheses.map { _ in source }, targets: hypotheses.map(\.tokens))
      for (hypothesis, values) in zip(hypotheses, forced) {
        #expect(hypothesis.tokens.first == Self.token && abs(hypothesis.tokenLogProbabilities[0]) < 1e-6)
        #expect(values[0] == 0 && values.count == hypothesis.tokenLogProbabilities.count)
        for (a, b) in zip(values, hypothesis.tokenLogProbabilities) { #expect(abs(a - b) < 1e-4) }
      }
    }
  }

  @Test("an ensemble begins with it too, and any other beginning is impossible")
  func impossible() throws {
    let model = try Self.makeModel()
    let values = ForcedScoring(model, workspace: Workspace()).logProbabilities(
      sources: [[5, 9, 2], [3]], targets: [[Self.token, 4], [4, Self.token]])
    #expect(values[0][0] == 0 && values[0][1].isFinite && values[0][1] < 0)
    #expect(values[1][0] == -.infinity && values[1][1].isFinite)
    let members = [Workspace(), Workspace()].map { model.startDecoding(SequenceBatch([[5, 9, 2, 0]]), workspace: $0) }
    var options = SearchOptions()
    options.beamSize = 3
    let alone = SearchModelTests.search(options, model, [[5, 9, 2]])[0][0]
    let together = BeamSearch(options).run(EnsembleState(members), [SearchSentence(maximumLength: 7)])[0][0]
    #expect(together.tokens == alone.tokens && together.tokens.first == Self.token)
    #expect(abs(together.logProbability - alone.logProbability) < 1e-4)
  }

  @Test("exact search finds nothing that begins otherwise, and the best that begins so")
  func exact() throws {
    let model = try Self.makeModel()
    var options = SearchOptions()
    options.lengthNormalization.kind = .none
    let state = model.startDecoding(SequenceBatch([[5, 9, 2, 0]]), workspace: Workspace())
    let result = ExactSearch(options, budget: .init(nodes: 50_000, seconds: 60)).run(state, maximumLength: 3)
    #expect(result.isSettled)
    // All outputs of one or two tokens, with it first.
    let others = (2..<19).map { [Self.token, Int32($0)] } + [[Self.token]]
    let scores = ForcedScoring(model, workspace: Workspace()).logProbabilities(
      sources: others.map { _ in [5, 9, 2] }, targets: others
    ).map { $0.reduce(0.0) { $0 + Double($1) } }
    #expect(result.best.tokens.first == Self.token)
    #expect(result.best.score >= (scores.max() ?? 0) - 1e-4)
  }

  @Test("a token that the vocabulary lacks, a special one and a recurrent model's are refused, naming the key")
  func refusals() throws {
    var configuration = try Self.makeModel().configuration
    for token in [-1, 0, 1, 19, 1000] as [Int32] {
      configuration.forcedFirstToken = token
      let error = #expect(throws: ConfigurationError.self) { try configuration.makeModel() }
      #expect(error?.key == "forced_first_token")
    }
    var recurrent = ModelConfiguration(
      rnn: RNNConfiguration(), sourceVocabularySize: 9, targetVocabularySize: 9, embeddings: .all)
    recurrent.forcedFirstToken = 3
    #expect(throws: ConfigurationError.self) { try recurrent.makeModel() }
  }
}
