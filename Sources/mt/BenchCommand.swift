import ArgumentParser
import Autograd
import Foundation
import Seq2Seq
import TextProcessing
import Translation

/// `mt bench`
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure how fast a model translates on this machine, and recommend settings.",
    discussion: """
      Translates lines in every precision that the processor has, at each beam and number of threads, and prints \
      sentences and output tokens a second; with one thread also how long one sentence takes by itself: half of them \
      at most p50, all but one in a hundred at most p99. "same" is the share of lines that come out as in float32 at \
      the same beam; what the other lines lose, `mt quantize` with references says in BLEU.

      Where the model has a shortlist, the fastest setting at the widest beam is measured with it too.

      Without a file the lines are those of Eval/test.fr, where there is one. Nothing else should run meanwhile.

      Example:  mt bench --model Models/fr-en --beams 1 5 my-lines.fr
      """)

  @Argument(help: "Lines to translate, plain or gzipped.", completion: .file())
  var file: String?

  @OptionGroup var model: ModelOption

  @Option(
    name: .customLong("precisions"), parsing: .upToNextOption,
    help: ArgumentHelp("Precisions to measure: \(Precision.allCases.map(\.rawValue).joined(separator: ", ")). (default: all "
      + "there are)", valueName: "precision"))
  var precisionWords: [String] = []

  @Option(
    name: .customLong("beams"), parsing: .upToNextOption,
    help: ArgumentHelp("Beams to measure. (default: 5 1)", valueName: "k"))
  var beamWords: [String] = []

  @Option(
    name: .customLong("threads"), parsing: .upToNextOption,
    help: ArgumentHelp("Numbers of threads to measure. (default: 1 and all)", valueName: "t"))
  var threadWords: [String] = []

  @Option(help: ArgumentHelp("About how long each measurement takes.", valueName: "s"))
  var seconds = 3.0

  /// What the words after the options mean. The last of them is the file of lines where it is no value.
  private struct Request {
    var file: String?
    var precisions: [Precision] = []
    var beams: [Int] = []
    var threads: [Int] = []

    init(_ command: BenchCommand) throws {
      file = command.file
      precisions = try values(command.precisionWords, "--precisions", Precision.init(rawValue:))
      beams = try values(command.beamWords, "--beams") { Int($0) }
      threads = try values(command.threadWords, "--threads") { Int($0) }
      for beam in beams { try SearchFlags.require("--beams", beam, in: SearchOptions.beamSizes) }
      for threads in threads { try SearchFlags.require("--threads", threads, in: 1...1024) }
      if beams.isEmpty { beams = [5, 1] }
    }

    private mutating func values<Value>(
      _ words: [String], _ option: String, _ convert: (String) -> Value?
    ) throws -> [Value] {
      var words = words
      if file == nil, let last = words.last, convert(last) == nil {
        file = last
        words.removeLast()
      }
      return try words.map { word in
        guard let value = convert(word) else { throw ValidationError("\(option): \"\(word)\" is not a value that it takes.") }
        return value
      }
    }
  }

  func validate() throws {
    _ = try Request(self)
    guard seconds > 0, seconds <= 3600 else { throw ValidationError("--seconds \(seconds) is not above 0 and at most 3600.") }
  }

  func run() throws {
    let directory = ModelDirectory(try model.directory())
    let description = try directory.readDescription()
    let request = try Request(self)
    let (precisions, beams, threads) = (request.precisions, request.beams, request.threads)
    let lines = try readLines(request.file, for: description)
    var wanted = Precision.allCases.filter { (precisions.isEmpty || precisions.contains($0)) && $0.supported == $0 }
    for precision in precisions where precision.supported != precision {
      warn("this processor has no \(precision.rawValue)")
    }
    // What the others are compared with comes first.
    if !wanted.contains(.float32) { wanted.insert(.float32, at: 0) }
    let all = ProcessInfo.processInfo.activeProcessorCount
    let threadCounts = threads.isEmpty ? Set([1, all]).sorted() : Array(Set(threads)).sorted()

    // What is wrong with the list is said before minutes have gone by.
    let hasShortlist = directory.hasShortlist
    if hasShortlist {
      _ = try LexicalShortlist(file: directory.shortlist, of: .init(description, TextPipeline(directory: directory.url)))
    }
    let output = StandardOutput.shared
    try output.write(line: "\(directory.url.path), \(lines.count) lines, \(all) processors")
    try output.write(line: Measurement.header)
    var measurements: [Measurement] = []
    var references: [Int: [String]] = [:]
    for precision in wanted {
      let translator = try Translator(model: directory.url, precision: precision)
      for beam in beams {
        for threads in threadCounts {
          let measured = Measurement(
            translator, lines, beam: beam, threads: threads, seconds: seconds, like: references[beam])
          if precision == .float32 { references[beam] = references[beam] ?? measured.sample }
          guard precisions.isEmpty || precisions.contains(precision) else { break }
          try output.write(line: measured.row)
          try output.flush()
          measurements.append(measured)
        }
      }
    }
    let withShortlist = hasShortlist ? try measureShortlist(directory.url, lines, measurements, references) : nil
    if let withShortlist { try output.write(line: withShortlist.row) }
    try output.write(line: "")
    for line in Measurement.advice(measurements, withShortlist: withShortlist) { try output.write(line: line) }
  }

  /// The fastest setting at the widest beam, with the model's shortlist.
  private func measureShortlist(
    _ directory: URL, _ lines: [String], _ measurements: [Measurement], _ references: [Int: [String]]
  ) throws -> Measurement? {
    guard let best = Measurement.fastest(measurements) else { return nil }
    let translator = try Translator(model: directory, precision: best.precision, withShortlist: true)
    return Measurement(
      translator, lines, beam: best.beam, threads: best.threads, seconds: seconds, like: references[best.beam])
  }

  private func readLines(_ file: String?, for description: ModelDescription) throws -> [String] {
    let places = ["Eval/test.fr", DefaultModel.share.appendingPathComponent("eval/test.fr").path]
    let own = places.first { description.sourceLanguage == "fr" && FileManager.default.fileExists(atPath: $0) }
    guard let path = file ?? own else {
      throw ValidationError("Give a file of lines in the model's language, \(description.sourceLanguage).")
    }
    let input = try LineInput([path], replacingInvalid: true)
    var lines: [String] = []
    while lines.count < 100_000, let line = try input.next() { lines.append(line) }
    guard !lines.isEmpty else { throw ValidationError("\(path) has no lines.") }
    return lines
  }
}

/// How fast one setting is.
private struct Measurement {
  let precision: Precision
  let beam: Int
  let threads: Int
  let hasShortlist: Bool
  var sentencesPerSecond = 0.0
  var tokensPerSecond = 0.0
  /// Milliseconds of single sentences; with one thread only.
  var latency: (p50: Double, p99: Double)?
  /// Translations of the first lines, and the share of them that are like the reference's.
  let sample: [String]
  let same: Double

  /// Lines of the sample, and lines translated one by one.
  static let sampleLines = 200
  static let singleLines = 100

  init(_ translator: Translator, _ lines: [String], beam: Int, threads: Int, seconds: Double, like reference: [String]?) {
    (precision, self.beam, self.threads) = (translator.precision, beam, threads)
    hasShortlist = translator.shortlist != nil
    var options = translator.defaultOptions
    options.search.beamSize = beam
    options.threads = threads
    let clock = ContinuousClock()
    // Makes the code for this shape of products, and says how many lines the time is enough for.
    var translated: [TranslatedLine] = []
    let first = Array(lines.prefix(Self.sampleLines))
    let warming = clock.measure { translated = translator.translate(first, options: options) }.seconds
    sample = translated.map(\.text)
    same = zip(sample, reference ?? sample).reduce(0.0) { $0 + ($1.0 == $1.1 ? 1 : 0) } / Double(max(1, sample.count))
    let count = max(first.count, Int(Double(first.count) * seconds / max(warming, 1e-6)))
    let work = (0..<min(count, 1_000_000)).map { lines[$0 % lines.count] }
    let elapsed = clock.measure { translated = translator.translate(work, options: options) }.seconds
    sentencesPerSecond = Double(work.count) / elapsed
    tokensPerSecond = Double(translated.reduce(0) { $0 + $1.outputTokens }) / elapsed
    guard threads == 1 else { return }
    options.batchSentences = 1
    let times = translator.translate(Array(lines.prefix(Self.singleLines)), options: options)
      .filter { $0.sourceTokens > 0 }.map(\.seconds).sorted()
    if !times.isEmpty {
      latency = (1000 * times[(times.count - 1) / 2], 1000 * times[(times.count * 99 + 99) / 100 - 1])
    }
  }

  static let header = "precision  beam  threads  sentences/s  tokens/s   p50 ms   p99 ms   same"

  var row: String {
    func padded(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    let name = precision.rawValue + String(repeating: " ", count: max(0, 9 - precision.rawValue.count))
    let latencies = latency.map { [String(format: "%.1f", $0.p50), String(format: "%.1f", $0.p99)] } ?? ["", ""]
    return name + padded("\(beam)", 6) + padded("\(threads)", 9)
      + padded(String(format: "%.1f", sentencesPerSecond), 13) + padded(String(format: "%.0f", tokensPerSecond), 10)
      + padded(latencies[0], 9) + padded(latencies[1], 9) + padded(String(format: "%.0f %%", 100 * same), 7)
      + (hasShortlist ? "  with --shortlist" : "")
  }

  /// The fastest at the widest beam.
  static func fastest(_ all: [Measurement]) -> Measurement? {
    let widest = all.map(\.beam).max()
    return all.filter { $0.beam == widest }.max { $0.sentencesPerSecond < $1.sentencesPerSecond }
  }

  /// The fastest settings for many lines, for single ones, and what a narrower beam would bring.
  static func advice(_ all: [Measurement], withShortlist: Measurement?) -> [String] {
    func flags(_ m: Measurement) -> String { "--precision \(m.precision.rawValue) --beam \(m.beam) --threads \(m.threads)" }
    var lines: [String] = []
    let widest = all.map(\.beam).max() ?? 1
    let wide = all.filter { $0.beam == widest }
    if let best = fastest(all) {
      lines.append(String(format: "Many lines:     mt translate \(flags(best))  (%.0f sentences/s)", best.sentencesPerSecond))
      if let narrow = all.filter({ $0.beam < widest }).max(by: { $0.sentencesPerSecond < $1.sentencesPerSecond }) {
        lines.append(
          String(format: "Faster still:   mt translate \(flags(narrow))  (%.1f times that; a narrower beam may cost quality)",
            narrow.sentencesPerSecond / best.sentencesPerSecond))
      }
      if let withShortlist {
        lines.append(
          String(format: "Its shortlist:  mt translate \(flags(best)) --shortlist  (%.1f times that)",
            withShortlist.sentencesPerSecond / best.sentencesPerSecond))
      }
    }
    if let quick = wide.filter({ $0.latency != nil }).min(by: { $0.latency!.p50 < $1.latency!.p50 }) {
      lines.append(String(format: "Line by line:   mt translate \(flags(quick)) --batch-sentences 1  (half within %.1f ms)",
        quick.latency!.p50))
    }
    return lines
  }
}
