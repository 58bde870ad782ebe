import ArgumentParser
import Foundation

/// What `mt eval` scores.
struct EvalTextFlags: ParsableArguments {
  @Option(
    parsing: .upToNextOption, help: ArgumentHelp("Translations to score, one system a file.", valueName: "file"),
    completion: .file())
  var hypotheses: [String] = []

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Translations to score, the first of which the others are compared with.", valueName: "file"),
    completion: .file())
  var baseline: [String] = []

  @Option(
    parsing: .upToNextOption, help: ArgumentHelp("Reference translations, one or more files.", valueName: "file"),
    completion: .file())
  var references: [String] = []

  @Option(help: ArgumentHelp("Lines to translate.", valueName: "file"), completion: .file())
  var source: String?

  @Option(help: ArgumentHelp("A folder of test sets, or one of them as DIR/NAME.", valueName: "dir"),
    completion: .directory)
  var testSet: String?

  @Option(help: ArgumentHelp(
    "Source and target language, as fr-en. (default: the model's)", valueName: "src-tgt"))
  var languagePair: String?

  @Flag(help: "Let the model translate too where translations are given or found.")
  var translate = false

  @Flag(help: "Go on where a file is not UTF-8, with U+FFFD for what cannot be read.")
  var replaceInvalid = false

  func validate() throws {
    _ = try languages()
    if testSet != nil {
      if source != nil { throw ValidationError("--test-set and --source exclude each other.") }
      if !references.isEmpty { throw ValidationError("--test-set and --references exclude each other.") }
    }
    let inputs = hypotheses + baseline + references + [source].compactMap { $0 }
    guard inputs.count(where: { $0 == "-" }) < 2 else {
      throw ValidationError("Standard input, -, can be read only once.")
    }
  }

  /// The two sides of --language-pair.
  func languages() throws -> (source: String, target: String)? {
    guard let languagePair else { return nil }
    let sides = languagePair.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
    guard sides.count == 2, !sides.contains("") else {
      throw ValidationError(
        "--language-pair \(languagePair) is not two languages with a hyphen between them, as fr-en.")
    }
    return (sides[0], sides[1])
  }

  /// Systems that the flags name, and the model if it is one.
  var namedSystems: Int {
    let files = hypotheses.count + baseline.count
    return files + (translate || files == 0 ? 1 : 0)
  }

  /// What is scored against the same references.
  struct Job {
    /// Of the test set, where it is one of a folder.
    var name: String?
    var source: String?
    var references: [String]
    /// The baseline first; without any, the model translates.
    var systems: [(name: String, file: String)]
  }

  /// The files to score, by name or by folder.
  /// - Parameter languages: asked where names of files depend on them.
  func jobs(_ languages: () throws -> (source: String, target: String)) throws -> [Job] {
    // A system that is also the baseline is scored once.
    let others = hypotheses.filter { $0 != baseline.first }
    guard let testSet else {
      let needsSource = hypotheses.isEmpty && baseline.isEmpty || translate
      let (source, references) = try TestSet.locate(
        source: source, references: references, languages: languages(), needsSource: needsSource)
      return [Job(source: source, references: references, systems: (baseline + others).map { ($0, $0) })]
    }
    let (from, to) = try languages()
    let sets = try FolderTestSet.find(testSet, source: from, target: to)
    guard sets.count == 1 || hypotheses.isEmpty else {
      throw ValidationError("--hypotheses goes with one test set; there are \(sets.count) in \(testSet).")
    }
    return try sets.map { set in
      let found = hypotheses.isEmpty ? set.systems : others.map { ($0, $0) }
      // A baseline is one of the systems found, or a file.
      let first = baseline.map { name in set.systems.first { $0.name == name } ?? (name, name) }
      for system in first where !FileManager.default.fileExists(atPath: system.file) {
        throw TestSetError(
          description: "\(system.name): neither a file nor a system of \(set.name), which has "
            + (set.systems.isEmpty ? "none" : set.systems.map(\.name).joined(separator: ", ")))
      }
      let rest = found.filter { system in !first.contains { $0.name == system.name } }
      return Job(name: set.name, source: set.source, references: set.references, systems: first + rest)
    }
  }
}

enum ScoreFormat: String, CaseIterable, ExpressibleByArgument {
  case text, json, sacrebleu, markdown, tsv
}

/// How `mt eval` prints.
struct EvalOutputFlags: ParsableArguments {
  @Option(help: "How to print; sacrebleu is sacreBLEU's own JSON.")
  var format = ScoreFormat.text

  @Option(help: ArgumentHelp("Decimals of scores. (default: 1 for sacrebleu, else 2)", valueName: "n"))
  var width: Int?

  @Flag(help: "Print signatures with short keys.")
  var short = false

  @Flag(help: "Print numbers alone, one a line.")
  var scoreOnly = false

  func validate() throws {
    try SearchFlags.require("--width", width, in: 0...17)
    guard format == .text || format == .markdown || !short else {
      throw ValidationError("--short goes with --format text or markdown.")
    }
    guard format == .text || !scoreOnly else { throw ValidationError("--score-only goes with --format text.") }
    guard format != .json && format != .tsv || width == nil else {
      throw ValidationError("--format \(format.rawValue) prints all digits; --width is for the others.")
    }
  }

  var printer: ScorePrinter {
    ScorePrinter(format: format, width: width ?? (format == .sacrebleu ? 1 : 2), short: short, scoreOnly: scoreOnly)
  }
}
