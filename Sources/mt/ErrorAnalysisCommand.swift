import ArgumentParser
import ErrorAnalysis
import Foundation
import TextProcessing
import Translation

enum ReportFormat: String, CaseIterable, ExpressibleByArgument {
  case text, json, html
}

/// `mt error-analysis`
struct ErrorAnalysisCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "error-analysis",
    abstract: "Find out whether bad translations are the search's fault or the model's.",
    discussion: """
      For each sentence compares log P of the output with that of the reference under the model, normalised as the \
      search normalises. Where the model prefers the reference, the search is at fault, for it failed to find it; \
      else the model is. Without any file it uses the test set in Eval/.
      """)

  @OptionGroup var model: ModelOption

  @Option(help: ArgumentHelp("Lines to translate.", valueName: "file"), completion: .file())
  var source: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Reference translations; of several the one the model likes best counts.", valueName: "file"),
    completion: .file())
  var references: [String] = []

  @Option(help: ArgumentHelp("Translations to judge instead of the model's own.", valueName: "file"),
    completion: .file())
  var hypotheses: String?

  @OptionGroup(title: "Search") var search: SearchFlags

  @Option(help: "What to print.")
  var format = ReportFormat.text

  @Option(help: ArgumentHelp("Print to this file.", valueName: "file"), completion: .file())
  var output: String?

  @OptionGroup var threads: ThreadsOption

  @Flag(help: "Go on where a file is not UTF-8, with U+FFFD for what cannot be read.")
  var replaceInvalid = false

  func run() throws {
    let loaded = try ModelDirectory(model.directory()).load()
    let test = try TestSet.read(
      source: source, references: references,
      languages: (loaded.description.sourceLanguage, loaded.description.targetLanguage), needsSource: true,
      replacingInvalid: replaceInvalid)
    let given = try hypotheses.map { try TestSet.lines($0, replacingInvalid: replaceInvalid) }
    if let given, given.count != test.sources.count {
      throw TextError.lineCounts(
        source: test.sourceFile, sourceCount: test.sources.count, target: hypotheses ?? "", targetCount: given.count)
    }
    var options = try TranslationOptions(search: search.options(over: Translator([loaded]).defaultOptions.search))
    options.threads = threads.threads
    let streams = test.references
    let report = try FaultAnalysis(loaded, options: options).analyze(
      sources: test.sources, references: test.sources.indices.map { line in streams.map { $0[line] } },
      hypotheses: given)
    let text = switch format {
    case .text: report.text()
    case .json: try report.json()
    case .html: report.html()
    }
    if let output {
      try AtomicFile.write(Data(text.utf8), to: URL(fileURLWithPath: output))
    } else {
      try StandardOutput.shared.write(text)
    }
  }
}
