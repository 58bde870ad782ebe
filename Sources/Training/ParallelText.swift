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

  /// Reads two files line by line together, keeping what `clean` lets pass.
  /// - Throws: `TrainingError.corpusUnequal` with both counts; `TextError` for what cannot be read.
  init(source: URL, target: URL, cleaner: inout CorpusCleaner) throws {
    let (sources, targets) = (try LineReader(path: source.path), try LineReader(path: target.path))
    while true {
      switch (try sources.nextLine(), try targets.nextLine()) {
      case (let source?, let target?):
        if cleaner.keeps(source, target) { append(source, target) }
      case (nil, nil): return
      case (let first, _):
        let rest = first == nil ? targets : sources
        while try rest.nextLine() != nil {}
        throw TrainingError.corpusUnequal(
          source: source.path, sourceLines: sources.lineNumber, target: target.path, targetLines: targets.lineNumber)
      }
    }
  }

  init() {}
}

/// Leaves out pairs that are not worth learning from, and remembers why.
struct CorpusCleaner {
  enum Reason: String, CaseIterable, Sendable {
    case blank = "blank on one side"
    case ratio = "lengths too different"
    case duplicate = "seen before"
    case identical = "both sides the same"
    case tooLong = "too many subwords"
  }

  let options: CleaningOptions
  private(set) var read = 0
  private(set) var kept = 0
  private(set) var dropped: [Reason: Int] = [:]
  private var seen: Set<UInt64> = []

  init(_ options: CleaningOptions) { self.options = options }

  mutating func keeps(_ source: String, _ target: String) -> Bool {
    read += 1
    if let reason = reason(source, target) {
      drop(reason)
      return false
    }
    kept += 1
    return true
  }

  /// A pair that had passed does not, after all.
  mutating func retract(_ reason: Reason, count: Int) {
    guard count > 0 else { return }
    kept -= count
    dropped[reason, default: 0] += count
  }

  private mutating func drop(_ reason: Reason) { dropped[reason, default: 0] += 1 }

  private mutating func reason(_ source: String, _ target: String) -> Reason? {
    if CorpusCleaner.isBlank(source) || CorpusCleaner.isBlank(target) { return .blank }
    let lengths = (source.unicodeScalars.count, target.unicodeScalars.count)
    let (longer, shorter) = (max(lengths.0, lengths.1), max(1, min(lengths.0, lengths.1)))
    if longer > options.ratioLength, Double(longer) > options.maximumRatio * Double(shorter) { return .ratio }
    if options.removesIdentical, source == target { return .identical }
    if options.removesDuplicates, !seen.insert(CorpusCleaner.hash(source, target)).inserted { return .duplicate }
    return nil
  }

  private static func isBlank(_ line: String) -> Bool {
    line.unicodeScalars.allSatisfy { $0.properties.isWhitespace }
  }

  /// FNV-1a over both sides.
  private static func hash(_ source: String, _ target: String) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in source.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    hash = (hash ^ 0x0A) &* 0x100_0000_01B3
    for byte in target.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return hash
  }

  /// 29,000 pairs read, 28,950 kept (50 blank on one side).
  var report: String {
    let reasons = Reason.allCases.compactMap { reason in
      dropped[reason].map { "\(Format.grouped($0)) \(reason.rawValue)" }
    }
    return "\(Format.grouped(read)) pairs read, \(Format.grouped(kept)) kept"
      + (reasons.isEmpty ? "" : "; left out: " + reasons.joined(separator: ", "))
  }
}
