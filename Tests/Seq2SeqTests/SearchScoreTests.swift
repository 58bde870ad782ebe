import Foundation
import Seq2Seq
import Testing

@Suite struct SearchScoreTests {
  @Test("scores worked out by hand")
  func handComputed() {
    #expect(LengthNormalization(.none).score(logProbability: -6, length: 4) == -6)
    #expect(LengthNormalization(.power, lengthPenalty: 1).score(logProbability: -6, length: 4) == -1.5)
    #expect(LengthNormalization(.power, lengthPenalty: 0.5).score(logProbability: -6, length: 4) == -3)
    #expect(LengthNormalization(.power, lengthPenalty: 0).score(logProbability: -6, length: 9) == -6)
    // ((5 + 7) / 6)^1 = 2; ((5 + 19) / 6)^0.5 = 2
    #expect(LengthNormalization(.gnmt, lengthPenalty: 1).score(logProbability: -6, length: 7) == -3)
    #expect(LengthNormalization(.gnmt, lengthPenalty: 0.5).score(logProbability: -6, length: 19) == -3)
    // β·(log 1 + log ½ + log 1): what is above 1 counts as 1.
    let covered = LengthNormalization(.gnmt, lengthPenalty: 1, coveragePenalty: 2)
      .score(logProbability: -6, length: 7, coverage: [1.75, 0.5, 1])
    #expect(abs(covered - (-3 - 2 * log(2))) < 1e-12)
    #expect(LengthNormalization(.none, coveragePenalty: 1).score(logProbability: -1, length: 2, coverage: [0]).isFinite)
  }

  @Test("the bound is never below the score of a continuation", arguments: LengthPenaltyKind.allCases)
  func boundIsAdmissible(kind: LengthPenaltyKind) {
    for alpha in [-0.5, 0, 0.6, 1, 2] {
      let normalization = LengthNormalization(kind, lengthPenalty: alpha, coveragePenalty: 0.3)
      for length in 3...12 {
        let bound = normalization.bound(logProbability: -2.5, lengths: 3...12)
        #expect(normalization.score(logProbability: -2.5, length: length, coverage: [1, 1]) <= bound)
        #expect(normalization.score(logProbability: -2.6, length: length, coverage: [0.2, 3]) <= bound)
      }
    }
  }

  @Test("the longest output is 2·|x| + 50, at most 512, unless set")
  func longestOutput() {
    var options = SearchOptions()
    #expect(options.longestOutput(sourceLength: 7) == 64)
    #expect(options.longestOutput(sourceLength: 400) == 512)
    options.maximumLength = 9
    #expect(options.longestOutput(sourceLength: 400) == 9)
  }

  @Test("an ensemble of a model with itself is the model; of two, their geometric mean")
  func ensemble() {
    let places = [SearchSentence(maximumLength: 6), SearchSentence(maximumLength: 8)]
    func toy(_ sentences: [Int]) -> ToyDecoder { ToyDecoder(sentences: sentences, vocabulary: 9) }
    var options = SearchOptions()
    options.keepsAttention = true
    let alone = BeamSearch(options).run(toy([3, 4]), places)
    let twice = BeamSearch(options).run(EnsembleState([toy([3, 4]), toy([3, 4])]), places)
    #expect(zip(alone, twice).allSatisfy { $0[0].tokens == $1[0].tokens })
    #expect(zip(alone, twice).allSatisfy { abs($0[0].score - $1[0].score) < 1e-5 })

    let pair = EnsembleState([toy([3]), toy([8])])
    let mixed = Array(pair.step(nil))
    let a = ToyDecoder.logProbabilities(sentence: 3, prefix: [], vocabulary: 9)
    let b = ToyDecoder.logProbabilities(sentence: 8, prefix: [], vocabulary: 9)
    for i in 0..<9 { #expect(abs(Double(mixed[i]) - (a[i] + b[i]) / 2) < 1e-5) }
  }
}
