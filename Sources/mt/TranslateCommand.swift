import ArgumentParser
import Autograd
import Foundation
import Seq2Seq
import Synchronization
import TextProcessing
import Translation

enum OutputFormat: String, CaseIterable, ExpressibleByArgument {
  case text, jsonl, tsv
}

/// `mt translate`
struct TranslateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "translate",
    abstract: "Translate lines of text.",
    discussion: """
      Reads standard input, or files (plain or gzipped), and prints one line for each line, in order. Only a line feed \
      ends a line; a carriage return before it is dropped. A blank line stays empty; a line without letters or digits \
      is returned as it is; a long line is split at sentence ends and joined again, and one longer than the model takes \
      wherever that must be, with a warning. Lines are translated as soon as they can be read.

      --n-best prints "line ||| text ||| log-probability ||| score", with lines counted from 0 and natural logarithms. \
      --alignments adds " ||| " and pairs "source-target", counted from 0, of the pieces that the model read and \
      wrote: those of `mt tokenize --subwords`, but that what it carries over unchanged is one. tsv is source, \
      translation, log-probability and score; jsonl has all of it, and with --alignments the pieces.
      """)

  @Argument(help: "Files to translate, plain or gzipped; - is standard input.", completion: .file())
  var files: [String] = []

  @Option(
    help: ArgumentHelp(
      "The model to use; several are averaged and must share a vocabulary.", valueName: "dir"),
    completion: .directory)
  var model: [String] = []

  @OptionGroup(title: "Search") var search: SearchFlags

  @Option(help: ArgumentHelp("Print the n best translations of each line.", valueName: "n"))
  var nBest: Int?

  @Option(help: ArgumentHelp("A file with what each translation must begin with, line by line.", valueName: "file"),
    completion: .file())
  var prefix: String?

  @Flag(help: "Print which source piece each target piece attended to most.")
  var alignments = false

  @Flag(
    inversion: .prefixedNo,
    help: ArgumentHelp(
      """
      Keep placeholders (%1$s, {name}), URLs and e-mail addresses, and warn where one is lost. A model that has learnt \
      to copy sees placeholders of its own for these, and for names, codes, telephone numbers, emoji and other scripts; \
      for a number where it loses one. (default: on for such a model)
      """))
  var protect: Bool?

  @Flag(
    inversion: .prefixedNo,
    help: """
      Let no sequence of up to 24 subwords stand four times in a row, unless one does in the source. Sampling is free to.
      """)
  var breakLoops = true

  @Option(
    help: ArgumentHelp(
      """
      Translate a line of several sentences with more source tokens than this in parts of so many at most; 0: only what the \
      model cannot take whole.
      """, valueName: "tokens"))
  var splitAbove = TranslationOptions().splitLength ?? 0

  @Flag(help: "Draw each token at random, by its probability, instead of searching.")
  var sample = false

  @Option(help: ArgumentHelp("Sampling: below 1 bolder towards the probable, above 1 more varied.", valueName: "t"))
  var temperature: Float = 1

  @Option(help: ArgumentHelp("Sampling: only among the k most probable tokens; 0 is all.", valueName: "k"))
  var topK = 0

  @Option(help: ArgumentHelp(
    "Sampling: only among the most probable tokens that have this much together.", valueName: "p"))
  var topP: Float = 1

  @Option(help: ArgumentHelp("Sampling: the same seed gives the same output.", valueName: "n"))
  var seed: UInt64 = 1

  @Option(help: "What to print.")
  var format = OutputFormat.text

  @Option(help: "How to compute; where the processor lacks it, float32. (default: as the model is stored)")
  var precision: Precision?

  @OptionGroup var shortlist: ShortlistFlag

  @Flag(help: "Print a translation as it is being found: as much of its beginning as can no longer change.")
  var stream = false

  @OptionGroup var threads: ThreadsOption

  @Option(help: ArgumentHelp(
    "Sentences translated side by side by a thread; the output does not depend on it. (default: suits the beam)",
    valueName: "n"))
  var batchSentences: Int?

  @Flag(help: "Go on where the input is not UTF-8, with U+FFFD for what cannot be read.")
  var replaceInvalid = false

  @Option(help: ArgumentHelp("Write times, counts and peak memory to this file as JSON.", valueName: "file"),
    completion: .file())
  var report: String?

  func validate() throws {
    try SearchFlags.require("--n-best", nBest, in: 1...1024)
    try SearchFlags.require("--batch-sentences", batchSentences, in: 1...65536)
    try SearchFlags.require("--split-above", splitAbove, in: 0...Int.max)
    try SearchFlags.require("--top-k", topK, in: 0...Int.max)
    guard temperature > 0, temperature.isFinite else { throw ValidationError("--temperature \(temperature) is not above 0.") }
    guard topP > 0, topP <= 1 else { throw ValidationError("--top-p \(topP) is not above 0 and at most 1.") }
    if stream, nBest != nil || alignments || prefix != nil || format != .text || report != nil {
      throw ValidationError("--stream prints texts alone: no --n-best, --alignments, --prefix, --format or --report.")
    }
    if shortlist.shortlist, model.count > 1 {
      throw ValidationError("--shortlist makes one model faster; several together need all probabilities.")
    }
    if !sample, let nBest, let beam = search.beam, nBest > beam {
      throw ValidationError("--n-best \(nBest) needs --beam of at least \(nBest).")
    }
  }

  func run() throws {
    try requireApart(report, from: files + [prefix], "--report")
    if let report { try AtomicFile.check(URL(fileURLWithPath: report)) }
    let start = ContinuousClock.now
    let directories = try model.isEmpty ? [DefaultModel.find()] : model.map { URL(fileURLWithPath: $0) }
    let translator = try Translator(
      models: directories, precision: precision, withShortlist: shortlist.shortlist)
    let measure = TranslationReport(loadSeconds: (ContinuousClock.now - start).seconds, precision: translator.precision)

    let options = try self.options(translator)
    let input = try LineInput(files, replacingInvalid: replaceInvalid)
    if stream { return try printStream(input, translator, options) }
    let prefixes = try prefix.map { try LineInput([$0], replacingInvalid: replaceInvalid) }
    let printer = TranslationPrinter(format: format, nBest: nBest != nil, alignments: alignments)
    let latencies = batchSentences == 1
    // Windows arrive one after the other, so that what follows needs no lock.
    let stream = TranslationStream(translator, options: options) { window in
      for (source, line) in window {
        for warning in line.warnings { warn("line \(printer.line + 1): \(warning)") }
        try printer.print(source.text, line)
        measure.count(line, keepingLatency: latencies)
      }
      try StandardOutput.shared.flush()
      measure.lastWritten = .now
    }
    var taken = 0
    func prefixError(_ lines: Int, _ problem: String) -> TextError {
      .file(path: prefix ?? "", problem: "has \(problem), behind line \(lines); the sides must be aligned line by line")
    }
    let queue = LineQueue<TranslationInput> {
      guard let line = try input.next() else {
        if try prefixes?.next() != nil { throw prefixError(taken, "more lines than the input") }
        return nil
      }
      measure.firstRead = measure.firstRead ?? .now
      let prefix = try prefixes?.next()
      if prefixes != nil, prefix == nil { throw prefixError(taken, "fewer lines than the input") }
      taken += 1
      return (TranslationInput(line, prefix: prefix?.isEmpty == true ? nil : prefix), line.utf8.count + 64)
    }
    do {
      while let lines = try queue.take(stream.windowLines) { try stream.submit(lines) }
    } catch let error where !(error is ClosedPipe) {
      // What was read before the mistake is translated before it is reported.
      try stream.finish()
      throw error
    }
    try stream.finish()
    if let report { try measure.write(to: URL(fileURLWithPath: report), withLatencies: latencies) }
  }

  /// Line by line, each as far as it is settled.
  private func printStream(_ input: LineInput, _ translator: Translator, _ options: TranslationOptions) throws {
    var limits = TranslationPool.Limits()
    limits.threads = options.threads
    let pool = TranslationPool(limits)
    defer { pool.stop() }
    let output = StandardOutput.shared
    var number = 0
    while let line = try input.next() {
      number += 1
      // What of the line is printed; this thread waits while workers change it.
      let printed = Mutex("")
      @Sendable func print(_ text: String) {
        printed.withLock { printed in
          guard text.utf8.starts(with: printed.utf8), text.utf8.count > printed.utf8.count else { return }
          // A reader that has gone is noticed at the end of the line.
          try? output.write(String(decoding: text.utf8.dropFirst(printed.utf8.count), as: UTF8.self))
          try? output.flush()
          printed = text
        }
      }
      let translated = try blocking {
        try await pool.translate([TranslationInput(line)], with: translator, options) { _, text, _ in print(text) }
      }
      for warning in translated[0].warnings { warn("line \(number): \(warning)") }
      let text = translated[0].text
      print(text)
      // Should a beginning have been taken back after all, the whole line is printed once more.
      try output.write(printed.withLock { $0 == text } ? "\n" : "\n\(text)\n")
      try output.flush()
    }
  }

  private func options(_ translator: Translator) throws -> TranslationOptions {
    var options = TranslationOptions(search: search.options(over: translator.defaultOptions.search))
    options.threads = threads.threads
    options.protectsSpans = protect ?? translator.defaultOptions.protectsSpans
    options.splitLength = splitAbove == 0 ? nil : splitAbove
    options.search.breaksLoops = breakLoops && !sample
    if let batchSentences { options.batchSentences = batchSentences }
    options.search.keepsAttention = alignments
    if sample {
      var sampling = SamplingOptions()
      (sampling.temperature, sampling.topK, sampling.topP, sampling.seed) = (temperature, topK, topP, seed)
      options.search.sampling = sampling
    } else if let nBest, nBest > options.search.beamSize {
      // No --beam was given: wide enough for what was asked.
      options.search.beamSize = nBest
    }
    options.search.hypothesisCount = nBest ?? 1
    return options
  }
}
