import Foundation
import Seq2Seq
import TextProcessing

/// How probable a model finds a translation.
public struct PairScore: Sendable, Equatable {
  /// Target ids with the end symbol.
  public var tokens: [Int32]
  /// log P of each of `tokens` given the source and those before it, nats.
  public var tokenLogProbabilities: [Float]

  /// log P(target, end | source), nats.
  public var logProbability: Double { tokenLogProbabilities.reduce(0) { $0 + Double($1) } }
}

/// A word, or the end symbol as `</s>`, with the sum of its pieces' log-probabilities.
public struct ScoredWord: Sendable, Equatable {
  public var text: String
  public var logProbability: Double
}

/// A pair that the model cannot take.
public struct PairTooLongError: Error, CustomStringConvertible, Equatable {
  /// Counted from 1.
  public let line: Int
  /// "source", "target", or what its caller names the target.
  public let side: String
  public let tokens: Int
  public let limit: Int

  public var description: String {
    "line \(line): the \(side) has \(tokens) tokens; this model takes at most \(limit)"
  }
}

/// log P(target | source) of pairs of lines, on several threads.
public final class PairScorer: @unchecked Sendable {
  private let loaded: LoadedModel
  private let workspaces: [Workspace]

  public init(_ loaded: LoadedModel, threads: Int) {
    precondition(threads > 0, "\(threads) threads")
    self.loaded = loaded
    workspaces = (0..<threads).map { _ in Workspace() }
  }

  /// Scores the pairs, in their order; not from two threads at once. `firstLine` is the number of the first pair,
  /// counted from 0, for `PairTooLongError`, and `side` what that calls the target.
  public func score(_ pairs: [(source: String, target: String)], firstLine: Int = 0, side: String = "target") throws
    -> [PairScore]
  {
    var (sources, targets) = ([[Int32]](), [[Int32]]())
    for (i, pair) in pairs.enumerated() {
      try sources.append(checked(loaded.text.encodeSource(pair.source), "source", line: firstLine + i))
      try targets.append(checked(loaded.text.encodeTarget(pair.target), side, line: firstLine + i))
    }
    return score(sources: sources, targets: targets)
  }

  /// The same for ids without end symbols, none longer than the model takes.
  public func score(sources: [[Int32]], targets: [[Int32]]) -> [PairScore] {
    // Dealt out by length, so that every thread has long and short ones.
    let order = sources.indices.sorted { sources[$0].count + targets[$0].count > sources[$1].count + targets[$1].count }
    let results = Results(count: sources.count)
    DispatchQueue.concurrentPerform(iterations: workspaces.count) { thread in
      let mine = stride(from: thread, to: order.count, by: workspaces.count).map { order[$0] }
      let values = ForcedScoring(loaded.model, workspace: workspaces[thread]).logProbabilities(
        sources: mine.map { sources[$0] }, targets: mine.map { targets[$0] })
      results.store(values, at: mine)
    }
    return zip(targets, results.values).map {
      PairScore(tokens: $0 + [SpecialToken.end], tokenLogProbabilities: $1)
    }
  }

  private func checked(_ ids: [Int32], _ side: String, line: Int) throws -> [Int32] {
    guard ids.count <= loaded.maximumLength else {
      throw PairTooLongError(line: line + 1, side: side, tokens: ids.count, limit: loaded.maximumLength)
    }
    return ids
  }

  private final class Results: @unchecked Sendable {
    private let lock = NSLock()
    private(set) var values: [[Float]]

    init(count: Int) { values = Array(repeating: [], count: count) }

    func store(_ new: [[Float]], at places: [Int]) {
      lock.withLock { for (place, value) in zip(places, new) { values[place] = value } }
    }
  }
}

extension LoadedModel {
  /// The words of a scored target: pieces from one that a space precedes to the next, and the end symbol last.
  public func words(of score: PairScore) -> [ScoredWord] {
    var words: [ScoredWord] = []
    var ids: [Int32] = []
    var sum = 0.0
    func finish() {
      if !ids.isEmpty { words.append(ScoredWord(text: text.decodeTarget(ids), logProbability: sum)) }
      (ids, sum) = ([], 0)
    }
    for (token, value) in zip(score.tokens, score.tokenLogProbabilities) {
      if token == SpecialToken.end {
        finish()
        words.append(ScoredWord(text: "</s>", logProbability: Double(value)))
        continue
      }
      // U+2581 begins the pieces that a space precedes.
      if text.targetVocabulary.piece(token).unicodeScalars.first == "\u{2581}" { finish() }
      ids.append(token)
      sum += Double(value)
    }
    return words
  }
}
