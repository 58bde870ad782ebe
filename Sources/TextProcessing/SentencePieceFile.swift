import Foundation

/// `text.json` of a pipeline whose subwords are SentencePiece's, beside which the models lie: the pieces by their ids.
struct SentencePieceFile: Codable {
  static let kind = "sentencepiece"
  static let currentVersion = 1
  static let sourceModel = "source.spm"
  static let targetModel = "target.spm"

  var format = TextPipeline.fileFormat
  var kind = SentencePieceFile.kind
  var version = SentencePieceFile.currentVersion
  var source: [String]
  /// Absent where both sides share the pieces.
  var target: [String]?
  /// The piece before every source of a multilingual model, such as `>>fra<<`.
  var targetCode: String?
  /// The piece that every target begins with.
  var targetBegin: String?

  enum CodingKeys: String, CodingKey, CaseIterable {
    case format, kind, version, source, target
    case targetCode = "target_code"
    case targetBegin = "target_begin"
  }

  init(source: [String], target: [String]?, targetCode: String?, targetBegin: String?) {
    (self.source, self.target, self.targetCode, self.targetBegin) = (source, target, targetCode, targetBegin)
  }

  init(from decoder: any Decoder) throws {
    try decoder.refuseUnknownKeys(CodingKeys.self)
    let values = try decoder.container(keyedBy: CodingKeys.self)
    format = try values.decode(String.self, forKey: .format)
    kind = try values.decode(String.self, forKey: .kind)
    version = try values.decode(Int.self, forKey: .version)
    source = try values.decode([String].self, forKey: .source)
    target = try values.decodeIfPresent([String].self, forKey: .target)
    targetCode = try values.decodeIfPresent(String.self, forKey: .targetCode)
    targetBegin = try values.decodeIfPresent(String.self, forKey: .targetBegin)
  }
}

extension SentencePieceSubwords {
  /// Checks the lists and loads the models. `path` and `directory` are for messages.
  init(_ file: SentencePieceFile, sourceModel: Data, targetModel: Data, path: String, directory: URL) throws(TextError) {
    guard file.version == SentencePieceFile.currentVersion else {
      throw .key(path: path, key: "version", problem: "expected \(SentencePieceFile.currentVersion), found \(file.version)")
    }
    let sourceVocabulary = try Self.vocabulary(file.source, isShared: file.target == nil, path: path, key: "source")
    let targetVocabulary = try file.target.map { pieces throws(TextError) -> Vocabulary in
      try Self.vocabulary(pieces, isShared: false, path: path, key: "target")
    } ?? sourceVocabulary
    func load(_ data: Data, _ name: String) throws(TextError) -> SentencePieceModel {
      try SentencePieceModel(data, path: directory.appendingPathComponent(name).path)
    }
    source = Side(try load(sourceModel, SentencePieceFile.sourceModel), sourceVocabulary)
    target = Side(try load(targetModel, SentencePieceFile.targetModel), targetVocabulary)
    func find(_ piece: String?, _ vocabulary: Vocabulary, _ key: String, _ side: String) throws(TextError) -> Int32? {
      guard let piece else { return nil }
      guard let id = vocabulary.id(piece), !Vocabulary.isSpecial(id) else {
        throw .key(path: path, key: key, problem: "\(piece) is not among the \(side) pieces")
      }
      return id
    }
    targetCode = try find(file.targetCode, sourceVocabulary, "target_code", "source")
    targetBegin = try find(file.targetBegin, targetVocabulary, "target_begin", "target")
  }

  private static func vocabulary(
    _ pieces: [String], isShared: Bool, path: String, key: String
  ) throws(TextError) -> Vocabulary {
    let special = [Vocabulary.endOfSentencePiece, Vocabulary.unknownPiece]
    var seen = ByteStringTable(minimumCapacity: pieces.count)
    for (index, piece) in pieces.enumerated() {
      guard index >= special.count || piece == special[index] else {
        throw .key(path: path, key: "\(key)[\(index)]", problem: "expected \(special[index]), found \(piece)")
      }
      guard seen.insert(piece).isNew else {
        throw .key(path: path, key: "\(key)[\(index)]", problem: "\(piece) appears twice")
      }
    }
    guard pieces.count >= 2 else { throw .key(path: path, key: key, problem: "\(pieces.count) pieces; at least 2 expected") }
    return Vocabulary(pieces: pieces, isShared: isShared)
  }

  /// Writes the models and `text.json`.
  func write(to directory: URL) throws {
    try AtomicFile.write(source.model.serialized, to: directory.appendingPathComponent(SentencePieceFile.sourceModel))
    try AtomicFile.write(target.model.serialized, to: directory.appendingPathComponent(SentencePieceFile.targetModel))
    let file = SentencePieceFile(
      source: source.vocabulary.allPieces, target: source.vocabulary.isShared ? nil : target.vocabulary.allPieces,
      targetCode: targetCode.map(source.vocabulary.piece), targetBegin: targetBegin.map(target.vocabulary.piece))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try AtomicFile.write(encoder.encode(file), to: directory.appendingPathComponent(TextPipeline.fileName))
  }

  /// Reads the models that belong to a `text.json` of this kind.
  init(contentsOf url: URL, json: Data) throws {
    let file: SentencePieceFile
    do { file = try JSONDecoder().decode(SentencePieceFile.self, from: json) } catch let error as DecodingError {
      throw TextError(error, path: url.path)
    }
    let directory = url.deletingLastPathComponent()
    func read(_ name: String) throws(TextError) -> Data {
      try Data(textFile: directory.appendingPathComponent(name))
    }
    try self.init(
      file, sourceModel: read(SentencePieceFile.sourceModel), targetModel: read(SentencePieceFile.targetModel),
      path: url.path, directory: directory)
  }
}

extension TextPipeline {
  /// A pipeline of SentencePiece models whose pieces have ids of their own.
  /// - Parameters:
  ///   - sourceModel: the contents of a `.spm` file.
  ///   - sourcePieces: by id; `</s>` is 0 and `<unk>` 1.
  ///   - targetPieces: the same for the target, nil where both sides share the ids.
  ///   - targetCode: a source piece that comes before every source.
  ///   - targetBegin: a target piece that every target begins with; it is left out of texts.
  ///   - directory: where the models come from, for messages.
  ///   - path: where the lists of pieces come from, for messages.
  /// - Throws: `TextError` for a model that cannot be loaded or a list that is not as above.
  public convenience init(
    sourceModel: Data, targetModel: Data, sourcePieces: [String], targetPieces: [String]?, targetCode: String? = nil,
    targetBegin: String? = nil, directory: URL, path: String = "vocabulary"
  ) throws {
    let file = SentencePieceFile(
      source: sourcePieces, target: targetPieces, targetCode: targetCode, targetBegin: targetBegin)
    try self.init(
      SentencePieceSubwords(
        file, sourceModel: sourceModel, targetModel: targetModel, path: path, directory: directory))
  }

  /// The pieces of a SentencePiece model by its own ids, as Marian numbers them. `path` is for messages.
  /// - Throws: `TextError` for a model that cannot be loaded or whose ids 0 and 1 are not the end symbol and the unknown
  ///   piece, which are renamed `</s>` and `<unk>`.
  public static func pieces(ofSentencePieceModel serialized: Data, path: String) throws -> [String] {
    let model = try SentencePieceModel(serialized, path: path)
    guard model.count >= 2, model.isControl(0), model.isUnknown(1) else {
      throw TextError.file(path: path, problem: "has other pieces than the end symbol and the unknown piece under ids 0 and 1")
    }
    return [Vocabulary.endOfSentencePiece, Vocabulary.unknownPiece]
      + (2..<model.count).map { String(decoding: model.piece($0), as: UTF8.self) }
  }

  /// A SentencePiece model of whole words, which cuts at spaces and nowhere else: for models whose text is cut by other
  /// programs. Piece i + 2 is ▁ and word i.
  public static func sentencePieceModel(words: [String]) -> Data { SentencePieceWords.model(words) }
}
