import Autograd
import Seq2Seq
import Testing

@testable import Training

@Suite struct ShortlistLearnerTests {
  static func corpus(_ pairs: [([Int32], [Int32])]) -> EncodedCorpus {
    var corpus = EncodedCorpus()
    for (source, target) in pairs { corpus.append(source: source + [0], target: target + [0]) }
    return corpus
  }

  @Test("what occurs together with two ids is given to the one that explains it")
  func explains() {
    // das Haus, das Buch, ein Buch: the house, the book, a book.
    let pairs: [([Int32], [Int32])] = [([2, 3], [2, 3]), ([2, 4], [2, 4]), ([5, 4], [5, 4])]
    var learner = ShortlistLearner()
    (learner.frequent, learner.best, learner.iterations) = (0, 1, 10)
    let list = learner.learn(Self.corpus(pairs), vocabularies: (6, 6))
    for id: Int32 in 2...5 { #expect(Array(list.candidates(for: id)) == [id]) }
    #expect(list.common == [0] && list.candidates(for: 1).isEmpty)
  }

  @Test("a hidden dictionary is found in sentences of any order, by any number of threads")
  func dictionary() {
    // Source id s becomes 40 − s, or now and then 41 + s as well, in an order of its own.
    var random = RandomGenerator(seed: 6)
    let pairs = (0..<900).map { _ -> ([Int32], [Int32]) in
      let source = (0..<Int.random(in: 2...9, using: &random)).map { _ in Int32.random(in: 2..<30, using: &random) }
      let target = source.flatMap { random.uniform() < 0.3 ? [40 - $0, 41 + $0] : [40 - $0] }
      return (source, target.shuffled(using: &random))
    }
    var learner = ShortlistLearner()
    (learner.frequent, learner.best) = (0, 2)
    let list = learner.learn(Self.corpus(pairs), vocabularies: (30, 72))
    for id: Int32 in 2..<30 { #expect(Array(list.candidates(for: id)) == [40 - id, 41 + id]) }
    learner.threads = 3
    #expect(learner.learn(Self.corpus(pairs), vocabularies: (30, 72)) == list)
  }

  @Test("the most frequent are open to all and candidates of none; copies are candidates whatever the corpus says")
  func always() {
    var pairs: [([Int32], [Int32])] = (0..<20).map { _ in ([2, 3], [7, 8]) }
    pairs += (0..<9).map { _ in ([4], [7, 9]) }
    var learner = ShortlistLearner()
    (learner.frequent, learner.best) = (2, 3)
    let list = learner.learn(Self.corpus(pairs), vocabularies: (6, 12), copies: [(4, 11), (5, 10), (2, 7)])
    // The end symbol, which all sentences have, and 7, which all have too.
    #expect(list.common == [0, 7])
    #expect(Set(list.candidates(for: 2)) == [8] && Set(list.candidates(for: 3)) == [8])
    #expect(Array(list.candidates(for: 4)) == [9, 11])
    #expect(Array(list.candidates(for: 5)) == [10])
  }
}
