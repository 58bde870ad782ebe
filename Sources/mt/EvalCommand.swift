import ArgumentParser
import Evaluation
import Foundation
import Seq2Seq
import TextProcessing
import Translation

extension BLEU.Tokenization: ExpressibleByArgument {}

enum ScoreFormat: String, CaseIterable, ExpressibleByArgument {
  case text, json, markdown, tsv
}

/// `mt eval`
struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Score translations against references: BLEU, chrF, TER, with sacreBLEU's digits.",
    discussion: """
      With --hypotheses scores these files; without, translates the source with the model and scores that. Without any \
      file it uses the test set in Eval/. Each score comes with the signature that makes it comparable. Without --bleu, \
      --chrf or --ter prints BLEU and chrF.
      """)

  @Flag(help: "BLEU (Papineni et al. 2002).")
  var bleu = false

  @Flag(help: "chrF (Popović 2015); chrF++ with --chrf-word-order 2.")
  var chrf = false

  @Flag(help: "Translation edit rate (Snover et al. 2006).")
  var ter = false

  @Option(
    parsing: .upToNextOption, help: ArgumentHelp("Translations to score, one system a file.", valueName: "file"),
    completion: .file())
  var hypotheses: [String] = []

  @Option(
    parsing: .upToNextOption, help: ArgumentHelp("Reference translations, one or more files.", valueName: "file"),
    completion: .file())
  var references: [String] = []

  @Option(help: ArgumentHelp("Lines to translate.", valueName: "file"), completion: .file())
  var source: String?

  @OptionGroup var model: ModelOption

  @OptionGroup(title: "Search") var search: SearchFlags

  @OptionGroup var threads: ThreadsOption

  @Option(help: "How BLEU cuts words. (default: zh for Chinese, else 13a)")
  var tokenize: BLEU.Tokenization?

  @Flag(help: "Score in lower case.")
  var lowercase = false

  @Option(help: ArgumentHelp("chrF: also word n-grams up to this order.", valueName: "n"))
  var chrfWordOrder = 0

  @Option(help: "What to print.")
  var format = ScoreFormat.text

  @Flag(help: "Go on where a file is not UTF-8, with U+FFFD for what cannot be read.")
  var replaceInvalid = false

  func validate() throws {
    guard (0...6).contains(chrfWordOrder) else { throw ValidationError("--chrf-word-order \(chrfWordOrder) is not in 0...6.") }
  }

  func run() throws {
    let scoresFiles = !hypotheses.isEmpty
    // Which files are meant may depend on the model's languages, so that the model is looked for only where needed.
    var translator: Translator?
    let test = try TestSet.read(
      source: source, references: references,
      languages: {
        let description = try ModelDirectory(model.directory()).readDescription()
        return (description.sourceLanguage, description.targetLanguage)
      }(),
      needsSource: !scoresFiles, replacingInvalid: replaceInvalid)

    var systems: [(name: String, lines: [String])] = []
    if scoresFiles {
      for file in hypotheses {
        let lines = try TestSet.lines(file, replacingInvalid: replaceInvalid)
        guard lines.count == test.references[0].count else {
          throw TextError.lineCounts(
            source: file, sourceCount: lines.count, target: references.first ?? "the references",
            targetCount: test.references[0].count)
        }
        systems.append((file, lines))
      }
    } else {
      translator = try Translator(model: model.directory())
      if let translator {
        var options = TranslationOptions(search: search.options(over: translator.defaultOptions.search))
        options.threads = threads.threads
        systems.append(
          (translator.models[0].directory.url.lastPathComponent,
            translator.translate(test.sources, options: options).map(\.text)))
      }
    }

    let chinese = translator?.description.targetLanguage.hasPrefix("zh") == true
    let metrics = self.metrics(tokenization: tokenize ?? (chinese ? .chinese : .v13a))
    let results = try systems.flatMap { system in
      try metrics.map { metric in
        SystemScore(system: system.name, try metric.corpusScore(hypotheses: system.lines, references: test.references))
      }
    }
    try ScorePrinter.print(results, format)
  }

  private func metrics(tokenization: BLEU.Tokenization) -> [any Metric] {
    var metrics: [any Metric] = []
    let none = !bleu && !chrf && !ter
    if bleu || none { metrics.append(BLEU(.init(tokenization: tokenization, lowercase: lowercase))) }
    if chrf || none { metrics.append(ChrF(.init(wordOrder: chrfWordOrder, lowercase: lowercase))) }
    // TER is blind to case unless told otherwise, as sacreBLEU's is.
    if ter { metrics.append(TER()) }
    return metrics
  }
}

/// A score with the system that earned it.
struct SystemScore {
  let system: String
  let score: Score

  init(system: String, _ score: Score) { (self.system, self.score) = (system, score) }
}

enum ScorePrinter {
  private struct Record: Encodable {
    var system, name: String
    var score: Double
    var signature: String
    var verbose: String?
  }

  static func print(_ results: [SystemScore], _ format: ScoreFormat) throws {
    let output = StandardOutput.shared
    switch format {
    case .json:
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      let records = results.map {
        Record(
          system: $0.system, name: $0.score.name, score: $0.score.score, signature: "\($0.score.signature)",
          verbose: $0.score.verbose.isEmpty ? nil : $0.score.verbose)
      }
      try output.write(line: String(decoding: encoder.encode(records), as: UTF8.self))
    case .text:
      let several = Set(results.map(\.system)).count > 1
      for result in results {
        let score = result.score
        var line = several ? "\(result.system): " : ""
        line += "\(score.name)|\(score.signature) = \(twoDecimals(score.score))"
        if !score.verbose.isEmpty { line += " \(score.verbose)" }
        try output.write(line: line)
      }
    case .tsv:
      try output.write(line: "system\tmetric\tscore\tsignature")
      for result in results {
        try output.write(
          line: "\(result.system)\t\(result.score.name)\t\(result.score.score)\t\(result.score.signature)")
      }
    case .markdown:
      var names: [String] = []
      for result in results where !names.contains(result.score.name) { names.append(result.score.name) }
      var systems: [String] = []
      for result in results where !systems.contains(result.system) { systems.append(result.system) }
      try output.write(line: "| system | " + names.joined(separator: " | ") + " |")
      try output.write(line: "|---|" + names.map { _ in "---:|" }.joined())
      for system in systems {
        let cells = names.map { name in
          results.first { $0.system == system && $0.score.name == name }.map { twoDecimals($0.score.score) } ?? ""
        }
        try output.write(line: "| \(system) | " + cells.joined(separator: " | ") + " |")
      }
      try output.write(line: "")
      for name in names {
        if let score = results.first(where: { $0.score.name == name })?.score {
          try output.write(line: "- \(name): `\(score.signature)`")
        }
      }
    }
  }

  private static func twoDecimals(_ value: Double) -> String { String(format: "%.2f", value) }
}
