import Foundation
import TextProcessing
import Translation

/// One side's vocabulary of a Marian model: a SentencePiece model (`.spm`), a map of words and ids (`.yml`, `.yaml`,
/// `.json`), or a word a line (any other name). The latter two may list the pieces of a SentencePiece model, which is then
/// given beside them.
struct MarianVocabulary: Equatable {
  /// The contents of the `.spm` file that cuts text.
  let model: Data
  /// By id; `</s>` is 0 and `<unk>` 1.
  let pieces: [String]
  /// Whether lines must come cut into words, and come out so.
  let isWords: Bool

  /// `sentencePiece` cuts text into the pieces that the vocabulary lists.
  /// Throws `ModelError` or `TextError` naming the file and the word.
  init(contentsOf url: URL, sentencePiece: URL? = nil) throws {
    let name = url.lastPathComponent
    guard !name.hasSuffix(".fsv") else {
      throw ModelError(file: url.path, problem: "is a factored vocabulary; factors are not supported")
    }
    let data = try Data(modelFile: url)
    if name.hasSuffix(".spm") || name.hasSuffix(".model") {
      if let sentencePiece {
        throw ModelError(
          file: sentencePiece.path, problem: "is one model too many: \(url.path) is a SentencePiece model already")
      }
      (model, isWords) = (data, false)
      pieces = try TextPipeline.pieces(ofSentencePieceModel: data, path: url.path)
      return
    }
    var words: [String]
    if name.hasSuffix(".json") {
      words = try PieceTable.read(url)
    } else if name.hasSuffix(".yml") || name.hasSuffix(".yaml") {
      words = try Self.words(ofYAML: data, file: url.path)
    } else {
      guard let text = String(validating: data, as: UTF8.self) else {
        throw ModelError(file: url.path, problem: "is neither a SentencePiece model (.spm), a map (.yml, .json) nor UTF-8 text")
      }
      words = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).map {
        String(decoding: $0.last == 0x0D ? $0.dropLast() : $0, as: UTF8.self)
      }
      if words.last == "" { words.removeLast() }
    }
    for (id, names) in [(0, ["</s>", "eos"]), (1, ["<unk>", "UNK"])] {
      guard words.count > id, names.contains(words[id]) else {
        let found = words.count > id ? words[id] : "nothing"
        throw ModelError(file: url.path, problem: "has \(found) under id \(id); \(names[0]) expected")
      }
    }
    var seen = Set<[UInt8]>()
    for (id, word) in words.enumerated() {
      guard !word.isEmpty, !word.unicodeScalars.contains(where: { $0 == " " || $0.value == 0 }) else {
        throw ModelError(file: url.path, item: "id \(id)", problem: "\"\(word)\" is no word")
      }
      guard sentencePiece != nil || !word.unicodeScalars.contains("\u{2581}") else {
        throw ModelError(
          file: url.path, item: "id \(id)",
          problem: "\"\(word)\" is a piece of SentencePiece's, not a word; give the .spm model that cuts the text as well")
      }
      guard seen.insert(Array(word.utf8)).inserted else {
        throw ModelError(file: url.path, item: word, problem: "stands twice")
      }
    }
    words.removeFirst(2)
    if let sentencePiece {
      (model, isWords) = (try Data(modelFile: sentencePiece), false)
      pieces = ["</s>", "<unk>"] + words
      return
    }
    (model, isWords) = (TextPipeline.sentencePieceModel(words: words), true)
    pieces = ["</s>", "<unk>"] + words.map { "\u{2581}\($0)" }
  }

  /// By id, with pieces that no text becomes up to `count`.
  func pieces(count: Int, file: String) throws -> [String] {
    guard pieces.count <= count else {
      throw ModelError(file: file, problem: "has \(pieces.count) entries; the model's table has \(count) rows (dim-vocabs)")
    }
    return pieces + (pieces.count..<count).map { "<unused \($0)>" }
  }

  // MARK: YAML

  /// Words by id of a map of YAML's. Read line by line, because words that are canonically equivalent are different
  /// words, and because every key is a text, whatever YAML would take it for.
  private static func words(ofYAML data: Data, file: String) throws -> [String] {
    var words: [Int: String] = [:]
    var pending: String?
    for (number, line) in data.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
      func fail(_ problem: String) -> ModelError { ModelError(file: file, item: "line \(number + 1)", problem: problem) }
      var bytes = Array(line.last == 0x0D ? line.dropLast() : line)
      if bytes.isEmpty || bytes.first == UInt8(ascii: "#") || bytes.starts(with: Array("---".utf8)) { continue }
      // "? key" and ": id" on two lines is how long keys are written.
      if bytes.starts(with: Array("? ".utf8)) {
        var rest = Array(bytes[2...])
        let key = try key(&rest, fail)
        guard pending == nil, rest.isEmpty else { throw fail("is no key of a map") }
        pending = key
        continue
      }
      let key: String
      if let waiting = pending {
        (key, pending) = (waiting, nil)
      } else {
        key = try self.key(&bytes, fail)
      }
      guard bytes.first == UInt8(ascii: ":"),
        let id = Int(String(decoding: bytes.dropFirst(), as: UTF8.self).trimmingCharacters(in: .whitespaces))
      else { throw fail("is no pair of a word and its id") }
      guard id >= 0, words.updateValue(key, forKey: id) == nil else { throw fail("has the id \(id), which is taken or below 0") }
    }
    guard !words.isEmpty, words.keys.allSatisfy({ $0 < words.count }) else {
      throw ModelError(file: file, problem: "has \(words.count) words and ids with gaps between them")
    }
    return words.sorted { $0.key < $1.key }.map(\.value)
  }

  /// Takes a key, quoted or not, from the front of a line.
  private static func key(_ bytes: inout [UInt8], _ fail: (String) -> ModelError) throws -> String {
    var key: [UInt8] = []
    var at = 0
    switch bytes.first {
    case UInt8(ascii: "\""):
      // JSON's escapes, and of YAML's those that Marian's writer uses.
      at = 1
      while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
        guard bytes[at] == UInt8(ascii: "\\") else {
          key.append(bytes[at])
          at += 1
          continue
        }
        guard at + 1 < bytes.count else { throw fail("ends within an escape") }
        let escape = Unicode.Scalar(bytes[at + 1])
        at += 2
        let simple: [Unicode.Scalar: UInt8] = [
          "\"": 0x22, "\\": 0x5C, "/": 0x2F, "n": 10, "t": 9, "r": 13, "b": 8, "f": 12, "a": 7, "v": 11, "e": 27, "0": 0,
        ]
        if let byte = simple[escape] {
          key.append(byte)
        } else if let digits = ["x": 2, "u": 4, "U": 8][escape] {
          guard at + digits <= bytes.count,
            let value = UInt32(String(decoding: bytes[at..<at + digits], as: UTF8.self), radix: 16),
            let scalar = Unicode.Scalar(value)
          else { throw fail("has an escape that is no character") }
          key.append(contentsOf: Array(String(Character(scalar)).utf8))
          at += digits
        } else {
          throw fail("has the unknown escape \\\(escape)")
        }
      }
      guard at < bytes.count else { throw fail("has a quotation without end") }
      at += 1
    case UInt8(ascii: "'"):
      at = 1
      while at < bytes.count {
        if bytes[at] == UInt8(ascii: "'") {
          guard at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "'") else { break }
          at += 1
        }
        key.append(bytes[at])
        at += 1
      }
      guard at < bytes.count else { throw fail("has a quotation without end") }
      at += 1
    default:
      // Up to the last colon that a space follows.
      let end = bytes.indices.last { $0 > 0 && bytes[$0] == UInt8(ascii: ":") && $0 + 1 < bytes.count && bytes[$0 + 1] == 0x20 }
      at = end ?? bytes.count
      key = Array(bytes[..<at])
    }
    guard let text = String(validating: key, as: UTF8.self) else { throw fail("is not UTF-8") }
    bytes.removeFirst(at)
    return text
  }
}
