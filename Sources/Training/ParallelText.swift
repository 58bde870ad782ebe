import Foundation
import TextProcessing

/// Aligned lines, held as bytes end to end: the text itself and 16 bytes a pair.
struct ParallelText: Sendable {
  private var bytes: [UInt8] = []
  /// [2·count + 1], source and target in turn.
  private var offsets: [Int] = [0]

  var count: Int { (offsets.count - 1) / 2 }

  mutating func append(_ source: String, _ target: String) {
    bytes.append(contentsOf: source.utf8)
    offsets.append(bytes.count)
    bytes.append(contentsOf: target.utf8)
    offsets.append(bytes.count)
  }

  func source(_ i: Int) -> String { String(decoding: bytes[offsets[2 * i]..<offsets[2 * i + 1]], as: UTF8.self) }
  func target(_ i: Int) -> String { String(decoding: bytes[offsets[2 * i + 1]..<offsets[2 * i + 2]], as: UTF8.self) }
  /// Bytes of both sides.
  func length(_ i: Int) -> Int { offsets[2 * i + 2] - offsets[2 * i] }

  /// Reads two files line by line together, keeping what the cleaner lets pass.
  /// - Throws: `TextError`, for what cannot be read and for sides of different lengths.
  init(source: URL, target: URL, cleaner: inout CorpusCleaner) throws {
    let reader = try AlignedFilesReader(source: source.path, target: target.path)
    while let pair = try reader.nextPair() {
      if cleaner.keeps(pair) { append(pair.source, pair.target) }
    }
  }

  init() {}
}

extension CleaningReport {
  /// 29,000 pairs read, 28,950 kept; left out: 50 empty.
  var summary: String {
    let reasons = DropReason.allCases.filter { self[$0].count > 0 }.map { reason in
      "\(Format.grouped(self[reason].count)) \(reason.rawValue)"
    }
    return "\(Format.grouped(total)) pairs read, \(Format.grouped(kept)) kept"
      + (reasons.isEmpty ? "" : "; left out: " + reasons.joined(separator: ", "))
  }
}
