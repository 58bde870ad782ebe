import Autograd
import NeuralNet

/// The shape of a model: everything needed to build it before its weights are read. Stored in `config.json` under
/// snake_case keys; unknown keys and values out of range are refused where it is read.
public struct ModelConfiguration: Codable, Sendable, Equatable {
  public var architecture: ArchitectureKind
  public var sourceVocabularySize: Int
  public var targetVocabularySize: Int
  public var embeddings: EmbeddingTying
  /// A target token that every output begins with, such as the code of its language: its probability is one. Transformers
  /// only; its text is the pipeline's `target_begin`.
  public var forcedFirstToken: Int32?
  /// Present for `architecture == .transformer`.
  public var transformer: TransformerConfiguration?
  /// Present for `architecture == .rnn`.
  public var rnn: RNNConfiguration?

  public init(
    transformer: TransformerConfiguration, sourceVocabularySize: Int, targetVocabularySize: Int, embeddings: EmbeddingTying
  ) {
    architecture = .transformer
    self.transformer = transformer
    self.sourceVocabularySize = sourceVocabularySize
    self.targetVocabularySize = targetVocabularySize
    self.embeddings = embeddings
  }

  public init(rnn: RNNConfiguration, sourceVocabularySize: Int, targetVocabularySize: Int, embeddings: EmbeddingTying) {
    architecture = .rnn
    self.rnn = rnn
    self.sourceVocabularySize = sourceVocabularySize
    self.targetVocabularySize = targetVocabularySize
    self.embeddings = embeddings
  }

  enum CodingKeys: String, CodingKey, CaseIterable {
    case architecture
    case sourceVocabularySize = "source_vocabulary_size"
    case targetVocabularySize = "target_vocabulary_size"
    case embeddings
    case forcedFirstToken = "forced_first_token"
    case transformer, rnn
  }
}

public enum ArchitectureKind: String, CaseIterable, Codable, Sendable {
  case transformer
  case rnn
}

/// Which embedding tables are one and the same (Press & Wolf 2017).
public enum EmbeddingTying: String, CaseIterable, Codable, Sendable {
  /// Source, target and output each have their own.
  case none
  /// Target input and output share one (two-way).
  case target
  /// Source input, target input and output share one (three-way); needs a joint vocabulary.
  case all
}

/// Vaswani et al. 2017, in the MarianMT shape by default.
public struct TransformerConfiguration: Codable, Sendable, Equatable {
  /// D
  public var modelSize = 256
  /// F
  public var feedForwardSize = 1024
  public var heads = 8
  public var encoderLayers = 3
  public var decoderLayers = 3
  /// What mixes a decoder's token with those before it; self-attention where nil.
  public var decoderCell: DecoderCellKind?
  /// Of embeddings and of each sublayer's output, while training.
  public var dropout: Float = 0.1
  public var attentionDropout: Float = 0
  public var activationDropout: Float = 0
  public var activation: ActivationKind = .relu
  public var normalization: NormalizationPlacement = .post
  public var positions: PositionKind = .standard
  public var layerNormEpsilon: Float = 1e-5
  /// Embeddings times √D.
  public var scaleEmbeddings = true
  /// A last layer norm on both stacks; wanted with `pre`.
  public var finalNormalization = false
  /// The longest sentence in tokens, with end symbol.
  public var maximumLength = 512

  public init() {}

  enum CodingKeys: String, CodingKey, CaseIterable {
    case modelSize = "model_size"
    case feedForwardSize = "feed_forward_size"
    case heads
    case encoderLayers = "encoder_layers"
    case decoderLayers = "decoder_layers"
    case decoderCell = "decoder_cell"
    case dropout
    case attentionDropout = "attention_dropout"
    case activationDropout = "activation_dropout"
    case activation, normalization, positions
    case layerNormEpsilon = "layer_norm_epsilon"
    case scaleEmbeddings = "scale_embeddings"
    case finalNormalization = "final_normalization"
    case maximumLength = "maximum_length"
  }
}

public enum DecoderCellKind: String, CaseIterable, Codable, Sendable {
  /// Vaswani et al. 2017.
  case selfAttention = "self-attention"
  /// The simpler simple recurrent unit of Kim et al. 2019: faster at every step, for a little quality.
  case ssru
}

public enum NormalizationPlacement: String, CaseIterable, Codable, Sendable {
  /// LayerNorm(x + sublayer(x)), Vaswani et al. 2017.
  case post
  /// x + sublayer(LayerNorm(x)).
  case pre
}

/// Rates of the sinusoidal positions, sine half then cosine half: 10000^(−2i/D) or Marian's 10000^(−i/(D/2−1)).
public enum PositionKind: String, CaseIterable, Codable, Sendable {
  case standard
  case marian
}

/// Encoder–decoder of recurrent cells, with attention (Bahdanau et al. 2015) or a fixed vector (Sutskever et al. 2014).
public struct RNNConfiguration: Codable, Sendable, Equatable {
  public var cell: CellKind = .gru
  public var attention: AttentionKind = .additive
  public var embeddingSize = 256
  /// H of the decoder; each direction of a bidirectional encoder has H too.
  public var hiddenSize = 512
  public var attentionSize = 512
  public var encoderLayers = 1
  public var decoderLayers = 1
  public var bidirectional = true
  /// Layers above the first add their input to their output.
  public var residual = true
  /// Variational: one mask per sentence, on embeddings, between layers and before the output.
  public var embeddingDropout: Float = 0.2
  public var hiddenDropout: Float = 0.2
  public var outputDropout: Float = 0.2
  /// Whole source and target words dropped with this chance.
  public var wordDropout: Float = 0
  /// The longest sentence in tokens, with end symbol.
  public var maximumLength = 512

  public init() {}

  enum CodingKeys: String, CodingKey, CaseIterable {
    case cell, attention
    case embeddingSize = "embedding_size"
    case hiddenSize = "hidden_size"
    case attentionSize = "attention_size"
    case encoderLayers = "encoder_layers"
    case decoderLayers = "decoder_layers"
    case bidirectional, residual
    case embeddingDropout = "embedding_dropout"
    case hiddenDropout = "hidden_dropout"
    case outputDropout = "output_dropout"
    case wordDropout = "word_dropout"
    case maximumLength = "maximum_length"
  }
}

public enum CellKind: String, CaseIterable, Codable, Sendable {
  /// Elman 1990, tanh.
  case elman
  /// Elman with ReLU and the recurrent matrix starting as the identity (Le, Jaitly & Hinton 2015).
  case elmanReLU = "elman-relu"
  case gru
  /// GRU whose reset gate is always open.
  case gruNoReset = "gru-no-reset"
  case lstm
}

public enum AttentionKind: String, CaseIterable, Codable, Sendable {
  /// vᵀ·tanh(W·s + U·h), Bahdanau et al. 2015.
  case additive
  /// Scaled dot product of projected state and annotations.
  case dot
  /// None: the decoder sees the encoder's last states only.
  case none
}
