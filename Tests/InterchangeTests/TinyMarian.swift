import Foundation
import TestSupport
import Translation

@testable import Interchange

/// The tiny MarianMT model of `Scripts/golden-models/marian.py`, written anew by code so that a test can spoil it, and
/// what transformers said about it.
struct TinyMarian: Decodable {
  struct Tensor: Decodable {
    var name: String
    var shape: [Int]
  }

  struct Record: Decodable {
    var source: String
    var target: String
    /// With end symbols, in our numbering, as all ids.
    var source_ids: [Int32]
    var target_ids: [Int32]
    var log_probabilities: [Double]
    /// Without end symbol.
    var greedy: [Int32]
  }

  var pieces: [String]
  var end: Int
  var pad: Int
  var tensors: [Tensor]
  var records: [Record]

  static func load() throws -> TinyMarian {
    try JSONDecoder().decode(TinyMarian.self, from: resource("marian.json"))
  }

  static func resource(_ name: String) throws -> Data {
    try Data(contentsOf: Bundle.module.bundleURL.appendingPathComponent("Resources").appendingPathComponent(name))
  }

  /// Value i of tensor p, as the script makes it.
  func values(_ p: Int) -> [Float] {
    let tensor = tensors[p]
    var values = (0..<tensor.shape.reduce(1, *)).map { i in
      let value = Float(0.35 * sin(0.7 * Double(i) + 1.3 * Double(p)))
      return tensor.name.hasSuffix("layer_norm.weight") ? value + 1 : value
    }
    if tensor.name == "model.shared.weight" {
      for column in 0..<tensor.shape[1] { values[pad * tensor.shape[1] + column] = 0 }
    }
    if tensor.name == "final_logits_bias" { values[pad] = -100 }
    return values
  }

  var configuration: [String: Any] {
    [
      "model_type": "marian", "vocab_size": pieces.count, "d_model": 16, "encoder_layers": 2, "decoder_layers": 1,
      "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24,
      "activation_function": "swish", "scale_embedding": true, "static_position_embeddings": true,
      "max_position_embeddings": 40, "eos_token_id": end, "pad_token_id": pad, "decoder_start_token_id": pad,
      "forced_eos_token_id": end, "something_new": ["x": 1],
    ]
  }

  /// Writes the directory. `changes` replaces keys of `config.json`; `vocabulary` is the text of `vocab.json`.
  func write(
    to directory: URL, changes: [String: Any] = [:], generation: [String: Any] = [:], vocabulary: Data? = nil,
    tensors change: (inout [(name: String, shape: [Int], values: [Float])]) -> Void = { _ in }
  ) throws {
    let config = configuration.merging(changes) { $1 }
    try JSONSerialization.data(withJSONObject: config).write(to: directory.appendingPathComponent("config.json"))
    try JSONSerialization.data(withJSONObject: generation)
      .write(to: directory.appendingPathComponent("generation_config.json"))
    try Data(#"{"source_lang": "fr", "target_lang": "en"}"#.utf8)
      .write(to: directory.appendingPathComponent("tokenizer_config.json"))
    try (vocabulary ?? PieceTable.json(pieces)).write(to: directory.appendingPathComponent("vocab.json"))
    for name in ["source.spm", "target.spm"] {
      try TinyMarian.resource(name).write(to: directory.appendingPathComponent(name))
    }
    var all = tensors.indices.map { (name: tensors[$0].name, shape: tensors[$0].shape, values: values($0)) }
    change(&all)
    var writer = SafetensorsWriter()
    for tensor in all {
      writer.add(tensor.name, .float32, tensor.shape) { tensor.values.withUnsafeBytes { Data($0) } }
    }
    try writer.write(to: directory.appendingPathComponent("model.safetensors"))
  }
}
