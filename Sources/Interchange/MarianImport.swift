import Autograd
import Foundation
import Seq2Seq
import TextProcessing
import Translation

/// Marian's own model files (`.npz`, `.bin`) in and out: transformers and the recurrent models s2s and amun.
public enum Marian {
  public typealias Report = HuggingFaceMarian.Report

  /// What an importer is told besides the files.
  public struct ImportOptions: Sendable {
    /// BCP 47; Marian's files do not say.
    public var sourceLanguage = "und"
    public var targetLanguage = "und"
    /// A `decoder.yml`, whose beam-size, normalize and word-penalty become the model's own.
    public var decoderConfiguration: URL?
    /// The SentencePiece models that cut text, where vocabularies are lists of their pieces. The target's is the source's
    /// where only that is given.
    public var sourceSentencePiece: URL?
    public var targetSentencePiece: URL?
    /// Which of a multilingual model's languages to translate into: xxx of its codes `>>xxx<<`, or none.
    public var targetCode: String?

    public init() {}
  }

  /// Reads a model file with its vocabularies and writes a model directory.
  /// - Throws: `ModelError` or `TextError` naming the file and the key, tensor or word, and what was expected.
  public static func importModel(
    _ model: URL, sourceVocabulary: URL, targetVocabulary: URL, to output: URL, options: ImportOptions = ImportOptions()
  ) throws -> Report {
    let destination = ModelDirectory(output)
    try destination.requireVacant()
    let file = try MarianFile(contentsOf: model)
    let configuration = try MarianConfiguration(yaml: file.configuration, file: file.file)
    let (sourceCutter, targetCutter) = (
      options.sourceSentencePiece, options.targetSentencePiece ?? options.sourceSentencePiece
    )
    let source = try MarianVocabulary(contentsOf: sourceVocabulary, sentencePiece: sourceCutter)
    let target = sourceVocabulary == targetVocabulary && sourceCutter == targetCutter
      ? source : try MarianVocabulary(contentsOf: targetVocabulary, sentencePiece: targetCutter)
    // Sides may be cut by different models into pieces of one list.
    let sharesPieces = source.pieces == target.pieces && (source.model == target.model || sourceCutter != nil)
    guard configuration.embeddings != .all && !configuration.sharesInputs || sharesPieces else {
      throw ModelError(
        file: targetVocabulary.path, problem: "differs from \(sourceVocabulary.path); the model has one table for both sides")
    }
    let isShared = sharesPieces && configuration.sourceVocabularySize == configuration.targetVocabularySize
    let text = try TextPipeline(
      sourceModel: source.model, targetModel: target.model,
      sourcePieces: source.pieces(count: configuration.sourceVocabularySize, file: sourceVocabulary.path),
      targetPieces: isShared
        ? nil : target.pieces(count: configuration.targetVocabularySize, file: targetVocabulary.path),
      targetCode: LanguageCode.choose(options.targetCode, among: source.pieces, file: sourceVocabulary.path),
      directory: output, path: sourceVocabulary.path)
    let network = try MarianReader.read(file, configuration)
    let description = ModelDescription(
      sourceLanguage: options.sourceLanguage, targetLanguage: options.targetLanguage, model: network.configuration,
      search: try searchDefaults(options.decoderConfiguration), training: ["imported_from": "Marian"])
    // What makes it a model comes last: what could not be written whole can be tried again.
    try OutputDirectory.make(output)
    try text.write(to: output)
    try destination.save(description, network)
    var report = Report(description: description, parameterCount: network.parameters.parameterCount)
    if source.isWords || target.isWords {
      report.warnings.append(
        "the vocabulary is a list of words: lines must be cut as they were for the model's training, and come out so")
    }
    return report
  }

  /// Marian never searches for the unknown word, and divides by the length's power `normalize`, of which 0 is none.
  private static func searchDefaults(_ decoder: URL?) throws -> SearchDefaults {
    var search = SearchDefaults()
    search.forbiddenTokens = [SpecialToken.unknown]
    guard let decoder else { return search }
    let data = try Data(modelFile: decoder)
    let values = try MarianOptions(yaml: String(decoding: data, as: UTF8.self), file: decoder.path)
    if values.has("beam-size") {
      let beam = try values.integer("beam-size")
      guard SearchOptions.beamSizes.contains(beam) else {
        throw values.refuse("beam-size", "is \(beam); \(SearchOptions.beamSizes) expected")
      }
      search.beamSize = beam
    }
    let power = try values.number("normalize") ?? 0
    (search.lengthNormalization, search.lengthPenalty) = power == 0 ? (.some(.none), 0) : (.power, power)
    guard try values.number("word-penalty") ?? 0 == 0 else {
      throw values.refuse("word-penalty", "is not 0, which is not supported as a model's own; give --word-reward to translate")
    }
    return search
  }
}

/// Fills a model from a Marian file.
enum MarianReader {
  /// Builds the model and fills it. Names, shapes and the number of tensors are checked before memory for the weights is
  /// asked for.
  static func read(_ file: MarianFile, _ configuration: MarianConfiguration) throws -> any EncoderDecoder {
    let model = try shape(file, configuration)
    let names = MarianTensors(model, configuration, file)
    let parts = names.parts
    var known: Set = [MarianFile.configurationName, "decoder_c_tt", "uidx", "history_errs"]
    for part in parts {
      for (name, shape) in part.tensors {
        try file.check(name, shape: shape)
        known.insert(name)
      }
    }
    // Multipliers of activations belong to fast products of integers, which are packed anew here.
    let surplus = file.tensors.keys.filter { !known.contains($0) && !$0.hasSuffix("_QuantMultA") }.min()
    if let surplus {
      throw ModelError(
        file: file.file, item: "tensor \(surplus)",
        problem: "does not belong to the model that \(MarianFile.configurationName) describes, as far as it is supported")
    }
    let network = try model.makeModel()
    let byParameter = Dictionary(uniqueKeysWithValues: parts.map { ($0.parameter, $0) })
    for parameter in network.parameters.parameters {
      guard let part = byParameter[parameter.name] else {
        preconditionFailure("\(parameter.name) has no counterpart in Marian")
      }
      try part.fill(parameter, from: file)
    }
    return network
  }

  private static func shape(_ file: MarianFile, _ configuration: MarianConfiguration) throws -> ModelConfiguration {
    let (source, target) = (configuration.sourceVocabularySize, configuration.targetVocabularySize)
    var model: ModelConfiguration
    if let shape = configuration.transformer {
      model = ModelConfiguration(
        transformer: shape, sourceVocabularySize: source, targetVocabularySize: target, embeddings: configuration.embeddings)
    } else if var shape = configuration.rnn {
      guard let keys = file.tensors["decoder_Wc_att"] else {
        throw ModelError(file: file.file, item: "tensor decoder_Wc_att", problem: "is missing")
      }
      shape.attentionSize = keys.shape[keys.shape.count - 1]
      model = ModelConfiguration(
        rnn: shape, sourceVocabularySize: source, targetVocabularySize: target, embeddings: configuration.embeddings)
    } else {
      preconditionFailure("a Marian model of no kind")
    }
    do {
      try model.validate()
    } catch let error as ConfigurationError {
      throw ModelError(file: file.file, item: "\(MarianFile.configurationName): \(error.key)", problem: error.problem)
    }
    return model
  }
}
