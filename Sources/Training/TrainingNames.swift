import TextProcessing

/// Which capitalised words the training text translates: what tells names at translation time.
enum TrainingNames {
  /// Pairs looked at, spread over the corpora.
  static let maximumPairs = 300_000

  static func learn(_ texts: [ParallelText], pool: WorkerPool) -> NameLexicon? {
    let total = texts.reduce(0) { $0 + $1.count }
    let step = max(1, (total + maximumPairs - 1) / maximumPairs)
    let pieces = 64
    let learners = pool.map(pieces) { piece in
      var learner = NameLearner()
      for text in texts {
        let pairs = (text.count + step - 1) / step
        for i in piece * pairs / pieces..<(piece + 1) * pairs / pieces {
          learner.add(source: text.source(i * step), target: text.target(i * step))
        }
      }
      return learner
    }
    var whole = NameLearner()
    for learner in learners { whole.add(learner) }
    return whole.lexicon
  }
}
