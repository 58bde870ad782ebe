import NeuralNet
import Autograd

/// What training asks of a model: its parameters and the loss of aligned sentences.
/// What translation asks of it: a `DecoderState` for encoded sources. Search never asks which architecture it runs.
///
/// Ids: 0 is the end of sentence, 1 the unknown word. Source sentences are given **with** their end symbol, target
/// sentences too; the decoder's first input is the zero embedding, its i-th input the (i−1)-th target token.
public protocol EncoderDecoder: AnyObject, Sendable {
  var configuration: ModelConfiguration { get }
  var parameters: ParameterStore { get }

  /// What predicts each target token, teacher-forced: states [N, D] of the output layer, and the token that each row
  /// ought to predict, [N].
  func predictors(source: SequenceBatch, target: SequenceBatch, graph: Graph) -> (states: Tensor, labels: [Int32])

  /// The layer that turns states into logits: weight [V, D], used transposed, and bias [1, V].
  var outputLayer: (weight: Parameter, bias: Parameter) { get }

  /// The objective of all target tokens, summed; with a recording graph its gradients times `gradientScale` are
  /// propagated into `graph.gradients` by `graph.backward()`.
  func loss(source: SequenceBatch, target: SequenceBatch, objective: Objective, gradientScale: Float, graph: Graph)
    -> LossSum

  /// log P(token | source, earlier tokens) of every target token, [N] in the order of `target.ids`.
  func logProbabilities(source: SequenceBatch, target: SequenceBatch, graph: Graph) -> [Float]

  /// Encodes the sources and returns the state before the first target token: one row per sentence, in order.
  /// The state keeps `workspace` for itself until it is released.
  func startDecoding(_ sources: SequenceBatch, workspace: Workspace) -> any DecoderState

  /// Weights that take part in products, each once for each way in which it does: what `pack` lays out.
  var productWeights: [(parameter: Parameter, transposed: Bool)] { get }

  /// Parameters of which translation and scoring need nothing but packed forms.
  var packedOnly: [Parameter] { get }
}

extension EncoderDecoder {
  public var packedOnly: [Parameter] { [] }
}

extension EncoderDecoder {
  /// Lays all weights out for translation in `precision`; computing without a tape uses these forms from then on,
  /// until `parameters.unpack()`. Not while other threads compute.
  public func pack(precision: Precision) {
    for (parameter, transposed) in productWeights {
      parameters.pack(parameter, transposed: transposed, precision: precision)
    }
  }
}

/// Sums over target tokens.
public struct LossSum: Sendable, Equatable {
  /// Label-smoothed cross-entropy, nats.
  public var loss: Double = 0
  /// Σ log p(label), nats: perplexity is exp(−logLikelihood / tokens).
  public var logLikelihood: Double = 0
  public var tokens: Int = 0

  public init(loss: Double = 0, logLikelihood: Double = 0, tokens: Int = 0) {
    self.loss = loss
    self.logLikelihood = logLikelihood
    self.tokens = tokens
  }

  public static func += (sum: inout LossSum, other: LossSum) {
    sum.loss += other.loss
    sum.logLikelihood += other.logLikelihood
    sum.tokens += other.tokens
  }
}
