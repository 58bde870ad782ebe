import ArgumentParser
import Evaluation
import Foundation
import TextProcessing
import Translation

/// `mt data`
struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract: "Look at, clean and divide a parallel corpus.",
    discussion: """
      A corpus is two aligned files, a TSV file (source and target in its first columns), or a TMX file; each may be \
      gzipped. The form of a single file follows from its name.
      """,
    subcommands: [Stats.self, Clean.self, Split.self, Words.self, Shortlist.self])
}

/// The files of a corpus.
struct CorpusFiles: ParsableArguments {
  @Argument(help: "Two aligned files, or one .tsv or .tmx.", completion: .file())
  var files: [String]

  @Flag(help: "Go on where a file is not UTF-8, with U+FFFD for what cannot be read.")
  var replaceInvalid = false

  func validate() throws {
    guard (1...2).contains(files.count) else { throw ValidationError("A corpus is one file or two, not \(files.count).") }
  }

  /// The languages are those to read of a TMX file.
  func reader(sourceLanguage: String, targetLanguage: String) throws -> any ParallelCorpusReader {
    let invalid = replaceInvalid ? LineReader.InvalidUTF8.replace : .fail
    if files.count == 2 { return try AlignedFilesReader(source: files[0], target: files[1], invalidUTF8: invalid) }
    let name = files[0].lowercased()
    if name.hasSuffix(".tmx") || name.hasSuffix(".tmx.gz") {
      return try TMXReader(
        path: files[0], sourceLanguage: sourceLanguage, targetLanguage: targetLanguage, invalidUTF8: invalid)
    }
    return try TSVReader(path: files[0], invalidUTF8: invalid)
  }
}

/// Which corpus, of which languages.
struct CorpusFlags: ParsableArguments {
  @OptionGroup var input: CorpusFiles

  @Option(help: ArgumentHelp("Source language: of a TMX file, of a script to check, and of a file to write.", valueName: "tag"))
  var sourceLanguage = "fr"

  @Option(help: ArgumentHelp("Target language, likewise.", valueName: "tag"))
  var targetLanguage = "en"

  func reader() throws -> any ParallelCorpusReader {
    try input.reader(sourceLanguage: sourceLanguage, targetLanguage: targetLanguage)
  }
}

/// Writes pairs to `<prefix>.<source language>` and `<prefix>.<target language>`, gzipped if asked.
final class PairWriter {
  private let files: [AtomicFile]
  private let compresses: Bool
  private var pending: [[UInt8]] = [[], []]
  private(set) var count = 0
  let names: [String]

  init(prefix: String, _ corpus: CorpusFlags, gzip: Bool) throws {
    compresses = gzip
    guard corpus.sourceLanguage != corpus.targetLanguage else {
      throw ValidationError(
        "both languages are \(corpus.sourceLanguage): the two files that are written bear their names; give --source-language "
          + "and --target-language.")
    }
    names = [corpus.sourceLanguage, corpus.targetLanguage].map { "\(prefix).\($0)" + (gzip ? ".gz" : "") }
    for name in names { try requireApart(name, from: corpus.input.files) }
    files = try names.map { try AtomicFile(URL(fileURLWithPath: $0)) }
  }

  func write(_ pair: SentencePair) throws {
    for (side, text) in [pair.source, pair.target].enumerated() {
      pending[side].append(contentsOf: text.utf8)
      pending[side].append(0x0A)
    }
    count += 1
    if pending[0].count + pending[1].count >= 1 << 20 { try flush() }
  }

  private func flush() throws {
    for side in 0..<2 {
      // Gzip members one after another are a gzip file.
      let bytes = compresses ? try Gzip.compress(pending[side]) : pending[side]
      try bytes.withUnsafeBytes { try files[side].append($0) }
      pending[side].removeAll(keepingCapacity: true)
    }
  }

  func finish() throws {
    // Also where there is nothing: an empty file is not gzip's.
    try flush()
    for file in files { try file.commit() }
  }
}

extension DataCommand {
  enum ReportFormat: String, CaseIterable, ExpressibleByArgument {
    case text, json
  }

  struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print sizes, lengths, scripts and repetitions of a corpus.")

    @OptionGroup var corpus: CorpusFlags

    @Option(help: "What to print.")
    var format = ReportFormat.text

    private struct Record: Encodable {
      var pairs, duplicate_pairs, identical_sides: Int
      var word_ratio: Double
      var source, target: CorpusStatistics.Side
    }

    func run() throws {
      let reader = try corpus.reader()
      var statistics = CorpusStatistics()
      while let pair = try reader.nextPair() { statistics.add(pair) }
      let output = StandardOutput.shared
      if format == .json {
        let record = Record(
          pairs: statistics.pairs, duplicate_pairs: statistics.duplicatePairs, identical_sides: statistics.identicalSides,
          word_ratio: statistics.wordRatio, source: statistics.source, target: statistics.target)
        return try output.write(line: json(record))
      }
      try output.write(line: "pairs            \(statistics.pairs)")
      try output.write(line: "duplicate pairs  \(statistics.duplicatePairs)")
      try output.write(line: "identical sides  \(statistics.identicalSides)")
      try output.write(line: "target words for a source word  " + String(format: "%.3f", statistics.wordRatio))
      for (name, side) in [("source", statistics.source), ("target", statistics.target)] {
        let lines = Double(max(1, statistics.pairs))
        try output.write(line: "")
        try output.write(line: "\(name): \(side.words) words, \(side.distinctWords) different, \(side.characters) characters")
        try output.write(line: String(
          format: "  %.2f words a line, at most %d; %d empty lines", Double(side.words) / lines, side.longestLine,
          side.emptyLines))
        let scripts = side.scripts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\($0.key) \($0.value)" }
        try output.write(line: "  scripts: " + scripts.joined(separator: ", "))
        for (i, count) in side.lengthHistogram.enumerated() where count > 0 {
          let range = i == side.lengthHistogram.count - 1 ? "\(10 * i)+" : "\(10 * i)–\(10 * i + 9)"
          let label = String(repeating: " ", count: max(0, 9 - range.count)) + range
          let bar = String(repeating: "█", count: Int((40 * Double(count) / lines).rounded()))
          try output.write(line: "  \(label) words  \(count)  \(bar)")
        }
      }
    }
  }

  struct Clean: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Leave out pairs that would teach nothing good, and say what and why.",
      discussion: """
        Writes <output>.<source language> and <output>.<target language>, and prints how many pairs each rule left \
        out, with examples.
        """)

    @OptionGroup var corpus: CorpusFlags

    @Option(help: ArgumentHelp("Prefix of the files to write.", valueName: "prefix"))
    var output: String

    @Option(help: ArgumentHelp("Shortest side in words.", valueName: "n"))
    var minWords = 1

    @Option(help: ArgumentHelp("Longest side in words.", valueName: "n"))
    var maxWords = 200

    @Option(help: ArgumentHelp(
      "Largest ratio of the sides' characters, each plus 10; a Chinese one counts as 3, a Japanese or Korean one as 2.",
      valueName: "r"))
    var maxRatio = 2.5

    @Option(help: ArgumentHelp(
      "Longest word in characters, URLs and scripts without spaces apart.", valueName: "n"))
    var longestWord = 50

    @Flag(inversion: .prefixedNo, help: "Leave out pairs that came before.")
    var duplicates = true

    @Flag(inversion: .prefixedNo, help: "Leave out pairs whose sides are the same.")
    var identical = true

    @Flag(inversion: .prefixedNo, help: "Leave out lines in a script that is not their language's.")
    var scripts = true

    @Flag(help: "Write gzipped files.")
    var gzip = false

    @Option(help: "What to print.")
    var format = ReportFormat.text

    func validate() throws {
      try SearchFlags.require("--min-words", minWords, in: 0...Int.max)
      try SearchFlags.require("--max-words", maxWords, in: max(1, minWords)...Int.max)
      try SearchFlags.require("--longest-word", longestWord, in: 1...Int.max)
      guard maxRatio >= 1 else { throw ValidationError("--max-ratio \(maxRatio) is below 1.") }
    }

    func run() throws {
      var options = CleaningOptions()
      options.minimumWords = minWords
      options.maximumWords = maxWords
      options.maximumLengthRatio = maxRatio
      options.longestWord = longestWord
      options.dropsDuplicates = duplicates
      options.dropsIdentical = identical
      if scripts {
        options.sourceScripts = ScriptDetector.scripts(ofLanguage: corpus.sourceLanguage)
        options.targetScripts = ScriptDetector.scripts(ofLanguage: corpus.targetLanguage)
      }
      let reader = try corpus.reader()
      let writer = try PairWriter(prefix: output, corpus, gzip: gzip)
      var cleaner = CorpusCleaner(options)
      while let pair = try reader.nextPair() {
        if cleaner.keeps(pair) { try writer.write(pair) }
      }
      try writer.finish()
      let report = cleaner.report
      if format == .json { return try StandardOutput.shared.write(line: json(report)) }
      try StandardOutput.shared.write(line: "\(report.kept) of \(report.total) pairs kept: \(writer.names.joined(separator: ", "))")
      for reason in DropReason.allCases where report[reason].count > 0 {
        try StandardOutput.shared.write(line: "\(report[reason].count) left out: \(reason.rawValue)")
        for example in report[reason].examples {
          try StandardOutput.shared.write(
            line: "  line \(example.line): \(Clean.shortened(example.pair.source)) ||| \(Clean.shortened(example.pair.target))")
        }
      }
    }

    private static func shortened(_ text: String) -> String { text.count <= 60 ? text : text.prefix(57) + "…" }
  }

  struct Words: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Count the words of a text: what error analysis sorts words by.",
      discussion: """
        Training leaves the counts of its target language with the model. For a model that came without them, count the \
        text it was trained on into its \(ModelDirectory.wordCountsFile). Words are cut as BLEU's tokenizer 13a does it.
        """)

    @Argument(help: "Text of the target language.", completion: .file())
    var files: [String]

    @Option(help: ArgumentHelp("Write the counts to this file, gzipped if its name ends in .gz.", valueName: "file"))
    var output: String?

    @Option(help: ArgumentHelp("Different words to keep at most, the most frequent.", valueName: "n"))
    var limit = ModelDirectory.wordCountsLimit

    @Flag(help: "Go on where a file is not UTF-8, with U+FFFD for what cannot be read.")
    var replaceInvalid = false

    func validate() throws {
      guard limit > 0 else { throw ValidationError("--limit \(limit) is below 1.") }
    }

    func run() throws {
      try requireApart(output, from: files)
      if let output { try AtomicFile.check(URL(fileURLWithPath: output)) }
      let input = try LineInput(files, replacingInvalid: replaceInvalid)
      let splitter = WordSplitter()
      var counts = WordCounts()
      while let line = try input.next() {
        for word in splitter.words(line) { counts.add(word) }
      }
      guard let output else {
        for (word, count) in counts.sorted.prefix(limit) { try StandardOutput.shared.write(line: "\(word)\t\(count)") }
        return
      }
      try counts.write(to: URL(fileURLWithPath: output), limit: limit)
    }
  }

  struct Split: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Divide a corpus into training, validation and test sets that share no sentence.",
      discussion: """
        Pairs that have a sentence in common, directly or through others, stay together; a random split of pairs \
        would leak. Writes <output>.train.<language>, <output>.valid.<language> and <output>.test.<language>.
        """)

    @OptionGroup var corpus: CorpusFlags

    @Option(help: ArgumentHelp("Prefix of the files to write.", valueName: "prefix"))
    var output: String

    @Option(help: ArgumentHelp("Pairs for validation, about. (default: 1000, a tenth if that is less)", valueName: "n"))
    var validation: Int?

    @Option(help: ArgumentHelp("Pairs for the test, about. (default: as for validation)", valueName: "n"))
    var test: Int?

    @Option(help: ArgumentHelp("The same seed gives the same parts.", valueName: "n"))
    var seed: UInt64 = 1

    @Flag(help: "Write gzipped files.")
    var gzip = false

    func validate() throws {
      try SearchFlags.require("--validation", validation, in: 0...Int.max)
      try SearchFlags.require("--test", test, in: 0...Int.max)
    }

    func run() throws {
      let pairs = try corpus.reader().readAll()
      let share = min(1000, pairs.count / 10)
      let (validation, test) = (validation ?? share, test ?? share)
      let parts = CorpusSplitter.parts(of: pairs, validation: validation, test: test, seed: seed)
      guard pairs.isEmpty || parts.contains(.train) else {
        throw ValidationError(
          "of \(pairs.count) pairs, \(validation) for validation and \(test) for the test leave none to learn from.")
      }
      // All are tried before the first takes its name.
      let writers = try [(CorpusSplitter.Part.train, "train"), (.validation, "valid"), (.test, "test")].map {
        (part: $0, name: $1, writer: try PairWriter(prefix: "\(output).\($1)", corpus, gzip: gzip))
      }
      for (part, _, writer) in writers {
        for (pair, itsPart) in zip(pairs, parts) where itsPart == part { try writer.write(pair) }
      }
      for (_, name, writer) in writers {
        try writer.finish()
        try StandardOutput.shared.write(line: "\(name)  \(writer.count) pairs: \(writer.names.joined(separator: ", "))")
      }
    }
  }
}
