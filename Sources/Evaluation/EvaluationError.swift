/// What can be wrong with the texts that a metric is asked to score.
public enum EvaluationError: Error, Equatable, CustomStringConvertible, Sendable {
  /// The corpus holds no segment.
  case noSegments
  /// No reference stream was given.
  case noReferences
  /// A reference stream holds another number of segments than the hypotheses do.
  case segmentCountMismatch(stream: Int, references: Int, hypotheses: Int)
  /// Every reference stream leaves this segment (counted from 1) undefined.
  case segmentWithoutReference(segment: Int)
  /// An option lies outside what the metric is defined for.
  case invalidOption(name: String, value: String, expected: String)
  /// A paired test needs a baseline and at least one other system.
  case tooFewSystems(found: Int)
  /// Two systems of one comparison have unequal numbers of segments.
  case systemLengthMismatch(system: String, segments: Int, baselineSegments: Int)

  public var description: String {
    switch self {
    case .noSegments:
      return "nothing to score: the hypotheses hold no segment"
    case .noReferences:
      return "nothing to score against: expected at least one reference stream, found none"
    case .segmentCountMismatch(let stream, let references, let hypotheses):
      return "reference stream \(stream) holds \(references) segments, but there are \(hypotheses) hypotheses "
        + "(references are nested as [stream][segment])"
    case .segmentWithoutReference(let segment):
      return "segment \(segment) has no reference in any stream"
    case .invalidOption(let name, let value, let expected):
      return "option \(name) is \(value), expected \(expected)"
    case .tooFewSystems(let found):
      return "a paired test needs a baseline and at least one more system, found \(found)"
    case .systemLengthMismatch(let system, let segments, let baselineSegments):
      return "system \(system) holds \(segments) segments, but the baseline holds \(baselineSegments)"
    }
  }
}
