/// The options behind a score, in sacreBLEU's notation: `nrefs:1|case:mixed|eff:no|tok:13a|…|version:mt-1.0`.
///
/// Two scores are comparable only if their signatures agree in everything but `version`.
public struct Signature: Sendable, Equatable, CustomStringConvertible {
  /// The name under which this implementation signs.
  public static let version = "mt-1.0"

  /// How many references each segment has.
  public enum ReferenceCount: Sendable, Equatable {
    case fixed(Int)
    case variable
  }

  /// One option: its long and short key, and its value.
  struct Field: Sendable, Equatable {
    let key: String
    let abbreviation: String
    let value: String
  }

  private let references: ReferenceCount
  private let options: [Field]
  /// Bootstrap resamples behind an interval or a paired bootstrap test.
  public var bootstrapResamples: Int?
  /// Trials of a paired approximate randomisation test.
  public var randomizationTrials: Int?
  /// Seed of the random numbers, `none` when drawn from the operating system.
  public var seed: String?
  /// Name of the test set and language pair, when the texts are a known set.
  public var testSet: String?
  public var languagePair: String?

  init(references: ReferenceCount, options: [Field]) {
    self.references = references
    self.options = options
  }

  /// Keys and values in the order in which they are printed; `version` is last.
  public var fields: [(key: String, value: String)] { all.map { ($0.key, $0.value) } }

  /// The long form.
  public var description: String { format() }

  /// - Parameter short: one-letter keys (`#:1|c:mixed|…`).
  public func format(short: Bool = false) -> String {
    all.map { "\(short ? $0.abbreviation : $0.key):\($0.value)" }.joined(separator: "|")
  }

  private var all: [Field] {
    var fields: [Field] = []
    switch references {
    case .fixed(let count): fields.append(Field(key: "nrefs", abbreviation: "#", value: "\(count)"))
    case .variable: fields.append(Field(key: "nrefs", abbreviation: "#", value: "var"))
    }
    if let bootstrapResamples {
      fields.append(Field(key: "bs", abbreviation: "bs", value: "\(bootstrapResamples)"))
    }
    if let randomizationTrials {
      fields.append(Field(key: "ar", abbreviation: "ar", value: "\(randomizationTrials)"))
    }
    if let seed { fields.append(Field(key: "seed", abbreviation: "rs", value: seed)) }
    if let testSet { fields.append(Field(key: "test", abbreviation: "t", value: testSet)) }
    if let languagePair { fields.append(Field(key: "lang", abbreviation: "l", value: languagePair)) }
    fields += options
    fields.append(Field(key: "version", abbreviation: "v", value: Self.version))
    return fields
  }
}
