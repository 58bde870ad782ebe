import Foundation
import Testing

@testable import TextProcessing

/// Byte-pair encoding as its definition reads, with no thought of speed.
private enum Reference {
  /// Each round counts all pairs anew.
  static func learn(_ words: [(symbols: [String], count: Int)], alphabet: [String], rounds: Int, longest: Int) -> [String] {
    var words = words
    var order = Dictionary(uniqueKeysWithValues: alphabet.enumerated().map { ($1, $0) })
    var merges: [String] = []
    while merges.count < rounds {
      var counts: [[String]: Int] = [:]
      for (symbols, count) in words {
        for at in symbols.indices.dropFirst() { counts[[symbols[at - 1], symbols[at]], default: 0] += count }
      }
      let allowed = counts.filter { $0.value > 1 && ($0.key[0] + $0.key[1]).unicodeScalars.count <= longest }
      let best = allowed.min { a, b in
        (-a.value, order[a.key[0]] ?? 0, order[a.key[1]] ?? 0) < (-b.value, order[b.key[0]] ?? 0, order[b.key[1]] ?? 0)
      }
      guard let best else { break }
      let piece = best.key[0] + best.key[1]
      if order[piece] == nil {
        order[piece] = order.count
        merges.append(piece)
      }
      words = words.map { (merge($0.symbols, best.key[0], best.key[1]), $0.count) }
    }
    return merges
  }

  private static func merge(_ symbols: [String], _ left: String, _ right: String) -> [String] {
    var result: [String] = []
    var at = 0
    while at < symbols.count {
      if at + 1 < symbols.count, symbols[at] == left, symbols[at + 1] == right {
        result.append(left + right)
        at += 2
      } else {
        result.append(symbols[at])
        at += 1
      }
    }
    return result
  }

  /// SentencePiece's rule: the neighbours whose concatenation ranks first, the leftmost of equals.
  static func encode(_ symbols: [String], _ merges: [String]) -> [String] {
    var symbols = symbols
    while true {
      var best: (rank: Int, at: Int)?
      for at in symbols.indices.dropLast() {
        guard let rank = merges.firstIndex(of: symbols[at] + symbols[at + 1]) else { continue }
        if best.map({ rank < $0.rank }) ?? true { best = (rank, at) }
      }
      guard let best else { return symbols }
      symbols.replaceSubrange(best.at...(best.at + 1), with: [symbols[best.at] + symbols[best.at + 1]])
    }
  }
}

@Suite struct BytePairTests {
  @Test("learner and encoder agree with the definition on random words", arguments: 0..<12)
  func reference(seed: Int) throws {
    var random = SeededGenerator(UInt64(seed))
    let letters = Array("abcdé").map(String.init).prefix(2 + seed % 4)
    let words = Dictionary(
      (0..<40).map { _ in
        ((0..<Int.random(in: 1...9, using: &random)).map { _ in letters.randomElement(using: &random) ?? "a" }.joined(),
          Int.random(in: 1...30, using: &random))
      }, uniquingKeysWith: +)
    var configuration = TextConfiguration()
    configuration.tokenizer = seed % 2 == 0 ? .icu : .whitespace
    configuration.characterCoverage = 1
    configuration.longestPiece = 3 + seed
    let lines = words.sorted { $0.key < $1.key }.flatMap { Array(repeating: $0.key, count: $0.value) }
    let pipeline = try TextPipeline.learn(
      configuration: configuration, source: lines, target: [], vocabularySize: 258 + letters.count + 1 + 25)
    let vocabulary = pipeline.sourceVocabulary
    let learnt = Reference.learn(
      words.map { (["▁"] + $0.key.map(String.init), $0.value) }, alphabet: vocabulary.characterPieces, rounds: 25,
      longest: configuration.longestPiece)
    #expect(vocabulary.mergePieces == learnt)
    for word in words.keys {
      #expect(pipeline.sourcePieces(word) == Reference.encode(["▁"] + word.map(String.init), learnt))
    }
  }

  @Test("long words go the same way as short ones")
  func longWords() throws {
    let pipeline = try SampleCorpus.pipeline { $0.tokenizer = .whitespace }
    var random = SeededGenerator(8)
    let merges = pipeline.sourceVocabulary.mergePieces
    for length in [1, 2, 70, 200] {
      let word = String((0..<length).map { _ in "aeinorst".randomElement(using: &random) ?? "e" })
      #expect(pipeline.sourcePieces(word) == Reference.encode(["▁"] + word.map(String.init), merges))
    }
  }

  @Test("dropout 1 gives single characters, 0 the plain pieces, between them ever new ones of the same text")
  func dropout() throws {
    let pipeline = try SampleCorpus.pipeline()
    let text = "Les enfants de la maison jouent aujourd'hui."
    var random = SeededGenerator(1)
    let plain = pipeline.encodeSource(text)
    #expect(pipeline.encodeSource(text, dropout: 0, random: &random) == plain)
    let single = pipeline.encodeSource(text, dropout: 1, random: &random)
    #expect(single.count == text.unicodeScalars.filter { $0 != " " }.count + 7)
    #expect(single.allSatisfy { pipeline.sourceVocabulary.characters.contains(Int($0)) })
    var seen: Set<[Int32]> = []
    var total = 0
    for _ in 0..<200 {
      let ids = pipeline.encodeSource(text, dropout: 0.2, random: &random)
      #expect(pipeline.decodeSource(ids) == text)
      seen.insert(ids)
      total += ids.count
    }
    #expect(seen.count > 150)
    #expect(total > 200 * plain.count && total < 200 * single.count)
    var again = SeededGenerator(9)
    var once = SeededGenerator(9)
    #expect(
      pipeline.encodeTarget(text, dropout: 0.5, random: &again) == pipeline.encodeTarget(text, dropout: 0.5, random: &once))
  }

  @Test("dropout passes over the only merge of a pair as often as it says")
  func dropoutRate() throws {
    var configuration = TextConfiguration()
    configuration.characterCoverage = 1
    let pipeline = try TextPipeline.learn(
      configuration: configuration, source: ["a a a"], target: [], vocabularySize: 261)
    #expect(pipeline.sourceVocabulary.mergePieces == ["▁a"])
    var random = SeededGenerator(2)
    let parted = (0..<10_000).count { _ in pipeline.encodeSource("a", dropout: 0.3, random: &random).count == 2 }
    // Five standard deviations of a binomial.
    #expect(abs(parted - 3_000) < 230)
  }

  @Test("no piece mixes digits, looks like a symbol, or holds a space; rare characters are spelt in bytes",
    arguments: TokenizerKind.allCases)
  func forms(tokenizer: TokenizerKind) throws {
    var configuration = TextConfiguration()
    configuration.characterCoverage = 0.99
    configuration.tokenizer = tokenizer
    let lines = Array(repeating: "<0x41> </s> <unk> 2024 2024 l'an ▁▁ ok, ok.", count: 50) + ["ꙮ"]
    let pipeline = try TextPipeline.learn(configuration: configuration, source: lines, target: lines, vocabularySize: 500)
    let vocabulary = pipeline.sourceVocabulary
    for piece in vocabulary.mergePieces {
      #expect(!Vocabulary.isReserved(piece))
      #expect(!piece.unicodeScalars.dropFirst().contains("▁"))
      #expect(piece.unicodeScalars.count { ("0"..."9").contains($0) } <= 1)
      #expect(tokenizer == .whitespace || !(piece.contains(",") && piece.contains("k")))
    }
    #expect(vocabulary.mergePieces.contains(tokenizer == .whitespace ? "▁l'an" : "▁l'"))
    #expect(pipeline.sourcePieces("ꙮ") == ["▁", "<0xEA>", "<0x99>", "<0xAE>"])
    #expect(pipeline.sourcePieces("a▁").suffix(3) == ["<0xE2>", "<0x96>", "<0x81>"])
    #expect(pipeline.sourcePieces("<0x41>").joined() == "▁<0x41>" && pipeline.sourcePieces("<0x41>").count > 1)
  }

  @Test("ids of special symbols are fixed, and the vocabulary is a bijection", arguments: [true, false])
  func vocabulary(byteFallback: Bool) throws {
    let pipeline = try SampleCorpus.pipeline(size: 420) {
      $0.byteFallback = byteFallback
      $0.vocabulary = byteFallback ? .joint : .separate
    }
    for vocabulary in [pipeline.sourceVocabulary, pipeline.targetVocabulary] {
      #expect(vocabulary.piece(Vocabulary.endOfSentence) == "</s>")
      #expect(vocabulary.piece(Vocabulary.unknown) == "<unk>")
      #expect(vocabulary.id("<0x0A>") == (byteFallback ? 12 : nil))
      #expect(vocabulary.count <= 420)
      #expect(vocabulary.isShared == byteFallback)
      for id in 0..<Int32(vocabulary.count) { #expect(vocabulary.id(vocabulary.piece(id)) == id) }
    }
    #expect(byteFallback == (pipeline.sourceVocabulary.mergePieces == pipeline.targetVocabulary.mergePieces))
    if !byteFallback { #expect(pipeline.encodeSource("ꙮ").last == Vocabulary.unknown) }
  }

  @Test("bytes that make no character become U+FFFD, special symbols nothing, line breaks a space")
  func decoding() throws {
    let pipeline = try SampleCorpus.pipeline()
    let vocabulary = pipeline.targetVocabulary
    func id(_ piece: String) throws -> Int32 { try #require(vocabulary.id(piece)) }
    let ids = try [0, 1, id("▁"), id("a"), id("<0xC3>"), id("n"), id("<0xC3>"), id("<0xA9>"), id("<0x0A>"), id("▁"), id("s"), 0]
    #expect(pipeline.decodeTarget(ids) == "a\u{FFFD}né s")
    #expect(pipeline.detokenize(pieces: ids.map(vocabulary.piece)) == "a\u{FFFD}né s")
    let breaks = try ["<0xE2>", "<0x80>", "<0xA8>", "a", "<0xC2>", "<0x85>", "<0x0D>", "▁", "s", "▁"].map(id)
    #expect(pipeline.decodeSource(breaks) == "a s")
  }

  @Test("a vocabulary too small, an empty corpus and an option out of range are errors")
  func refusals() {
    let lines = SampleCorpus.french
    var configuration = TextConfiguration()
    configuration.characterCoverage = 1
    #expect(throws: TextError.emptyCorpus) {
      try TextPipeline.learn(configuration: configuration, source: [" ", ""], target: [], vocabularySize: 500)
    }
    let error = #expect(throws: TextError.self) {
      try TextPipeline.learn(configuration: configuration, source: lines, target: lines, vocabularySize: 260)
    }
    #expect(error?.description.contains("a vocabulary of 260 cannot hold") == true)
    configuration.characterCoverage = 0
    #expect(throws: TextError.option(name: "character_coverage", problem: "0.0 is not above 0 and at most 1")) {
      try TextPipeline.learn(configuration: configuration, source: lines, target: lines, vocabularySize: 500)
    }
  }
}
