import Autograd
import Foundation
import Seq2Seq
import TestSupport
import Testing
import TextProcessing

@testable import Translation

@Suite struct MaskedLineTests {
  let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    try TinyModel.save(to: directory.url)
    let model = ModelDirectory(directory.url)
    var description = try model.readDescription()
    description.copiesPlaceholders = true
    try description.write(to: model.configuration)
  }

  private func hypothesis(_ translator: Translator, _ text: String) -> Hypothesis {
    let tokens = translator.text.encodeTarget(text)
    let each = Array(repeating: -1 / Float(tokens.count + 1), count: tokens.count + 1)
    return Hypothesis(tokens: tokens, logProbability: -1, score: -1, tokenLogProbabilities: each)
  }

  /// The parts of which a line is made; there is something to translate in it.
  private func prepare(
    _ translator: Translator, _ input: TranslationInput, maximumLength: Int = 30, masksSpans: Bool = true,
    splitLength: Int? = nil, numbers: NumberStyle? = nil
  ) throws -> [PreparedLine.Part] {
    let prepared = LinePreparation(
      text: translator.text, splitter: translator.splitter, maximumLength: maximumLength, masksSpans: masksSpans,
      numbers: numbers, splitLength: splitLength
    ).prepare(input)
    guard case .parts(let parts) = prepared else { return try #require(nil, "nothing to translate in \(input.text)") }
    return parts
  }

  @Test("a model that copies placeholders is given them by default, and its best faithful hypothesis gets the spans back")
  func faithfulFirst() throws {
    let translator = try Translator(model: directory.url)
    var options = translator.defaultOptions
    #expect(options.protectsSpans)
    let input = TranslationInput("Le chat B27 dort 😀.")
    let parts = try prepare(translator, input)
    let (a, b) = (Placeholder.scalar(0), Placeholder.scalar(1))
    #expect(parts.map(\.text) == ["Le chat \(a) dort \(b)."])
    let hypotheses = ["The cat \(a) sleeps.", "The \(b) \(a) cat.", "The cat \(a) \(b)."].map { hypothesis(translator, $0) }
    let line = LineAssembly(translator: translator, options: options)
      .assemble(input, parts: parts, hypotheses: [hypotheses])
    #expect(line.candidates.map(\.text) == ["The 😀 B27 cat."])
    options.search.hypothesisCount = 3
    let all = LineAssembly(translator: translator, options: options)
      .assemble(input, parts: parts, hypotheses: [hypotheses])
    #expect(all.candidates.map(\.text) == ["The 😀 B27 cat.", "The cat B27 😀."])
  }

  @Test("a line with more to keep than there are placeholders is cut until each part has enough")
  func manySpans() throws {
    let translator = try Translator(model: directory.url)
    for count in [Placeholder.count, Placeholder.count + 1, 5 * Placeholder.count] {
      let codes = (1...count).map { "B\($0)" }
      let parts = try prepare(translator, TranslationInput("Le " + codes.joined(separator: " et ") + "."), maximumLength: 200)
      #expect((parts.count == 1) == (count <= Placeholder.count))
      #expect(parts.flatMap { $0.mask?.spans ?? [] } == codes)
    }
  }

  @Test("placeholders that a model makes of nothing vanish")
  func invented() throws {
    let translator = try Translator(model: directory.url)
    let input = TranslationInput("Le chat dort.")
    let parts = try prepare(translator, input)
    let line = LineAssembly(translator: translator, options: translator.defaultOptions).assemble(
      input, parts: parts, hypotheses: [[hypothesis(translator, "The \(Placeholder.scalar(5))cat.")]])
    #expect(line.text == "The cat.")
  }

  @Test("an alignment counts the pieces that were read and written, of each part")
  func alignedPieces() throws {
    let translator = try Translator(model: directory.url)
    var options = translator.defaultOptions
    options.search.keepsAttention = true
    let input = TranslationInput("Le chat dort. La gare.")
    let parts = try prepare(translator, input, maximumLength: 60, splitLength: 1)
    #expect(parts.count == 2)
    // The second part's is of other pieces than were asked for.
    let other = translator.text.encodeSource("Le chat Le chat.")
    let found = zip(parts.indices, ["The cat.", "The station."]).map { place, text in
      var result = hypothesis(translator, text)
      if place == 1 { result.source = other }
      let width = (place == 1 ? other : parts[0].source).count
      result.attention = result.tokens.indices.map { row in (0...width).map { $0 == min(row, width - 1) ? 1 : 0 } }
      return [result]
    }
    let best = LineAssembly(translator: translator, options: options).assemble(input, parts: parts, hypotheses: found).candidates[0]
    let pairs = try #require(best.alignment)
    #expect(best.sourcePieces.count == parts[0].source.count + other.count && best.targetPieces.count == best.tokens.count)
    #expect(best.sourcePieces.joined().replacingOccurrences(of: "▁", with: " ") == " Le chat dort. Le chat Le chat.")
    #expect(best.targetPieces.joined().replacingOccurrences(of: "▁", with: " ") == " The cat. The station.")
    #expect(pairs.map(\.target) == Array(best.tokens.indices))
    // The model never wrote the whole as one sentence, so nothing is asked of it.
    #expect(translator.align([input.text], [best])[0].pieceWeights.isEmpty)
    #expect(pairs.map(\.source).max() == parts[0].source.count + found[1][0].tokens.count - 1)
  }

  @Test("each part of a line has placeholders of its own, and its own best hypothesis")
  func partsApart() throws {
    let translator = try Translator(model: directory.url)
    let input = TranslationInput("Le chat B27 dort. Où est la gare C31 ?")
    let parts = try prepare(translator, input, splitLength: 1)
    let mark = Placeholder.scalar(0)
    #expect(parts.map(\.text) == ["Le chat \(mark) dort.", "Où est la gare \(mark) ?"])
    let hypotheses = [["The cat sleeps.", "The cat \(mark)."], ["Where is \(mark)?", "Where \(mark)?", "Where?"]]
    let line = LineAssembly(translator: translator, options: translator.defaultOptions)
      .assemble(input, parts: parts, hypotheses: hypotheses.map { $0.map { hypothesis(translator, $0) } })
    #expect(line.candidates.map(\.text) == ["The cat B27. Where is C31?"])
    #expect(line.warnings.isEmpty)
  }

  @Test("a part that loses nothing keeps its best hypothesis where another has to take a later one")
  func lossOfOnePart() throws {
    let translator = try Translator(model: directory.url)
    let input = TranslationInput("Le chat a@b.fr dort. Où est la gare ?")
    let parts = try prepare(translator, input, masksSpans: false, splitLength: 1)
    #expect(parts.count == 2)
    var options = translator.defaultOptions
    options.protectsSpans = true
    let hypotheses = [["The cat sleeps.", "The cat a@b.fr."], ["Where is it?", "Where?"]]
    let line = LineAssembly(translator: translator, options: options).assemble(
      input, parts: parts, hypotheses: hypotheses.map { $0.map { hypothesis(translator, $0) } })
    #expect(line.text == "The cat a@b.fr. Where is it?")
  }

  @Test("the best hypothesis that keeps all numbers comes first, whether it copied them or was given placeholders")
  func numbersFirst() throws {
    let translator = try Translator(model: directory.url)
    let input = TranslationInput("1 200 chats en 2004.")
    let parts = try prepare(translator, input, numbers: NumberStyle(source: "fr", target: "en"))
    #expect(parts.map(\.text) == ["1 200 chats en 2004."])
    let (a, b) = (Placeholder.scalar(0), Placeholder.scalar(1))
    #expect(parts[0].mask?.withNumbersMasked == "\(a) chats en \(b).")
    func best(_ texts: [String]) -> String {
      LineAssembly(translator: translator, options: translator.defaultOptions)
        .assemble(input, parts: parts, hypotheses: [texts.map { hypothesis(translator, $0) }]).text
    }
    #expect(best(["120 cats in 2004.", "1200 cats in 20004.", "Cats, 1200 in 2004."]) == "Cats, 1200 in 2004.")
    #expect(best(["120 cats in 2004.", "\(a) cats in \(b)."]) == "1,200 cats in 2004.")
    #expect(best(["120 cats.", "120 cats in 2004."]) == "120 cats in 2004.")
  }

  @Test("a line of nothing but spans to be kept needs no model, and a forced beginning is not masked")
  func withoutModel() throws {
    let translator = try Translator(model: directory.url)
    let output = translator.translate(["B27 — 😀 https://example.org/a"])[0]
    #expect(output.text == "B27 — 😀 https://example.org/a" && output.sourceTokens == 0)
    let parts = try prepare(translator, TranslationInput("Le B27", prefix: "The B27"))
    #expect(parts[0].text == "Le B27" && parts[0].mask == nil)
  }

  @Test("a model that has not learnt placeholders is never given any")
  func otherModels() throws {
    let other = try TemporaryDirectory()
    try TinyModel.save(to: other.url)
    let translator = try Translator(model: other.url)
    #expect(!translator.defaultOptions.protectsSpans && !translator.masksSpans)
  }
}
