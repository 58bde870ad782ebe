import Autograd
import Foundation
import Seq2Seq
import TestSupport
import Testing

@testable import TextProcessing
@testable import Translation

@Suite struct AlignmentTests {
  let directory: TemporaryDirectory
  let translator: Translator

  init() throws {
    directory = try TemporaryDirectory()
    try TinyModel.save(to: directory.url)
    translator = try Translator(model: directory.url)
  }

  var options: TranslationOptions {
    var options = translator.defaultOptions
    options.search.maximumLength = 12
    options.search.hypothesisCount = 3
    options.threads = 1
    return options
  }

  @Test("the head that aligns is found, though it does so a step late and most heads do not")
  func heads() {
    // Four targets and the end, three sources and the end. One head of layer 0 aligns 2, 0, 1, 1 one step late; the last
    // layer's heads lean that way; a third looks at the end only.
    func row(_ place: Int, _ weight: Float) -> [Float] {
      (0..<4).map { $0 == place ? weight : (1 - weight) / 3 }
    }
    let truth = [2, 0, 1, 1]
    let late = [row(3, 0.97)] + truth.map { row($0, 0.97) }
    let end = (0..<5).map { _ in row(3, 0.97) }
    let vague = truth.map { row($0, 0.4) } + [row(3, 0.9)]
    let wrong = [0, 0, 1, 1].map { row($0, 0.45) } + [row(3, 0.9)]
    let mixed = AlignmentHeads.mixed([[late, end], [vague, vague, wrong]])
    #expect(mixed.map { row in row.indices.max { row[$0] < row[$1] }! } == truth)
    for (row, place) in zip(mixed, truth) {
      #expect(row[place] > 0.9)
      #expect(abs(row.reduce(0, +) - 1) < 1e-5)
    }
    // Nothing to choose from: the map itself, without the end symbol's row.
    let alone = AlignmentHeads.mixed([[vague]])
    #expect(alone.count == 4 && alone[0].indices.max { alone[0][$0] < alone[0][$1] } == 2)
  }

  @Test("words add up their pieces, whatever the pieces are")
  func words() throws {
    let sources = ["Le petit   chat dort.", " Où est la gare, s'il vous plaît ?", "…", ""]
    let lines = translator.translate(sources, options: options)
    let alignments = translator.align(sources, lines.map { $0.candidates[0] }, options: options)
    for (source, (line, alignment)) in zip(sources, zip(lines, alignments)) {
      #expect(alignment.sourceLead + alignment.source.map { $0.text + $0.gap }.joined() == source)
      #expect(alignment.targetLead + alignment.target.map { $0.text + $0.gap }.joined() == line.text)
      #expect(alignment.weights.allSatisfy { $0.count == alignment.source.count })
    }
    let ids = translator.text.encodeSource(sources[0])
    let first = alignments[0]
    #expect(first.sourcePieces == ids.map(translator.text.sourceVocabulary.piece))
    #expect(first.pieceWeights.count == first.targetPieces.count && first.pieceWeights[0].count == ids.count + 1)
    #expect(first.pieceLogProbabilities.count == first.targetPieces.count + 1)
    // log P of the words and of the end is the hypothesis's.
    let sum = first.logProbabilities.reduce(0, +) + Double(first.pieceLogProbabilities.last ?? 0)
    #expect(abs(sum - lines[0].candidates[0].logProbability) < 1e-3)
    let written = PieceSpans(
      lines[0].candidates[0].tokens, decode: translator.text.decodeTarget, spans: [], units: TextUnits(lines[0].text)
    ).shares
    // What a target word does not give to source words it gives to the end of the sentence.
    for (word, row) in first.weights.enumerated() {
      let pieces = written.indices.filter { written[$0].contains { $0.unit == word } }
      if let only = pieces.first, pieces.count == 1 {
        #expect(abs(row.reduce(0, +) + first.pieceWeights[only][ids.count] - 1) < 1e-4)
      }
    }
    // Untranslated lines run alike.
    #expect(alignments[2].weights == [[1]] && alignments[2].logProbabilities.isEmpty)
  }

  @Test("pieces belong to the words whose characters they hold, bytes and placeholders too")
  func pieces() {
    let text = translator.text
    let line = "le chat 字 dort"
    let ids = text.encodeSource(line)
    let units = TextUnits(line)
    let shares = PieceSpans(ids, decode: text.decodeSource, spans: [], units: units).shares
    var spelt = [String](repeating: "", count: units.count)
    for (id, share) in zip(ids, shares) {
      #expect(abs(share.reduce(0) { $0 + $1.share } - 1) < 1e-6)
      for (unit, _) in share { spelt[unit] += text.sourceVocabulary.piece(id) }
    }
    #expect(spelt[0] == "▁le" && spelt[1] == "▁chat" && spelt[3].hasPrefix("▁"))
    // Three bytes make up the character that the vocabulary lacks.
    #expect(shares.count { $0.map(\.unit) == [2] } >= 3 && !shares.contains { $0.count > 1 })
    // A placeholder is all of the words it stands for.
    let masked = PieceSpans(
      [1, 2, 3], decode: { String($0.map { [1: "a", 2: " \u{E000}", 3: " b\u{E005}"][$0]! }.joined()) },
      spans: ["New York"], units: TextUnits("a New York b")
    ).shares
    #expect(masked.map { $0.map(\.unit) } == [[0], [1, 2], [3]])
    let shared: [Float] = masked[1].map(\.share)
    #expect(abs(shared[0] - 3 / 7) < 1e-6 && abs(shared[1] - 4 / 7) < 1e-6)
  }

  @Test("an explanation has the translation, its pieces and the search's tree with its path")
  func explanation() throws {
    let text = "  Le chat dort. Où est la gare ?\n"
    let (lead, sentences) = translator.explain(text, options: options, .init(keepsTree: true))
    #expect(lead + sentences.map { $0.source + $0.gap }.joined() == text)
    #expect(sentences.count == 2)
    let lines = translator.translate(sentences.map(\.source), options: options)
    for (sentence, line) in zip(sentences, lines) {
      #expect(sentence.hypotheses.map(\.candidate) == line.candidates && line.candidates.count == 3)
      #expect(sentence.hypotheses.map { $0.alignment.target.map(\.text).joined() } == line.candidates.map { $0.text.filter { $0 != " " } })
      let tree = try #require(sentence.tree)
      let chosen = try #require(tree.chosen)
      #expect(tree.tree.tokens(chosen) == line.candidates[0].tokens + [SpecialToken.end])
      #expect(tree.pieces[chosen] == "</s>" && tree.pieces.count == tree.tree.nodes.count)
      #expect(tree.tree.path(chosen).dropLast().map { tree.pieces[$0] } == sentence.hypotheses[0].alignment.targetPieces)
      #expect(tree.tree.results.map { tree.tree.nodes[$0].score } == line.candidates.map(\.score))
    }
    // Without the tree, and for a sentence that is too long for one.
    #expect(translator.explain(text, options: options).sentences.allSatisfy { $0.tree == nil })
    var short = ExplanationOptions(keepsTree: true)
    short.longestTree = 2
    #expect(translator.explain(text, options: options, short).sentences.allSatisfy { $0.tree == nil })
    let nothing = translator.explain(" \n", options: options)
    #expect(nothing.lead == " \n" && nothing.sentences.isEmpty)
  }
}
