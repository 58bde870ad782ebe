import ArgumentParser
import ErrorAnalysis
import Evaluation
import Foundation
import Seq2Seq
import TextProcessing
import Training
import Translation

enum ReportFormat: String, CaseIterable, ExpressibleByArgument {
  case text, json, html, markdown
}

/// `mt error-analysis`
struct ErrorAnalysisCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "error-analysis",
    abstract: "Find out whether bad translations are the search's fault or the model's.",
    discussion: """
      For each sentence compares log P of the output with that of the reference under the model, normalised as the \
      search normalises. Where the model prefers the reference, the search is at fault, for it failed to find it; \
      else the model is. That rule only sees what the reference shows; --exact looks for the best of all outputs and \
      so proves what the search missed. Without any file it uses the test set in Eval/. With --other-model or \
      --other-hypotheses a second system is set beside the first: where it wins and loses, whether that is chance, and \
      which outputs the models prefer.

      Examples:
        mt error-analysis --exact --oracle --sweep --save report       # report.json, report.html, report.md
        mt error-analysis --model A --other-model B
        mt error-analysis --source s.fr --references r.en --hypotheses a.en --other-hypotheses b.en
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

  @Option(help: ArgumentHelp("A second model, to compare.", valueName: "dir"), completion: .directory)
  var otherModel: String?

  @Option(help: ArgumentHelp("Translations of a second system, to compare.", valueName: "file"), completion: .file())
  var otherHypotheses: String?

  @OptionGroup(title: "Search") var search: SearchFlags

  @Flag(help: "Find the best of all outputs of each sentence, within the budget.")
  var exact = false

  @Option(help: ArgumentHelp("Beginnings that --exact may expand for a sentence.", valueName: "n"))
  var exactNodes = ExactSearch.Budget().nodes

  @Option(help: ArgumentHelp(
    "Time that --exact may take for a sentence; without it results do not depend on the machine.", valueName: "s"))
  var exactSeconds = ExactSearch.Budget().seconds

  @Flag(help: "Say how good the best of the 5, 10, 50 and 100 best outputs are; costs a beam of 100.")
  var oracle = false

  @Flag(help: "Try beams from 1 to 64 and several length penalties, and recommend one.")
  var sweep = false

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Training text of the target language, for accuracy by how often it has a word. (default: the model's own counts)",
      valueName: "file"),
    completion: .file())
  var trainingText: [String] = []

  @Option(help: "What to print.")
  var format = ReportFormat.text

  @Option(help: ArgumentHelp("Print to this file.", valueName: "file"), completion: .file())
  var output: String?

  @Option(help: ArgumentHelp("Also write PREFIX.json, PREFIX.html and PREFIX.md.", valueName: "prefix"))
  var save: String?

  @Flag(help: "Leave all sentences out, for texts that must not be passed on; numbers and single words stay.")
  var omitTexts = false

  @OptionGroup var threads: ThreadsOption

  @Flag(help: "Go on where a file is not UTF-8, with U+FFFD for what cannot be read.")
  var replaceInvalid = false

  func validate() throws {
    try SearchFlags.require("--exact-nodes", exactNodes, in: 1...1_000_000_000)
    guard exactSeconds > 0 else { throw ValidationError("--exact-seconds \(exactSeconds) is not above 0.") }
  }

  /// The model is looked at as it is: its loops are faults like others.
  private func searchOptions(_ loaded: LoadedModel) throws -> TranslationOptions {
    var options = try TranslationOptions(search: search.options(over: Translator([loaded]).defaultOptions.search))
    options.search.breaksLoops = false
    return options
  }

  func run() throws {
    // Hours of work are not to end at a folder that is not there.
    let saved = save.map { save in ["json", "html", "md"].map { URL(fileURLWithPath: "\(save).\($0)") } } ?? []
    let printed = output.map { URL(fileURLWithPath: $0) }
    let inputs: [String?] = [source, hypotheses, otherHypotheses] + references
    for file in saved { try requireApart(file.path, from: inputs, "--save") }
    try requireApart(output, from: inputs)
    for file in saved + [printed].compactMap({ $0 }) { try AtomicFile.check(file) }
    let loaded = try ModelDirectory(model.directory()).load()
    let test = try TestSet.read(
      source: source, references: references,
      languages: (loaded.description.sourceLanguage, loaded.description.targetLanguage), needsSource: true,
      replacingInvalid: replaceInvalid)
    let given = try hypotheses.map { try translations($0, of: test) }
    let otherGiven = try otherHypotheses.map { try translations($0, of: test) }
    let other = try otherModel.map { try ModelDirectory(URL(fileURLWithPath: $0)).load() }
    var options = try searchOptions(loaded)
    options.threads = threads.threads
    let streams = test.references
    var analysis = FaultAnalysis(loaded, options: options)
    let progress = SharedProgress()
    analysis.progress = { progress.status($0) }
    analysis.trainingCounts = try trainingText.isEmpty ? storedCounts(loaded.directory) : trainingCounts()
    analysis.name = hypotheses.map { URL(fileURLWithPath: $0).lastPathComponent }
    let references = test.sources.indices.map { line in streams.map { $0[line] } }
    var report = try analysis.analyze(
      sources: test.sources, references: references, hypotheses: given,
      exact: exact ? ExactSearch.Budget(nodes: exactNodes, seconds: exactSeconds) : nil)
    if oracle { report.oracle = try analysis.oracle(sources: test.sources, references: references) }
    if sweep { report.sweep = try analysis.sweep(sources: test.sources, references: references) }
    if other != nil || otherGiven != nil {
      let otherOptions = try other.map(searchOptions)
      var system = OtherSystem(
        name: otherName(besides: report.model), model: other, options: otherOptions ?? options, hypotheses: otherGiven)
      system.options.threads = threads.threads
      report.comparison = try analysis.compare(report, references: references, with: system)
    }
    progress.finish()
    if omitTexts { report = report.withoutTexts() }
    if !saved.isEmpty {
      for (file, text) in zip(saved, [try report.json(), report.html(), report.markdown()]) {
        try AtomicFile.write(Data(text.utf8), to: file)
      }
    }
    let text = switch format {
    case .markdown: report.markdown()
    case .text: report.text()
    case .json: try report.json()
    case .html: report.html()
    }
    if let printed {
      try AtomicFile.write(Data(text.utf8), to: printed)
    } else {
      try StandardOutput.shared.write(text)
    }
  }
}

extension ErrorAnalysisCommand {
  private func translations(_ file: String, of test: TestSet) throws -> [String] {
    let lines = try TestSet.lines(file, replacingInvalid: replaceInvalid)
    guard lines.count == test.sources.count else {
      throw TextError.lineCounts(
        source: test.sourceFile, sourceCount: test.sources.count, target: file, targetCount: lines.count)
    }
    return lines
  }

  /// The last part of the other system's path, all of it where that is the first's name too.
  private func otherName(besides first: String) -> String {
    let path = otherHypotheses ?? otherModel ?? ""
    let name = URL(fileURLWithPath: path).standardizedFileURL.lastPathComponent
    return name == first ? path : name
  }

  private func storedCounts(_ directory: ModelDirectory) throws -> [String: Int]? {
    try directory.readWordCounts().map { Dictionary($0.sorted.map { ($0.word, $0.count) }) { $0 + $1 } }
  }

  /// How often the training text has each word.
  private func trainingCounts() throws -> [String: Int] {
    let input = try LineInput(trainingText, replacingInvalid: replaceInvalid)
    let splitter = WordSplitter()
    var counts: [String: Int] = [:]
    while let line = try input.next() {
      for word in splitter.words(line) { counts[word, default: 0] += 1 }
    }
    return counts
  }
}
