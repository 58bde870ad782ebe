import Autograd
import NeuralNet

/// The transformer of Vaswani et al. 2017: encoder and decoder stacks of attention and feed-forward sublayers.
/// Its layers are written once: training runs them over whole sentences on a tape, translation one step at a time.
public final class Transformer: EncoderDecoder, @unchecked Sendable {
  public let configuration: ModelConfiguration
  public let parameters: ParameterStore
  let shape: TransformerConfiguration
  let embeddings: EmbeddingTables
  let encoder: [EncoderLayer]
  let decoder: [DecoderLayer]
  let encoderNorm: LayerNormalization?
  let decoderNorm: LayerNormalization?
  /// [maximumLength, D]
  let positions: UnsafeMutableBufferPointer<Float>

  /// Declares and allocates all parameters, zeroed: initialise or load them next.
  init(_ configuration: ModelConfiguration, _ shape: TransformerConfiguration) {
    self.configuration = configuration
    self.shape = shape
    let size = shape.modelSize
    let store = ParameterStore()
    parameters = store
    embeddings = EmbeddingTables(store, configuration, size: size)
    encoder = (0..<shape.encoderLayers).map { EncoderLayer(store, "encoder.layers.\($0)", shape) }
    encoderNorm = shape.finalNormalization
      ? LayerNormalization(store, "encoder.norm", size, epsilon: shape.layerNormEpsilon) : nil
    decoder = (0..<shape.decoderLayers).map { DecoderLayer(store, "decoder.layers.\($0)", shape) }
    decoderNorm = shape.finalNormalization
      ? LayerNormalization(store, "decoder.norm", size, epsilon: shape.layerNormEpsilon) : nil
    store.allocate()
    let divisor = shape.positions == .standard ? Double(size) / 2 : Double(size) / 2 - 1
    // One row more than the longest sentence, for the step after the last token.
    let signal = SinusoidalPositions(length: shape.maximumLength + 1, size: size, divisor: divisor).values
    positions = .allocate(capacity: signal.count)
    _ = positions.initialize(from: signal)
  }

  deinit { positions.deallocate() }

  // MARK: Whole sentences

  /// ids of N tokens → [N, D]: scaled embeddings plus positions, with dropout.
  func embed(_ table: Parameter, _ ids: [Int32], positions places: [Int32], _ graph: Graph) -> Tensor {
    let scale = shape.scaleEmbeddings ? Float(shape.modelSize).squareRoot() : 1
    let x = graph.embed(table, ids, scale: scale, signal: positions.baseAddress, positions: places)
    return graph.dropout(x, shape.dropout)
  }

  /// Source ids → memory [N, D].
  func encode(_ source: SequenceBatch, _ graph: Graph) -> Tensor {
    var x = embed(embeddings.source, source.inputs, positions: source.positions, graph)
    for layer in encoder {
      let input = x
      x = graph.compacting { layer(input, offsets: source.offsets, graph) }
    }
    return encoderNorm?(x, graph) ?? x
  }

  /// States of the decoder that predict each target token, teacher-forced: [N, D].
  func decode(_ target: SequenceBatch, memory: Tensor, source: SequenceBatch, _ graph: Graph) -> Tensor {
    var x = embed(embeddings.target, target.shifted, positions: target.positions, graph)
    for layer in decoder {
      x = layer(
        x, graph,
        mixing: { layer.mixing($0, offsets: target.offsets, graph) },
        crossAttention: {
          layer.crossAttention(
            $0, offsets: target.offsets, memory: memory, memoryOffsets: source.offsets, graph)
        })
    }
    return decoderNorm?(x, graph) ?? x
  }

  public func predictors(
    source: SequenceBatch, target: SequenceBatch, graph: Graph
  ) -> (states: Tensor, labels: [Int32]) {
    (decode(target, memory: encode(source, graph), source: source, graph), target.ids)
  }

  public var outputLayer: (weight: Parameter, bias: Parameter) { (embeddings.output, embeddings.outputBias) }

  public func logProbabilities(source: SequenceBatch, target: SequenceBatch, graph: Graph) -> [Float] {
    let h = decode(target, memory: encode(source, graph), source: source, graph)
    var values = graph.labelLogProbabilities(
      h, embeddings.output, bias: embeddings.outputBias, transposed: true, labels: target.ids)
    if let token = configuration.forcedFirstToken {
      for first in target.offsets.dropLast().map(Int.init) { values[first] = target.ids[first] == token ? 0 : -.infinity }
    }
    return values
  }

  public func startDecoding(_ sources: SequenceBatch, workspace: Workspace) -> any DecoderState {
    let state = TransformerDecoderState(self, sources, workspace)
    return configuration.forcedFirstToken.map { ForcedFirstToken(state, $0) } ?? state
  }

  /// Starting values with the matrices of layer l times 1/√l, counted from 1 (Zhang, Titov & Sennrich 2019): deep stacks
  /// whose norms stand after the sublayers otherwise forget their input.
  public func initializeByDepth(seed: UInt64) {
    parameters.initialize(seed: seed) { p in
      let parts = p.name.split(separator: ".")
      guard parts.count > 2, parts[1] == "layers", let layer = Int(parts[2]) else { return 1 }
      return 1 / Float(layer + 1).squareRoot()
    }
  }

  public var packedOnly: [Parameter] {
    productWeights.map(\.parameter).filter { $0 !== embeddings.source && $0 !== embeddings.target }
  }

  public var productWeights: [(parameter: Parameter, transposed: Bool)] {
    parameters.parameters.filter { $0.name.hasPrefix("encoder.layers") || $0.name.hasPrefix("decoder.layers") }
      .filter { $0.rows > 1 }.map { ($0, false) } + [(embeddings.output, true)]
  }
}

/// The three tables of a sequence-to-sequence model, as far as they differ, and the output's bias.
struct EmbeddingTables {
  /// [V, D] each; `output` is used transposed.
  let source: Parameter
  let target: Parameter
  let output: Parameter
  let outputBias: Parameter

  init(_ store: ParameterStore, _ configuration: ModelConfiguration, size: Int) {
    let start = Initialization.normal(deviation: 1 / Float(size).squareRoot())
    let (sourceSize, targetSize) = (configuration.sourceVocabularySize, configuration.targetVocabularySize)
    switch configuration.embeddings {
    case .all:
      source = store.declare("embeddings", sourceSize, size, start)
      target = source
      output = source
    case .target:
      source = store.declare("encoder.embeddings", sourceSize, size, start)
      target = store.declare("decoder.embeddings", targetSize, size, start)
      output = target
    case .none:
      source = store.declare("encoder.embeddings", sourceSize, size, start)
      target = store.declare("decoder.embeddings", targetSize, size, start)
      output = store.declare("output.weight", targetSize, size, start)
    }
    outputBias = store.declare("output.bias", 1, targetSize, .zeros)
  }
}

/// Where a sublayer's norm stands, and its residual.
struct Residual {
  let norm: LayerNormalization
  let placement: NormalizationPlacement
  let dropout: Float

  init(_ store: ParameterStore, _ name: String, _ shape: TransformerConfiguration) {
    norm = LayerNormalization(store, name, shape.modelSize, epsilon: shape.layerNormEpsilon)
    placement = shape.normalization
    dropout = shape.dropout
  }

  func callAsFunction(_ x: Tensor, _ graph: Graph, _ sublayer: (Tensor) -> Tensor) -> Tensor {
    switch placement {
    case .post: norm(sublayer(x), residual: x, dropout: dropout, graph)
    case .pre: graph.addDropout(x, sublayer(norm(x, graph)), dropout)
    }
  }
}

struct EncoderLayer {
  let selfAttention: SelfAttention
  let selfAttentionNorm: Residual
  let feedForward: FeedForward
  let feedForwardNorm: Residual

  init(_ store: ParameterStore, _ name: String, _ shape: TransformerConfiguration) {
    selfAttention = SelfAttention(
      store, "\(name).self_attention", size: shape.modelSize, heads: shape.heads, dropout: shape.attentionDropout)
    selfAttentionNorm = Residual(store, "\(name).self_attention_norm", shape)
    feedForward = FeedForward(
      store, "\(name).feed_forward", size: shape.modelSize, inner: shape.feedForwardSize, activation: shape.activation,
      dropout: shape.activationDropout)
    feedForwardNorm = Residual(store, "\(name).feed_forward_norm", shape)
  }

  func callAsFunction(_ x: Tensor, offsets: [Int32], _ graph: Graph) -> Tensor {
    let attended = selfAttentionNorm(x, graph) { selfAttention($0, offsets: offsets, causal: false, graph) }
    return graph.byRows(attended) { feedForwardNorm($0, graph) { feedForward($0, graph) } }
  }
}

/// What mixes a decoder's token with those before it.
enum DecoderMixing {
  case attention(SelfAttention)
  case recurrence(SimpleRecurrentUnit)

  /// x [N, D], sentences at `offsets` [B+1] → [N, D]; no row sees a later one.
  func callAsFunction(_ x: Tensor, offsets: [Int32], _ graph: Graph) -> Tensor {
    switch self {
    case .attention(let attention): attention(x, offsets: offsets, causal: true, graph)
    case .recurrence(let unit): unit(x, offsets: offsets, graph)
    }
  }
}

struct DecoderLayer {
  let mixing: DecoderMixing
  let mixingNorm: Residual
  let crossAttention: CrossAttention
  let crossAttentionNorm: Residual
  let feedForward: FeedForward
  let feedForwardNorm: Residual

  init(_ store: ParameterStore, _ name: String, _ shape: TransformerConfiguration) {
    switch shape.decoderCell ?? .selfAttention {
    case .selfAttention:
      mixing = .attention(
        SelfAttention(
          store, "\(name).self_attention", size: shape.modelSize, heads: shape.heads, dropout: shape.attentionDropout))
      mixingNorm = Residual(store, "\(name).self_attention_norm", shape)
    case .ssru:
      mixing = .recurrence(SimpleRecurrentUnit(store, "\(name).ssru", size: shape.modelSize))
      mixingNorm = Residual(store, "\(name).ssru_norm", shape)
    }
    crossAttention = CrossAttention(
      store, "\(name).cross_attention", size: shape.modelSize, heads: shape.heads, dropout: shape.attentionDropout)
    crossAttentionNorm = Residual(store, "\(name).cross_attention_norm", shape)
    feedForward = FeedForward(
      store, "\(name).feed_forward", size: shape.modelSize, inner: shape.feedForwardSize, activation: shape.activation,
      dropout: shape.activationDropout)
    feedForwardNorm = Residual(store, "\(name).feed_forward_norm", shape)
  }

  /// How tokens are mixed and the memory looked at is the caller's: over whole sentences, or one step with what is kept of
  /// those before.
  func callAsFunction(
    _ x: Tensor, _ graph: Graph, mixing mix: (Tensor) -> Tensor, crossAttention look: (Tensor) -> Tensor
  ) -> Tensor {
    let mixed = mixingNorm(x, graph, mix)
    let informed = crossAttentionNorm(mixed, graph, look)
    return graph.byRows(informed) { feedForwardNorm($0, graph) { feedForward($0, graph) } }
  }
}
