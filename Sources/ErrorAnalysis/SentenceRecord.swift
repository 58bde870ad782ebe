import Evaluation

/// One sentence of an error analysis. The names of its fields are those of the JSON report.
public struct SentenceRecord: Codable, Sendable, Equatable {
  public var source: String
  /// Where several are given, the one the model likes best.
  public var reference: String
  public var hypothesis: String
  /// log P(text, end | source), nats.
  public var logProbability: Pair
  /// What the search maximises: the same, normalised by length.
  public var objective: Pair
  public var fault: Fault
  /// Sentence chrF of the hypothesis, against all references.
  public var chrF: Double
  /// Tokens of the reference, without end symbol.
  public var referenceTokens = 0
  /// The same of the hypothesis.
  public var hypothesisTokens = 0
  /// The output with the best objective of all, where it was asked for; nil also where the model was not asked because
  /// the line has nothing to translate or is too long.
  public var exact: ExactOutcome?
  /// The same for the unnormalised log-probability, unless that is the objective.
  public var exactByLogProbability: ExactOutcome?
  /// Where the search lost the reference; nil where that was not asked for or the model was not asked.
  public var firstPrune: FirstPruneRecord?
  /// How much of the source was looked at; nil where the model has no attention or was not asked.
  public var coverage: CoverageRecord?

  /// `references` are all of the sentence's; nil means `reference` only.
  public init(
    source: String, reference: String, hypothesis: String, logProbability: Pair, objective: Pair,
    references: [String]? = nil
  ) {
    (self.source, self.reference, self.hypothesis) = (source, reference, hypothesis)
    (self.logProbability, self.objective) = (logProbability, objective)
    fault = Fault(same: reference == hypothesis, objective)
    chrF = sentenceChrF(hypothesis, references ?? [reference])
  }

  /// The fault as the unnormalised probabilities see it.
  public var faultByLogProbability: Fault { Fault(same: reference == hypothesis, logProbability) }

  enum CodingKeys: String, CodingKey {
    case source, reference, hypothesis, objective, fault, exact, coverage
    case chrF = "chrf"
    case logProbability = "log_probability"
    case referenceTokens = "reference_tokens"
    case hypothesisTokens = "hypothesis_tokens"
    case firstPrune = "first_prune"
    case exactByLogProbability = "exact_by_log_probability"
  }
}

public struct Pair: Codable, Sendable, Equatable {
  public var hypothesis: Double
  public var reference: Double

  public init(hypothesis: Double, reference: Double) {
    (self.hypothesis, self.reference) = (hypothesis, reference)
  }
}

/// Who is to blame where the output is not the reference (Ng's rule): the search, if the model prefers the reference,
/// which the search then failed to find; else the model. A lower bound on the search's errors: what is better than both
/// stays unseen.
public enum Fault: String, CaseIterable, Codable, Sendable {
  case search
  case model
  case none

  init(same: Bool, _ scores: Pair) {
    self = same ? .none : scores.reference > scores.hypothesis ? .search : .model
  }
}
