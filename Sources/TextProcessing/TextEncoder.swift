/// One thread's way from lines to ids: its own ICU iterator, room to work in, and what frequent stretches became before.
/// `TextPipeline` hands each caller one of its own, which makes `@unchecked Sendable` true.
final class TextEncoder: @unchecked Sendable {
  private let normalizer: Normalizer
  private let tokenizer: WordTokenizer
  private var buffer: [UInt8] = []
  private var caches = [StretchCache(), StretchCache()]
  /// Words as symbols before merging, for dropout, with `wordEnd` after each word.
  private var symbolCaches = [StretchCache(), StretchCache()]
  private var work = BytePairEncoder.Workspace()
  private var symbols: [Int32] = []
  private static let wordEnd: Int32 = -2

  init(_ configuration: TextConfiguration, _ normalizer: Normalizer) throws(TextError) {
    self.normalizer = normalizer
    tokenizer = try WordTokenizer(configuration.tokenizer)
  }

  /// Ids of a line. `side` tells the cache apart: 0 source, 1 target; one encoder always comes with the same side.
  func encode(
    _ line: UnsafeBufferPointer<UInt8>, _ encoder: BytePairEncoder, side: Int, dropout: Double,
    random: inout some RandomNumberGenerator
  ) -> [Int32] {
    var ids: [Int32] = []
    ids.reserveCapacity(line.count / 3 + 4)
    forEachStretch(of: line) { stretch in
      if dropout > 0 {
        encodeWithDropout(stretch, encoder, side, dropout, &random, &ids)
      } else if !caches[side].append(stretch, to: &ids) {
        let start = ids.count
        tokenizer.forEachWord(in: stretch) { word in
          symbols.removeAll(keepingCapacity: true)
          encoder.appendSymbols(
            of: UnsafeBufferPointer(rebasing: stretch[word]), afterSpace: word.lowerBound == 0, to: &symbols)
          encoder.encode(symbols[...], dropout: 0, random: &random, &work, to: &ids)
        }
        caches[side].keep(stretch, ids[start...])
      }
    }
    return ids
  }

  private func encodeWithDropout(
    _ stretch: UnsafeBufferPointer<UInt8>, _ encoder: BytePairEncoder, _ side: Int, _ dropout: Double,
    _ random: inout some RandomNumberGenerator, _ ids: inout [Int32]
  ) {
    symbols.removeAll(keepingCapacity: true)
    if !symbolCaches[side].append(stretch, to: &symbols) {
      tokenizer.forEachWord(in: stretch) { word in
        encoder.appendSymbols(
          of: UnsafeBufferPointer(rebasing: stretch[word]), afterSpace: word.lowerBound == 0, to: &symbols)
        symbols.append(Self.wordEnd)
      }
      symbolCaches[side].keep(stretch, symbols[...])
    }
    var start = 0
    for at in symbols.indices where symbols[at] == Self.wordEnd {
      encoder.encode(symbols[start..<at], dropout: dropout, random: &random, &work, to: &ids)
      start = at + 1
    }
  }

  /// Calls `body` with every word of the normalised line, and whether a space (or the line's beginning) precedes it.
  func forEachWord(of line: String, _ body: (_ word: UnsafeBufferPointer<UInt8>, _ afterSpace: Bool) -> Void) {
    var line = line
    line.withUTF8 { line in
      forEachStretch(of: line) { stretch in
        tokenizer.forEachWord(in: stretch) { body(UnsafeBufferPointer(rebasing: stretch[$0]), $0.lowerBound == 0) }
      }
    }
  }

  /// The words of one stretch that is normalised already.
  func forEachWord(ofStretch stretch: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void) {
    tokenizer.forEachWord(in: stretch, body)
  }

  /// Calls `body` with what stands between the spaces of the normalised line.
  func forEachStretch(of line: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
    var buffer = self.buffer
    self.buffer = []
    let count = normalizer.normalize(line, into: &buffer)
    buffer.withUnsafeBufferPointer { text in
      var start = 0
      for at in 0..<count where text[at] == 0x20 {
        body(UnsafeBufferPointer(rebasing: text[start..<at]))
        start = at + 1
      }
      if start < count { body(UnsafeBufferPointer(rebasing: text[start..<count])) }
    }
    // A very long line should not hold its memory for ever.
    if buffer.count <= 1 << 20 { self.buffer = buffer }
  }
}

/// Stretches and what they became. Forgets everything when full, so that memory stays bounded on any input.
private struct StretchCache {
  private static let limit = 1 << 17
  private static let longestKey = 128
  private var keys = ByteStringTable()
  private var ends: [Int] = []
  private var values: [Int32] = []

  /// Appends what the stretch became, where it is known.
  func append(_ stretch: UnsafeBufferPointer<UInt8>, to output: inout [Int32]) -> Bool {
    guard stretch.count <= Self.longestKey, let index = keys.find(stretch) else { return false }
    let start = index == 0 ? 0 : ends[index - 1]
    for at in start..<ends[index] { output.append(values[at]) }
    return true
  }

  mutating func keep(_ stretch: UnsafeBufferPointer<UInt8>, _ value: ArraySlice<Int32>) {
    guard stretch.count <= Self.longestKey else { return }
    if keys.count >= Self.limit {
      keys.removeAll()
      ends.removeAll(keepingCapacity: true)
      values.removeAll(keepingCapacity: true)
    }
    guard keys.insert(stretch).isNew else { return }
    values.append(contentsOf: value)
    ends.append(values.count)
  }
}
