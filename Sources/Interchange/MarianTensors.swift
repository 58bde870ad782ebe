import Autograd
import Foundation
import Seq2Seq
import Translation

/// How one of our parameters is made of a Marian model's tensors, and they of it. Both keep the matrix of x·W as
/// [inputs, outputs]; ours have fused projections and gates side by side.
struct MarianPart {
  enum Layout {
    /// Tensors [rows, width] side by side.
    case columns([(name: String, width: Int)])
    /// Tensors [height, columns] one below the other.
    case rows([(name: String, height: Int)])
    /// One tensor [columns, rows].
    case transposed(String)
    /// Vectors that Marian adds up; the first of them gets all when written.
    case sum([String])
    /// A vector that the model does not have: zero.
    case absent
  }

  let parameter: String
  let rows: Int
  let columns: Int
  let layout: Layout

  /// What the parameter needs of the file.
  var tensors: [(name: String, shape: [Int])] {
    switch layout {
    case .columns(let parts): parts.map { ($0.name, [rows, $0.width]) }
    case .rows(let parts): parts.map { ($0.name, [$0.height, columns]) }
    case .transposed(let name): [(name, [columns, rows])]
    case .sum(let names): names.map { ($0, [rows, columns]) }
    case .absent: []
    }
  }

  /// Fills the parameter, a tensor at a time.
  func fill(_ parameter: Parameter, from file: MarianFile) throws {
    precondition(
      parameter.rows == rows && parameter.columns == columns,
      "\(parameter.name) is [\(parameter.rows), \(parameter.columns)], not [\(rows), \(columns)]")
    var offset = 0
    for (name, shape) in tensors {
      let values = try file.values(name, shape: shape)
      switch layout {
      case .columns:
        for row in 0..<rows {
          for column in 0..<shape[1] { parameter.data[row * columns + offset + column] = values[row * shape[1] + column] }
        }
        offset += shape[1]
      case .rows:
        for i in values.indices { parameter.data[offset + i] = values[i] }
        offset += values.count
      case .transposed:
        for row in 0..<rows {
          for column in 0..<columns { parameter.data[row * columns + column] = values[column * rows + row] }
        }
      case .sum: for i in values.indices { parameter.data[i] += values[i] }
      case .absent: break
      }
    }
  }

  /// The tensors that this parameter is written as.
  func tensors(of parameter: Parameter) -> [MarianWriter.Tensor] {
    var offset = 0
    return tensors.enumerated().map { number, tensor in
      let (name, shape) = tensor
      let start = offset
      switch layout {
      case .columns: offset += shape[1]
      case .rows: offset += shape[0] * shape[1]
      case .transposed, .sum, .absent: break
      }
      return MarianWriter.Tensor(name: name, shape: shape) {
        var values = [Float](repeating: 0, count: shape[0] * shape[1])
        switch layout {
        case .columns:
          for row in 0..<rows {
            for column in 0..<shape[1] { values[row * shape[1] + column] = parameter.data[row * columns + start + column] }
          }
        case .rows: for i in values.indices { values[i] = parameter.data[start + i] }
        case .transposed:
          for row in 0..<rows {
            for column in 0..<columns { values[column * rows + row] = parameter.data[row * columns + column] }
          }
        case .sum: if number == 0 { for i in values.indices { values[i] = parameter.data[i] } }
        case .absent: break
        }
        return values.withUnsafeBytes { Data($0) }
      }
    }
  }
}

/// Names of a Marian model's tensors.
///
/// Source: marian-dev, `src/models/{transformer,s2s,amun,decoder}.h`, `src/rnn/{cells,attention}.h`.
struct MarianTensors {
  let model: ModelConfiguration
  let isAmun: Bool
  let decoderLayers: [Int]
  let sharesInputs: Bool
  let hasOutputBias: Bool
  /// Old files keep the output's matrix as [D, V].
  let hasTransposedOutput: Bool

  /// Those of a model that is written.
  init(_ model: ModelConfiguration) {
    (self.model, isAmun, sharesInputs, hasOutputBias, hasTransposedOutput) = (model, false, false, true, false)
    decoderLayers = Array(1...(model.transformer?.decoderLayers ?? model.rnn?.decoderLayers ?? 1))
  }

  /// Those of a model that is read.
  init(_ model: ModelConfiguration, _ configuration: MarianConfiguration, _ file: MarianFile) {
    self.model = model
    isAmun = configuration.kind == .amun
    decoderLayers = configuration.decoderLayers
    sharesInputs = configuration.sharesInputs
    hasOutputBias = configuration.hasOutputBias
    let names: [MarianConfiguration.Kind: String] = [
      .transformer: "decoder_ff_logit_out_W", .s2s: "decoder_ff_logit_l2_W", .amun: "ff_logit_W",
    ]
    hasTransposedOutput = names[configuration.kind].map { file.tensors[$0] != nil } ?? false
  }

  /// One for each parameter of the model.
  var parts: [MarianPart] {
    if let shape = model.transformer { return tables(shape.modelSize, "decoder_ff_logit_out") + transformer(shape) }
    if let shape = model.rnn { return tables(shape.embeddingSize, "decoder_ff_logit_l2") + rnn(shape) }
    preconditionFailure("a model without a shape")
  }

  private func part(_ parameter: String, _ rows: Int, _ columns: Int, _ name: String) -> MarianPart {
    MarianPart(parameter: parameter, rows: rows, columns: columns, layout: .columns([(name, columns)]))
  }

  private func tables(_ size: Int, _ output: String) -> [MarianPart] {
    let (source, target) = (model.sourceVocabularySize, model.targetVocabularySize)
    let isShared = sharesInputs || model.embeddings == .all
    let sourceName = isShared ? "Wemb" : isAmun ? "Wemb" : "encoder_Wemb"
    let targetName = isShared ? "Wemb" : isAmun ? "Wemb_dec" : "decoder_Wemb"
    var result: [MarianPart] = []
    switch model.embeddings {
    case .all: result.append(part("embeddings", source, size, "Wemb"))
    case .target, .none:
      result.append(part("encoder.embeddings", source, size, sourceName))
      result.append(part("decoder.embeddings", target, size, targetName))
    }
    if model.embeddings == .none {
      result.append(
        hasTransposedOutput
          ? MarianPart(
            parameter: "output.weight", rows: target, columns: size,
            layout: .transposed(isAmun ? "ff_logit_W" : "\(output)_W"))
          : part("output.weight", target, size, "\(output)_Wt"))
    }
    result.append(
      hasOutputBias
        ? part("output.bias", 1, target, isAmun ? "ff_logit_b" : "\(output)_b")
        : MarianPart(parameter: "output.bias", rows: 1, columns: target, layout: .absent))
    return result
  }

  // MARK: Transformer

  private func transformer(_ shape: TransformerConfiguration) -> [MarianPart] {
    var result: [MarianPart] = []
    let (size, inner) = (shape.modelSize, shape.feedForwardSize)
    func linear(_ parameter: String, _ inputs: Int, _ width: Int, _ names: [String]) {
      for (kind, letter, rows) in [("weight", "W", inputs), ("bias", "b", 1)] {
        result.append(
          MarianPart(
            parameter: "\(parameter).\(kind)", rows: rows, columns: width * names.count,
            layout: .columns(names.map { ($0.replacing("*", with: letter), width) })))
      }
    }
    func norm(_ parameter: String, _ name: String, _ suffix: String) {
      for kind in ["scale", "bias"] { result.append(part("\(parameter).\(kind)", 1, size, "\(name)_ln_\(kind)\(suffix)")) }
    }
    let suffix = shape.normalization == .pre ? "_pre" : ""
    let stacks = [("encoder", Array(1...shape.encoderLayers)), ("decoder", decoderLayers)]
    for (stack, numbers) in stacks {
      for (n, number) in numbers.enumerated() {
        let (ours, theirs) = ("\(stack).layers.\(n)", "\(stack)_l\(number)")
        if stack == "decoder", shape.decoderCell == .ssru {
          result.append(
            MarianPart(
              parameter: "\(ours).ssru.weight", rows: size, columns: 2 * size,
              layout: .columns([("\(theirs)_rnn_W", size), ("\(theirs)_rnn_Wf", size)])))
          result.append(part("\(ours).ssru.bias", 1, size, "\(theirs)_rnn_bf"))
          norm("\(ours).ssru_norm", shape.normalization == .pre ? "\(theirs)_rnn" : "\(theirs)_rnn_ffn", suffix)
        } else {
          linear("\(ours).self_attention.qkv", size, size, ["q", "k", "v"].map { "\(theirs)_self_*\($0)" })
          linear("\(ours).self_attention.output", size, size, ["\(theirs)_self_*o"])
          norm("\(ours).self_attention_norm", "\(theirs)_self_Wo", suffix)
        }
        if stack == "decoder" {
          linear("\(ours).cross_attention.query", size, size, ["\(theirs)_context_*q"])
          linear("\(ours).cross_attention.key_value", size, size, ["k", "v"].map { "\(theirs)_context_*\($0)" })
          linear("\(ours).cross_attention.output", size, size, ["\(theirs)_context_*o"])
          norm("\(ours).cross_attention_norm", "\(theirs)_context_Wo", suffix)
        }
        linear("\(ours).feed_forward.input", size, inner, ["\(theirs)_ffn_*1"])
        linear("\(ours).feed_forward.output", inner, size, ["\(theirs)_ffn_*2"])
        norm("\(ours).feed_forward_norm", "\(theirs)_ffn_ffn", suffix)
      }
      if shape.finalNormalization { norm("\(stack).norm", "\(stack)_top", "") }
    }
    return result
  }

  // MARK: Recurrent

  private func rnn(_ shape: RNNConfiguration) -> [MarianPart] {
    var result: [MarianPart] = []
    let (size, hidden, context) = (shape.embeddingSize, shape.hiddenSize, 2 * shape.hiddenSize)
    /// `names` ends in weight, bias, recurrent; Marian keeps a GRU's candidate in tensors of its own.
    func cell(_ ours: String, _ inputs: Int, _ name: (_ kind: String) -> String) {
      for (kind, letter, rows) in [("weight", "W", inputs), ("bias", "b", 1), ("recurrent", "U", hidden)] {
        let (columns, layout): (Int, MarianPart.Layout) = shape.cell == .lstm
          ? (4 * hidden, .columns([(name(letter), 4 * hidden)]))
          : (3 * hidden, .columns([(name(letter), 2 * hidden), (name("\(letter)x"), hidden)]))
        result.append(MarianPart(parameter: "\(ours).\(kind)", rows: rows, columns: columns, layout: layout))
      }
    }
    let encoder = isAmun ? "encoder" : "encoder_bi"
    cell("encoder.layers.0.forward", size) { "\(encoder)_\($0)" }
    cell("encoder.layers.0.backward", size) { "\(encoder)_r_\($0)" }
    let start = isAmun ? "ff_state" : "decoder_ff_state"
    result.append(part("decoder.start.weight", context, hidden, "\(start)_W"))
    result.append(part("decoder.start.bias", 1, hidden, "\(start)_b"))
    let bottom = "decoder.layers.0"
    cell("\(bottom).first", size) { isAmun ? "decoder_\($0)" : "decoder_cell1_\($0)" }
    result.append(part("\(bottom).attention.query", hidden, shape.attentionSize, "decoder_W_comb_att"))
    result.append(part("\(bottom).attention.key.weight", context, shape.attentionSize, "decoder_Wc_att"))
    result.append(part("\(bottom).attention.key.bias", 1, shape.attentionSize, "decoder_b_att"))
    result.append(
      MarianPart(
        parameter: "\(bottom).attention.energy", rows: 1, columns: shape.attentionSize, layout: .transposed("decoder_U_att")))
    cell("\(bottom).second", context) { kind in
      guard isAmun else { return "decoder_cell2_\(kind)" }
      return kind.hasPrefix("W") ? "decoder_\(kind.replacing("W", with: "Wc"))" : "decoder_\(kind)_nl"
    }
    for n in decoderLayers.indices.dropFirst() {
      cell("decoder.layers.\(n)", hidden) { "decoder_l\(n + 1)_cell1_\($0)" }
    }
    let inputs = isAmun ? ["prev", "lstm", "ctx"] : ["0", "1", "2"]
    func output(_ letter: String) -> [String] {
      inputs.map { isAmun ? "ff_logit_\($0)_\(letter)" : "decoder_ff_logit_l1_\(letter)\($0)" }
    }
    result.append(
      MarianPart(
        parameter: "decoder.output_hidden.weight", rows: size + hidden + context, columns: size,
        layout: .rows(Array(zip(output("W"), [size, hidden, context])).map { ($0, $1) })))
    result.append(
      MarianPart(parameter: "decoder.output_hidden.bias", rows: 1, columns: size, layout: .sum(output("b"))))
    return result
  }
}
