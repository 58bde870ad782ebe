import Foundation
import Seq2Seq
import TextProcessing

/// On disk: the ids that every sentence may use on the first line, then a line for each source id with those that may come of
/// it, the most probable first; spaces between them.
extension LexicalShortlist {
  /// Throws `TextError` with the file and the line where an id is not of the vocabulary, which has so many.
  public init(file: URL, sourceVocabularySize: Int, targetVocabularySize: Int) throws(TextError) {
    let lines = try LineReader(path: file.path).readAll()
    guard lines.count == sourceVocabularySize + 1 else {
      throw .file(
        path: file.path,
        problem: "has \(lines.count) lines; expected \(sourceVocabularySize + 1), one for each source id after the first line")
    }
    var lists: [[Int32]] = []
    lists.reserveCapacity(lines.count)
    for (number, line) in lines.enumerated() {
      guard let list = Self.ids(line.utf8, below: targetVocabularySize) else {
        throw .line(
          path: file.path, line: number + 1,
          problem: "expected target ids with spaces between them, whole numbers from 0 to \(targetVocabularySize - 1)")
      }
      lists.append(list)
    }
    self.init(common: lists[0], candidates: Array(lists.dropFirst()))
  }

  /// Byte by byte: there are a million, and somebody waits. Nil where one is no number below `limit`.
  private static func ids(_ line: String.UTF8View, below limit: Int) -> [Int32]? {
    var list: [Int32] = []
    var (id, digits) = (0, 0)
    for byte in line {
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
  public func write(to file: URL) throws(TextError) {
    var bytes: [UInt8] = []
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
