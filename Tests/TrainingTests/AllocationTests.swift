import AllocationCounter
import Testing
@testable import Training

@Suite struct TrainingAllocationTests {
  /// Allocations of one warm update with one thread.
  static func allocations(layers: Int, batchTokens: Int) throws -> (count: Int64, tokens: Int) {
    var run = SymbolRun()
    run.batches.batchTokens = batchTokens
    let order = EpochOrder(seed: 1, sizes: run.pairs.sizes, repetitions: run.pairs.sizes.map { _ in 1 })
    let stream = BatchStream(run.pairs, order, run.batches, from: TrainingState().position)
    let trainer = Trainer(try tinyTransformer(layers: layers), run.optimization, shards: run.batches.shards, threads: 1)
    let batch = try #require(stream.next())
    for _ in 0..<2 { _ = trainer.learn(batch) }
    let before = mt_allocations_of_this_thread()
    let outcome = trainer.learn(batch)
    let after = mt_allocations_of_this_thread()
    #expect(outcome.skipped == nil)
    return (before < 0 ? -1 : after - before, batch.targetTokens)
  }

  @Test("An update costs few allocations for each layer, and none for each token")
  func update() throws {
    let (few, fewTokens) = try Self.allocations(layers: 2, batchTokens: 200)
    let (many, manyTokens) = try Self.allocations(layers: 2, batchTokens: 800)
    guard few >= 0 else { return }
    #expect(few > 0, "nothing was counted")
    #expect(few <= 2000, "\(few) allocations")
    #expect(manyTokens > 2 * fewTokens)
    #expect(many - few <= 100, "\(many) allocations for \(manyTokens) tokens, \(few) for \(fewTokens)")
  }
}
