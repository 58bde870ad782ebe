import Foundation

/// Changes to source sentences that people make and corpora do not: the same target is learnt from a source in lower
/// case, in capitals, without accents or without its last full stop. Each with its own probability.
public struct Augmentation: Sendable, Equatable {
  public var lowercase = 0.0
  public var uppercase = 0.0
  public var stripAccents = 0.0
  public var dropFinalPunctuation = 0.0

  public init() {}

  var isOn: Bool { lowercase > 0 || uppercase > 0 || stripAccents > 0 || dropFinalPunctuation > 0 }

  /// A line as it is seen this time. At most one of the changes of case happens.
  func apply(_ line: String, random: inout some RandomNumberGenerator) -> String {
    func chance() -> Double { Double(random.next() >> 11) * 0x1p-53 }
    let (letterCase, accents, punctuation) = (chance(), chance(), chance())
    var line = line
    if punctuation < dropFinalPunctuation { line = Augmentation.withoutFinalPunctuation(line) }
    if accents < stripAccents { line = Augmentation.withoutAccents(line) }
    if letterCase < lowercase { return line.lowercased() }
    if letterCase < lowercase + uppercase { return line.uppercased() }
    return line
  }

  static func withoutFinalPunctuation(_ line: String) -> String {
    var scalars = Substring(line).unicodeScalars
    while let last = scalars.last, ".!?…".unicodeScalars.contains(last) || last.properties.isWhitespace {
      scalars.removeLast()
    }
    // A line of nothing but punctuation stays.
    return scalars.isEmpty ? line : String(String.UnicodeScalarView(scalars))
  }

  static func withoutAccents(_ line: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in line.decomposedStringWithCanonicalMapping.unicodeScalars
    where scalar.properties.generalCategory != .nonspacingMark {
      result.append(scalar)
    }
    return String(result)
  }
}
