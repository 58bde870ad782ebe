import Autograd
import Foundation
import Seq2Seq
import TextProcessing

/// Why a pool does not translate.
public enum PoolError: Error, Equatable, Sendable, CustomStringConvertible {
  /// As many sentences are waiting as may.
  case full(waiting: Int)
  /// It has been stopped.
  case stopped

  public var description: String {
    switch self {
    case .full(let waiting): "\(waiting) sentences are waiting already"
    case .stopped: "the pool has been stopped"
    }
  }
}

/// Workers that translate what many callers ask for at the same time, with any number of models: whenever one is free
/// it takes the sentence that has waited longest, and with it others of like length for the same model, whoever asked
/// for them. What a caller gets does not depend on what others ask.
///
/// A request with many sentences does not hold up one with few: sentences are taken by turns, sixteen of a request a turn.
///
/// The workers keep the pool and what it translates with until `stop()`: whoever makes one calls that.
public final class TranslationPool: @unchecked Sendable {
  public struct Limits: Sendable {
    /// Workers.
    public var threads = ProcessInfo.processInfo.activeProcessorCount
    /// A request after which more sentences would wait than this is not taken, unless none are waiting.
    public var waitingSentences = 4096
    /// How long a free worker waits at most for as many sentences as its last batch had.
    public var gathering: Duration = .milliseconds(8)

    public init() {}
  }

  /// What a pool has done and has to do.
  public struct Statistics: Sendable, Equatable {
    public var waitingSentences = 0
    public var sentences = 0
    public var batches = 0
    public var sourceTokens = 0
    public var outputTokens = 0
  }

  /// Is told of a line, by its number, how its translation begins, each time that has become more, and whether that is all
  /// of it. Of lines with something to protect nothing is told.
  public typealias Progress = @Sendable (_ line: Int, _ text: String, _ isWhole: Bool) -> Void

  /// Source tokens of a batch of several sentences: others that come meanwhile wait for its end.
  static let batchTokens = 1024

  public let limits: Limits
  // All below are guarded by `condition`.
  private let condition = NSCondition()
  private var waiting: [PoolSentence] = []
  private var clock = 0
  private var isStopped = false
  private var counts = Statistics()

  public init(_ limits: Limits = Limits()) {
    precondition(limits.threads > 0, "\(limits.threads) threads")
    self.limits = limits
    for number in 0..<limits.threads {
      let thread = Thread { [self] in work() }
      thread.name = "mt pool \(number)"
      thread.stackSize = 16 << 20
      thread.start()
    }
  }

  /// Ends the workers once the batches under way are done; what waits is given up with `PoolError.stopped`.
  public func stop() {
    condition.lock()
    isStopped = true
    let ends = waiting.compactMap { $0.request.end(with: .failure(PoolError.stopped)) }
    waiting = []
    condition.broadcast()
    condition.unlock()
    for end in ends { end() }
  }

  public var statistics: Statistics {
    condition.lock()
    defer { condition.unlock() }
    var counts = counts
    counts.waitingSentences = waiting.count
    return counts
  }

  /// Translates lines; the results are in their order.
  /// - Throws: `PoolError`, and `CancellationError` at once where the task is cancelled: what has not been begun never is.
  public func translate(
    _ inputs: [TranslationInput], with translator: Translator, _ options: TranslationOptions? = nil,
    progress: Progress? = nil
  ) async throws -> [TranslatedLine] {
    try Task.checkCancellation()
    let request = PoolRequest(inputs, translator, options ?? translator.defaultOptions, progress)
    guard !request.units.isEmpty else { return request.results() }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        if let end = enter(request, continuation) { end() }
      }
    } onCancel: {
      condition.lock()
      waiting.removeAll { $0.request === request }
      let end = request.end(with: .failure(CancellationError()))
      condition.unlock()
      end?()
    }
  }

  /// Puts a request's sentences among those that wait; what is to be called where it cannot be taken.
  private func enter(
    _ request: PoolRequest, _ continuation: CheckedContinuation<[TranslatedLine], any Error>
  ) -> (() -> Void)? {
    condition.lock()
    defer { condition.unlock() }
    // Cancelled before it came here.
    if request.isEnded { return { continuation.resume(throwing: CancellationError()) } }
    request.continuation = continuation
    if isStopped { return request.end(with: .failure(PoolError.stopped)) }
    if !waiting.isEmpty, waiting.count + request.units.count > limits.waitingSentences {
      return request.end(with: .failure(PoolError.full(waiting: waiting.count)))
    }
    let now = ContinuousClock.now
    waiting += request.units.indices.map {
      PoolSentence(request: request, index: $0, turn: clock + $0 / 16, arrival: now)
    }
    condition.broadcast()
    return nil
  }

  // MARK: Workers

  private func work() {
    var workspaces: [Workspace] = []
    var last = 0
    while let batch = takeBatch(last: last) {
      last = batch.count
      let request = batch[0].request
      while workspaces.count < request.translator.models.count { workspaces.append(Workspace()) }
      let translator = BatchTranslator(request.translator, request.options, workspaces: workspaces)
      let settled: SettledBeginnings? =
        batch.contains { $0.request.progress != nil } ? { batch[$0].request.tell(batch[$0].index, $1) } : nil
      let hypotheses = translator.translate(batch.map(\.part), lines: batch.map(\.line), settled: settled)
      for (sentence, found) in zip(batch, hypotheses) { sentence.request.tellDone(sentence.index, found) }
      var complete: [PoolRequest] = []
      condition.lock()
      counts.batches += 1
      counts.sentences += batch.count
      for (sentence, found) in zip(batch, hypotheses) {
        counts.sourceTokens += sentence.length
        counts.outputTokens += found.first?.tokens.count ?? 0
        if sentence.request.finish(sentence.index, found) { complete.append(sentence.request) }
      }
      condition.unlock()
      for request in complete {
        let results = request.results()
        condition.lock()
        let end = request.end(with: .success(results))
        condition.unlock()
        end?()
      }
    }
  }

  /// Waits for sentences; nil once there is nothing more to do. `last` is how many this worker had before.
  private func takeBatch(last: Int) -> [PoolSentence]? {
    condition.lock()
    defer { condition.unlock() }
    while true {
      if isStopped { return nil }
      guard let first = waiting.min(by: { $0.turn < $1.turn }) else {
        condition.wait()
        continue
      }
      // Callers that got an answer a moment ago are about to ask again.
      let rest = limits.gathering - (ContinuousClock.now - first.arrival)
      if last > waiting.count, rest > .zero {
        _ = condition.wait(until: Date(timeIntervalSinceNow: rest.seconds))
        if isStopped { return nil }
        // Another worker may have taken it, or its caller may have gone.
        guard waiting.contains(where: { $0.request === first.request && $0.index == first.index }) else { continue }
        if last > waiting.count, limits.gathering > ContinuousClock.now - first.arrival { continue }
      }
      return take(first)
    }
  }

  /// Takes the sentence and those that go well with it.
  private func take(_ first: PoolSentence) -> [PoolSentence] {
    clock = max(clock, first.turn)
    let (options, precision) = (first.request.options, first.request.translator.precision)
    let length = first.length
    func isFirst(_ sentence: PoolSentence) -> Bool { sentence.request === first.request && sentence.index == first.index }
    var fitting = waiting.indices.filter { waiting[$0].request.matches(first.request) && !isFirst(waiting[$0]) }
    // Enough stays for the other workers, and to choose among next time.
    let share = (fitting.count + limits.threads) / limits.threads
    let most = min(options.sentencesAtOnce(precision), max(8, share))
    if fitting.count > most {
      fitting.sort { a, b in
        let (x, y) = (waiting[a], waiting[b])
        return (abs(x.length - length), x.turn, a) < (abs(y.length - length), y.turn, b)
      }
    }
    var (batch, taken, tokens) = ([first], Set<Int>(), length + 1)
    for index in fitting where batch.count < most {
      guard tokens + waiting[index].length + 1 <= min(options.tokensAtOnce(precision), Self.batchTokens) else { continue }
      tokens += waiting[index].length + 1
      batch.append(waiting[index])
      taken.insert(index)
    }
    waiting = waiting.indices.filter { !taken.contains($0) && !isFirst(waiting[$0]) }.map { waiting[$0] }
    return batch
  }
}
