import Foundation
import Testing
@testable import Training

/// Every pair says in its ids who it is.
private struct LabelledPairs: PairSource {
  let sizes: [Int]
  func pair(corpus: Int, index: Int, pass: Int) -> TokenPair {
    let length = 1 + (index * 7 + corpus) % 13
    let id = Int32(100 + corpus * 1000 + index)
    return TokenPair(
      source: Array(repeating: id, count: length + 1)[...], target: Array(repeating: id, count: length + 2)[...])
  }
  func roughLength(corpus: Int, index: Int) -> Int { (index * 7 + corpus) % 13 }
}

private func stream(
  _ pairs: LabelledPairs, window: Int = 1, seed: UInt64 = 3, repetitions: [Double]? = nil, from: BatchPosition = .init()
) -> BatchStream {
  var options = BatchOptions()
  (options.batchTokens, options.shards, options.lengthWindow, options.seed) = (60, 3, window, seed)
  let order = EpochOrder(seed: seed, sizes: pairs.sizes, repetitions: repetitions ?? pairs.sizes.map { _ in 1 })
  return BatchStream(pairs, order, options, from: from)
}

/// The pairs of an update, by their ids.
private func members(_ batch: UpdateBatch) -> [Int32] {
  batch.shards.flatMap { shard in (0..<shard.target.count).map { shard.target[$0].first! } }
}

private func epoch(_ stream: BatchStream, _ number: Int) -> [UpdateBatch] {
  var batches: [UpdateBatch] = []
  while let batch = stream.next() {
    if batch.epoch > number { break }
    if batch.epoch == number { batches.append(batch) }
  }
  return batches
}

@Suite struct BatchStreamTests {
  @Test("An epoch visits every pair once, within the budget, in shards of like size", arguments: [1, 4])
  func everyPairOnce(window: Int) {
    let pairs = LabelledPairs(sizes: [90, 35])
    let all = (0..<90).map { Int32(100 + $0) } + (0..<35).map { Int32(1100 + $0) }
    for number in 0..<2 {
      let batches = epoch(stream(pairs, window: window), number)
      #expect(batches.flatMap(members).sorted() == all)
      for batch in batches {
        #expect(batch.targetTokens <= 60)
        #expect(batch.shards.count == 3)
        #expect(batch.targetTokens == batch.shards.reduce(0) { $0 + $1.target.tokenCount })
        for shard in batch.shards { #expect(shard.source.count == shard.target.count) }
        // No shard has more than a third and one pair.
        let tokens = batch.shards.map { $0.source.tokenCount + $0.target.tokenCount }
        #expect(tokens.max()! <= tokens.reduce(0, +) / 3 + 30)
      }
    }
  }

  @Test("The order depends on seed and epoch, and on nothing else")
  func determinism() {
    let pairs = LabelledPairs(sizes: [80])
    let (first, again) = (epoch(stream(pairs), 1).map(members), epoch(stream(pairs), 1).map(members))
    #expect(first == again)
    #expect(first != epoch(stream(pairs), 2).map(members))
    #expect(first != epoch(stream(pairs, seed: 4), 1).map(members))
  }

  @Test("A stream begun in the middle goes on as the whole one", arguments: [1, 4])
  func position(window: Int) {
    let pairs = LabelledPairs(sizes: [70, 21])
    let whole = stream(pairs, window: window, repetitions: [1, 0.4])
    var batches: [UpdateBatch] = []
    for _ in 0..<60 { batches.append(whole.next()!) }
    for start in [0, 5, 13, 29, 40] {
      let rest = stream(pairs, window: window, repetitions: [1, 0.4], from: batches[start].next)
      for i in (start + 1)..<60 {
        let batch = rest.next()!
        #expect(batch.shards == batches[i].shards && batch.next == batches[i].next)
      }
    }
  }

  @Test("The very first update holds the longest pairs")
  func longestFirst() {
    let pairs = LabelledPairs(sizes: [90])
    let first = stream(pairs).next()!
    #expect(first.shards[0].target.length(0) == 15)
    #expect(members(first).contains { pairs.roughLength(corpus: 0, index: Int($0) - 100) == 12 })
  }

  @Test("Weights say how often an epoch sees a corpus, and every pair has its turn")
  func weights() {
    let order = EpochOrder(seed: 1, sizes: [10, 40], repetitions: [2, 0.25])
    var visits: [Int32: Int] = [:]
    for number in 0..<4 {
      let draws = order.draws(epoch: number)
      #expect(draws.count { $0.corpus == 0 } == 20)
      #expect(draws.count { $0.corpus == 1 } == 10)
      for draw in draws where draw.corpus == 1 { visits[draw.index, default: 0] += 1 }
      #expect(Set(draws.filter { $0.corpus == 0 }.map { [$0.index, $0.pass] }).count == 20)
    }
    #expect(visits.count == 40 && visits.values.allSatisfy { $0 == 1 })
    let even = EpochOrder.repetitions(sizes: [100, 400], weights: [1, 1], temperature: 2)
    #expect(even == [2, 1])
    #expect(EpochOrder.repetitions(sizes: [100, 400], weights: [3, 1], temperature: 1) == [3, 1])
  }

  @Test("One pair fills one shard; no pair at all ends the stream")
  func smallCorpora() {
    let one = stream(LabelledPairs(sizes: [1])).next()!
    #expect(one.shards.map(\.source.count).sorted() == [0, 0, 1])
    #expect(stream(LabelledPairs(sizes: [0])).next() == nil)
  }
}
