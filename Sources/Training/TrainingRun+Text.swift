import Autograd
import Foundation
import Seq2Seq
import TextProcessing
import Translation

/// From the corpora to what is learnt from and what is validated on.
extension TrainingRun {
  func learnVocabulary(_ texts: [ParallelText]) throws -> TextPipeline {
    if case .given(let source, let target)? = recipe.sentencePiece {
      let finder = CorpusFinder(data: options.data, recipe: recipe.directory)
      return try TextPipeline(
        sentencePieceModel: finder.find(source), target: source == target ? nil : finder.find(target))
    }
    let begin = ContinuousClock.now
    let total = texts.reduce(0) { $0 + $1.count }
    let wanted = recipe.learningLines == 0 ? total : min(total, recipe.learningLines)
    var (sources, targets): ([String], [String]) = ([], [])
    for text in texts where text.count > 0 {
      let share = max(1, text.count * wanted / total)
      for i in 0..<share {
        sources.append(text.source(i * text.count / share))
        targets.append(text.target(i * text.count / share))
      }
    }
    let pipeline: TextPipeline
    if case .learnt(let kind)? = recipe.sentencePiece {
      pipeline = try TextPipeline.learn(kind, configuration: recipe.text, source: sources, target: targets)
    } else {
      do {
        pipeline = try TextPipeline.learn(
          configuration: recipe.text, source: sources, target: targets, placeholders: recipe.augmentation.copiedItems > 0)
      } catch TextError.vocabularyTooSmall(let asked, let needed) {
        throw RecipeError.wrongType(
          key: "text.vocabulary_size", line: nil, value: String(asked),
          expected: "at least \(needed), which the special symbols and the characters of the corpora need alone")
      }
    }
    let sizes = Set([pipeline.sourceVocabulary.count, pipeline.targetVocabulary.count]).sorted()
    progress.message(
      "vocabulary of \(sizes.map(Format.grouped).joined(separator: " and ")) learnt from "
        + "\(Format.grouped(sources.count)) pairs in \(Format.duration((ContinuousClock.now - begin).seconds))")
    return pipeline
  }

  /// The pairs to train on, and the mean number of target tokens of a pair of each corpus.
  func encode(
    _ texts: [ParallelText], _ pipeline: TextPipeline, _ configuration: ModelConfiguration, _ pool: WorkerPool
  ) throws -> (any PairSource, [Double]) {
    let longest = min(recipe.maximumLength, configuration.maximumLength)
    let names = recipe.train.map(\.source).joined(separator: ", ")
    func left(_ dropped: Int) -> String { "\(Format.grouped(dropped)) pairs of more than \(longest) subwords left out" }
    guard zip(texts, recipe.train).contains(where: { $0.count > 0 && $1.weight > 0 }) else {
      throw TrainingError.noData("every corpus that has a sentence pair has the weight 0: \(names)")
    }
    if recipe.bpeDropout > 0 || recipe.augmentation.isOn {
      // How long a pair is depends on how it is cut this time; without dropout it is shortest.
      let dropped = texts.map { TextPairs.countLonger($0, pipeline, maximumLength: longest, pool: pool) }
      let total = dropped.reduce(0, +)
      guard total < texts.reduce(0, { $0 + $1.count }) else {
        throw TrainingError.noData("every sentence pair of \(names) is longer than \(longest) subwords")
      }
      if total > 0 { progress.message(left(total)) }
      let pairs = TextPairs(
        corpora: texts, pipeline: pipeline, augmentation: recipe.augmentation, dropout: recipe.bpeDropout,
        maximumLength: longest, seed: recipe.training.seed)
      return (pairs, texts.map { TextPairs.meanTargetTokens($0, pipeline, maximumLength: longest) })
    }
    let begin = ContinuousClock.now
    let corpora = texts.map { TextPairs.encodeOnce($0, pipeline, maximumLength: longest, pool: pool) }
    let dropped = zip(texts, corpora).reduce(0) { $0 + $1.0.count - $1.1.count }
    progress.message(
      "encoded in \(Format.duration((ContinuousClock.now - begin).seconds))" + (dropped > 0 ? "; " + left(dropped) : ""))
    guard corpora.contains(where: { $0.count > 0 }) else {
      throw TrainingError.noData("every sentence pair of \(names) is longer than \(longest) subwords")
    }
    return (EncodedPairs(corpora), corpora.map { Double($0.targetTokens) / Double(max($0.count, 1)) })
  }

  func makeValidator(
    _ pipeline: TextPipeline, _ description: ModelDescription, _ pool: WorkerPool
  ) throws -> TextValidator? {
    guard let valid = recipe.valid else { return nil }
    let finder = CorpusFinder(data: options.data, recipe: recipe.directory)
    var everything = CleaningOptions()
    (everything.maximumWords, everything.maximumLengthRatio, everything.longestWord) = (nil, nil, nil)
    (everything.dropsIdentical, everything.dropsDuplicates) = (false, false)
    var cleaner = CorpusCleaner(everything)
    let text = try ParallelText(source: finder.find(valid.source), target: finder.find(valid.target), cleaner: &cleaner)
    var (pairs, references) = (EncodedCorpus(), [String]())
    var random = RandomGenerator(seed: 0)
    for i in 0..<text.count {
      let pair = TextPairs.encode(text.source(i), text.target(i), pipeline, dropout: 0, random: &random)
      guard max(pair.source.count, pair.target.count) <= description.model.maximumLength else { continue }
      pairs.append(source: pair.source, target: pair.target)
      references.append(text.target(i))
    }
    guard pairs.count > 0 else {
      throw TrainingError.noData("no sentence pair to validate on in \(valid.source)")
    }
    return try TextValidator(
      recipe.validation, pipeline, ModelDirectory(output), description, pairs: pairs, references: references,
      searchPrecision: recipe.training.precision)
  }
}
