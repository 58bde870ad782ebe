import Foundation

extension TextPipeline {
  /// Learns the vocabulary, or both where the configuration keeps them separate, from the lines of both sides.
  ///
  /// - Parameter vocabularySize: V, in place of the configuration's. The result has fewer pieces where no pair of symbols
  ///   occurs twice any more.
  /// - Parameter placeholders: keeps a place among the V for each `Placeholder`.
  /// - Throws: `TextError.vocabularyTooSmall` where characters alone need more, `.emptyCorpus` where there is no word.
  public static func learn(
    configuration: TextConfiguration, source: [String], target: [String], vocabularySize: Int? = nil,
    placeholders: Bool = false
  ) throws -> TextPipeline {
    var configuration = configuration
    configuration.vocabularySize = vocabularySize ?? configuration.vocabularySize
    try configuration.validate()
    var sourceCounts = try countStretches(source, configuration)
    let targetCounts = try countStretches(target, configuration)
    switch configuration.vocabulary {
    case .joint:
      sourceCounts.add(targetCounts)
      let vocabulary = try learnVocabulary(sourceCounts, configuration, placeholders, isShared: true)
      return try TextPipeline(configuration, source: vocabulary, target: vocabulary)
    case .separate:
      return try TextPipeline(
        configuration, source: learnVocabulary(sourceCounts, configuration, placeholders, isShared: false),
        target: learnVocabulary(targetCounts, configuration, placeholders, isShared: false))
    }
  }

  private static func learnVocabulary(
    _ stretches: WordCounts, _ configuration: TextConfiguration, _ placeholders: Bool, isShared: Bool
  ) throws(TextError) -> Vocabulary {
    guard stretches.total > 0 else { throw .emptyCorpus }
    // A space before the word is part of the key: no word holds one.
    var table = ByteStringTable(minimumCapacity: stretches.distinct)
    var counts: [Int] = []
    var key: [UInt8] = []
    try countWords(stretches, configuration) { word, afterSpace, count in
      key.removeAll(keepingCapacity: true)
      if afterSpace { key.append(0x20) }
      key.append(contentsOf: word)
      let (index, isNew) = key.withUnsafeBufferPointer { table.insert($0) }
      if isNew { counts.append(0) }
      counts[index] += count
    }
    let words = counts.indices.map { index in
      let bytes = table.bytes(at: index)
      let afterSpace = bytes.first == 0x20
      return (bytes: afterSpace ? bytes.dropFirst() : bytes, afterSpace: afterSpace, count: counts[index])
    }
    let reserved = placeholders ? Placeholder.all.map { String($0) } : []
    let learnt = try BytePairLearner(configuration: configuration)
      .learn(words, vocabularySize: configuration.vocabularySize - reserved.count)
    return Vocabulary(
      characters: learnt.characters + reserved.filter { !learnt.characters.contains($0) }, merges: learnt.merges,
      byteFallback: configuration.byteFallback, isShared: isShared)
  }
}

// MARK: SentencePiece

extension TextPipeline {
  /// Learns a SentencePiece model, or one for each side where the configuration keeps them separate. Of the configuration
  /// only `vocabulary`, `vocabularySize`, `characterCoverage`, `byteFallback` and `splitDigits` are used.
  /// - Throws: `TextError.emptyCorpus`, or `.option` with the library's words where it cannot.
  public static func learn(
    _ kind: SentencePieceKind, configuration: TextConfiguration, source: [String], target: [String]
  ) throws -> TextPipeline {
    try configuration.validate()
    switch configuration.vocabulary {
    case .joint:
      let model = try SentencePieceModel.learn(kind, configuration, lines: source + target)
      return try TextPipeline(sentencePiece: model, nil, sourcePath: "the model learnt", targetPath: "")
    case .separate:
      return try TextPipeline(
        sentencePiece: SentencePieceModel.learn(kind, configuration, lines: source),
        SentencePieceModel.learn(kind, configuration, lines: target), sourcePath: "the source's model learnt",
        targetPath: "the target's model learnt")
    }
  }

  /// Takes SentencePiece models as they are: their pieces in their order, behind the end symbol and the unknown word.
  /// - Parameter target: nil where both sides are cut by one model and have one vocabulary.
  /// - Throws: `TextError` for a file that cannot be read or is no such model.
  public convenience init(sentencePieceModel source: URL, target: URL?) throws {
    try self.init(
      sentencePiece: Data(textFile: source), target.map { url throws(TextError) in try Data(textFile: url) },
      sourcePath: source.path, targetPath: target?.path ?? source.path)
  }

  private convenience init(sentencePiece source: Data, _ target: Data?, sourcePath: String, targetPath: String) throws {
    func pieces(_ data: Data, _ path: String) throws(TextError) -> [String] {
      [Vocabulary.endOfSentencePiece, Vocabulary.unknownPiece] + (try SentencePieceModel(data, path: path).textPieces)
    }
    try self.init(
      sourceModel: source, targetModel: target ?? source, sourcePieces: pieces(source, sourcePath),
      targetPieces: target.map { data throws(TextError) in try pieces(data, targetPath) },
      directory: URL(fileURLWithPath: sourcePath).deletingLastPathComponent(), path: sourcePath)
  }
}
