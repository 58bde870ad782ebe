import ArgumentParser
import Evaluation

extension Bootstrap.Seed: ExpressibleByArgument {
  /// A number, or `none`.
  public init?(argument: String) {
    if argument.lowercased() == "none" {
      self = .none
    } else if let value = UInt64(argument) {
      self = .fixed(value)
    } else {
      return nil
    }
  }

  public var defaultValueDescription: String { description }
}

/// How sure a score is, and how sure a difference between systems.
struct SignificanceFlags: ParsableArguments {
  @Flag(help: "A 95 % interval for each score, by bootstrap resampling.")
  var confidence = false

  @Option(help: ArgumentHelp("Resamples of --confidence. (default: 1000)", valueName: "n"))
  var confidenceN: Int?

  @Flag(help: """
    Compare every system with the first by paired bootstrap and by approximate randomisation. (--format sacrebleu has \
    room for the bootstrap alone.)
    """)
  var significance = false

  @Flag(help: "Compare by paired bootstrap (Koehn 2004) only.")
  var pairedBs = false

  @Flag(help: "Compare by paired approximate randomisation (Riezler and Maxwell 2005) only.")
  var pairedAr = false

  @Option(help: ArgumentHelp("Resamples of the paired bootstrap.", valueName: "n"))
  var pairedBsN = 1000

  @Option(help: ArgumentHelp("Trials of approximate randomisation.", valueName: "n"))
  var pairedArN = 10000

  @Option(help: ArgumentHelp("Seed of the random numbers; none takes the system's.", valueName: "n|none"))
  var seed = Bootstrap.Seed.standard

  func validate() throws {
    try SearchFlags.require("--confidence-n", confidenceN, in: 2...10_000_000)
    try SearchFlags.require("--paired-bs-n", pairedBsN, in: 2...10_000_000)
    try SearchFlags.require("--paired-ar-n", pairedArN, in: 1...10_000_000)
    if confidenceN != nil && !confidence { throw ValidationError("--confidence-n needs --confidence.") }
    if pairedBsN != 1000 && !runsBootstrap {
      throw ValidationError("--paired-bs-n needs --paired-bs or --significance.")
    }
    if pairedArN != 10000 && !runsRandomization {
      throw ValidationError("--paired-ar-n needs --paired-ar or --significance.")
    }
    if let confidenceN, runsBootstrap, confidenceN != pairedBsN {
      throw ValidationError("The paired bootstrap makes the intervals too: --paired-bs-n goes for both.")
    }
  }

  private var runsBootstrap: Bool { significance || pairedBs }
  private var runsRandomization: Bool { significance || pairedAr }

  func resampling(_ format: ScoreFormat) -> Resampling {
    Resampling(
      confidence: confidence ? confidenceN ?? Bootstrap.defaultResamples : nil,
      pairedBootstrap: runsBootstrap ? pairedBsN : nil,
      randomization: runsRandomization && !(runsBootstrap && format == .sacrebleu) ? pairedArN : nil, seed: seed)
  }
}
