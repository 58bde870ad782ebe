import Autograd
import Foundation
import NeuralNet
import Seq2Seq
import Testing
@testable import Training
@testable import Translation

@Suite struct TrainingLoopTests {
  @Test("A run that is stopped and resumed ends with the same bits, with any number of threads", arguments: OptimizerMethod.allCases)
  func resumeIsExact(method: OptimizerMethod) throws {
    let (whole, parts) = (try temporaryDirectory(), try temporaryDirectory())
    var run = SymbolRun()
    run.optimization.optimizer.method = method
    run.loop.totalUpdates = 21
    let (expected, expectedState, end) = try run.train(in: whole)
    #expect(end == .finished)

    run.loop.lastUpdate = 8
    run.threads = 3
    #expect(try run.train(in: parts).2 == .updateLimit)
    run.loop.lastUpdate = 21
    run.threads = 2
    let (resumed, state, _) = try run.train(in: parts, resume: true)
    #expect(numbers(resumed) == numbers(expected))
    #expect(state.position == expectedState.position)
    #expect(state.targetTokens == expectedState.targetTokens)
    let logs = try [whole, parts].map { try TrainingLog.read(ModelDirectory($0).trainingLog) }
    #expect(logs[0].map(\.loss) == logs[1].map(\.loss))
    #expect(logs[1].map(\.update) == Array(1...21))
  }

  @Test("A killed run resumes from its last checkpoint and cuts the later records of the log")
  func killedRunResumes() throws {
    let (whole, killed) = (try temporaryDirectory(), try temporaryDirectory())
    var run = SymbolRun()
    run.loop.totalUpdates = 14
    run.loop.checkpointEvery = 5
    let (expected, _, _) = try run.train(in: whole)
    run.loop.lastUpdate = 13
    _ = try run.train(in: killed)
    // As if killed while update 14 was being logged, before the checkpoint of update 13 was written.
    let checkpoints = CheckpointDirectory(run: killed)
    try FileManager.default.removeItem(at: checkpoints.file(update: 13))
    let log = try FileHandle(forWritingTo: ModelDirectory(killed).trainingLog)
    try log.seekToEnd()
    try log.write(contentsOf: Data("{\"update\":14,\"epo".utf8))
    try log.close()
    run.loop.lastUpdate = 14
    let (resumed, _, _) = try run.train(in: killed, resume: true)
    #expect(numbers(resumed) == numbers(expected))
    #expect(try TrainingLog.read(ModelDirectory(killed).trainingLog).map(\.update) == Array(1...14))
  }

  @Test("A non-finite loss is named and skipped, the rate is halved after three, and the run goes on")
  func nonFiniteLoss() throws {
    let run = try temporaryDirectory()
    var symbols = SymbolRun()
    symbols.loop.totalUpdates = 9
    symbols.model = FailingModel(try tinyTransformer()) { $0 == 2 || (4...6).contains($0) }
    let (trainer, _, _) = try symbols.train(in: run)
    let log = try TrainingLog.read(ModelDirectory(run).trainingLog)
    #expect(log.map { $0.skipped != nil } == [false, true, false, true, true, true, false, false, false])
    #expect(log[1].skipped?.contains("update 2") == true && log[1].skipped?.contains("shard 0") == true)
    #expect(log[1].loss == nil)
    let rates = (1...9).map { symbols.optimization.schedule.rate($0) * ($0 > 6 ? 0.5 : 1) }
    #expect(log.map(\.learningRate) == rates)
    #expect(trainer.optimizer.updates == 5)
    #expect(trainer.model.parameters.values.allSatisfy { $0.isFinite })
  }

  @Test("A run that never becomes finite stops and keeps the last good checkpoint")
  func divergence() throws {
    let run = try temporaryDirectory()
    var symbols = SymbolRun()
    symbols.loop.totalUpdates = 100
    symbols.loop.lastUpdate = 100
    symbols.loop.checkpointEvery = 4
    symbols.model = FailingModel(try tinyTransformer()) { $0 > 5 }
    #expect {
      _ = try symbols.train(in: run)
    } throws: { error in
      guard case TrainingError.diverged(let update, let reason, let checkpoint) = error else { return false }
      return update == 5 + 18 && reason.contains("not finite") && checkpoint?.hasSuffix("000004.safetensors") == true
    }
    let checkpoints = CheckpointDirectory(run: run)
    let fresh = Trainer(try tinyTransformer(seed: 9), symbols.optimization, shards: 3, threads: 1)
    #expect(try checkpoints.load(update: 4, of: "", into: fresh).update == 4)
  }

  @Test("The best validation is kept, and a run without improvement stops early")
  func earlyStop() throws {
    let run = try temporaryDirectory()
    var symbols = SymbolRun()
    symbols.loop.validateEvery = 2
    symbols.loop.patience = 3
    let validator = ScriptedValidator([9, 5, 6, 5.5, 7, 1])
    let (_, state, end) = try symbols.train(in: run, validator: validator)
    #expect(end == .earlyStop)
    #expect(state.update == 10)
    #expect(validator.kept == [2, 4])
    #expect(state.best?.perplexity == 5)
  }

  @Test("A perplexity that is no number is saved, resumed from, and never the best")
  func perplexityThatIsNone() throws {
    let run = try temporaryDirectory()
    var symbols = SymbolRun()
    symbols.loop.validateEvery = 2
    symbols.loop.checkpointEvery = 2
    symbols.loop.totalUpdates = 4
    let validator = ScriptedValidator([.nan, 5])
    let (trainer, state, _) = try symbols.train(in: run, validator: validator)
    #expect(validator.kept.last == 4 && state.best?.perplexity == 5)
    let loaded = try CheckpointDirectory(run: run).load(update: 2, of: "", into: trainer)
    #expect(loaded.validations.map(\.perplexity.isNaN) == [true])
  }

  /// The checkpoint of a run of two updates, and the trainer that made it.
  private func twoUpdates() throws -> (CheckpointDirectory, URL, Trainer) {
    let run = try temporaryDirectory()
    var symbols = SymbolRun()
    symbols.loop.lastUpdate = 2
    let checkpoints = CheckpointDirectory(run: run)
    return (checkpoints, checkpoints.file(update: 2), try symbols.train(in: run).0)
  }

  @Test("A checkpoint cut short is refused by name")
  func truncatedCheckpoint() throws {
    let (checkpoints, file, trainer) = try twoUpdates()
    let data = try Data(contentsOf: file)
    try data.prefix(data.count - 100).write(to: file)
    #expect(throws: ModelError.self) { try checkpoints.load(update: 2, of: "", into: trainer) }
  }

  @Test("A checkpoint whose state was changed by hand is refused by its key", arguments: [
    ("\\\"draw\\\":", "-1"), ("\\\"epoch\\\":", "9007199254740993"), ("\\\"optimizerUpdates\\\":", "-2"),
    ("\\\"seconds\\\":", "\\\"nan\\\""), ("\\\"targetTokens\\\":", "-5"),
  ])
  func changedCheckpoint(key: String, value: String) throws {
    let (checkpoints, file, trainer) = try twoUpdates()
    let data = try Data(contentsOf: file)
    let length = data.prefix(8).withUnsafeBytes { Int($0.loadUnaligned(as: UInt64.self)) }
    var header = String(decoding: data[8..<8 + length], as: UTF8.self)
    let place = try #require(header.range(of: key))
    let end = try #require(header[place.upperBound...].firstIndex { ",}".contains($0) })
    header.replaceSubrange(place.upperBound..<end, with: value)
    let bytes = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
    try (bytes + Data(header.utf8) + data[(8 + length)...]).write(to: file)
    let name = key.filter(\.isLetter)
    #expect {
      _ = try checkpoints.load(update: 2, of: "", into: trainer)
    } throws: { ($0 as? ModelError)?.item.map { $0.hasPrefix("state.") && $0.hasSuffix(name) } == true }
  }

  @Test("Averaging checkpoints gives the mean of their parameters")
  func averaging() throws {
    let run = try temporaryDirectory()
    var symbols = SymbolRun()
    symbols.loop.checkpointEvery = 2
    symbols.loop.totalUpdates = 6
    symbols.loop.keepCheckpoints = 10
    _ = try symbols.train(in: run)
    let directory = CheckpointDirectory(run: run)
    var values: [[Float]] = []
    for update in [4, 6] {
      let trainer = Trainer(try tinyTransformer(), symbols.optimization, shards: 3, threads: 1)
      _ = try directory.load(update: update, of: "", into: trainer)
      values.append(Array(trainer.model.parameters.values))
    }
    let model = try tinyTransformer(seed: 3)
    #expect(try directory.average(last: 2, into: model) == [4, 6])
    for p in model.parameters.parameters {
      for i in p.offset..<p.offset + p.count {
        #expect(abs(model.parameters.values[i] - (values[0][i] + values[1][i]) / 2) < 1e-7)
      }
    }
  }

  @Test("A small transformer learns to copy")
  func copying() throws {
    let run = try temporaryDirectory()
    var symbols = SymbolRun()
    symbols.pairs = EncodedPairs([symbolPairs(4000, seed: 1)])
    symbols.batches.batchTokens = 1000
    symbols.batches.shards = 2
    symbols.threads = 2
    symbols.optimization.schedule = Schedule(kind: .cosine, peak: 4e-3, warmup: 40, totalUpdates: 400)
    symbols.loop.totalUpdates = 400
    symbols.loop.lastUpdate = 400
    symbols.model = try tinyTransformer(size: 64, dropout: 0)
    let (trainer, _, _) = try symbols.train(in: run)
    let log = try TrainingLog.read(ModelDirectory(run).trainingLog)
    #expect(log[0].loss! > 3)
    #expect(log[399].loss! < 1.0)
    _ = trainer.learntValues.withMemoryRebound(to: Float.self) { trainer.model.parameters.values.update(fromContentsOf: $0) }
    let share = exactMatch(trainer.model, symbolPairs(200, seed: 2))
    #expect(share > 0.8, "\(share) of the copies are exact")
  }
}

/// A model whose loss is not a number in the updates that `fails` names, counting calls of its first shard.
private final class FailingModel: EncoderDecoder, @unchecked Sendable {
  private let inner: any EncoderDecoder
  private let fails: (Int) -> Bool
  private var calls = 0

  init(_ inner: any EncoderDecoder, fails: @escaping (Int) -> Bool) { (self.inner, self.fails) = (inner, fails) }

  var configuration: ModelConfiguration { inner.configuration }
  var parameters: ParameterStore { inner.parameters }
  var productWeights: [(parameter: Parameter, transposed: Bool)] { inner.productWeights }

  var outputLayer: (weight: Parameter, bias: Parameter) { inner.outputLayer }

  func predictors(
    source: SequenceBatch, target: SequenceBatch, graph: Graph
  ) -> (states: Tensor, labels: [Int32]) {
    inner.predictors(source: source, target: target, graph: graph)
  }

  func loss(
    source: SequenceBatch, target: SequenceBatch, objective: Objective, gradientScale: Float, graph: Graph
  ) -> LossSum {
    // One thread and three shards: shards come in order.
    calls += 1
    var sum = inner.loss(
      source: source, target: target, objective: objective, gradientScale: gradientScale, graph: graph)
    if calls % 3 == 1, fails((calls + 2) / 3) { sum.loss = .nan }
    return sum
  }

  func logProbabilities(source: SequenceBatch, target: SequenceBatch, graph: Graph) -> [Float] {
    inner.logProbabilities(source: source, target: target, graph: graph)
  }

  func startDecoding(_ sources: SequenceBatch, workspace: Workspace) -> any DecoderState {
    inner.startDecoding(sources, workspace: workspace)
  }
}

private final class ScriptedValidator: Validator {
  private var perplexities: [Double]
  private(set) var kept: [Int] = []

  init(_ perplexities: [Double]) { self.perplexities = perplexities }

  func validate(_ trainer: Trainer) throws -> ValidationRecord {
    ValidationRecord(update: 0, perplexity: perplexities.removeFirst())
  }

  func keep(_ record: ValidationRecord) throws { kept.append(record.update) }
}
