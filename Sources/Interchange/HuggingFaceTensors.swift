import Autograd
import Foundation
import Seq2Seq
import Translation

/// Names and shapes of a MarianMT model's tensors, and which of them make up each of our parameters.
/// PyTorch keeps the matrix of x·W as [outputs, inputs]; ours are [inputs, outputs], with fused projections side by side.
enum HuggingFaceTensors {
  static let shared = "model.shared.weight"
  static let encoderTable = "model.encoder.embed_tokens.weight"
  static let decoderTable = "model.decoder.embed_tokens.weight"
  static let outputTable = "lm_head.weight"
  static let outputBias = "final_logits_bias"
  static let encoderPositions = "model.encoder.embed_positions.weight"
  static let decoderPositions = "model.decoder.embed_positions.weight"

  /// Every tensor of the layers, with its shape.
  static func layers(_ shape: TransformerConfiguration) -> [(name: String, shape: [Int])] {
    let (size, inner) = (shape.modelSize, shape.feedForwardSize)
    var result: [(name: String, shape: [Int])] = []
    func add(_ name: String, _ outputs: Int, _ inputs: Int) {
      result.append(("\(name).weight", [outputs, inputs]))
      result.append(("\(name).bias", [outputs]))
    }
    func addNorm(_ name: String) {
      result.append(("\(name).weight", [size]))
      result.append(("\(name).bias", [size]))
    }
    for (stack, count) in [("encoder", shape.encoderLayers), ("decoder", shape.decoderLayers)] {
      for n in 0..<count {
        let layer = "model.\(stack).layers.\(n)"
        for attention in stack == "encoder" ? ["self_attn"] : ["self_attn", "encoder_attn"] {
          for part in ["q", "k", "v", "out"] { add("\(layer).\(attention).\(part)_proj", size, size) }
          addNorm("\(layer).\(attention)_layer_norm")
        }
        add("\(layer).fc1", inner, size)
        add("\(layer).fc2", size, inner)
        addNorm("\(layer).final_layer_norm")
      }
    }
    return result
  }

  /// The tensors that stand side by side in one of our layers' parameters, such as
  /// `encoder.layers.0.self_attention.qkv.weight`; nil for a parameter that is of no layer.
  static func parts(of parameter: String) -> [String]? {
    let words = parameter.split(separator: ".").map(String.init)
    guard words.count >= 5, words[1] == "layers", let kind = words.last else { return nil }
    let layer = "model.\(words[0]).layers.\(words[2])"
    let names: [String]
    switch words[3..<words.count - 1].joined(separator: ".") {
    case "self_attention.qkv": names = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]
    case "self_attention.output": names = ["self_attn.out_proj"]
    case "self_attention_norm": names = ["self_attn_layer_norm"]
    case "cross_attention.query": names = ["encoder_attn.q_proj"]
    case "cross_attention.key_value": names = ["encoder_attn.k_proj", "encoder_attn.v_proj"]
    case "cross_attention.output": names = ["encoder_attn.out_proj"]
    case "cross_attention_norm": names = ["encoder_attn_layer_norm"]
    case "feed_forward.input": names = ["fc1"]
    case "feed_forward.output": names = ["fc2"]
    case "feed_forward_norm": names = ["final_layer_norm"]
    default: return nil
    }
    return names.map { "\(layer).\($0).\(kind == "bias" ? "bias" : "weight")" }
  }

  /// parts [outputs, inputs] each → parameter [inputs, parts·outputs]; vectors end to end.
  static func fuse(_ parts: [[Float]], into parameter: Parameter) {
    let width = parameter.columns / parts.count
    for (number, part) in parts.enumerated() {
      precondition(part.count == parameter.rows * width, "\(part.count) values for a part of \(parameter.name)")
      for row in 0..<parameter.rows {
        let target = parameter.data + row * parameter.columns + number * width
        for column in 0..<width { target[column] = part[column * parameter.rows + row] }
      }
    }
  }

  /// The inverse of `fuse`: part `number` of `count`, [outputs, inputs].
  static func part(_ number: Int, of count: Int, _ parameter: Parameter) -> [Float] {
    let width = parameter.columns / count
    var values = [Float](repeating: 0, count: parameter.rows * width)
    for row in 0..<parameter.rows {
      let source = parameter.data + row * parameter.columns + number * width
      for column in 0..<width { values[column * parameter.rows + row] = source[column] }
    }
    return values
  }
}

extension Safetensors {
  /// All values of a tensor as float32. Throws where it is missing, of another shape, or holds no finite number.
  func values(_ name: String, shape: [Int]) throws -> [Float] {
    let entry = try entry(name, shape: shape)
    var values = [Float](repeating: 0, count: entry.count)
    try values.withUnsafeMutableBufferPointer { try read(name, entry, into: $0) }
    return values
  }
}
