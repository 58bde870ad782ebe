import Foundation
import Seq2Seq
import TextProcessing

/// How the translation of a sentence came about.
public struct Explanation: Sendable, Equatable {
  /// As it stood in the text, with the white space behind it.
  public var source: String
  public var gap: String
  /// The best first, each with the words it was made from.
  public var hypotheses: [Hypothesis]
  /// Nil where it was not asked for, where the sentence is too long for it, or where nothing was searched.
  public var tree: Tree?
  public var warnings: [String]

  public struct Hypothesis: Sendable, Equatable {
    public var candidate: TranslatedLine.Candidate
    public var alignment: WordAlignment
  }

  /// Every hypothesis that the beam weighed; with a shortlist, by probabilities among what is listed.
  public struct Tree: Sendable, Equatable {
    public var beamSize: Int
    public var tree: BeamTree
    /// The token of each node as text; the end symbol is `</s>`.
    public var pieces: [String]
    /// The node with which the shown translation ends; nil where it came from another search: a wider one because a
    /// placeholder was lost, or several for the parts of a long line.
    public var chosen: Int?
  }
}

/// What is explained.
public struct ExplanationOptions: Sendable, Equatable {
  /// Whether the search's tree is wanted.
  public var keepsTree = false
  /// Source tokens of the longest sentence whose tree is kept.
  public var longestTree = 48

  public init(keepsTree: Bool = false) { self.keepsTree = keepsTree }
}

extension Translator {
  /// A text as sentences, each with as many translations as `options` ask for and how they came about. Blocks until done.
  /// Cost: for each sentence a translation, a decoder step for each token of its outputs, and with a tree another search.
  public func explain(
    _ source: String, options: TranslationOptions? = nil, _ wanted: ExplanationOptions = .init()
  ) -> (lead: String, sentences: [Explanation]) {
    let split = splitter.split(source)
    let options = options ?? defaultOptions
    let lines = translate(split.sentences.map { TranslationInput($0.text) }, options: options)
    var sentences = explain(split.sentences.map(\.text), lines, options: options, wanted)
    for index in sentences.indices { sentences[index].gap = split.sentences[index].gap }
    return (split.leadingGap, sentences)
  }

  /// The same of sentences that have been translated with `options`; gaps are empty.
  public func explain(
    _ sentences: [String], _ lines: [TranslatedLine], options: TranslationOptions, _ wanted: ExplanationOptions = .init()
  ) -> [Explanation] {
    let all = lines.indices.flatMap { index in lines[index].candidates.map { (sentences[index], $0) } }
    var alignments = align(all.map(\.0), all.map(\.1), options: options)[...]
    return sentences.indices.map { index in
      let own = alignments.prefix(lines[index].candidates.count)
      alignments = alignments.dropFirst(own.count)
      return Explanation(
        source: sentences[index], gap: "",
        hypotheses: zip(lines[index].candidates, own).map { .init(candidate: $0, alignment: $1) },
        tree: wanted.keepsTree ? tree(sentences[index], lines[index].candidates[0], options, wanted) : nil,
        warnings: lines[index].warnings)
    }
  }

  private func tree(
    _ line: String, _ best: TranslatedLine.Candidate, _ options: TranslationOptions, _ wanted: ExplanationOptions
  ) -> Explanation.Tree? {
    let preparation = LinePreparation(
      text: text, splitter: splitter, maximumLength: maximumLength,
      masksSpans: options.protectsSpans && masksSpans)
    guard options.search.sampling == nil, case .parts(let parts) = preparation.prepare(TranslationInput(line)),
      parts.count == 1, parts[0].source.count <= wanted.longestTree
    else { return nil }
    let sources = SequenceBatch([parts[0].source + [SpecialToken.end]])
    let states = models.map { $0.model.startDecoding(sources, workspace: Workspace()) }
    let longest = min(options.search.longestOutput(sourceLength: parts[0].source.count), maximumLength)
    let (_, tree) = BeamSearch(options.search).trace(
      states.count == 1 ? states[0] : EnsembleState(states),
      [
        SearchSentence(
          maximumLength: longest, source: parts[0].source,
          shortlist: options.usesShortlist ? shortlist?.choices(for: sources[0]) : nil)
      ])[0]
    let spans = parts[0].mask?.spans ?? []
    let pieces = tree.nodes.map { node in
      node.token == SpecialToken.end
        ? "</s>"
        : String(
          scalars: text.targetVocabulary.piece(node.token).unicodeScalars.flatMap { PieceSpans.expand($0, spans) })
    }
    let ended = tree.nodes.indices.filter { tree.nodes[$0].fate == .finished || tree.results.contains($0) }
    let chosen = ended.first { node in
      let tokens = tree.tokens(node)
      return (tokens.last == SpecialToken.end ? Array(tokens.dropLast()) : tokens) == best.tokens
    }
    return Explanation.Tree(beamSize: options.search.beamSize, tree: tree, pieces: pieces, chosen: chosen)
  }
}
