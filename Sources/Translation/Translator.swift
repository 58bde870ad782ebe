import Autograd
import Foundation
import Seq2Seq
import TextProcessing

/// Text → text. Immutable: any number of threads may translate with one translator at once.
public final class Translator: Sendable {
  /// One, or several whose log-probabilities are averaged.
  public let models: [LoadedModel]
  /// For lines longer than the models take.
  let splitter: SentenceSplitter

  /// Loads a model directory. `precision` nil is that of its weights. Throws `ModelError`, or what is wrong with its
  /// `text.json`.
  public convenience init(model: URL, precision: Precision? = nil) throws {
    try self.init(models: [model], precision: precision)
  }

  /// Loads several models that translate together; they must have one vocabulary.
  public convenience init(models: [URL], precision: Precision? = nil) throws {
    try self.init(models.map { try ModelDirectory($0).load(precision: precision) })
  }

  /// Throws `ModelError` if the models do not have the same `text.json`.
  public init(_ models: [LoadedModel]) throws {
    precondition(!models.isEmpty, "a translator without a model")
    for model in models.dropFirst() {
      let files = (models[0].directory.text, model.directory.text)
      guard let first = try? Data(contentsOf: files.0), first == (try? Data(contentsOf: files.1)) else {
        throw ModelError(
          file: files.1.path, problem: "differs from \(files.0.path); models that translate together share a vocabulary")
      }
    }
    self.models = models
    splitter = try SentenceSplitter()
  }

  public var description: ModelDescription { models[0].description }
  public var text: TextPipeline { models[0].text }
  public var precision: Precision { models[0].precision }
  /// The longest source and output in tokens, without end symbol, that all models take.
  public var maximumLength: Int { models.map(\.maximumLength).min() ?? 0 }

  /// The usual settings, with the model's own where it has any.
  public var defaultOptions: TranslationOptions {
    var options = TranslationOptions(search: description.search?.options ?? SearchOptions())
    options.protectsSpans = masksSpans
    return options
  }

  /// Whether spans to be kept can be given to the models as placeholders.
  var masksSpans: Bool { models.allSatisfy { $0.description.copiesPlaceholders == true } }

  /// Translates lines; the results are in their order. Blocks until all are done.
  public func translate(_ lines: [String], options: TranslationOptions? = nil) -> [TranslatedLine] {
    translate(lines.map { TranslationInput($0) }, options: options)
  }

  public func translate(_ inputs: [TranslationInput], options: TranslationOptions? = nil) -> [TranslatedLine] {
    let results = ResultCollector()
    let stream = TranslationStream(self, options: options ?? defaultOptions) { results.append($0.map(\.output)) }
    do {
      for start in stride(from: 0, to: inputs.count, by: stream.windowLines) {
        try stream.submit(Array(inputs[start..<min(start + stream.windowLines, inputs.count)]))
      }
      try stream.finish()
    } catch {
      // A stream throws only what its receiver threw.
      preconditionFailure("a receiver that cannot fail failed: \(error)")
    }
    return results.lines
  }

  /// Translates lines without blocking the caller's thread.
  public func translate(_ lines: [String], options: TranslationOptions? = nil) async -> [TranslatedLine] {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(returning: self.translate(lines.map { TranslationInput($0) }, options: options))
      }
    }
  }
}

private final class ResultCollector: @unchecked Sendable {
  // Windows arrive one after the other, and are read when all have.
  private(set) var lines: [TranslatedLine] = []
  func append(_ new: [TranslatedLine]) { lines.append(contentsOf: new) }
}
