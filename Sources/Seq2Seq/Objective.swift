import Autograd
import NeuralNet

/// What a model is trained towards: label-smoothed cross-entropy, and on little data that two looks at the same
/// sentence predict the same.
public struct Objective: Sendable, Equatable {
  /// Szegedy et al. 2016.
  public var smoothing: Float
  public var consistency = Consistency.none
  /// α, what the divergence between the two passes counts.
  public var consistencyWeight: Float = 3
  /// The chance of an input token's embedding to be left out: in the second pass where there is one by `cutoff`, in
  /// all passes otherwise (word dropout).
  public var tokenCutoff: Float = 0

  public init(smoothing: Float = 0.1) { self.smoothing = smoothing }
}

/// Whether a second pass over the same sentences is held to the first.
public enum Consistency: String, CaseIterable, Codable, Sendable {
  case none
  /// SimCut (Gao et al. 2022): CE(p) + α·KL(p‖q), q with tokens cut from both inputs.
  case cutoff
  /// R-Drop (Liang et al. 2021), its two passes averaged: ½·CE(p) + ½·CE(q) + ½·α·½·(KL(p‖q) + KL(q‖p)), the
  /// passes differing in their dropout alone.
  case dropout
}

extension EncoderDecoder {
  public func loss(
    source: SequenceBatch, target: SequenceBatch, objective: Objective, gradientScale: Float, graph: Graph
  ) -> LossSum {
    func pass(cut: Float) -> (states: Tensor, labels: [Int32]) {
      guard cut > 0, graph.random != nil else { return predictors(source: source, target: target, graph: graph) }
      var random = RandomGenerator(seed: graph.makeMaskSeed())
      return predictors(source: source.cutting(cut, &random), target: target.cutting(cut, &random), graph: graph)
    }
    let (alpha, cut) = (objective.consistencyWeight, objective.tokenCutoff)
    let (states, labels) = pass(cut: objective.consistency == .cutoff ? 0 : cut)
    let second: AgreeingPass? =
      switch objective.consistency {
      case .none: nil
      case .cutoff: AgreeingPass(states: pass(cut: cut).states, share: 0, forward: alpha, backward: 0)
      case .dropout:
        AgreeingPass(states: pass(cut: cut).states, share: 0.5, forward: alpha / 4, backward: alpha / 4)
      }
    let (loss, likelihood) = graph.crossEntropy(
      states, outputLayer.weight, bias: outputLayer.bias, transposed: true, labels: labels,
      smoothing: objective.smoothing, gradientScale: gradientScale, agreeingWith: second)
    return LossSum(loss: loss, logLikelihood: likelihood, tokens: target.tokenCount)
  }
}
