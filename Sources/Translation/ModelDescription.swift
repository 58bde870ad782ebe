import Autograd
import Foundation
import Seq2Seq
import TextProcessing

/// What `config.json` of a model directory says.
public struct ModelDescription: Codable, Sendable, Equatable {
  /// Of the directory's format; this program reads 1.
  public var formatVersion = 1
  /// BCP 47, e.g. "fr".
  public var sourceLanguage: String
  public var targetLanguage: String
  /// How the weights are stored, and how they are multiplied unless told otherwise.
  public var precision: Precision
  public var model: ModelConfiguration
  /// How this model likes to be searched; what is absent is as everywhere.
  public var search: SearchDefaults?
  /// Whether it has learnt to copy placeholders (`TextPipeline.mask`); absent is no.
  public var copiesPlaceholders: Bool?
  /// What the training wants to be remembered, for people.
  public var training: [String: String]?

  public init(
    sourceLanguage: String, targetLanguage: String, precision: Precision = .float32, model: ModelConfiguration,
    search: SearchDefaults? = nil, training: [String: String]? = nil
  ) {
    (self.sourceLanguage, self.targetLanguage, self.precision) = (sourceLanguage, targetLanguage, precision)
    (self.model, self.search, self.training) = (model, search, training)
  }

  enum CodingKeys: String, CodingKey {
    case formatVersion = "format_version"
    case sourceLanguage = "source_language"
    case targetLanguage = "target_language"
    case precision, model, search
    case copiesPlaceholders = "copies_placeholders"
    case training
  }
}

/// A model's own search settings; each is used where the caller does not ask for something else.
public struct SearchDefaults: Codable, Sendable, Equatable {
  public var beamSize: Int?
  public var lengthNormalization: LengthPenaltyKind?
  public var lengthPenalty: Double?
  public var coveragePenalty: Double?
  public var maximumLength: Int?
  public var forbiddenTokens: [Int32]?
  public var stopping: StoppingRule?

  public init() {}

  enum CodingKeys: String, CodingKey {
    case beamSize = "beam_size"
    case lengthNormalization = "length_normalization"
    case lengthPenalty = "length_penalty"
    case coveragePenalty = "coverage_penalty"
    case maximumLength = "maximum_length"
    case forbiddenTokens = "forbidden_tokens"
    case stopping
  }

  /// These settings over the usual ones.
  public var options: SearchOptions {
    var options = SearchOptions()
    if let beamSize { options.beamSize = beamSize }
    if let lengthNormalization { options.lengthNormalization.kind = lengthNormalization }
    if let lengthPenalty { options.lengthNormalization.lengthPenalty = lengthPenalty }
    if let coveragePenalty { options.lengthNormalization.coveragePenalty = coveragePenalty }
    if let maximumLength { options.maximumLength = maximumLength }
    if let forbiddenTokens { options.forbiddenTokens = forbiddenTokens }
    if let stopping { options.stopping = stopping }
    return options
  }
}

extension ModelDescription {
  /// Reads and checks `config.json`. Throws `ModelError` naming the key.
  public init(contentsOf url: URL) throws {
    self = try StrictJSON.decode(ModelDescription.self, from: Data(modelFile: url), file: url.path)
    guard formatVersion == 1 else {
      throw ModelError(
        file: url.path, item: "format_version", problem: "is \(formatVersion); this program reads version 1")
    }
    for (key, tag) in [("source_language", sourceLanguage), ("target_language", targetLanguage)] {
      guard ModelDescription.isLanguageTag(tag) else {
        throw ModelError(file: url.path, item: key, problem: "\"\(tag)\" is not a language tag (BCP 47) such as \"fr\"")
      }
    }
    if let beam = search?.beamSize, !SearchOptions.beamSizes.contains(beam) {
      throw ModelError(file: url.path, item: "search.beam_size", problem: "\(beam) is not in \(SearchOptions.beamSizes)")
    }
    if let length = search?.maximumLength, length < 0 {
      throw ModelError(file: url.path, item: "search.maximum_length", problem: "\(length) is below 0")
    }
    do {
      try model.validate()
    } catch let error as ConfigurationError {
      throw ModelError(file: url.path, item: "model.\(error.key)", problem: error.problem)
    }
  }

  public func write(to url: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(encoder.encode(self) + Data("\n".utf8), to: url)
  }

  /// Letters and digits in groups of 1–8 joined by hyphens, the first of 2–8 letters (RFC 5646, in outline).
  public static func isLanguageTag(_ tag: String) -> Bool {
    let groups = tag.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    func isLetter(_ c: UInt8) -> Bool { (0x41...0x5A).contains(c & 0xDF) }
    guard let first = groups.first, (2...8).contains(first.count), first.allSatisfy(isLetter) else { return false }
    return groups.dropFirst().allSatisfy {
      (1...8).contains($0.count) && $0.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) }
    }
  }
}
