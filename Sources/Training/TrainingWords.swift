import Evaluation
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
      let parts = pool.map(chunks) { piece in
        let splitter = WordSplitter()
        var part = WordCounts()
        for i in piece * chunk..<min(text.count, (piece + 1) * chunk) {
          for word in splitter.words(text.target(i)) { part.add(word) }
        }
        return part
      }
      for part in parts { counts.add(part) }
    }
    return counts
  }
}
