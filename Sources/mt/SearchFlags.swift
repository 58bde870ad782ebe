import ArgumentParser
import Seq2Seq
import Translation

extension LengthPenaltyKind: ExpressibleByArgument {}
extension StoppingRule: ExpressibleByArgument {}

/// How to search: what is not given is as the model wants it.
struct SearchFlags: ParsableArguments {
  @Option(help: ArgumentHelp("Hypotheses kept alive; 1 is greedy search. (default: 5)", valueName: "k"))
  var beam: Int?

  @Option(help: """
    How the scores of long and short translations are made comparable: log P divided by |Y|^A (power), by \
    ((5+|Y|)/6)^A (gnmt), or by nothing (none). |Y| counts the end symbol. (default: power)
    """)
  var lengthNormalization: LengthPenaltyKind?

  @Option(help: ArgumentHelp("A of the length normalization. (default: 1)", valueName: "a"))
  var lengthPenalty: Double?

  @Option(help: ArgumentHelp(
    "Weight of GNMT's penalty for source words that were not looked at. (default: 0)", valueName: "b"))
  var coveragePenalty: Double?

  @Option(help: ArgumentHelp("Added to the score for every token. (default: 0)", valueName: "g"))
  var wordReward: Double?

  @Option(help: ArgumentHelp("Shortest translation in tokens. (default: 0)", valueName: "n"))
  var minLength: Int?

  @Option(help: ArgumentHelp(
    "Longest translation in tokens. (default: twice the source and 50, at most 512)", valueName: "n"))
  var maxLength: Int?

  @Option(help: ArgumentHelp("Let no sequence of n tokens occur twice. (default: 0, which is off)", valueName: "n"))
  var noRepeatNgram: Int?

  @Option(help: """
    When a sentence's search ends: when as many hypotheses have ended as the beam is wide (beam-full); when, \
    besides, the best live one, ended as it is, would not beat the worst of them (none-leads, as transformers do); \
    or, which takes half as long again to twice as long, when no live hypothesis, however it goes on, can get a better score \
    (none-can-win). (default: beam-full)
    """)
  var stopping: StoppingRule?

  func validate() throws {
    try SearchFlags.require("--beam", beam, in: SearchOptions.beamSizes)
    try SearchFlags.require("--min-length", minLength, in: 0...65536)
    try SearchFlags.require("--max-length", maxLength, in: 0...65536)
    try SearchFlags.require("--no-repeat-ngram", noRepeatNgram, in: 0...65536)
    if let lengthPenalty, !lengthPenalty.isFinite { throw ValidationError("--length-penalty is not a finite number.") }
    if let wordReward, !wordReward.isFinite { throw ValidationError("--word-reward is not a finite number.") }
    if let coveragePenalty, !(coveragePenalty >= 0 && coveragePenalty.isFinite) {
      throw ValidationError("--coverage-penalty \(coveragePenalty) is below 0.")
    }
    if let minLength, let maxLength, minLength > maxLength {
      throw ValidationError("--min-length \(minLength) is above --max-length \(maxLength).")
    }
  }

  static func require(_ name: String, _ value: Int?, in range: ClosedRange<Int>) throws {
    guard let value, !range.contains(value) else { return }
    throw ValidationError("\(name) \(value) is not in \(range.lowerBound)...\(range.upperBound).")
  }

  /// The flags over the model's own settings.
  func options(over defaults: SearchOptions) -> SearchOptions {
    var options = defaults
    if let beam { options.beamSize = beam }
    if let lengthNormalization { options.lengthNormalization.kind = lengthNormalization }
    if let lengthPenalty { options.lengthNormalization.lengthPenalty = lengthPenalty }
    if let coveragePenalty { options.lengthNormalization.coveragePenalty = coveragePenalty }
    if let wordReward { options.lengthNormalization.wordReward = wordReward }
    if let minLength { options.minimumLength = minLength }
    if let maxLength { options.maximumLength = maxLength }
    if let noRepeatNgram { options.noRepeatNgram = noRepeatNgram }
    if let stopping { options.stopping = stopping }
    return options
  }
}
