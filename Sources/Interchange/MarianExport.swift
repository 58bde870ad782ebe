import Autograd
import Foundation
import Seq2Seq
import TextProcessing
import Translation

extension Marian {
  /// The forms of Marian's model files.
  public enum Format: String, CaseIterable, Sendable {
    case npz, bin
  }

  /// Writes a model as `model.npz` or `model.bin`, its vocabularies, and a `decoder.yml` with its search settings. Weights
  /// are float32, whatever they were stored as.
  ///
  /// The report warns of what Marian computes otherwise, and of text that SentencePiece cannot cut.
  /// - Throws: `ModelError` for a model that Marian does not have, naming the key.
  public static func exportModel(from model: URL, to output: URL, format: Format = .npz) throws -> Report {
    let directory = ModelDirectory(model)
    let description = try directory.readDescription()
    var warnings: [String] = []
    try check(description.model, directory.configuration.path, &warnings)
    let text = try TextPipeline(directory: model)
    let network = try directory.readModel(description)
    let decoder = output.appendingPathComponent("decoder.yml")
    try ModelDirectory.requireVacant(decoder)
    try OutputDirectory.make(output)
    let parts = Dictionary(uniqueKeysWithValues: MarianTensors(description.model).parts.map { ($0.parameter, $0) })
    let tensors = network.parameters.parameters.flatMap { parameter -> [MarianWriter.Tensor] in
      guard let part = parts[parameter.name] else { preconditionFailure("\(parameter.name) has no counterpart in Marian") }
      return part.tensors(of: parameter)
    }.map(widened(description.model)).sorted { $0.name < $1.name }
    let weights = output.appendingPathComponent("model.\(format.rawValue)")
    let embedded = configuration(description.model)
    switch format {
    case .npz: try MarianWriter.writeArchive(tensors, configuration: embedded, to: weights)
    case .bin: try MarianWriter.writeBinary(tensors, configuration: embedded, to: weights)
    }
    let vocabularies = try writeVocabularies(text, to: output, &warnings)
    // Last, for it makes the directory a model.
    let settings = search(description, model: weights.lastPathComponent, vocabularies, &warnings)
    try AtomicFile.write(Data(settings.utf8), to: decoder)
    return Report(description: description, parameterCount: network.parameters.parameterCount, warnings: warnings)
  }

  /// Refuses what Marian would compute otherwise.
  private static func check(_ model: ModelConfiguration, _ file: String, _ warnings: inout [String]) throws {
    func refuse(_ key: String, _ problem: String) -> ModelError { ModelError(file: file, item: key, problem: problem) }
    if let token = model.forcedFirstToken {
      throw refuse("model.forced_first_token", "is \(token); Marian has no model that begins every output with one token")
    }
    if let shape = model.transformer, model.architecture == .transformer {
      guard activations[shape.activation] != nil else {
        throw refuse("model.transformer.activation", "is \(shape.activation.rawValue); Marian has relu, gelu and silu")
      }
      guard shape.scaleEmbeddings else {
        throw refuse("model.transformer.scale_embeddings", "is false; Marian always scales embeddings")
      }
      // Where decoders have no self-attention, only encoders normalise its keys and values.
      if shape.normalization == .pre, shape.decoderCell ?? .selfAttention == .selfAttention {
        warnings.append(
          "normalization is pre: Marian's scorer computes the same, but its decoder does not normalise the keys and values of "
            + "self-attention behind the first word, and so translates otherwise")
      }
      if shape.positions != .marian {
        warnings.append(
          "positions is \(shape.positions.rawValue); Marian's rates differ a little, and so will log-probabilities and some "
            + "translations; train with positions: marian")
      }
      if shape.layerNormEpsilon != 1e-6 {
        warnings.append(
          "layer_norm_epsilon is \(shape.layerNormEpsilon); Marian's is 1e-06, so log-probabilities differ a little")
      }
    } else if let shape = model.rnn, model.architecture == .rnn {
      guard shape.cell == .gru || shape.cell == .lstm else {
        throw refuse("model.rnn.cell", "is \(shape.cell.rawValue); gru and lstm can be written")
      }
      guard shape.attention == .additive else {
        throw refuse("model.rnn.attention", "is \(shape.attention.rawValue); Marian has additive attention")
      }
      guard shape.bidirectional, shape.encoderLayers == 1 else {
        throw refuse(
          "model.rnn.encoder_layers",
          "is \(shape.encoderLayers)\(shape.bidirectional ? "" : ", unidirectional"); one bidirectional layer can be written")
      }
      guard shape.attentionSize <= 2 * shape.hiddenSize else {
        throw refuse(
          "model.rnn.attention_size", "is \(shape.attentionSize); Marian has room for twice hidden_size, \(2 * shape.hiddenSize)")
      }
    }
  }

  private static let activations: [ActivationKind: String] = [.relu: "relu", .gelu: "gelu", .silu: "swish"]

  /// Marian's attention is as wide as the annotations; a narrower one is filled up with zeros, which add nothing to any
  /// energy.
  private static func widened(_ model: ModelConfiguration) -> (MarianWriter.Tensor) -> MarianWriter.Tensor {
    { tensor in
      guard let shape = model.rnn, shape.attentionSize < 2 * shape.hiddenSize else { return tensor }
      let missing = 2 * shape.hiddenSize - shape.attentionSize
      switch tensor.name {
      case "decoder_U_att":
        return MarianWriter.Tensor(name: tensor.name, shape: [2 * shape.hiddenSize, 1]) {
          try tensor.bytes() + Data(count: 4 * missing)
        }
      case "decoder_W_comb_att", "decoder_Wc_att", "decoder_b_att":
        return MarianWriter.Tensor(name: tensor.name, shape: [tensor.shape[0], 2 * shape.hiddenSize]) {
          let bytes = try tensor.bytes()
          var result = Data()
          for row in 0..<tensor.shape[0] {
            result.append(bytes[row * 4 * shape.attentionSize..<(row + 1) * 4 * shape.attentionSize])
            result.append(Data(count: 4 * missing))
          }
          return result
        }
      default: return tensor
      }
    }
  }

  /// The embedded configuration.
  private static func configuration(_ model: ModelConfiguration) -> String {
    var lines = [
      "dim-vocabs:", "  - \(model.sourceVocabularySize)", "  - \(model.targetVocabularySize)",
      "tied-embeddings: \(model.embeddings == .target)", "tied-embeddings-all: \(model.embeddings == .all)",
      "tied-embeddings-src: false", "layer-normalization: false", "right-left: false", "input-types:", "  []",
      "lemma-dim-emb: 0", "output-omit-bias: false", "ulr: false",
    ]
    if let shape = model.transformer {
      let isPre = shape.normalization == .pre
      lines += [
        "type: transformer", "dim-emb: \(shape.modelSize)", "enc-depth: \(shape.encoderLayers)",
        "dec-depth: \(shape.decoderLayers)", "transformer-heads: \(shape.heads)",
        "transformer-dim-ffn: \(shape.feedForwardSize)", "transformer-ffn-depth: 2",
        "transformer-ffn-activation: \(activations[shape.activation] ?? "")",
        "transformer-decoder-autoreg: \(shape.decoderCell == .ssru ? "rnn" : "self-attention")",
        "dec-cell: \(shape.decoderCell == .ssru ? "ssru" : "gru")", "transformer-rnn-projection: false",
        "transformer-preprocess: \"\(isPre ? "n" : "")\"", "transformer-postprocess: \(isPre ? "da" : "dan")",
        "transformer-postprocess-emb: d", "transformer-postprocess-top: \"\(shape.finalNormalization ? "n" : "")\"",
        "transformer-no-projection: false", "transformer-train-position-embeddings: false", "transformer-tied-layers:",
        "  []",
      ]
    } else if let shape = model.rnn {
      lines += [
        "type: s2s", "dim-emb: \(shape.embeddingSize)", "dim-rnn: \(shape.hiddenSize)", "enc-type: bidirectional",
        "enc-cell: \(shape.cell.rawValue)", "dec-cell: \(shape.cell.rawValue)", "enc-depth: 1",
        "dec-depth: \(shape.decoderLayers)", "enc-cell-depth: 1", "dec-cell-base-depth: 2", "dec-cell-high-depth: 1",
        "skip: \(shape.residual)",
      ]
    }
    return lines.sortedByKey.joined(separator: "\n") + "\nversion: v1.9.56 written by mt\n"
  }

  /// Writes the vocabularies and returns their names, source first.
  private static func writeVocabularies(
    _ text: TextPipeline, to output: URL, _ warnings: inout [String]
  ) throws -> [String] {
    let isShared = text.targetVocabulary.isShared
    func write(_ end: String, _ data: (_ isSource: Bool) throws -> Data) throws -> [String] {
      let names = isShared ? ["vocab.\(end)"] : ["source.\(end)", "target.\(end)"]
      for (name, isSource) in zip(names, [true, false]) {
        try AtomicFile.write(data(isSource), to: output.appendingPathComponent(name))
      }
      return [names[0], names[names.count - 1]]
    }
    let obstacle = text.sentencePieceObstacle ?? text.marianObstacle
    guard let obstacle else {
      let models = text.sentencePieceModels()
      return try write("spm") { $0 ? models.source : models.target }
    }
    warnings.append(
      "vocabularies are lists of pieces, lines must be cut by `mt tokenize --subwords` first and pieces joined by "
        + "`mt detokenize --subwords`: \(obstacle)")
    if text.sentencePieceObstacle == nil {
      let models = text.sentencePieceModels()
      try AtomicFile.write(models.source, to: output.appendingPathComponent("source.spm"))
      try AtomicFile.write(models.target, to: output.appendingPathComponent("target.spm"))
    }
    return try write("yml") { isSource in
      let vocabulary = isSource ? text.sourceVocabulary : text.targetVocabulary
      var yaml = ""
      for id in 0..<Int32(vocabulary.count) { yaml += "\(PieceTable.quoted(vocabulary.piece(id))): \(id)\n" }
      return Data(yaml.utf8)
    }
  }

  private static func search(
    _ description: ModelDescription, model: String, _ vocabularies: [String], _ warnings: inout [String]
  ) -> String {
    let options = description.search?.options ?? SearchOptions()
    var power = 0.0
    switch options.lengthNormalization.kind {
    case .none: break
    case .power: power = options.lengthNormalization.lengthPenalty
    case .gnmt:
      power = options.lengthNormalization.lengthPenalty
      warnings.append("length_normalization: gnmt does not exist there; normalize with the same exponent is written")
    }
    return """
      relative-paths: true
      models:
        - \(model)
      vocabs:
        - \(vocabularies[0])
        - \(vocabularies[1])
      beam-size: \(options.beamSize)
      normalize: \(power)
      word-penalty: 0

      """
  }
}

extension [String] {
  /// Lines of YAML's "key: value", each followed by its list, by key.
  fileprivate var sortedByKey: [String] {
    var groups: [[String]] = []
    for line in self {
      if line.hasPrefix(" "), !groups.isEmpty { groups[groups.count - 1].append(line) } else { groups.append([line]) }
    }
    return groups.sorted { $0[0] < $1[0] }.flatMap { $0 }
  }
}

extension TextPipeline {
  /// What keeps Marian from numbering the pieces as here: it takes SentencePiece's own ids.
  fileprivate var marianObstacle: String? {
    let models = sentencePieceModels()
    for (model, vocabulary) in [(models.source, sourceVocabulary), (models.target, targetVocabulary)] {
      guard let pieces = try? TextPipeline.pieces(ofSentencePieceModel: model, path: ""),
        pieces.count <= vocabulary.count,
        pieces.enumerated().allSatisfy({ vocabulary.piece(Int32($0)).utf8.elementsEqual($1.utf8) })
      else { return "the model numbers its pieces otherwise than its SentencePiece model" }
    }
    return nil
  }
}
