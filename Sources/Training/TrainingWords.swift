import Evaluation
import Foundation
import TextProcessing
import Translation

/// How often the training text has each word of the target language: what the error analysis sorts words by.
enum TrainingWords {
  /// Counts every pair once, whatever the weight of its corpus, as BLEU's 13a tokenization cuts words.
  static func count(_ texts: [ParallelText], pool: WorkerPool) -> WordCounts {
    let chunk = 8192
    var counts = WordCounts()
    for text in texts {
      let chunks = (text.count + chunk - 1) / chunk
      let parts = Parts(chunks)
      pool.run(chunks) { _, piece in
        let splitter = WordSplitter()
        var part = WordCounts()
        for i in piece * chunk..<min(text.count, (piece + 1) * chunk) {
          for word in splitter.words(text.target(i)) { part.add(word) }
        }
        parts.set(piece, part)
      }
      for part in parts.counts { counts.add(part) }
    }
    return counts
  }

  private final class Parts: @unchecked Sendable {
    private let lock = NSLock()
    private(set) var counts: [WordCounts]
    init(_ count: Int) { counts = Array(repeating: WordCounts(), count: count) }
    func set(_ index: Int, _ part: WordCounts) { lock.withLock { counts[index] = part } }
  }
}
