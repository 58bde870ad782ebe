import ArgumentParser
import Foundation
import Story
import TextProcessing
import Translation

/// `mt story`
struct StoryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "story",
    abstract: "Set models of many kinds side by side, from Elman's network to the transformer.",
    discussion: """
      Measures each model: BLEU by sentence length, how far back in time its gradients reach before and after training, \
      its gradient norms, what it attends to, and for those after --sweep what beam and length norm do. Writes \
      index.html, one page with everything drawn, and table.md. What was measured is kept in story.json beside each \
      model and not measured again for the same test. Scripts/story trains the models of Eval/story and calls this.

      Example:  mt story runs/story/gru runs/story/transformer --source s.fr --references r.en --output page
      """)

  @Argument(help: "Model directories as `mt train` leaves them, in the order of the table.")
  var models: [String]

  @Option(help: ArgumentHelp("Lines to translate. (default: the test set in Eval/)", valueName: "file"),
    completion: .file())
  var source: String?

  @Option(help: ArgumentHelp("Reference translations.", valueName: "file"), completion: .file())
  var references: String?

  @Option(help: ArgumentHelp("The sentence whose attention is drawn.", valueName: "text"))
  var sentence = "Une femme en veste rouge tient un petit chien noir."

  @Option(help: ArgumentHelp("Also try beams from 1 to 32 on this model; may be given several times.", valueName: "dir"))
  var sweep: [String] = []

  @Option(help: ArgumentHelp("The folder to write to.", valueName: "dir"), completion: .directory)
  var output: String

  @OptionGroup var threads: ThreadsOption

  /// What is kept beside a model.
  private struct Kept: Codable {
    var measuredWith: String
    var cell: StoryCell

    enum CodingKeys: String, CodingKey {
      case measuredWith = "measured_with"
      case cell
    }
  }

  func validate() throws {
    guard !models.isEmpty else { throw ValidationError("Give at least one model directory.") }
    let names = Set(models.map { URL(fileURLWithPath: $0).standardizedFileURL.path })
    if let stranger = sweep.first(where: { !names.contains(URL(fileURLWithPath: $0).standardizedFileURL.path) }) {
      throw ValidationError("--sweep \(stranger) is none of the models.")
    }
  }

  func run() throws {
    // What cannot be written to is found before the models are measured.
    let page = URL(fileURLWithPath: output)
    try OutputDirectory.make(page)
    let folders = models.map { URL(fileURLWithPath: $0).standardizedFileURL }
    let first = try ModelDirectory(folders[0]).readDescription()
    let test = try TestSet.read(
      source: source, references: references.map { [$0] } ?? [], languages: (first.sourceLanguage, first.targetLanguage),
      needsSource: true, replacingInvalid: false)
    var measure = StoryMeasure(
      sources: test.sources, references: test.references[0], sentence: sentence, threads: threads.threads)
    let progress = SharedProgress()
    measure.progress = { progress.status($0) }
    let testName = URL(fileURLWithPath: test.sourceFile).lastPathComponent
    let texts = (test.sources + test.references[0]).joined(separator: "\n")
    let measuredWith = "\(testName), \(test.sources.count) lines, CRC-32 \(Deflate.checksum(Data(texts.utf8))); \(sentence)"
    let swept = Set(sweep.map { URL(fileURLWithPath: $0).standardizedFileURL.path })
    var cells: [StoryCell] = []
    for folder in folders {
      let file = folder.appendingPathComponent("story.json")
      let weights = ModelDirectory(folder).weights
      let kept = (try? Data(contentsOf: file)).flatMap { try? JSONDecoder().decode(Kept.self, from: $0) }
      var cell: StoryCell
      if let kept, kept.measuredWith == measuredWith, isNewer(file, than: weights) {
        cell = kept.cell
      } else {
        cell = try measure.cell(folder)
      }
      if swept.contains(folder.path), cell.sweep == nil { cell.sweep = try measure.sweep(folder) }
      try AtomicFile.write(
        Data(json(Kept(measuredWith: measuredWith, cell: cell)).utf8), to: file)
      cells.append(cell)
    }
    progress.finish()
    let story = StoryReport(cells: cells, testSet: "\(testName), \(test.sources.count) lines")
    try AtomicFile.write(Data(story.html.utf8), to: page.appendingPathComponent("index.html"))
    try AtomicFile.write(Data(story.markdown.utf8), to: page.appendingPathComponent("table.md"))
    try StandardOutput.shared.write(story.markdown)
  }

  private func isNewer(_ file: URL, than other: URL) -> Bool {
    guard let own = date(of: file), let others = date(of: other) else { return false }
    return own >= others
  }

  private func date(of url: URL) -> Date? {
    (try? FileManager.default.attributesOfItem(atPath: url.path))?[.modificationDate] as? Date
  }
}
