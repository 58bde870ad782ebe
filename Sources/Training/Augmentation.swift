import Foundation

/// Changes to pairs while training, each with its own probability. People write in lower case, in capitals, without
/// accents or without the last full stop, and corpora do not: the same target is learnt from such sources. Items that a
/// translation must keep are put into both sides (`CopiedItems`).
public struct Augmentation: Sendable, Equatable {
  public var lowercase = 0.0
  public var uppercase = 0.0
  public var stripAccents = 0.0
  public var dropFinalPunctuation = 0.0
  public var copiedItems = 0.0

  public init() {}

  var isOn: Bool {
    lowercase > 0 || uppercase > 0 || stripAccents > 0 || dropFinalPunctuation > 0 || copiedItems > 0
  }

  /// A pair as it is seen this time.
  func apply(_ source: String, _ target: String, random: inout some RandomNumberGenerator) -> (String, String) {
    let changed = apply(source, random: &random)
    guard copiedItems > 0, Double.random(in: 0..<1, using: &random) < copiedItems else { return (changed, target) }
    return CopiedItems.insert(changed, target, random: &random)
  }

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
