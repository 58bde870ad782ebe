import Autograd
import Foundation
import Seq2Seq
import Synchronization
import TextProcessing

/// Text → text. Immutable: any number of threads may translate with one translator at once.
public final class Translator: Sendable {
  /// One, or several whose log-probabilities are averaged.
  public let models: [LoadedModel]
  /// The ids that outputs are chosen among, where `TranslationOptions.usesShortlist`; nil: all.
  public let shortlist: LexicalShortlist?
  /// For lines longer than the models take.
  let splitter: SentenceSplitter

  /// Loads a model directory. `precision` nil is that of its weights. `withShortlist` asks for its shortlist too. Throws
  /// `ModelError`, or what is wrong with its `text.json` or shortlist.
  public convenience init(model: URL, precision: Precision? = nil, withShortlist: Bool = false) throws {
    try self.init(models: [model], precision: precision, withShortlist: withShortlist)
  }

  /// Loads several models that translate together; they must have one vocabulary.
  public convenience init(models: [URL], precision: Precision? = nil, withShortlist: Bool = false) throws {
    try self.init(models.map { try ModelDirectory($0).load(precision: precision) }, withShortlist: withShortlist)
  }

  /// Throws `ModelError` if the models do not have the same `text.json`. The shortlist is that of the first; several models
  /// together look at all probabilities with it too, and are no faster.
  public init(_ models: [LoadedModel], withShortlist: Bool = false) throws {
    precondition(!models.isEmpty, "a translator without a model")
    for model in models.dropFirst() {
      let files = (models[0].directory.text, model.directory.text)
      guard let first = try? Data(contentsOf: files.0), first == (try? Data(contentsOf: files.1)) else {
        throw ModelError(
          file: files.1.path, problem: "differs from \(files.0.path); models that translate together share a vocabulary")
      }
    }
    self.models = models
    shortlist = withShortlist ? try models[0].readShortlist() : nil
    splitter = try SentenceSplitter()
  }

  public var description: ModelDescription { models[0].description }
  public var text: TextPipeline { models[0].text }
  public var precision: Precision { models[0].precision }
  /// The longest source and output in tokens, without end symbol, that all models take.
  public var maximumLength: Int { models.map(\.maximumLength).min() ?? 0 }

  /// The usual settings, with the model's own where it has any. Loops are broken.
  public var defaultOptions: TranslationOptions {
    var options = TranslationOptions(search: description.search?.options ?? SearchOptions())
    options.protectsSpans = masksSpans
    options.search.breaksLoops = true
    return options
  }

  /// Whether spans to be kept can be given to the models as placeholders.
  var masksSpans: Bool { models.allSatisfy { $0.description.copiesPlaceholders == true } }

  /// Translates lines; the results are in their order. Blocks until all are done.
  public func translate(_ lines: [String], options: TranslationOptions? = nil) -> [TranslatedLine] {
    translate(lines.map { TranslationInput($0) }, options: options)
  }

  public func translate(_ inputs: [TranslationInput], options: TranslationOptions? = nil) -> [TranslatedLine] {
    do {
      return try translate(inputs, options ?? defaultOptions) { _ in }
    } catch {
      // A stream throws only what its receiver threw, or that it was cancelled.
      preconditionFailure("a receiver that cannot fail failed: \(error)")
    }
  }

  /// `begin` is given the stream before the first line.
  private func translate(
    _ inputs: [TranslationInput], _ options: TranslationOptions, begin: (TranslationStream) -> Void
  ) throws -> [TranslatedLine] {
    let results = ResultCollector()
    let stream = TranslationStream(self, options: options) { results.append($0.map(\.output)) }
    begin(stream)
    do {
      for start in stride(from: 0, to: inputs.count, by: stream.windowLines) {
        try stream.submit(Array(inputs[start..<min(start + stream.windowLines, inputs.count)]))
      }
    } catch {
      // The workers' end is waited for all the same.
      try? stream.finish()
      throw error
    }
    try stream.finish()
    return results.lines
  }

  /// Translates lines without blocking the caller's thread. Any number of tasks may do so at once, each with threads and
  /// workspaces of its own: where many ask for a little, as in a server, a ``TranslationPool`` serves all with a few.
  /// - Throws: `CancellationError` where the task is cancelled, once the batches under way are done: some seconds later at
  ///   most.
  public func translate(_ lines: [String], _ options: TranslationOptions? = nil) async throws -> [TranslatedLine] {
    try await translate(lines.map { TranslationInput($0) }, options)
  }

  public func translate(
    _ inputs: [TranslationInput], _ options: TranslationOptions? = nil
  ) async throws -> [TranslatedLine] {
    let canceller = Canceller()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        // A thread of its own, for a stream makes its caller wait.
        Thread.detachNewThread {
          continuation.resume(
            with: Result { try self.translate(inputs, options ?? self.defaultOptions, begin: canceller.watch) })
        }
      }
    } onCancel: {
      canceller.cancel()
    }
  }
}

/// Cancels a stream, whether it has begun already or not.
private final class Canceller: Sendable {
  private let state = Mutex<(stream: TranslationStream?, isCancelled: Bool)>((nil, false))

  func watch(_ stream: TranslationStream) {
    let isCancelled = state.withLock { state in
      state.stream = stream
      return state.isCancelled
    }
    if isCancelled { stream.cancel() }
  }

  func cancel() {
    let stream = state.withLock { state in
      state.isCancelled = true
      return state.stream
    }
    stream?.cancel()
  }
}

private final class ResultCollector: @unchecked Sendable {
  // Windows arrive one after the other, and are read when all have.
  private(set) var lines: [TranslatedLine] = []
  func append(_ new: [TranslatedLine]) { lines.append(contentsOf: new) }
}
