import Foundation
import TextProcessing
import Translation

/// One line of `training.jsonl`.
public struct UpdateRecord: Codable, Sendable, Equatable {
  public var update: Int
  /// From 1.
  public var epoch: Int
  /// Per target token, nats, with label smoothing; null if it was not finite.
  public var loss: Double?
  public var learningRate: Double
  public var gradientNorm: Double?
  /// So far, with end symbols.
  public var targetTokens: Int
  /// So far: wall clock less validation and saving.
  public var seconds: Double
  /// Why the update was skipped, if it was.
  public var skipped: String?

  enum CodingKeys: String, CodingKey {
    case update, epoch, loss
    case learningRate = "learning_rate"
    case gradientNorm = "gradient_norm"
    case targetTokens = "target_tokens"
    case seconds, skipped
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(update, forKey: .update)
    try values.encode(epoch, forKey: .epoch)
    try values.encode(loss, forKey: .loss)
    try values.encode(learningRate, forKey: .learningRate)
    try values.encode(gradientNorm, forKey: .gradientNorm)
    try values.encode(targetTokens, forKey: .targetTokens)
    try values.encode(seconds, forKey: .seconds)
    try values.encodeIfPresent(skipped, forKey: .skipped)
  }
}

/// `training.jsonl`: a record per update, written at once.
final class TrainingLog {
  let url: URL
  private var descriptor: Int32

  /// Opens the log for appending after cutting every record later than `update`, and a last line that is not whole.
  init(_ url: URL, keepingUpTo update: Int) throws {
    self.url = url
    if FileManager.default.fileExists(atPath: url.path) {
      let kept = try TrainingLog.lines(url).filter { ($0.record?.update ?? Int.max) <= update }
      var data = Data()
      for line in kept { data += line.bytes + Data([0x0A]) }
      try AtomicFile.write(data, to: url)
    }
    descriptor = open(url.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw ModelError(file: url.path, problem: "cannot be written: \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  func append(_ record: UpdateRecord) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let line = try encoder.encode(record) + Data([0x0A])
    let written = line.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress!, $0.count) }
    guard written == line.count else {
      throw ModelError(file: url.path, problem: "could not be written: \(String(cString: strerror(errno)))")
    }
  }

  /// All whole records of a log.
  static func read(_ url: URL) throws -> [UpdateRecord] { try lines(url).compactMap(\.record) }

  private static func lines(_ url: URL) throws -> [(bytes: Data, record: UpdateRecord?)] {
    let decoder = JSONDecoder()
    return try Data(modelFile: url).split(separator: 0x0A).map { ($0, try? decoder.decode(UpdateRecord.self, from: $0)) }
  }
}

extension UpdateRecord {
  /// All whole records of a `training.jsonl`.
  /// - Throws: `ModelError` where there is none.
  public static func read(_ url: URL) throws -> [UpdateRecord] { try TrainingLog.read(url) }
}
