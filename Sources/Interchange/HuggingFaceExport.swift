import Autograd
import Foundation
import NeuralNet
import Seq2Seq
import TextProcessing
import Translation

extension HuggingFaceMarian {
  /// Writes a post-norm transformer as a MarianMT directory. Weights are float32, whatever they were stored as.
  ///
  /// The report warns of what cannot travel: the tokenizer where SentencePiece cannot cut alike (`vocab.json` is written
  /// all the same), a layer-norm epsilon other than theirs, a length penalty they do not have.
  /// - Throws: `ModelError` for an architecture that MarianMT does not have, naming the key.
  public static func exportModel(from model: URL, to output: URL) throws -> Report {
    let directory = ModelDirectory(model)
    let description = try directory.readDescription()
    let shape = try exportableShape(description, directory.configuration.path)
    let text = try TextPipeline(directory: model)
    let network = try directory.readModel(description)
    let configuration = output.appendingPathComponent("config.json")
    try ModelDirectory.requireVacant(configuration)
    try OutputDirectory.make(output)
    var report = Report(description: description, parameterCount: network.parameters.parameterCount)
    try writeText(text, padToken: padToken(description.model), to: output, &report.warnings)
    try writeWeights(network, shape, to: output.appendingPathComponent("model.safetensors"))
    try write(generation(description, shape, &report.warnings), to: output.appendingPathComponent("generation_config.json"))
    var tokenizer = HuggingFaceTokenizerConfiguration()
    (tokenizer.sourceLanguage, tokenizer.targetLanguage) = (description.sourceLanguage, description.targetLanguage)
    tokenizer.separateVocabularies = !text.targetVocabulary.isShared
    tokenizer.maximumLength = shape.maximumLength
    try write(tokenizer, to: output.appendingPathComponent("tokenizer_config.json"))
    // Last, for it makes the directory a model.
    try write(self.configuration(description, shape), to: configuration)
    if shape.layerNormEpsilon != 1e-5 {
      report.warnings.append(
        "layer_norm_epsilon is \(shape.layerNormEpsilon); MarianMT's is 1e-05, so log-probabilities differ a little")
    }
    return report
  }

  private static func exportableShape(_ description: ModelDescription, _ file: String) throws -> TransformerConfiguration {
    func refuse(_ key: String, _ problem: String) -> ModelError { ModelError(file: file, item: key, problem: problem) }
    guard let shape = description.model.transformer, description.model.architecture == .transformer else {
      throw refuse("model.architecture", "is \(description.model.architecture.rawValue); MarianMT has transformers only")
    }
    guard shape.normalization == .post else {
      throw refuse("model.transformer.normalization", "is pre; MarianMT normalises after each sublayer: post")
    }
    guard !shape.finalNormalization else {
      throw refuse("model.transformer.final_normalization", "is true; MarianMT has no last layer norm")
    }
    guard shape.decoderCell ?? .selfAttention == .selfAttention else {
      throw refuse("model.transformer.decoder_cell", "is ssru; MarianMT's decoders have self-attention")
    }
    guard activationNames[shape.activation] != nil else {
      throw refuse("model.transformer.activation", "is \(shape.activation.rawValue), which MarianMT does not have")
    }
    return shape
  }

  private static let activationNames: [ActivationKind: String] = [
    .relu: "relu", .gelu: "gelu", .silu: "swish", .tanh: "tanh", .sigmoid: "sigmoid",
  ]

  /// The padding symbol, from whose embedding their decoder starts, comes last. Both sides have it under one id, so the
  /// smaller of two vocabularies is filled up with pieces that nothing becomes.
  private static func padToken(_ model: ModelConfiguration) -> Int {
    max(model.sourceVocabularySize, model.targetVocabularySize)
  }

  private static func configuration(
    _ description: ModelDescription, _ shape: TransformerConfiguration
  ) -> HuggingFaceConfiguration {
    let model = description.model
    var c = HuggingFaceConfiguration()
    let pad = padToken(model)
    (c.vocabularySize, c.decoderVocabularySize, c.padToken) = (pad + 1, pad + 1, pad)
    c.decoderStartToken = c.padToken
    (c.endToken, c.beginToken) = (0, 0)
    c.modelSize = shape.modelSize
    (c.encoderLayers, c.decoderLayers) = (shape.encoderLayers, shape.decoderLayers)
    (c.encoderHeads, c.decoderHeads) = (shape.heads, shape.heads)
    (c.encoderFeedForwardSize, c.decoderFeedForwardSize) = (shape.feedForwardSize, shape.feedForwardSize)
    c.activation = activationNames[shape.activation] ?? ""
    (c.dropout, c.attentionDropout, c.activationDropout) = (shape.dropout, shape.attentionDropout, shape.activationDropout)
    c.scaleEmbedding = shape.scaleEmbeddings
    c.staticPositionEmbeddings = true
    (c.normalizeBefore, c.normalizeEmbedding, c.addFinalLayerNorm) = (false, false, false)
    c.maximumPositions = shape.maximumLength
    c.shareEncoderDecoderEmbeddings = model.embeddings == .all
    c.tieWordEmbeddings = model.embeddings != .none
    return c
  }

  private static func generation(
    _ description: ModelDescription, _ shape: TransformerConfiguration, _ warnings: inout [String]
  ) -> HuggingFaceGeneration {
    let options = description.search?.options ?? SearchOptions()
    let pad = padToken(description.model)
    var g = HuggingFaceGeneration()
    g.beams = options.beamSize
    switch options.lengthNormalization.kind {
    case .none: g.lengthPenalty = 0
    case .power: g.lengthPenalty = options.lengthNormalization.lengthPenalty
    case .gnmt:
      g.lengthPenalty = options.lengthNormalization.lengthPenalty
      warnings.append("length_normalization: gnmt does not exist there; power with the same exponent is written")
    }
    if options.lengthNormalization.coveragePenalty != 0 { warnings.append("coverage_penalty does not exist there") }
    // Their "never" goes on far longer for the same outputs.
    g.earlyStopping = options.stopping == .beamFull ? .whenFull : .heuristic
    g.maximumLength = options.maximumLength.map { min($0 + 2, shape.maximumLength) } ?? shape.maximumLength
    g.forbiddenSequences = (options.forbiddenTokens.map(Int.init) + [pad]).map { [$0] }
    g.forcedBeginToken = description.model.forcedFirstToken.map(Int.init)
    g.forcedEndToken = 0
    (g.endToken, g.beginToken, g.padToken, g.decoderStartToken) = (0, 0, pad, pad)
    return g
  }

  private static func write(_ value: some Encodable, to url: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(encoder.encode(value) + Data("\n".utf8), to: url)
  }

  // MARK: Text

  private static func writeText(
    _ text: TextPipeline, padToken: Int, to output: URL, _ warnings: inout [String]
  ) throws {
    func writeTable(_ vocabulary: Vocabulary, _ name: String) throws {
      let url = output.appendingPathComponent(name)
      guard vocabulary.id("<pad>") == nil else {
        throw ModelError(file: url.path, item: "<pad>", problem: "is a piece of the text, and the name MarianMT needs")
      }
      let fillers = (vocabulary.count..<padToken).map { "<unused \($0)>" }
      let pieces = (0..<Int32(vocabulary.count)).map(vocabulary.piece) + fillers + ["<pad>"]
      try AtomicFile.write(PieceTable.json(pieces), to: url)
    }
    try writeTable(text.sourceVocabulary, "vocab.json")
    if !text.targetVocabulary.isShared { try writeTable(text.targetVocabulary, "target_vocab.json") }
    if let obstacle = text.sentencePieceObstacle {
      warnings.append("no source.spm and target.spm: \(obstacle)")
    } else {
      let models = text.sentencePieceModels()
      try AtomicFile.write(models.source, to: output.appendingPathComponent("source.spm"))
      try AtomicFile.write(models.target, to: output.appendingPathComponent("target.spm"))
    }
  }

  // MARK: Weights

  private static func writeWeights(_ model: any EncoderDecoder, _ shape: TransformerConfiguration, to url: URL) throws {
    typealias Names = HuggingFaceTensors
    var writer = SafetensorsWriter(metadata: ["format": "pt"])
    func data(_ values: [Float]) -> Data { values.withUnsafeBytes { Data($0) } }
    let pad = padToken(model.configuration)
    let tables: [String: String]
    switch model.configuration.embeddings {
    case .all: tables = ["embeddings": Names.shared]
    case .target: tables = ["encoder.embeddings": Names.encoderTable, "decoder.embeddings": Names.decoderTable]
    case .none:
      tables = [
        "encoder.embeddings": Names.encoderTable, "decoder.embeddings": Names.decoderTable,
        "output.weight": Names.outputTable,
      ]
    }
    for parameter in model.parameters.parameters {
      if let name = tables[parameter.name] {
        writer.add(name, .float32, [pad + 1, parameter.columns]) {
          Data(buffer: parameter.buffer) + Data(count: (pad + 1 - parameter.rows) * parameter.columns * 4)
        }
      } else if parameter.name == "output.bias" {
        // Low enough that padding and fillers take no probability, and within half precision.
        let none = [Float](repeating: -10000, count: pad + 1 - parameter.columns)
        writer.add(Names.outputBias, .float32, [1, pad + 1]) { data(Array(parameter.buffer) + none) }
      } else if let parts = Names.parts(of: parameter.name) {
        let width = parameter.columns / parts.count
        for (number, name) in parts.enumerated() {
          writer.add(name, .float32, parameter.rows == 1 ? [width] : [width, parameter.rows]) {
            data(Names.part(number, of: parts.count, parameter))
          }
        }
      } else {
        preconditionFailure("\(parameter.name) has no counterpart in MarianMT")
      }
    }
    // Theirs are computed as the standard kind; others must be given.
    if shape.positions == .marian {
      let positions = SinusoidalPositions(
        length: shape.maximumLength, size: shape.modelSize, divisor: Double(shape.modelSize) / 2 - 1).values
      for name in [Names.encoderPositions, Names.decoderPositions] {
        writer.add(name, .float32, [shape.maximumLength, shape.modelSize]) { data(positions) }
      }
    }
    try writer.write(to: url)
  }
}
