import ArgumentParser
import Evaluation
import Foundation
import Seq2Seq
import TextProcessing
import Translation

/// `mt eval`
struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Score translations against references: BLEU, chrF, TER, with sacreBLEU's digits.",
    discussion: """
      With --hypotheses scores these files; without, translates the source with the model and scores that. Without any \
      file it uses the test set in Eval/. Without --bleu, --chrf or --ter prints BLEU and chrF. Each score comes with \
      the signature that makes it comparable; several systems make one table.

      --test-set DIR scores every test set in a folder: NAME.SRC and NAME.TGT by language, further references as \
      NAME.refX.TGT, translations as NAME.SYSTEM.TGT (or NAME-SRC-TGT.SYSTEM.TGT), all perhaps gzipped. A set without \
      translations is translated by the model. DIR/NAME takes one set.

      Options of the metrics and of the tests have sacreBLEU's names and meaning, and so do the numbers.

      Examples:
        mt eval --bleu
        mt eval --hypotheses a.en b.en --references ref1.en ref2.en --ter
        mt eval --baseline a.en b.en c.en --references ref.en --significance
        mt eval --test-set flores/ --format markdown
      """)

  @OptionGroup(title: "What to score") var texts: EvalTextFlags

  @OptionGroup(title: "Metrics") var metrics: MetricFlags

  @OptionGroup(title: "What to print") var output: EvalOutputFlags

  @OptionGroup(title: "Certainty") var certainty: SignificanceFlags

  @OptionGroup(title: "BLEU") var bleu: BLEUFlags

  @OptionGroup(title: "chrF") var chrf: ChrFFlags

  @OptionGroup(title: "TER") var ter: TERFlags

  @OptionGroup(title: "Translation") var model: ModelOption

  @OptionGroup(title: "Translation") var threads: ThreadsOption

  @OptionGroup(title: "Translation") var shortlist: ShortlistFlag

  @OptionGroup(title: "Translation") var search: SearchFlags

  func validate() throws {
    for (given, scored, metric) in [
      (bleu.given, metrics.scoresBLEU, "--bleu"), (chrf.given, metrics.scoresChrF, "--chrf"),
      (ter.given, metrics.ter, "--ter"),
    ] {
      if let given, !scored { throw ValidationError("\(given) needs \(metric).") }
    }
    let resampling = certainty.resampling(output.format)
    if resampling.pairs && texts.testSet == nil && texts.namedSystems < 2 {
      throw ValidationError("A paired test needs a baseline and at least one more system.")
    }
    if metrics.sentenceLevel && resampling.needsSegments {
      throw ValidationError("--sentence-level has no intervals and no tests.")
    }
    if output.format == .sacrebleu && texts.namedSystems > 1 && resampling.confidence != nil && !resampling.pairs {
      throw ValidationError("--format sacrebleu has intervals for one system only; use a paired test.")
    }
  }

  func run() throws {
    let chosen = try texts.languages()
    var description: ModelDescription?
    let jobs = try texts.jobs {
      if let chosen { return chosen }
      let read = try ModelDirectory(model.directory()).readDescription()
      description = read
      return (read.sourceLanguage, read.targetLanguage)
    }
    guard jobs.count == 1 || output.format != .sacrebleu else {
      throw ValidationError("--format sacrebleu goes with one test set; there are \(jobs.count).")
    }
    var translator: Translator?
    var tables: [ScoreTable] = []
    var sentences: [[ScoreRecord]] = []
    for job in jobs {
      var systems = try job.systems.map { (name: $0.name, lines: try stream($0.file)) }
      if systems.isEmpty || texts.translate {
        let ready = try translator ?? Translator(model: model.directory(), withShortlist: shortlist.shortlist)
        translator = ready
        systems.append(try translated(job, ready, chosen))
      }
      let language = chosen?.target ?? description?.targetLanguage ?? translator?.description.targetLanguage
      let scorer = try score(systems, against: job.references, language: language)
      if metrics.sentenceLevel {
        sentences.append(scorer.sentenceRecords(testSet: job.name))
      } else {
        var table = try scorer.table(certainty.resampling(output.format))
        if !texts.baseline.isEmpty { table = table.withBaseline() }
        table.testSet = job.name
        tables.append(table)
      }
    }
    try metrics.sentenceLevel ? output.printer.print(sentences: sentences) : output.printer.print(tables)
  }

  /// Reads all side by side.
  private func score(
    _ systems: [(name: String, lines: LineStream)], against files: [String], language: String?
  ) throws -> SystemScorer {
    for (index, system) in systems.enumerated() where systems[..<index].contains(where: { $0.name == system.name }) {
      throw TestSetError(description: "\(system.name): names two systems")
    }
    let metrics = chosenMetrics(language: language)
    let sentenceLevel = self.metrics.sentenceLevel
    if output.format == .sacrebleu && sentenceLevel && (systems.count > 1 || metrics.count > 1) {
      throw ValidationError("--format sacrebleu has one system and one metric with --sentence-level.")
    }
    var scorer = SystemScorer(
      systems: systems.map(\.name), metrics: metrics,
      keepsSegments: sentenceLevel || certainty.resampling(output.format).needsSegments)
    let references = try files.map(stream)
    let lines = ParallelLines(streams: references + systems.map(\.lines))
    while let line = try lines.next() {
      scorer.add(hypotheses: Array(line[references.count...]), references: Array(line[..<references.count]))
    }
    guard scorer.segmentCount > 0 else { throw TestSetError(description: "\(files[0]): has no line to score") }
    return scorer
  }

  private func chosenMetrics(language: String?) -> [any Metric] {
    var chosen: [any Metric] = []
    if metrics.scoresBLEU {
      if let warning = bleu.warning(language: language) { warn(warning) }
      chosen.append(bleu.metric(language: language, sentenceLevel: metrics.sentenceLevel))
    }
    if metrics.scoresChrF { chosen.append(chrf.metric) }
    if metrics.ter { chosen.append(ter.metric) }
    return chosen
  }

  private func stream(_ file: String) throws -> LineStream {
    try LineStream(file: file, replacingInvalid: texts.replaceInvalid)
  }

  /// The model's own translation, under the name of its directory.
  private func translated(
    _ job: EvalTextFlags.Job, _ translator: Translator, _ chosen: (source: String, target: String)?
  ) throws -> (name: String, lines: LineStream) {
    let from = translator.description.sourceLanguage, to = translator.description.targetLanguage
    if let chosen, chosen != (from, to) {
      throw TestSetError(
        description: "the model translates \(from) to \(to), but --language-pair is \(chosen.source)-\(chosen.target)")
    }
    // As `mt translate` does it.
    var options = translator.defaultOptions
    options.search = search.options(over: options.search)
    options.threads = threads.threads
    let source = job.source ?? "-"
    let sources = try TestSet.lines(source, replacingInvalid: texts.replaceInvalid)
    // Before hours of translation, rather than after.
    for file in job.references where file != "-" {
      let count = try stream(file).countAll()
      guard sources.count == count else {
        throw TextError.lineCounts(
          source: source, sourceCount: sources.count, target: file, targetCount: count)
      }
    }
    let name = translator.models[0].directory.url.lastPathComponent
    return (name, LineStream(name: name, lines: translator.translate(sources, options: options).map(\.text)))
  }
}
