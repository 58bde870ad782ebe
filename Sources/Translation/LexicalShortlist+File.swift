import Foundation
import Seq2Seq
import TextProcessing

/// On disk: whose it is, the ids that every sentence may use, and a line for each source id with those that may come of it, the
/// most probable first; spaces between them.
extension LexicalShortlist {
  /// What a stored list belongs to: it means nothing to another model.
  public struct Owner: Sendable {
    let languages: (source: String, target: String)
    let source: Vocabulary
    let target: Vocabulary

    init(languages: (source: String, target: String), source: Vocabulary, target: Vocabulary) {
      (self.languages, self.source, self.target) = (languages, source, target)
    }

    public init(_ description: ModelDescription, _ text: TextPipeline) {
      self.init(
        languages: (description.sourceLanguage, description.targetLanguage), source: text.sourceVocabulary,
        target: text.targetVocabulary)
    }

    /// The first line: each side's language and the checksum of its vocabulary.
    var line: String {
      [(languages.source, source), (languages.target, target)].map { $0 + String(format: " %08x", $1.checksum) }
        .joined(separator: " ")
    }
  }

  /// Throws `TextError` with the file and the line where it is not the owner's, or an id is not of the target's vocabulary.
  public init(file: URL, of owner: Owner) throws(TextError) {
    let reader = try LineReader(path: file.path)
    guard try reader.nextLine() == owner.line else {
      throw .line(
        path: file.path, line: 1,
        problem: "expected \"\(owner.line)\", the model's languages and vocabularies; `mt data shortlist` makes its own list")
    }
    let (sources, targets) = (owner.source.count, owner.target.count)
    var lists: [[Int32]] = []
    lists.reserveCapacity(sources + 1)
    while lists.count <= sources, let line = try reader.nextLine() {
      guard let list = Self.ids(line.utf8, below: targets) else {
        throw .line(
          path: file.path, line: reader.lineNumber,
          problem: "expected target ids with spaces between them, whole numbers from 0 to \(targets - 1)")
      }
      lists.append(list)
    }
    guard lists.count == sources + 1, try reader.nextLine() == nil else {
      throw .file(
        path: file.path,
        problem: "has \(lists.count > sources ? "more" : "fewer") than \(sources + 2) lines, one for each source id after the "
          + "first two")
    }
    self.init(common: lists[0], candidates: Array(lists.dropFirst()))
  }

  /// Byte by byte: there are a million, and somebody waits. Nil where one is no number below `limit`, or there are more.
  private static func ids(_ line: String.UTF8View, below limit: Int) -> [Int32]? {
    var list: [Int32] = []
    var (id, digits) = (0, 0)
    for byte in line {
      guard list.count < limit else { return nil }
      if byte == UInt8(ascii: " ") {
        if digits > 0 { list.append(Int32(id)) }
        (id, digits) = (0, 0)
      } else {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        (id, digits) = (10 * id + Int(byte - UInt8(ascii: "0")), digits + 1)
        guard id < limit else { return nil }
      }
    }
    if digits > 0 { list.append(Int32(id)) }
    return list
  }

  /// Gzipped where the name ends in `.gz`.
  public func write(to file: URL, of owner: Owner) throws(TextError) {
    var bytes = Array((owner.line + "\n").utf8)
    func add(_ ids: some Sequence<Int32>) {
      bytes.append(contentsOf: ids.map(String.init).joined(separator: " ").utf8)
      bytes.append(0x0A)
    }
    add(common)
    for id in 0..<Int32(sourceVocabularySize) { add(candidates(for: id)) }
    if file.pathExtension == "gz" { bytes = try Gzip.compress(bytes, level: 9) }
    try AtomicFile.write(Data(bytes), to: file)
  }
}
