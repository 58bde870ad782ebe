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

  public init(source: String, reference: String, hypothesis: String, logProbability: Pair, objective: Pair) {
    (self.source, self.reference, self.hypothesis) = (source, reference, hypothesis)
    (self.logProbability, self.objective) = (logProbability, objective)
    fault = Fault(same: reference == hypothesis, objective)
  }

  /// The fault as the unnormalised probabilities see it.
  public var faultByLogProbability: Fault { Fault(same: reference == hypothesis, logProbability) }

  enum CodingKeys: String, CodingKey {
    case source, reference, hypothesis, objective, fault
    case logProbability = "log_probability"
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

/// The whole report.
public struct ErrorReport: Codable, Sendable, Equatable {
  /// A share with its 95 % Wilson score interval.
  public struct Share: Codable, Sendable, Equatable {
    public var count: Int
    public var share: Double
    public var low: Double
    public var high: Double

    /// Wilson 1927: the interval of shares that do not make `count` of `total` surprising.
    public init(_ count: Int, of total: Int) {
      self.count = count
      let (n, z) = (Double(total), 1.959963984540054)
      guard total > 0 else {
        (share, low, high) = (0, 0, 1)
        return
      }
      let p = Double(count) / n
      let middle = (p + z * z / (2 * n)) / (1 + z * z / n)
      let half = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)).squareRoot()
      (share, low, high) = (p, max(0, middle - half), min(1, middle + half))
    }
  }

  public struct Totals: Codable, Sendable, Equatable {
    public var search: Share
    public var model: Share
    public var none: Share

    init(_ faults: [Fault]) {
      func share(_ fault: Fault) -> Share { Share(faults.count { $0 == fault }, of: faults.count) }
      (search, model, none) = (share(.search), share(.model), share(.none))
    }
  }

  /// Words on the search, e.g. "beam 5, power, A = 1".
  public var search: String
  public var model: String
  public var count: Int
  /// By the objective the search maximises, and by the unnormalised log-probability.
  public var faults: Totals
  public var faultsByLogProbability: Totals
  public var sentences: [SentenceRecord]

  public init(search: String, model: String, sentences: [SentenceRecord]) {
    (self.search, self.model, self.sentences) = (search, model, sentences)
    count = sentences.count
    faults = Totals(sentences.map(\.fault))
    faultsByLogProbability = Totals(sentences.map(\.faultByLogProbability))
  }

  enum CodingKeys: String, CodingKey {
    case search, model, count, faults, sentences
    case faultsByLogProbability = "faults_by_log_probability"
  }

  /// What to do about it.
  public var advice: String {
    if faults.search.count + faults.model.count == 0 { return "Every output is its reference: nothing to improve here." }
    let bySearch = Double(faults.search.count) / Double(faults.search.count + faults.model.count)
    let percent = Int((bySearch * 100).rounded())
    switch bySearch {
    case 0.5...:
      return "Work on the search: in \(percent) % of the differing sentences the model prefers the reference; try a "
        + "larger beam or another length penalty."
    case 0.15...:
      return "Work on the model first, then on the search: it misses what the model prefers in \(percent) % of the "
        + "differing sentences."
    default:
      return "Work on the model: the search is at fault in only \(percent) % of the differing sentences, so a larger "
        + "beam cannot help much."
    }
  }
}
