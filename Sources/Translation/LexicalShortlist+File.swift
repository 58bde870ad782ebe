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
      var list: [Int32] = []
      for word in line.utf8.split(separator: UInt8(ascii: " ")) {
        guard let id = Int32(Substring(word)), id >= 0, id < targetVocabularySize else {
          throw .line(
            path: file.path, line: number + 1,
            problem: "\"\(Substring(word))\" is no target id: a whole number from 0 to \(targetVocabularySize - 1)")
        }
        list.append(id)
      }
      lists.append(list)
    }
    self.init(always: lists[0], candidates: Array(lists.dropFirst()))
  }

  /// Gzipped where the name ends in `.gz`.
  public func write(to file: URL) throws(TextError) {
    var bytes: [UInt8] = []
    func add(_ ids: some Sequence<Int32>) {
      bytes.append(contentsOf: ids.map(String.init).joined(separator: " ").utf8)
      bytes.append(0x0A)
    }
    add(always)
    for id in 0..<Int32(sourceVocabularySize) { add(candidates(for: id)) }
    if file.pathExtension == "gz" { bytes = try Gzip.compress(bytes, level: 9) }
    try AtomicFile.write(Data(bytes), to: file)
  }
}
