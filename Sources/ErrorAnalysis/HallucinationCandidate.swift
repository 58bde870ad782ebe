import Evaluation

/// An output that may have nothing to do with its source: among the least probable of all by log P a token, the best sign
/// that needs no reference (Guerreiro et al. 2023), with the other signs there are.
public struct HallucinationCandidate: Codable, Sendable, Equatable {
  /// From 1.
  public var line: Int
  /// log P a token, the end symbol counted.
  public var logProbability: Double
  public var chrF: Double
  /// Share of the attention on the end symbol and on marks; nil where the model has no attention.
  public var onMarks: Double?
  /// Share of the source's tokens that were hardly looked at.
  public var unattended: Double?

  /// More attention than this on the end symbol and on marks is a sign of its own.
  static let mostOnMarks = 0.8

  enum CodingKeys: String, CodingKey {
    case line, unattended
    case logProbability = "log_probability"
    case chrF = "chrf"
    case onMarks = "on_marks"
  }

  /// The signs in words.
  public var signs: [String] {
    var signs: [String] = []
    if chrF < 10 { signs.append("chrF below 10") }
    if let onMarks, onMarks > HallucinationCandidate.mostOnMarks { signs.append("attention on marks") }
    if let unattended, unattended > 0.5 { signs.append("half the source not looked at") }
    return signs
  }

  /// The least probable first.
  static func candidates(_ sentences: [SentenceRecord]) -> [HallucinationCandidate] {
    suspects(sentences).map { i in
      HallucinationCandidate(
        line: i + 1, logProbability: perToken(sentences[i]), chrF: sentences[i].chrF,
        onMarks: sentences[i].coverage?.onMarks, unattended: sentences[i].coverage?.unattended)
    }
  }

  /// The least probable fiftieth of the outputs that are not empty and not right.
  static func suspects(_ sentences: [SentenceRecord]) -> [Int] {
    let suspects = sentences.indices.filter { sentences[$0].hypothesisTokens > 0 && sentences[$0].chrF < 100 }
    return suspects.sorted { (perToken(sentences[$0]), $0) < (perToken(sentences[$1]), $1) }
      .prefix((sentences.count + 49) / 50).map { $0 }
  }

  private static func perToken(_ record: SentenceRecord) -> Double {
    record.logProbability.hypothesis / Double(record.hypothesisTokens + 1)
  }
}
