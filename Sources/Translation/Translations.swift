import Foundation

extension Translator {
  /// Translates lines as they come, in their order. What is ready when the last translations have been taken is translated
  /// together: a lone line at once, a full queue in batches. No more than a few hundred lines are waiting at any time,
  /// however fast they come or slowly translations are taken.
  ///
  ///     for try await line in translator.translations(of: lines) { print(line.text) }
  ///
  /// The sequence throws what `lines` throws, behind the lines that came before, and `CancellationError` where the task is
  /// cancelled.
  public func translations<Lines: AsyncSequence & Sendable>(
    of lines: Lines, _ options: TranslationOptions? = nil
  ) -> Translations<Lines> where Lines.Element == String {
    Translations(translator: self, lines: lines, options: options ?? defaultOptions)
  }
}

/// Translations of a sequence of lines: see ``Translator/translations(of:_:)``.
public struct Translations<Lines: AsyncSequence & Sendable>: AsyncSequence, Sendable where Lines.Element == String {
  public typealias Element = TranslatedLine

  let translator: Translator
  let lines: Lines
  let options: TranslationOptions

  public func makeAsyncIterator() -> Iterator { Iterator(translator, lines, options) }

  public struct Iterator: AsyncIteratorProtocol {
    private let translator: Translator
    private let options: TranslationOptions
    private let reader: Reader
    private let most: Int
    private var ready: ArraySlice<TranslatedLine> = []

    init(_ translator: Translator, _ lines: Lines, _ options: TranslationOptions) {
      (self.translator, self.options) = (translator, options)
      most = options.windowLines(translator.precision)
      reader = Reader(lines, capacity: most)
    }

    public mutating func next() async throws -> TranslatedLine? {
      if let line = ready.popFirst() { return line }
      let queue = reader.queue
      let lines = try await withTaskCancellationHandler {
        try await queue.take(most)
      } onCancel: {
        Task { await queue.close(CancellationError()) }
      }
      guard !lines.isEmpty else { return nil }
      ready = try await translator.translate(lines, options)[...]
      return ready.popFirst()
    }
  }

  /// Reads the lines into a queue, until its owner goes.
  private final class Reader: Sendable {
    let queue: LineQueue
    private let task: Task<Void, Never>

    init(_ lines: Lines, capacity: Int) {
      let queue = LineQueue(capacity: capacity)
      self.queue = queue
      task = Task {
        do {
          for try await line in lines {
            guard await queue.put(line) else { return }
          }
          await queue.close(nil)
        } catch {
          await queue.close(error)
        }
      }
    }

    deinit {
      task.cancel()
      let queue = queue
      Task { await queue.close(nil) }
    }
  }
}

/// Lines between one that gives and one that takes.
private actor LineQueue {
  private let capacity: Int
  private var lines: [String] = []
  private var end: Result<Void, any Error>?
  private var taker: CheckedContinuation<Void, Never>?
  private var giver: CheckedContinuation<Void, Never>?

  init(capacity: Int) { self.capacity = capacity }

  /// Waits while the queue is full. False once it is closed.
  func put(_ line: String) async -> Bool {
    while lines.count >= capacity, end == nil { await withCheckedContinuation { giver = $0 } }
    guard end == nil else { return false }
    lines.append(line)
    wake()
    return true
  }

  /// Up to `most` lines, as many as there are; waits for the first. None once the lines have ended.
  func take(_ most: Int) async throws -> [String] {
    while lines.isEmpty, end == nil { await withCheckedContinuation { taker = $0 } }
    if case .failure(let error as CancellationError)? = end { throw error }
    guard !lines.isEmpty else {
      try end?.get()
      return []
    }
    let taken = Array(lines.prefix(most))
    lines.removeFirst(taken.count)
    wake()
    return taken
  }

  /// No line comes behind those that wait.
  func close(_ error: (any Error)?) {
    if end == nil { end = error.map(Result.failure) ?? .success(()) }
    wake()
  }

  private func wake() {
    taker?.resume()
    giver?.resume()
    (taker, giver) = (nil, nil)
  }
}
