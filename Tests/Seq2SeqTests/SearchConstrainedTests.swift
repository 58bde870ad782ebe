import Foundation
@testable import Seq2Seq
import Testing

@Suite struct SearchConstrainedTests {
  static func run(
    _ beam: Int, _ sentences: [(index: Int, required: [Int32])], vocabulary: Int = 7, maximumLength: Int = 5,
    prefix: [Int32] = [], _ change: (inout SearchOptions) -> Void = { _ in }
  ) -> [[Hypothesis]] {
    var options = SearchOptions()
    options.beamSize = beam
    options.hypothesisCount = beam
    change(&options)
    return ConstrainedBeamSearch(options).run(
      ToyDecoder(sentences: sentences.map(\.index), vocabulary: vocabulary),
      sentences.map { SearchSentence(maximumLength: maximumLength, prefix: prefix, index: $0.index, required: $0.required) })
  }

  static func hasEachOnce(_ tokens: [Int32], _ required: [Int32]) -> Bool {
    required.allSatisfy { token in tokens.filter { $0 == token }.count == 1 }
  }

  @Test("a wide beam finds the best of all outputs that have each required token just once", arguments: [0.7, 1.3])
  func equalsBruteForce(alpha: Double) {
    let normalization = LengthNormalization(.power, lengthPenalty: alpha)
    let sentences: [(index: Int, required: [Int32])] = [(3, [4]), (1, []), (9, [2, 5]), (12, [6, 3, 4])]
    let results = Self.run(900, sentences, maximumLength: 4) { $0.lengthNormalization = normalization }
    for ((sentence, required), found) in zip(sentences, results) {
      let best = enumerateOutputs(sentence: sentence, vocabulary: 7, maximumLength: 4)
        .filter { Self.hasEachOnce($0.tokens, required) }
        .map { (tokens: $0.tokens, score: $0.logProbability / normalization.penalty(length: $0.tokens.count + 1)) }
        .max { $0.score < $1.score }
      #expect(found.first?.tokens == best?.tokens)
      #expect(abs((found.first?.score ?? 0) - (best?.score ?? 1)) < 1e-5)
    }
  }

  @Test("a narrow beam keeps places for what has the tokens: it never loses one, where an ordinary one does", arguments: [1, 3, 5])
  func neverLoses(beam: Int) {
    let sentences = (0..<20).map { (index: Int) -> (index: Int, required: [Int32]) in
      (index, [2 + Int32(index % 5), 2 + Int32((index + 2) % 5)])
    }
    let results = Self.run(beam, sentences, maximumLength: 9)
    var (free, lost) = (SearchOptions(), 0)
    free.beamSize = beam
    for ((sentence, required), found) in zip(sentences, results) {
      #expect(!found.isEmpty && found.count <= beam + required.count)
      for hypothesis in found {
        #expect(Self.hasEachOnce(hypothesis.tokens, required))
        var sum = 0.0
        for (i, token) in (hypothesis.tokens + [0]).enumerated() {
          let before = Array(hypothesis.tokens[..<i])
          sum += ToyDecoder.logProbabilities(sentence: sentence, prefix: before, vocabulary: 7)[Int(token)]
        }
        #expect(abs(hypothesis.logProbability - sum) < 1e-4)
        #expect(hypothesis.tokenLogProbabilities.count == hypothesis.tokens.count + 1)
      }
      let ordinary = free.makeSearch().run(
        ToyDecoder(sentences: [sentence], vocabulary: 7), [SearchSentence(maximumLength: 9, index: sentence)])[0][0]
      if required.contains(where: { !ordinary.tokens.contains($0) }) { lost += 1 }
    }
    #expect(lost > 5)
  }

  @Test("a sentence's outputs do not depend on its neighbours, and a required token may be in the forced beginning")
  func independent() {
    let sentences: [(index: Int, required: [Int32])] = [(5, [3, 6]), (2, [4]), (8, [])]
    let together = Self.run(4, sentences, prefix: [3, 2])
    for (place, sentence) in sentences.enumerated() {
      #expect(Self.run(4, [sentence], prefix: [3, 2])[0] == together[place])
      #expect(together[place].allSatisfy { $0.tokens.starts(with: [3, 2]) })
    }
    #expect(together[0].allSatisfy { Self.hasEachOnce($0.tokens, [3, 6]) })
  }

  @Test("where the longest length is too short, the output that has most of them comes first; attention is kept on demand")
  func tooShort() {
    let found = Self.run(4, [(7, [2, 3, 4])], maximumLength: 2) { $0.keepsAttention = true }[0]
    #expect(found[0].tokens.count == 2 && Set(found[0].tokens).isSubset(of: [2, 3, 4]))
    #expect(found[0].attention?.count == 3 && found[0].attention?[0].count == 3)
    #expect(Self.run(4, [(7, [2, 3, 4])], maximumLength: 2)[0][0].attention == nil)
  }
}
