import Foundation
import NeuralNet
import Seq2Seq
import TextProcessing
import Translation

/// Hugging Face MarianMT directories (`config.json`, `model.safetensors` or `pytorch_model.bin`, `vocab.json`, `source.spm`,
/// `target.spm`) in and out. Format: transformers, `models/marian/{configuration,modeling,tokenization}_marian.py`.
///
/// Differences that are bridged: their decoder starts from the embedding of the padding symbol, which is zero, ours from
/// the zero embedding, so we have no padding symbol; their ids may be in any order, ours begin with `</s>` and `<unk>`.
public enum HuggingFaceMarian {
  /// What came of an import or an export.
  public struct Report: Sendable, Equatable {
    public var description: ModelDescription
    public var parameterCount: Int
    public var warnings: [String] = []
  }

  /// Reads a MarianMT directory and writes a model directory.
  /// - Parameter targetLanguage: which of a multilingual model's languages to translate into, by its code without the
  ///   marks around it; "none" to give no code.
  /// - Throws: `ModelError` or `TextError` naming the file and the key, tensor or piece, and what was expected.
  public static func importModel(from directory: URL, to output: URL, targetLanguage: String? = nil) throws -> Report {
    let destination = ModelDirectory(output)
    try destination.requireVacant()
    var reader = try HuggingFaceReader(directory)
    let text = try reader.textPipeline(targetLanguage: targetLanguage)
    var description = try reader.description(text, targetLanguage: targetLanguage)
    let model = try reader.model(description)
    description.model = model.configuration
    // What makes it a model comes last: what could not be written whole can be tried again.
    try OutputDirectory.make(output)
    try text.write(to: output)
    try destination.save(description, model)
    return Report(
      description: description, parameterCount: model.parameters.parameterCount, warnings: reader.warnings)
  }
}

/// Reads one MarianMT directory.
struct HuggingFaceReader {
  let directory: URL
  let configuration: HuggingFaceConfiguration
  let generation: HuggingFaceGeneration
  let tokenizer: HuggingFaceTokenizerConfiguration
  private(set) var warnings: [String] = []
  /// Pieces by their ids there.
  private let sourcePieces: [String]
  private let targetPieces: [String]
  /// Their ids in our order.
  private let sourceOrder: [Int]
  private let targetOrder: [Int]
  private let configurationFile: String

  init(_ directory: URL) throws {
    self.directory = directory
    guard FileManager.default.fileExists(atPath: directory.path) else {
      throw ModelError(file: directory.path, problem: "no such directory")
    }
    let url = directory.appendingPathComponent("config.json")
    configurationFile = url.path
    let json = try Data(modelFile: url)
    configuration = try StrictJSON.decodeKnown(HuggingFaceConfiguration.self, from: json, file: url.path)
    let older = try StrictJSON.decodeKnown(HuggingFaceGeneration.self, from: json, file: url.path)
    let newer = try Self.decodeIfPresent(HuggingFaceGeneration.self, directory, "generation_config.json")
    generation = newer?.over(older) ?? older
    if let beams = generation.beams, !SearchOptions.beamSizes.contains(beams) {
      let file = newer?.beams == nil ? url : directory.appendingPathComponent("generation_config.json")
      throw ModelError(file: file.path, item: "num_beams", problem: "\(beams) is not in \(SearchOptions.beamSizes)")
    }
    tokenizer = try Self.decodeIfPresent(HuggingFaceTokenizerConfiguration.self, directory, "tokenizer_config.json")
      ?? HuggingFaceTokenizerConfiguration()

    let separate = tokenizer.separateVocabularies ?? false
    sourcePieces = try PieceTable.read(directory.appendingPathComponent("vocab.json"))
    targetPieces = separate ? try PieceTable.read(directory.appendingPathComponent("target_vocab.json")) : sourcePieces
    let end = configuration.endToken ?? 0
    sourceOrder = try Self.order(sourcePieces, end, configuration.padToken, directory.appendingPathComponent("vocab.json"))
    targetOrder = separate
      ? try Self.order(targetPieces, end, configuration.padToken, directory.appendingPathComponent("target_vocab.json"))
      : sourceOrder
    try check()
  }

  private static func decodeIfPresent<T: Decodable>(_ type: T.Type, _ directory: URL, _ name: String) throws -> T? {
    let url = directory.appendingPathComponent(name)
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    return try StrictJSON.decodeKnown(type, from: Data(modelFile: url), file: url.path)
  }

  /// Their ids in the order of ours: end symbol, unknown word, all others, the padding left out.
  private static func order(_ pieces: [String], _ end: Int, _ pad: Int, _ url: URL) throws -> [Int] {
    guard pieces.indices.contains(end) else {
      throw ModelError(file: url.path, problem: "has \(pieces.count) pieces and so no end symbol, which has id \(end)")
    }
    guard let unknown = pieces.firstIndex(where: { $0.utf8.elementsEqual("<unk>".utf8) }), unknown != end else {
      throw ModelError(file: url.path, item: "<unk>", problem: "is missing")
    }
    return [end, unknown] + pieces.indices.filter { $0 != end && $0 != unknown && $0 != pad }
  }

  /// Refuses what the model would compute otherwise than MarianMT does.
  private func check() throws {
    func refuse(_ key: HuggingFaceConfiguration.CodingKeys, _ problem: String) -> ModelError {
      ModelError(file: configurationFile, item: key.rawValue, problem: problem)
    }
    let c = configuration
    guard c.modelType == "marian" else { throw refuse(.modelType, "is \"\(c.modelType)\"; \"marian\" expected") }
    guard c.vocabularySize == sourcePieces.count else {
      throw refuse(.vocabularySize, "is \(c.vocabularySize); the vocabulary has \(sourcePieces.count) pieces")
    }
    guard c.decoderVocabularySize ?? c.vocabularySize == targetPieces.count else {
      throw refuse(
        .decoderVocabularySize,
        "is \(c.decoderVocabularySize ?? c.vocabularySize); the vocabulary has \(targetPieces.count) pieces")
    }
    guard c.decoderStartToken == c.padToken else {
      throw refuse(.decoderStartToken, "is \(c.decoderStartToken); only the padding symbol, \(c.padToken), is supported")
    }
    guard targetPieces.indices.contains(c.padToken), sourcePieces.indices.contains(c.padToken) else {
      throw refuse(.padToken, "is \(c.padToken); the vocabulary has \(targetPieces.count) pieces")
    }
    guard c.encoderHeads == c.decoderHeads else {
      throw refuse(.decoderHeads, "is \(c.decoderHeads), the encoder's \(c.encoderHeads); only equal ones are supported")
    }
    guard c.encoderFeedForwardSize == c.decoderFeedForwardSize else {
      throw refuse(
        .decoderFeedForwardSize,
        "is \(c.decoderFeedForwardSize), the encoder's \(c.encoderFeedForwardSize); only equal ones are supported")
    }
    for (key, value, wanted) in [
      (HuggingFaceConfiguration.CodingKeys.normalizeBefore, c.normalizeBefore, false),
      (.normalizeEmbedding, c.normalizeEmbedding, false), (.addFinalLayerNorm, c.addFinalLayerNorm, false),
      (.staticPositionEmbeddings, c.staticPositionEmbeddings, true),
    ] where (value ?? wanted) != wanted {
      throw refuse(key, "is \(!wanted); only \(wanted) is supported")
    }
    _ = try forcedFirstToken()
    if let token = generation.forcedEndToken, token != c.endToken ?? 0 {
      throw ModelError(
        file: directory.path, item: "forced_eos_token_id",
        problem: "is \(token); only the end symbol, \(c.endToken ?? 0), is supported")
    }
  }

  /// `forced_bos_token_id` in our order. The special symbols, and what may not be produced, cannot begin an output.
  private func forcedFirstToken() throws -> Int32? {
    guard let token = generation.forcedBeginToken else { return nil }
    guard let id = targetOrder.firstIndex(of: token), id > 1,
      !(generation.forbiddenSequences ?? []).contains([token])
    else {
      throw ModelError(
        file: directory.path, item: "forced_bos_token_id",
        problem: "is \(token); an ordinary piece expected that bad_words_ids do not forbid")
    }
    return Int32(id)
  }

  // MARK: Text

  func textPipeline(targetLanguage: String?) throws -> TextPipeline {
    func model(_ name: String) throws -> Data { try Data(modelFile: directory.appendingPathComponent(name)) }
    let code = try LanguageCode.choose(
      targetLanguage, among: sourcePieces, file: directory.appendingPathComponent("vocab.json").path)
    /// In our order and with our names of the special symbols.
    func pieces(_ all: [String], _ order: [Int]) -> [String] { ["</s>", "<unk>"] + order.dropFirst(2).map { all[$0] } }
    let isShared = !(tokenizer.separateVocabularies ?? false)
    return try TextPipeline(
      sourceModel: model("source.spm"), targetModel: model("target.spm"), sourcePieces: pieces(sourcePieces, sourceOrder),
      targetPieces: isShared ? nil : pieces(targetPieces, targetOrder), targetCode: code,
      targetBegin: forcedFirstToken().map { targetPieces[targetOrder[Int($0)]] }, directory: directory,
      path: directory.appendingPathComponent("vocab.json").path)
  }

  // MARK: Shape

  /// The model's shape, languages and search settings.
  mutating func description(_ text: TextPipeline, targetLanguage: String?) throws -> ModelDescription {
    let c = configuration
    var shape = TransformerConfiguration()
    (shape.modelSize, shape.feedForwardSize, shape.heads) = (c.modelSize, c.encoderFeedForwardSize, c.encoderHeads)
    (shape.encoderLayers, shape.decoderLayers) = (c.encoderLayers, c.decoderLayers)
    shape.dropout = c.dropout ?? 0.1
    shape.attentionDropout = c.attentionDropout ?? 0
    shape.activationDropout = c.activationDropout ?? 0
    switch c.activation {
    case "swish", "silu": shape.activation = .silu
    case "relu": shape.activation = .relu
    case "gelu": shape.activation = .gelu
    default:
      throw ModelError(
        file: configurationFile, item: "activation_function",
        problem: "is \"\(c.activation)\"; one of swish, silu, relu, gelu expected")
    }
    shape.scaleEmbeddings = c.scaleEmbedding ?? false
    shape.layerNormEpsilon = 1e-5
    shape.maximumLength = c.maximumPositions ?? 1024
    let isShared = c.shareEncoderDecoderEmbeddings ?? true
    let isTied = c.tieWordEmbeddings ?? true
    var model = ModelConfiguration(
      transformer: shape, sourceVocabularySize: text.sourceVocabulary.count,
      targetVocabularySize: text.targetVocabulary.count, embeddings: !isTied ? .none : isShared ? .all : .target)
    model.forcedFirstToken = text.targetBegin
    do {
      try model.validate()
    } catch let error as ConfigurationError {
      throw ModelError(file: configurationFile, item: error.key, problem: error.problem)
    }
    func tag(_ language: String?) -> String {
      let tag = (language ?? "und").replacing("_", with: "-")
      return ModelDescription.isLanguageTag(tag) ? tag : "und"
    }
    let target = targetLanguage == "none" ? nil : targetLanguage
    return ModelDescription(
      sourceLanguage: tag(tokenizer.sourceLanguage), targetLanguage: tag(target ?? tokenizer.targetLanguage), model: model,
      search: searchDefaults(maximumLength: shape.maximumLength), training: ["imported_from": "Hugging Face MarianMT"])
  }

  /// The settings of transformers' `generate` in our words.
  private mutating func searchDefaults(maximumLength: Int) -> SearchDefaults {
    var search = SearchDefaults()
    search.beamSize = generation.beams
    search.lengthNormalization = .power
    search.lengthPenalty = generation.lengthPenalty ?? 1
    switch generation.earlyStopping ?? .heuristic {
    case .whenFull: search.stopping = .beamFull
    case .heuristic: search.stopping = .noneLeads
    case .never: search.stopping = .noneCanWin
    }
    // Theirs counts the start and the end symbol. A limit that is the model's own says nothing.
    if let length = generation.maximumLength, length >= 3, length < maximumLength { search.maximumLength = length - 2 }
    var forbidden: [Int32] = [SpecialToken.unknown]
    for sequence in generation.forbiddenSequences ?? [] {
      guard sequence.count == 1 else {
        warnings.append("bad_words_ids: the sequence \(sequence) is passed over; only single tokens can be forbidden")
        continue
      }
      // The padding symbol does not exist here.
      if let id = targetOrder.firstIndex(of: sequence[0]), id > 1 { forbidden.append(Int32(id)) }
    }
    search.forbiddenTokens = forbidden
    return search
  }

  // MARK: Weights

  private func weights() throws -> any TensorFile {
    let (url, older) = (
      directory.appendingPathComponent("model.safetensors"), directory.appendingPathComponent("pytorch_model.bin")
    )
    let exists = FileManager.default.fileExists(atPath:)
    if exists(url.path) { return try Safetensors(contentsOf: url) }
    if exists(older.path) { return try TorchFile(contentsOf: older) }
    throw ModelError(file: url.path, problem: "is missing, and pytorch_model.bin too")
  }

  /// Builds the model and fills it. Everything is checked before memory for the weights is asked for.
  func model(_ description: ModelDescription) throws -> any EncoderDecoder {
    let file = try weights()
    guard var shape = description.model.transformer else { preconditionFailure("a MarianMT model is a transformer") }
    let size = shape.modelSize
    let layers = HuggingFaceTensors.layers(shape)
    for tensor in layers { try file.check(tensor.name, shape: tensor.shape) }
    let tables = try tableNames(file, description.model.embeddings)
    let shapes = [
      "embeddings": [sourcePieces.count, size], "encoder.embeddings": [sourcePieces.count, size],
      "decoder.embeddings": [targetPieces.count, size], "output.weight": [targetPieces.count, size],
    ]
    for (parameter, name) in tables { try file.check(name, shape: shapes[parameter] ?? []) }
    try refuseSurplus(file, layers.map(\.name))
    shape.positions = try positions(file, shape)
    var configuration = description.model
    configuration.transformer = shape

    let model = try configuration.makeModel()
    for parameter in model.parameters.parameters {
      if let name = tables[parameter.name] {
        let isTarget = parameter.name == "decoder.embeddings" || parameter.name == "output.weight"
        let (order, count) = isTarget ? (targetOrder, targetPieces.count) : (sourceOrder, sourcePieces.count)
        let values = try file.values(name, shape: [count, size])
        let pad = values[self.configuration.padToken * size..<(self.configuration.padToken + 1) * size]
        guard parameter.name == "encoder.embeddings" || parameter.name == "output.weight" || pad.allSatisfy({ $0 == 0 })
        else {
          throw ModelError(
            file: file.file, item: "tensor \(name)",
            problem: "has an embedding of the padding symbol that is not zero; decoders start from zero here")
        }
        for (row, old) in order.enumerated() {
          for column in 0..<size { parameter.data[row * size + column] = values[old * size + column] }
        }
      } else if parameter.name == "output.bias" {
        let values = try file.values(HuggingFaceTensors.outputBias, shape: [1, targetPieces.count])
        for (column, old) in targetOrder.enumerated() { parameter.data[column] = values[old] }
      } else if let parts = HuggingFaceTensors.parts(of: parameter.name) {
        let width = parameter.columns / parts.count
        let shape = parameter.rows == 1 ? [width] : [width, parameter.rows]
        HuggingFaceTensors.fuse(try parts.map { try file.values($0, shape: shape) }, into: parameter)
      } else {
        preconditionFailure("\(parameter.name) has no counterpart in MarianMT")
      }
    }
    return model
  }

  /// Which tensor each of our tables is. Tied ones are stored once, under whichever of their names.
  private func tableNames(_ file: any TensorFile, _ tying: EmbeddingTying) throws -> [String: String] {
    typealias Names = HuggingFaceTensors
    func first(_ names: [String]) throws -> String {
      guard let name = names.first(where: { file.shape(of: $0) != nil }) else {
        throw ModelError(file: file.file, item: "tensor \(names[0])", problem: "is missing")
      }
      return name
    }
    let isShared = configuration.shareEncoderDecoderEmbeddings ?? true
    let encoder = isShared ? [Names.shared, Names.encoderTable, Names.decoderTable] : [Names.encoderTable]
    let decoder = isShared ? [Names.shared, Names.decoderTable, Names.encoderTable] : [Names.decoderTable]
    switch tying {
    case .all: return ["embeddings": try first(encoder + [Names.outputTable])]
    case .target:
      return ["encoder.embeddings": try first(encoder), "decoder.embeddings": try first(decoder + [Names.outputTable])]
    case .none:
      return [
        "encoder.embeddings": try first(encoder), "decoder.embeddings": try first(decoder),
        "output.weight": try first([Names.outputTable]),
      ]
    }
  }

  private func refuseSurplus(_ file: any TensorFile, _ layers: [String]) throws {
    typealias Names = HuggingFaceTensors
    let known = Set(layers).union([
      Names.shared, Names.encoderTable, Names.decoderTable, Names.outputTable, Names.outputBias, Names.encoderPositions,
      Names.decoderPositions,
    ])
    if let surplus = file.names.filter({ !known.contains($0) }).min() {
      throw ModelError(
        file: file.file, item: "tensor \(surplus)", problem: "does not belong to the model that config.json describes")
    }
  }

  /// Positions are computed; where the file has them they must be one of the two kinds that can be.
  private func positions(_ file: any TensorFile, _ shape: TransformerConfiguration) throws -> PositionKind {
    var kind = PositionKind.standard
    for name in [HuggingFaceTensors.encoderPositions, HuggingFaceTensors.decoderPositions] {
      guard file.shape(of: name) != nil else { continue }
      let values = try file.values(name, shape: [shape.maximumLength, shape.modelSize])
      let half = Double(shape.modelSize) / 2
      let kinds: [(PositionKind, Double)] = [(.standard, half), (.marian, half - 1)]
      let match = kinds.first { _, divisor in
        let computed = SinusoidalPositions(length: shape.maximumLength, size: shape.modelSize, divisor: divisor).values
        // Half precision has three digits.
        return zip(computed, values).allSatisfy { abs($0 - $1) < 2e-3 }
      }
      guard let match else {
        throw ModelError(
          file: file.file, item: "tensor \(name)", problem: "is not sinusoidal; learnt positions are not supported")
      }
      kind = match.0
    }
    return kind
  }
}
