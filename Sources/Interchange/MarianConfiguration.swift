import Foundation
import Seq2Seq
import Translation
import Yams

/// What a Marian model's embedded configuration says, as far as this project can compute it: the rest is refused by name.
/// Keys: marian-dev, `src/models/encoder_decoder.cpp`; meaning: `src/models/{transformer,s2s,amun}.h`, `src/rnn/cells.h`.
struct MarianConfiguration {
  enum Kind: String {
    case transformer, s2s, amun
  }

  let kind: Kind
  /// From `dim-vocabs`.
  let sourceVocabularySize: Int
  let targetVocabularySize: Int
  /// `tied-embeddings-src`: source and target words share a table, which the output does not.
  let sharesInputs: Bool
  let embeddings: EmbeddingTying
  let transformer: TransformerConfiguration?
  /// `attentionSize` is not said here but by the tensors' shapes.
  let rnn: RNNConfiguration?
  /// For each decoder layer the number, from 1, of the layer whose weights it has.
  let decoderLayers: [Int]
  /// Without `output-omit-bias`.
  let hasOutputBias: Bool

  /// Throws `ModelError` naming the key.
  init(yaml: String, file: String) throws {
    let values = try MarianOptions(yaml: yaml, file: file, inside: MarianFile.configurationName)
    let type = try values.string("type", "")
    guard let kind = Kind(rawValue: type) else {
      throw values.refuse("type", "is \"\(type)\"; one of transformer, s2s, amun expected")
    }
    self.kind = kind
    let sizes = try values.integers("dim-vocabs")
    guard sizes.count == 2 else {
      throw values.refuse("dim-vocabs", "has \(sizes.count) sizes; only models of one source and one target are supported")
    }
    (sourceVocabularySize, targetVocabularySize) = (sizes[0], sizes[1])
    for key in ["right-left", "ulr", "transformer-pool"] where try values.flag(key) {
      throw values.refuse(key, "is true; only false is supported")
    }
    for key in ["lemma-dim-emb", "factors-dim-emb"] where try values.integer(key, 0) != 0 {
      throw values.refuse(key, "is \(try values.integer(key, 0)); factored vocabularies are not supported")
    }
    if let inputs = try values.strings("input-types").first(where: { $0 != "sequence" }) {
      throw values.refuse("input-types", "holds \"\(inputs)\"; only sequences are supported")
    }
    sharesInputs = try values.flag("tied-embeddings-src")
    let tiesAll = try values.flag("tied-embeddings-all")
    embeddings = tiesAll ? .all : sharesInputs ? .none : try values.flag("tied-embeddings") ? .target : .none
    hasOutputBias = try !values.flag("output-omit-bias")
    let depth = try values.integer("dec-depth", 1)
    guard (1...128).contains(depth) else { throw values.refuse("dec-depth", "is \(depth); 1...128 expected") }
    switch kind {
    case .transformer:
      transformer = try Self.transformer(values)
      rnn = nil
      let tied = try values.integers("transformer-tied-layers")
      guard tied.isEmpty || tied.count == depth && tied.allSatisfy({ (1...depth).contains($0) }) else {
        throw values.refuse("transformer-tied-layers", "is \(tied); \(depth) numbers in 1...\(depth) expected")
      }
      decoderLayers = tied.isEmpty ? Array(1...depth) : tied
    case .s2s, .amun:
      transformer = nil
      rnn = try Self.rnn(values)
      decoderLayers = Array(1...depth)
    }
  }

  private static func transformer(_ values: MarianOptions) throws -> TransformerConfiguration {
    var shape = TransformerConfiguration()
    shape.modelSize = try values.integer("dim-emb")
    shape.feedForwardSize = try values.integer("transformer-dim-ffn")
    shape.heads = try values.integer("transformer-heads")
    (shape.encoderLayers, shape.decoderLayers) = try (values.integer("enc-depth"), values.integer("dec-depth"))
    let inner = try values.integer("transformer-decoder-dim-ffn", 0)
    guard inner == 0 || inner == shape.feedForwardSize else {
      throw values.refuse(
        "transformer-decoder-dim-ffn", "is \(inner), the encoder's \(shape.feedForwardSize); only equal ones are supported")
    }
    for (key, allowed) in [("transformer-ffn-depth", [2]), ("transformer-decoder-ffn-depth", [0, 2])] {
      let depth = try values.integer(key, 2)
      guard allowed.contains(depth) else { throw values.refuse(key, "is \(depth); only 2 is supported") }
    }
    let decoder = try values.string("transformer-decoder-autoreg", "self-attention")
    switch decoder {
    case "self-attention": break
    case "rnn": try requireSSRU(values, &shape)
    default:
      let name = ["average-attention": " (AAN)"][decoder] ?? ""
      throw values.refuse(
        "transformer-decoder-autoreg",
        "is \"\(decoder)\"\(name); only \"self-attention\" and \"rnn\" (SSRU) are supported")
    }
    let mask = try values.string("transformer-attention-mask", "default")
    guard mask == "default" else {
      throw values.refuse("transformer-attention-mask", "is \"\(mask)\"; only \"default\" is supported")
    }
    for key in [
      "transformer-no-projection", "transformer-train-position-embeddings", "transformer-disable-position-embeddings",
      "transformer-no-bias", "transformer-no-affine",
    ] where try values.flag(key) {
      throw values.refuse(key, "is true; only false is supported")
    }
    let activation = try values.string("transformer-ffn-activation", "swish")
    switch activation {
    case "swish": shape.activation = .silu
    case "relu": shape.activation = .relu
    case "gelu": shape.activation = .gelu
    default:
      throw values.refuse("transformer-ffn-activation", "is \"\(activation)\"; one of swish, relu, gelu expected")
    }
    // Letters say what is done in turn: d drops out, a adds the layer's input, n normalises. Dropout does nothing here.
    func operations(_ key: String, _ usual: String) throws -> String {
      try String(values.string(key, usual).filter { $0 != "d" })
    }
    let (before, after) = try (operations("transformer-preprocess", ""), operations("transformer-postprocess", "dan"))
    switch (before, after) {
    case ("", "an"): shape.normalization = .post
    case ("n", "a"):
      shape.normalization = .pre
      guard values.has("transformer-postprocess-top") else {
        throw values.refuse(
          "transformer-preprocess",
          "is \"\(before)\", and the file is of a Marian before 1.10 (it has no transformer-postprocess-top), which did not "
            + "normalise the keys and values of self-attention; only later ones are supported")
      }
    default:
      throw values.refuse(
        "transformer-postprocess",
        "is \"\(after)\" after \"\(before)\"; \"dan\" after nothing and \"da\" after \"n\" are supported")
    }
    let embedding = try operations("transformer-postprocess-emb", "d")
    guard embedding.isEmpty else {
      throw values.refuse("transformer-postprocess-emb", "is \"\(embedding)\"; only \"d\" is supported")
    }
    let top = try operations("transformer-postprocess-top", "")
    guard ["", "n"].contains(top) else {
      throw values.refuse("transformer-postprocess-top", "is \"\(top)\"; only \"\" and \"n\" are supported")
    }
    shape.finalNormalization = top == "n"
    (shape.positions, shape.layerNormEpsilon, shape.scaleEmbeddings) = (.marian, 1e-6, true)
    shape.maximumLength = 1024
    return shape
  }

  /// A recurrent decoder whose cell is the SSRU, as Marian's students have it.
  private static func requireSSRU(_ values: MarianOptions, _ shape: inout TransformerConfiguration) throws {
    let cell = try values.string("dec-cell", "gru")
    guard cell == "ssru" else {
      throw values.refuse("dec-cell", "is \"\(cell)\"; of recurrent decoders only \"ssru\" is supported")
    }
    for key in ["transformer-rnn-projection", "layer-normalization"] where try values.flag(key) {
      throw values.refuse(key, "is true; only false is supported")
    }
    shape.decoderCell = .ssru
  }

  private static func rnn(_ values: MarianOptions) throws -> RNNConfiguration {
    var shape = RNNConfiguration()
    let (encoder, decoder) = try (values.string("enc-cell", "gru"), values.string("dec-cell", "gru"))
    guard encoder == decoder else {
      throw values.refuse("dec-cell", "is \"\(decoder)\", the encoder's \"\(encoder)\"; only equal ones are supported")
    }
    switch encoder {
    case "gru": shape.cell = .gru
    case "lstm": shape.cell = .lstm
    default: throw values.refuse("enc-cell", "is \"\(encoder)\"; one of gru, lstm expected")
    }
    guard try !values.flag("layer-normalization") else {
      throw values.refuse("layer-normalization", "is true; only false is supported")
    }
    for (key, only) in [
      ("enc-depth", 1), ("enc-cell-depth", 1), ("dec-cell-base-depth", 2), ("dec-cell-high-depth", 1),
    ] {
      let depth = try values.integer(key, only)
      guard depth == only else { throw values.refuse(key, "is \(depth); only \(only) is supported") }
    }
    shape.embeddingSize = try values.integer("dim-emb")
    shape.hiddenSize = try values.integer("dim-rnn")
    shape.decoderLayers = try values.integer("dec-depth", 1)
    shape.residual = try values.flag("skip")
    shape.maximumLength = 1024
    return shape
  }
}

/// A map of YAML's whose values are looked up by key and checked for their kind.
struct MarianOptions {
  private let map: Node.Mapping
  private let file: String
  private let prefix: String

  /// Throws `ModelError` where the text is no YAML map. `inside` names the part of the file that holds it.
  init(yaml: String, file: String, inside: String? = nil) throws {
    (self.file, prefix) = (file, inside.map { "\($0): " } ?? "")
    let node: Node?
    do { node = try Yams.compose(yaml: yaml) } catch {
      throw ModelError(file: file, item: inside, problem: "is not YAML")
    }
    guard let map = node?.mapping else { throw ModelError(file: file, item: inside, problem: "is not a map of keys and values") }
    self.map = map
  }

  func refuse(_ key: String, _ problem: String) -> ModelError {
    ModelError(file: file, item: prefix + key, problem: problem)
  }

  func has(_ key: String) -> Bool { map[key] != nil }

  func string(_ key: String, _ usual: String) throws -> String {
    guard let node = map[key] else { return usual }
    guard let value = node.scalar?.string else { throw refuse(key, "is no text") }
    return value
  }

  func flag(_ key: String) throws -> Bool {
    switch try string(key, "false") {
    case "true": true
    case "false": false
    case let other: throw refuse(key, "is \"\(other)\"; true or false expected")
    }
  }

  /// A whole number not below zero; an error where the key is missing and there is no usual value.
  func integer(_ key: String, _ usual: Int? = nil) throws -> Int {
    guard let node = map[key] else {
      guard let usual else { throw refuse(key, "is missing") }
      return usual
    }
    guard let value = node.scalar.flatMap({ Int($0.string) }), value >= 0, value < 1 << 31 else {
      throw refuse(key, "is no whole number")
    }
    return value
  }

  func number(_ key: String) throws -> Double? {
    guard let node = map[key] else { return nil }
    guard let value = node.scalar.flatMap({ Double($0.string) }), value.isFinite else { throw refuse(key, "is no number") }
    return value
  }

  func strings(_ key: String) throws -> [String] {
    guard let node = map[key] else { return [] }
    guard let sequence = node.sequence else { throw refuse(key, "is no list") }
    return try sequence.map {
      guard let value = $0.scalar?.string else { throw refuse(key, "holds something that is no text") }
      return value
    }
  }

  func integers(_ key: String) throws -> [Int] {
    try strings(key).map {
      guard let value = Int($0), value >= 0, value < 1 << 31 else { throw refuse(key, "holds \($0); whole numbers expected") }
      return value
    }
  }
}
