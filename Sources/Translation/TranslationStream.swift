import Autograd
import Foundation
import Seq2Seq
import TextProcessing

/// Lines in, translated lines out, in order, with bounded memory: windows of lines are given in, each is cut into
/// batches of like length, workers translate batches, and a window leaves as soon as it and all before it are done.
public final class TranslationStream: @unchecked Sendable {
  /// A window's lines with their translations.
  public typealias Receiver = ([(input: TranslationInput, output: TranslatedLine)]) throws -> Void

  /// Windows that may be under way at once: enough that no worker waits for the last batch of one.
  private static let windowsAtOnce = 3

  private let translator: Translator
  private let options: TranslationOptions
  private let preparation: LinePreparation
  private let receive: Receiver
  // All below are guarded by `condition`.
  private let condition = NSCondition()
  private var jobs: [Job] = []
  private var windows: [Window] = []
  private var linesGiven = 0
  private var isEmitting = false
  private var isFinished = false
  private var failure: (any Error)?
  private var workersRunning = 0

  private enum Job {
    case prepare(Window)
    case translate(Window, [Int])
  }

  /// `receive` is called with one window at a time, in order, on whichever thread completes it. What it
  /// throws stops the stream and is thrown by the next `submit` or `finish`.
  public init(_ translator: Translator, options: TranslationOptions, receive: @escaping Receiver) {
    precondition(options.threads > 0, "\(options.threads) threads")
    precondition(options.batchSentences ?? 1 > 0, "batches of \(options.batchSentences ?? 0) sentences")
    self.translator = translator
    self.options = options
    self.receive = receive
    preparation = LinePreparation(translator, options)
    workersRunning = options.threads
    for _ in 0..<options.threads {
      let thread = Thread { [self] in work() }
      thread.stackSize = 16 << 20
      thread.start()
    }
  }

  /// Lines that make a good window: enough batches of each length for every worker.
  public var windowLines: Int { options.windowLines(translator.precision) }

  /// Gives in a window. Blocks while too many are under way. Throws what stopped the stream.
  public func submit(_ inputs: [TranslationInput]) throws {
    guard !inputs.isEmpty else { return }
    condition.lock()
    defer { condition.unlock() }
    while windows.count >= TranslationStream.windowsAtOnce, failure == nil { condition.wait() }
    if let failure { throw failure }
    let window = Window(inputs, firstLine: linesGiven)
    linesGiven += inputs.count
    windows.append(window)
    jobs.append(.prepare(window))
    condition.broadcast()
  }

  /// Waits until every window has left and the workers are gone. Throws what stopped the stream.
  public func finish() throws {
    condition.lock()
    defer { condition.unlock() }
    isFinished = true
    condition.broadcast()
    while workersRunning > 0 || (!windows.isEmpty && failure == nil) { condition.wait() }
    if let failure { throw failure }
  }

  /// Stops the stream once the batches under way are done; the next `submit` or `finish` throws `CancellationError`.
  public func cancel() {
    condition.lock()
    failure = failure ?? CancellationError()
    condition.broadcast()
    condition.unlock()
  }

  // MARK: Workers

  private func work() {
    let worker = BatchTranslator(translator, options)
    while let job = nextJob() {
      switch job {
      case .prepare(let window):
        let batches = window.prepare(preparation, options, translator.precision)
        condition.lock()
        // Ahead of other windows' preparation: the oldest window leaves first.
        let place = jobs.firstIndex { if case .prepare = $0 { true } else { false } } ?? jobs.endIndex
        jobs.insert(contentsOf: batches.map { .translate(window, $0) }, at: place)
        window.batchesLeft = batches.count
        window.isPrepared = true
        condition.broadcast()
        condition.unlock()
      case .translate(let window, let units):
        let start = ContinuousClock.now
        let hypotheses = worker.translate(units.map { window.units[$0].part }, lines: units.map { window.line(of: $0) })
        let elapsed = (ContinuousClock.now - start).seconds
        condition.lock()
        window.finish(units, hypotheses, seconds: elapsed)
        condition.unlock()
      }
      emit()
    }
    condition.lock()
    workersRunning -= 1
    condition.broadcast()
    condition.unlock()
  }

  private func nextJob() -> Job? {
    condition.lock()
    defer { condition.unlock() }
    while true {
      if failure != nil { return nil }
      if !jobs.isEmpty { return jobs.removeFirst() }
      if isFinished, windows.isEmpty { return nil }
      condition.wait()
    }
  }

  /// Lets the windows leave that are complete and first in line.
  private func emit() {
    condition.lock()
    defer { condition.unlock() }
    guard !isEmitting else { return }
    isEmitting = true
    while failure == nil, let window = windows.first, window.isPrepared, window.batchesLeft == 0 {
      condition.unlock()
      let results = window.results(translator, options)
      var thrown: (any Error)?
      do {
        try receive(zip(window.inputs, results).map { ($0, $1) })
      } catch {
        thrown = error
      }
      condition.lock()
      windows.removeFirst()
      failure = failure ?? thrown
      condition.broadcast()
    }
    isEmitting = false
  }
}

/// Lines under way together.
private final class Window {
  let inputs: [TranslationInput]
  private let firstLine: Int
  // Set by `prepare` and never again: workers read them without the stream's lock.
  private var prepared: [PreparedLine] = []
  private var preparationSeconds: [Double] = []
  /// The parts of all lines, in order.
  private(set) var units: [(line: Int, part: PreparedLine.Part)] = []
  // Guarded by the stream's lock, and read without it once no batch is left.
  private var found: [(hypotheses: [Hypothesis], seconds: Double)] = []
  var batchesLeft = 0
  var isPrepared = false

  init(_ inputs: [TranslationInput], firstLine: Int) {
    self.inputs = inputs
    self.firstLine = firstLine
  }

  /// The number, counted from 0 over all windows, of the line a unit belongs to.
  func line(of unit: Int) -> Int { firstLine + units[unit].line }

  /// Encodes the lines; returns batches of units, the longest first so that no worker is left with one at the end.
  func prepare(
    _ preparation: LinePreparation, _ options: TranslationOptions, _ precision: Precision
  ) -> [[Int]] {
    for (line, input) in inputs.enumerated() {
      let start = ContinuousClock.now
      let result = preparation.prepare(input)
      preparationSeconds.append((ContinuousClock.now - start).seconds)
      prepared.append(result)
      if case .parts(let parts) = result { units += parts.map { (line, $0) } }
    }
    found = Array(repeating: ([], 0), count: units.count)
    let order = units.indices.sorted { (-units[$0].part.source.count, $0) < (-units[$1].part.source.count, $1) }
    var batches: [[Int]] = []
    var tokens = 0
    // Where nothing else is asked for, few lines are shared out among all workers.
    let share = (units.count + 4 * options.threads - 1) / (4 * options.threads)
    let most = options.batchSentences ?? min(options.sentencesAtOnce(precision), max(16, share))
    for unit in order {
      let length = units[unit].part.source.count + 1
      if let last = batches.last, last.count < most, tokens + length <= options.tokensAtOnce(precision) {
        batches[batches.count - 1].append(unit)
        tokens += length
      } else {
        batches.append([unit])
        tokens = length
      }
    }
    return batches
  }

  /// Keeps what was found for a batch of units.
  func finish(_ batch: [Int], _ hypotheses: [[Hypothesis]], seconds: Double) {
    for (unit, hypotheses) in zip(batch, hypotheses) { found[unit] = (hypotheses, seconds) }
    batchesLeft -= 1
  }

  func results(_ translator: Translator, _ options: TranslationOptions) -> [TranslatedLine] {
    var next = 0
    return prepared.enumerated().map { line, prepared in
      guard case .parts(let parts) = prepared else {
        if case .unchanged(let text) = prepared { return TranslatedLine(candidates: [.init(text: text)]) }
        return TranslatedLine(candidates: [.init(text: "")])
      }
      let found = self.found[next..<next + parts.count]
      next += parts.count
      let start = ContinuousClock.now
      var result = LineAssembly(translator: translator, options: options)
        .assemble(inputs[line], parts: parts, hypotheses: found.map(\.hypotheses))
      result.seconds = preparationSeconds[line] + found.reduce(0) { $0 + $1.seconds }
        + (ContinuousClock.now - start).seconds
      return result
    }
  }
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
