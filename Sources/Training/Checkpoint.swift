import Autograd
import Foundation
import Seq2Seq
import TextProcessing
import Translation

/// Everything about a run, besides numbers by the million, that must survive its end.
public struct TrainingState: Codable, Sendable, Equatable {
  public var update = 0
  /// Updates that changed the parameters: the optimiser's time.
  public var optimizerUpdates = 0
  public var consecutiveSkips = 0
  public var rateFactor = 1.0
  public var position = BatchPosition()
  /// Target tokens learnt from so far, with end symbols.
  public var targetTokens = 0
  /// Wall clock, less validation and saving.
  public var seconds = 0.0
  public var totalUpdates = 0
  public var validations: [ValidationRecord] = []
  /// The validation whose parameters are the model's.
  public var best: ValidationRecord?
  /// Validations since the best.
  public var stall = 0
  /// Of the recipe as it was read, options included: another recipe cannot continue this run.
  public var recipe = ""

  public init() {}
}

/// Scores of one validation.
public struct ValidationRecord: Codable, Sendable, Equatable {
  public var update: Int
  public var epoch = 0
  /// exp of the mean negative log-likelihood of target tokens, end symbols included.
  public var perplexity: Double
  public var bleu: Double?
  public var chrf: Double?

  public init(update: Int, epoch: Int = 0, perplexity: Double, bleu: Double? = nil, chrf: Double? = nil) {
    (self.update, self.epoch, self.perplexity, self.bleu, self.chrf) = (update, epoch, perplexity, bleu, chrf)
  }
}

/// A run's checkpoints: safetensors files with the flat buffers of parameters, moments and average, and the state as
/// metadata. A file appears under its name only when it is whole.
public struct CheckpointDirectory: Sendable {
  public let url: URL

  public init(_ url: URL) { self.url = url }

  /// Of a run's output directory.
  public init(run: URL) { url = run.appendingPathComponent("checkpoints") }

  func file(update: Int) -> URL {
    let number = String(update)
    let zeros = String(repeating: "0", count: max(0, 9 - number.count))
    return url.appendingPathComponent("update-\(zeros)\(number).safetensors")
  }

  /// Updates of which there is a checkpoint, ascending.
  public func updates() -> [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
    return names.compactMap { name in
      guard name.hasPrefix("update-"), name.hasSuffix(".safetensors") else { return nil }
      return Int(name.dropFirst(7).dropLast(12))
    }.sorted()
  }

  /// Writes a checkpoint. Throws `TextError.file` (a full disk, a missing right); earlier checkpoints stand then.
  func save(_ trainer: Trainer, _ state: TrainingState) throws {
    try OutputDirectory.make(url)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    // A model that diverged has a perplexity that is no number; its run is to end in order all the same.
    encoder.nonConformingFloatEncodingStrategy = .named
    let json = String(decoding: try encoder.encode(state), as: UTF8.self)
    var writer = SafetensorsWriter(metadata: ["format": "mt checkpoint", "state": json])
    for parameter in trainer.model.parameters.parameters {
      writer.add(parameter.name, .float32, [parameter.rows, parameter.columns]) { Data(buffer: parameter.buffer) }
    }
    for (name, buffer) in buffers(trainer) {
      writer.add(name, .float32, [buffer.count]) { Data(buffer: buffer) }
    }
    try writer.write(to: file(update: state.update))
  }

  /// Brings trainer and state back to where they were at an update of a run of `recipe`, its identity. Throws
  /// `TrainingError.differentRecipe`, before any tensor is looked at, and `ModelError`.
  func load(update: Int, of recipe: String, into trainer: Trainer) throws -> TrainingState {
    let file = try Safetensors(contentsOf: self.file(update: update))
    let state = try TrainingState(file)
    guard state.recipe == recipe else { throw TrainingError.differentRecipe(url.deletingLastPathComponent().path) }
    for parameter in trainer.model.parameters.parameters {
      let entry = try file.entry(parameter.name, shape: [parameter.rows, parameter.columns])
      try file.read(parameter.name, entry, into: parameter.buffer)
    }
    for (name, buffer) in buffers(trainer) {
      try file.read(name, file.entry(name, shape: [buffer.count]), into: buffer)
    }
    trainer.model.parameters.refreshBFloat16()
    trainer.restore(state)
    return state
  }

  private func buffers(_ trainer: Trainer) -> [(String, UnsafeMutableBufferPointer<Float>)] {
    var buffers = [
      ("optimizer.first_moment", trainer.optimizer.firstMoment),
      ("optimizer.second_moment", trainer.optimizer.secondMoment),
    ]
    if let average = trainer.average { buffers.append(("average", average)) }
    return buffers
  }

  func remove(update: Int) { try? FileManager.default.removeItem(at: file(update: update)) }

  /// Removes the oldest checkpoints, leaving `count`, and what processes that were killed while they wrote one have left.
  func prune(keeping count: Int) {
    for update in updates().dropLast(max(count, 1)) { remove(update: update) }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
    where name.hasPrefix("update-") && name.hasSuffix(".part") {
      guard let process = Int32(name.dropLast(5).split(separator: ".").last ?? ""), kill(process, 0) != 0, errno == ESRCH else {
        continue
      }
      try? FileManager.default.removeItem(at: url.appendingPathComponent(name))
    }
  }

  /// The mean of the parameters of the last `count` checkpoints, put into `model` (Vaswani et al. 2017, §6.1).
  /// - Returns: the updates averaged. Throws `ModelError` if there is no checkpoint.
  public func average(last count: Int, into model: any EncoderDecoder) throws -> [Int] {
    let updates = self.updates().suffix(max(count, 1))
    guard !updates.isEmpty else { throw ModelError(file: url.path, problem: "holds no checkpoint") }
    var sums = model.parameters.parameters.map { [Double](repeating: 0, count: $0.count) }
    for update in updates {
      let file = try Safetensors(contentsOf: self.file(update: update))
      for (i, parameter) in model.parameters.parameters.enumerated() {
        let entry = try file.entry(parameter.name, shape: [parameter.rows, parameter.columns])
        try file.read(parameter.name, entry, into: parameter.buffer)
        for j in 0..<parameter.count { sums[i][j] += Double(parameter.data[j]) }
      }
    }
    for (i, parameter) in model.parameters.parameters.enumerated() {
      for j in 0..<parameter.count { parameter.data[j] = Float(sums[i][j] / Double(updates.count)) }
    }
    model.parameters.refreshBFloat16()
    return Array(updates)
  }
}

extension Trainer {
  func restore(_ state: TrainingState) {
    update = state.update
    optimizer.updates = state.optimizerUpdates
    consecutiveSkips = state.consecutiveSkips
    rateFactor = state.rateFactor
  }
}

extension TrainingState {
  /// Of a checkpoint. Throws `ModelError`, also where a number is out of what a run can reach.
  fileprivate init(_ file: Safetensors) throws {
    guard let json = file.metadata["state"] else {
      throw ModelError(file: file.file, problem: "is not a checkpoint: it holds no state")
    }
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .named
    do {
      self = try decoder.decode(TrainingState.self, from: Data(json.utf8))
    } catch {
      throw ModelError(file: file.file, item: "state", problem: "cannot be understood: \(error)")
    }
    let counts = [
      ("update", update), ("optimizerUpdates", optimizerUpdates), ("consecutiveSkips", consecutiveSkips),
      ("position.epoch", position.epoch), ("position.draw", position.draw), ("position.update", position.update),
      ("stall", stall),
    ]
    for (key, count) in counts where !(0...Int(Int32.max)).contains(count) {
      throw ModelError(file: file.file, item: "state.\(key)", problem: "\(count) is not in 0…\(Int32.max)")
    }
    guard (0...(1 << 53)).contains(targetTokens) else {
      throw ModelError(file: file.file, item: "state.targetTokens", problem: "\(targetTokens) is not in 0…2⁵³")
    }
    for (key, value) in [("seconds", seconds), ("rateFactor", rateFactor)] where !(0...1e12).contains(value) {
      throw ModelError(file: file.file, item: "state.\(key)", problem: "\(value) is not in 0…10¹²")
    }
  }
}
