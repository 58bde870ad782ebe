import Autograd
import Foundation
import Seq2Seq
import TextProcessing

/// Corpora as text, encoded anew whenever a pair is drawn: with other merges left out, or another change to the source.
struct TextPairs: PairSource {
  let corpora: [ParallelText]
  let pipeline: TextPipeline
  let augmentation: Augmentation
  let dropout: Double
  /// In subwords with end symbol; longer pairs are left out of the pass.
  let maximumLength: Int
  let seed: UInt64

  var sizes: [Int] { corpora.map(\.count) }

  func roughLength(corpus: Int, index: Int) -> Int { corpora[corpus].length(index) }

  func pair(corpus: Int, index: Int, pass: Int) -> TokenPair {
    var random = RandomGenerator(seed: seed, 105, corpus, index, pass)
    let text = corpora[corpus]
    var (source, target) = (text.source(index), text.target(index))
    if augmentation.isOn { (source, target) = augmentation.apply(source, target, random: &random) }
    let pair = TextPairs.encode(source, target, pipeline, dropout: dropout, random: &random)
    return max(pair.source.count, pair.target.count) <= maximumLength ? pair : TokenPair(source: [], target: [])
  }

  /// Ids of both sides with their end symbols.
  static func encode(
    _ source: String, _ target: String, _ pipeline: TextPipeline, dropout: Double, random: inout RandomGenerator
  ) -> TokenPair {
    let sourceIds = dropout > 0
      ? pipeline.encodeSource(source, dropout: dropout, random: &random) : pipeline.encodeSource(source)
    let targetIds = dropout > 0
      ? pipeline.encodeTarget(target, dropout: dropout, random: &random) : pipeline.encodeTarget(target)
    return TokenPair(source: (sourceIds + [SpecialToken.end])[...], target: (targetIds + [SpecialToken.end])[...])
  }

  /// Every pair encoded once, on all threads of the pool; pairs over `maximumLength` are left out.
  static func encodeOnce(
    _ text: ParallelText, _ pipeline: TextPipeline, maximumLength: Int, pool: WorkerPool
  ) -> EncodedCorpus {
    let chunk = 2048
    let chunks = (text.count + chunk - 1) / chunk
    let parts = pool.map(chunks) { piece in
      var part = EncodedCorpus()
      var random = RandomGenerator(seed: 0)
      for i in piece * chunk..<min(text.count, (piece + 1) * chunk) {
        let pair = encode(text.source(i), text.target(i), pipeline, dropout: 0, random: &random)
        if max(pair.source.count, pair.target.count) <= maximumLength {
          part.append(source: pair.source, target: pair.target)
        }
      }
      return part
    }
    var whole = EncodedCorpus()
    for part in parts { whole.append(contentsOf: part) }
    return whole
  }

  /// How many pairs are over `maximumLength` subwords.
  static func countLonger(_ text: ParallelText, _ pipeline: TextPipeline, maximumLength: Int, pool: WorkerPool) -> Int {
    let candidates = (0..<text.count).filter { canExceed(maximumLength, text, $0) }
    let chunk = 2048
    return pool.map((candidates.count + chunk - 1) / chunk) { piece in
      var random = RandomGenerator(seed: 0)
      return candidates[piece * chunk..<min(candidates.count, (piece + 1) * chunk)].count {
        let pair = encode(text.source($0), text.target($0), pipeline, dropout: 0, random: &random)
        return max(pair.source.count, pair.target.count) > maximumLength
      }
    }.reduce(0, +)
  }

  /// Whether a side of a pair may have more than so many subwords, without encoding it: a subword has at least a byte, and a
  /// word a subword for its space at most.
  private static func canExceed(_ maximumLength: Int, _ text: ParallelText, _ index: Int) -> Bool {
    2 * text.length(index) >= maximumLength
  }

  /// The mean number of target tokens of a pair, from up to 2,000 pairs spread over the corpus; those over `maximumLength`
  /// count as none, as in the mean of what is learnt from.
  static func meanTargetTokens(_ text: ParallelText, _ pipeline: TextPipeline, maximumLength: Int) -> Double {
    guard text.count > 0 else { return 0 }
    let step = max(1, text.count / 2000)
    let sample = stride(from: 0, to: text.count, by: step).map { i in
      let target = pipeline.encodeTarget(text.target(i)).count + 1
      let isLong = target > maximumLength
        || canExceed(maximumLength, text, i) && pipeline.encodeSource(text.source(i)).count + 1 > maximumLength
      return isLong ? 0 : target
    }
    return Double(sample.reduce(0, +)) / Double(sample.count)
  }
}
