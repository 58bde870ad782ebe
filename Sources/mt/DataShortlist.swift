import ArgumentParser
import Foundation
import Seq2Seq
import TextProcessing
import Training
import Translation

extension DataCommand {
  struct Shortlist: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Learn which words come of which: what --shortlist chooses among.",
      discussion: """
        Writes \(ModelDirectory.shortlistFile) into the model's directory: for each piece of the source vocabulary the \
        pieces of translations that the corpus has beside it, by IBM Model 1, and the most frequent pieces of all. With \
        --shortlist, `mt translate`, `mt eval` and `mt serve` choose among these for each sentence. The corpus should be \
        what the model has learnt from; several are one after `cat`. Of a TMX file the model's languages are read.

        Example:  mt data shortlist --model Models/fr-en corpus.fr corpus.en
        """)

    @OptionGroup var corpus: CorpusFiles

    @OptionGroup var model: ModelOption

    @Option(help: ArgumentHelp("Pieces that every translation may use: the most frequent.", valueName: "n"))
    var frequent = ShortlistLearner().frequent

    @Option(help: ArgumentHelp(
      "Pieces of translations looked at for a piece of the source, the most probable; those open to all count.",
      valueName: "n"))
    var best = ShortlistLearner().best

    @OptionGroup var threads: ThreadsOption

    func validate() throws {
      try SearchFlags.require("--frequent", frequent, in: 0...Int.max)
      try SearchFlags.require("--best", best, in: 0...Int.max)
    }

    func run() throws {
      let directory = try ModelDirectory(model.directory())
      try AtomicFile.check(directory.shortlist)
      let description = try directory.readDescription()
      let text = try TextPipeline(directory: directory.url)
      let longest = description.model.maximumLength
      let reader = try corpus.reader(
        sourceLanguage: description.sourceLanguage, targetLanguage: description.targetLanguage)
      var pairs = EncodedCorpus()
      while let pair = try reader.nextPair() {
        let source = text.encodeSource(pair.source), target = text.encodeTarget(pair.target)
        guard max(source.count, target.count) < longest, !source.isEmpty, !target.isEmpty else { continue }
        pairs.append(source: source + [SpecialToken.end], target: target + [SpecialToken.end])
      }
      guard pairs.count > 0 else { throw TextError.file(path: corpus.files[0], problem: "has no pair that the model could take") }
      var learner = ShortlistLearner()
      (learner.frequent, learner.best, learner.threads) = (frequent, best, threads.threads)
      let (source, target) = (text.sourceVocabulary, text.targetVocabulary)
      let shortlist = learner.learn(pairs, vocabularies: (source.count, target.count), copies: source.copies(in: target))
      try shortlist.write(to: directory.shortlist, of: .init(description, text))
      let sizes = (0..<pairs.count).map { shortlist.choices(for: pairs.source($0)).count }
      try StandardOutput.shared.write(
        line: "\(directory.shortlist.path): of \(target.count) pieces \(sizes.reduce(0, +) / sizes.count) for a sentence of "
          + "these \(pairs.count) on average")
    }
  }
}
