import Foundation

/// `text.json`: the configuration and the pieces; ids follow from their order.
private struct TextFile: Codable {
  static let currentVersion = 1

  var format: String
  var version: Int
  var configuration: TextConfiguration
  var source: Pieces
  /// Absent where the vocabulary is joint.
  var target: Pieces?
  /// What `NameLexicon` has learnt, sorted; absent where nothing was.
  var knownNames: [String]?

  enum CodingKeys: String, CodingKey {
    case format, version, configuration, source, target
    case knownNames = "known_names"
  }

  struct Pieces: Codable {
    var characters: [String]
    var merges: [String]

    enum CodingKeys: String, CodingKey, CaseIterable { case characters, merges }

    init(_ vocabulary: Vocabulary) {
      characters = vocabulary.characterPieces
      merges = vocabulary.mergePieces
    }

    init(from decoder: any Decoder) throws {
      try decoder.refuseUnknownKeys(CodingKeys.self)
      let values = try decoder.container(keyedBy: CodingKeys.self)
      characters = try values.decode([String].self, forKey: .characters)
      merges = try values.decode([String].self, forKey: .merges)
    }
  }
}

/// What tells the kinds of `text.json` apart; absent in those of this project's own subwords.
private struct TextFileKind: Decodable {
  var kind: String?
}

extension TextPipeline {
  static let fileName = "text.json"
  static let fileFormat = "mt-text"

  /// Writes `text.json`, and SentencePiece's models where it has any, into a directory that exists.
  public func write(to directory: URL) throws {
    if case .sentencePiece(let subwords) = subwords { return try subwords.write(to: directory) }
    let file = TextFile(
      format: TextPipeline.fileFormat, version: TextFile.currentVersion, configuration: configuration,
      source: .init(sourceVocabulary), target: targetVocabulary.isShared ? nil : .init(targetVocabulary),
      knownNames: names?.known.sorted())
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(encoder.encode(file), to: directory.appendingPathComponent(TextPipeline.fileName))
  }

  /// Reads `text.json`, and the models it stands for, and checks all of it before use.
  /// - Throws: `TextError` with the file, the key, and what is wrong there.
  public convenience init(directory: URL) throws {
    let url = directory.appendingPathComponent(TextPipeline.fileName)
    let path = url.path
    let data = try Data(textFile: url)
    if (try? JSONDecoder().decode(TextFileKind.self, from: data))?.kind == SentencePieceFile.kind {
      try self.init(SentencePieceSubwords(contentsOf: url, json: data))
      return
    }
    let file: TextFile
    do { file = try JSONDecoder().decode(TextFile.self, from: data) } catch let error as DecodingError {
      throw TextError(error, path: path)
    }
    guard file.format == TextPipeline.fileFormat else {
      throw TextError.key(path: path, key: "format", problem: "expected \(TextPipeline.fileFormat), found \(file.format)")
    }
    guard file.version == TextFile.currentVersion else {
      throw TextError.key(
        path: path, key: "version", problem: "expected \(TextFile.currentVersion), found \(file.version)")
    }
    let isShared = file.configuration.vocabulary == .joint
    guard isShared == (file.target == nil) else {
      throw TextError.key(
        path: path, key: "target",
        problem: isShared ? "a joint vocabulary has no second list" : "separate vocabularies need one")
    }
    let source = try file.source.vocabulary(file.configuration, isShared: isShared, path: path, key: "source")
    let target = try file.target?.vocabulary(file.configuration, isShared: false, path: path, key: "target") ?? source
    let names = file.knownNames.map { NameLexicon(known: Set($0)) }
    try self.init(file.configuration, source: source, target: target, names: names)
  }
}

extension TextFile.Pieces {
  /// The vocabulary, once every piece is one that a learner could have made.
  func vocabulary(
    _ configuration: TextConfiguration, isShared: Bool, path: String, key: String
  ) throws(TextError) -> Vocabulary {
    var seen = ByteStringTable(minimumCapacity: characters.count + merges.count)
    func refuse(_ list: String, _ index: Int, _ problem: String) -> TextError {
      .key(path: path, key: "\(key).\(list)[\(index)]", problem: problem)
    }
    guard characters.first == String(Vocabulary.spaceMark) else {
      throw refuse("characters", 0, "expected \(Vocabulary.spaceMark), found \(characters.first ?? "nothing")")
    }
    for (index, piece) in characters.enumerated() {
      guard piece.unicodeScalars.count == 1 else {
        throw refuse("characters", index, "expected one Unicode scalar, found \(piece)")
      }
      guard !holdsSpace(piece) else { throw refuse("characters", index, "white space cannot be a character") }
      guard seen.insert(piece).isNew else { throw refuse("characters", index, "\(piece) appears twice") }
    }
    for (index, piece) in merges.enumerated() {
      guard piece.unicodeScalars.count > 1 else {
        throw refuse("merges", index, "expected two characters or more, found \(piece)")
      }
      // Each of its cuts is tried.
      guard piece.utf8.count <= 1024 else { throw refuse("merges", index, "\(piece.prefix(20))… is longer than 1024 bytes") }
      guard !holdsSpace(piece) else { throw refuse("merges", index, "\(piece) contains white space") }
      guard !piece.unicodeScalars.dropFirst().contains(Vocabulary.spaceMark) else {
        throw refuse("merges", index, "\(piece) has \(Vocabulary.spaceMark) past its beginning")
      }
      guard !Vocabulary.isReserved(piece) else { throw refuse("merges", index, "\(piece) is reserved") }
      guard seen.insert(piece).isNew else { throw refuse("merges", index, "\(piece) appears twice") }
    }
    let vocabulary = Vocabulary(
      characters: characters, merges: merges, byteFallback: configuration.byteFallback, isShared: isShared)
    guard vocabulary.count <= configuration.vocabularySize else {
      throw .key(
        path: path, key: key, problem: "\(vocabulary.count) pieces in a vocabulary of \(configuration.vocabularySize)")
    }
    if let lost = BytePairEncoder(vocabulary).unreachable.first {
      throw .key(path: path, key: "\(key).merges", problem: "no two pieces make \(lost)")
    }
    return vocabulary
  }

  private func holdsSpace(_ piece: String) -> Bool { piece.unicodeScalars.contains { $0.properties.isWhitespace } }
}

extension TextError {
  /// A JSON decoder's complaint, with the path of keys that led there.
  init(_ error: DecodingError, path: String) {
    func name(_ keys: [any CodingKey]) -> String {
      keys.isEmpty ? "the whole file" : keys.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
    }
    switch error {
    case .keyNotFound(let key, let context):
      self = .key(path: path, key: name(context.codingPath + [key]), problem: "missing")
    case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
      self = .key(path: path, key: name(context.codingPath), problem: "expected \(type)")
    case .dataCorrupted(let context):
      self = .key(path: path, key: name(context.codingPath), problem: context.debugDescription)
    @unknown default:
      self = .key(path: path, key: "the whole file", problem: "\(error)")
    }
  }
}
