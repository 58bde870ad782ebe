import Foundation
import Testing

@testable import TextProcessing

/// A little French and English to learn from.
enum SampleCorpus {
  static let french = [
    "L'homme qu'il a vu n'est pas venu aujourd'hui.", "Avez-vous dix-sept ans ? Oui, j'ai dix-sept ans.",
    "Le train part à 10h30, ou à 10:45 ; il coûte 3,14 euros.", "Où va-t-il ? Il s'en va jusqu'à la mer.",
    "Les enfants jouent dans le jardin de la maison.", "La maison de l'enfant est près de la mer.",
  ]
  static let english = [
    "The man he saw didn't come today.", "Are you seventeen? Yes, I'm seventeen years old.",
    "The train leaves at 10:30 or at 10:45; it costs 3.14 euros.", "Where is he going? He's going to the sea.",
    "The children are playing in the garden of the house.", "The child's house is near the sea.",
  ]

  static func pipeline(size: Int = 500, _ change: (inout TextConfiguration) -> Void = { _ in }) throws -> TextPipeline {
    var configuration = TextConfiguration()
    configuration.characterCoverage = 1
    change(&configuration)
    return try TextPipeline.learn(configuration: configuration, source: french, target: english, vocabularySize: size)
  }
}

/// Every combination that changes what a character becomes.
let configurations: [TextConfiguration] = NormalForm.allCases.flatMap { form in
  TokenizerKind.allCases.flatMap { tokenizer in
    [false, true].flatMap { other in
      ControlCharacterHandling.allCases.map { controls in
        var configuration = TextConfiguration()
        configuration.normalForm = form
        configuration.tokenizer = tokenizer
        configuration.controlCharacters = controls
        configuration.lowercase = other
        configuration.quotes = other ? .ascii : .keep
        configuration.formatCharacters = other && controls == .space ? .remove : .keep
        configuration.vocabulary = other ? .separate : .joint
        configuration.splitDigits = !other
        configuration.characterCoverage = 1
        return configuration
      }
    }
  }
}

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

@Suite struct TextPipelineTests {
  @Test("words and ids of any text give back the normalised text, byte for byte", arguments: configurations)
  func roundTrips(configuration: TextConfiguration) throws {
    let pipeline = try TextPipeline.learn(
      configuration: configuration, source: SampleCorpus.french, target: SampleCorpus.english, vocabularySize: 400)
    var random = SeededGenerator(17)
    for _ in 0..<400 {
      let text = RandomText.make(upTo: 30, &random)
      let normalized = pipeline.normalize(text)
      let tokens = pipeline.tokenize(text)
      #expect(bytes(pipeline.detokenize(tokens: tokens)) == bytes(normalized), "\(text.debugDescription)")
      #expect(tokens.allSatisfy { !$0.isEmpty && !$0.unicodeScalars.contains(where: \.properties.isWhitespace) })
      #expect(bytes(pipeline.decodeSource(pipeline.encodeSource(text))) == bytes(normalized), "\(text.debugDescription)")
      let ids = pipeline.encodeTarget(text, dropout: 0.3, random: &random)
      #expect(bytes(pipeline.decodeTarget(ids)) == bytes(normalized), "\(text.debugDescription)")
      let pieces = pipeline.sourcePieces(text)
      #expect(bytes(pipeline.detokenize(pieces: pieces)) == bytes(normalized), "\(text.debugDescription)")
      #expect(pieces.allSatisfy { !$0.unicodeScalars.contains(where: \.properties.isWhitespace) })
      #expect(bytes(pipeline.normalize(normalized)) == bytes(normalized), "\(text.debugDescription)")
    }
  }

  @Test("lines of 100 kB come back too, with and without spaces")
  func longLines() throws {
    let pipeline = try SampleCorpus.pipeline()
    var random = SeededGenerator(3)
    var mixed = ""
    while mixed.utf8.count < 100_000 { mixed += RandomText.make(upTo: 50, &random) }
    let lines = [
      mixed, String(repeating: "l'enfant", count: 12_500), String(repeating: "-t-il", count: 20_000),
      String(repeating: "é", count: 50_000), String(repeating: "\u{301}", count: 50_000),
      String(repeating: "a@b.c{%1$s://", count: 8_000), mixed.filter { $0 != " " },
    ]
    for line in lines {
      let normalized = pipeline.normalize(line)
      #expect(bytes(pipeline.decodeSource(pipeline.encodeSource(line))) == bytes(normalized))
      #expect(bytes(pipeline.detokenize(tokens: pipeline.tokenize(line))) == bytes(normalized))
    }
  }
}
