import Foundation
import Logging
import Synchronization
import TextProcessing
import Translation

/// What the routes ask: languages, translations. Any number of requests at once; they share batches and a cache.
public final class TranslationService: Sendable {
  public let options: ServerOptions
  public let models: ModelRegistry
  /// Translates sentences, whoever asks.
  public let pool: TranslationPool
  let cache: SentenceCache
  let splitter: SentenceSplitter
  let metrics = ServerMetrics()
  /// For what is computed after a translation.
  let background: BackgroundWork

  /// Throws `ModelError` where a model's description cannot be used.
  public init(_ options: ServerOptions) throws {
    self.options = options
    models = try ModelRegistry(
      memoryLimit: options.modelMemory ?? .max, usesShortlists: options.usesShortlists, options.models)
    var limits = TranslationPool.Limits()
    limits.threads = options.threads
    limits.waitingSentences = options.queueLimit
    limits.gathering = options.gathering
    pool = TranslationPool(limits)
    cache = SentenceCache(bytes: options.cacheBytes)
    splitter = try SentenceSplitter()
    background = BackgroundWork(width: options.threads, limit: 64)
  }

  deinit { pool.stop() }

  /// The code as the models have it, whatever its case or LibreTranslate's own short name; nil where no model knows the
  /// language.
  func language(_ code: String) -> String? {
    let (code, languages) = (code.lowercased(), models.languages)
    let alias = ["pb": "pt-br", "zh": "zh-hans", "zt": "zh-hant"][code]
    return languages.first { $0.lowercased() == code } ?? languages.first { $0.lowercased() == alias }
  }

  /// Which of the models' languages a text is in, the best first.
  func detect(_ text: String) -> [LanguageDetector.Detection] { LanguageDetector(models.languagesByUse).detect(text) }

  /// The models that lead from one language to another; none for a language to itself. Throws the `APIError` that says
  /// there is no way.
  func route(from source: String, to target: String) throws -> [ModelRegistry.Entry] {
    guard let route = models.route(from: source, to: target) else {
      throw APIError(
        .badRequest,
        "\(LanguageName.of(target)) (\(target)) is not available as a target language from "
          + "\(LanguageName.of(source)) (\(source))")
    }
    return route
  }

  /// The translator of a pair that has a model of its own, with which `pool` translates. Throws `APIError` where there is
  /// none, `ModelError` or `TextError` where it cannot be loaded.
  func translator(from source: String, to target: String) async throws -> Translator {
    let route = try route(from: source, to: target)
    guard route.count == 1 else {
      throw APIError(.badRequest, "there is no model from \(source) to \(target)")
    }
    return try await models.translator(route[0])
  }

  /// A text in another language.
  struct Translated: Sendable, Equatable {
    var text: String
    /// Others that differ from it and from each other, the best first; no more than were asked for.
    var alternatives: [String] = []
  }

  /// Texts, each of any number of sentences and lines, translated together; what stands between sentences stays. `progress`
  /// is told how the translation of which text begins, each time that has become more.
  /// - Throws: `APIError` where there is no such pair, where too much is waiting, or where it would take too long;
  ///   `CancellationError` at once where the task is cancelled.
  func translate(
    _ texts: [String], from source: String, to target: String, alternatives: Int = 0,
    progress: (@Sendable (Int, String) -> Void)? = nil
  ) async throws -> [Translated] {
    let route = try route(from: source, to: target)
    guard !route.isEmpty else { return texts.map { Translated(text: $0) } }
    let documents = texts.map { DocumentText($0, splitter) }
    let sentences = documents.flatMap(\.sentences)
    try check(sentences: sentences.count)
    var report: TranslationPool.Progress?
    if let progress {
      let told = DocumentProgress(documents: documents, tell: progress)
      report = { told.update($0, $1, isWhole: $2) }
    }
    var lines = sentences
    for entry in route.dropLast() {
      lines = try await candidates(lines, entry, count: 1, progress: nil).map { $0.first?.text ?? "" }
    }
    let found = try await candidates(
      lines, route[route.count - 1], count: alternatives + 1, progress: report)
    var next = 0
    return documents.map { document in
      let range = next..<next + document.sentences.count
      next = range.upperBound
      return Self.assemble(document, Array(found[range]), alternatives: alternatives)
    }
  }

  /// Throws `APIError` where so many would not even fit in an empty queue.
  func check(sentences count: Int) throws {
    guard count > options.queueLimit else { return }
    throw APIError(
      .contentTooLarge, "Invalid request: request (\(count) sentences) exceeds limit (\(options.queueLimit))")
  }

  /// The candidates of each sentence, from the cache, or else from the model: equal ones once.
  private func candidates(
    _ sentences: [String], _ entry: ModelRegistry.Entry, count: Int, progress: TranslationPool.Progress?
  ) async throws -> [[SentenceCache.Candidate]] {
    var results = sentences.map { sentence in
      cache.find(.init(model: entry.id, sentence: sentence, candidates: count))
    }
    var places: [String: [Int]] = [:]
    var missing: [String] = []
    for (index, sentence) in sentences.enumerated() {
      if let known = results[index] {
        progress?(index, known.first?.text ?? "", true)
      } else {
        if places[sentence] == nil { missing.append(sentence) }
        places[sentence, default: []].append(index)
      }
    }
    guard !missing.isEmpty else { return results.map { $0 ?? [] } }
    let translator = try await models.translator(entry)
    var options = translator.defaultOptions
    if count > 1 {
      options.search.beamSize = max(options.search.beamSize, count)
      options.search.hypothesisCount = count
    }
    let inputs = missing.map { TranslationInput($0) }
    var report: TranslationPool.Progress?
    if let progress {
      report = { [places, missing] line, text, isWhole in
        for index in places[missing[line]] ?? [] { progress(index, text, isWhole) }
      }
    }
    let lines: [TranslatedLine]
    do {
      lines = try await pool.translate(inputs, with: translator, options, progress: report)
    } catch let error as PoolError {
      throw APIError(.serviceUnavailable, "Busy: \(error)", retryAfter: 2)
    }
    for (sentence, line) in zip(missing, lines) {
      let candidates = line.candidates.map { SentenceCache.Candidate(text: $0.text, score: $0.score) }
      cache.insert(.init(model: entry.id, sentence: sentence, candidates: count), candidates)
      for index in places[sentence] ?? [] {
        results[index] = candidates
        progress?(index, candidates.first?.text ?? "", true)
      }
    }
    return results.map { $0 ?? [] }
  }

  /// The best candidate of each sentence; an alternative has in one place another, those first that lose least.
  private static func assemble(
    _ document: DocumentText, _ found: [[SentenceCache.Candidate]], alternatives: Int
  ) -> Translated {
    let best = found.map { $0.first?.text ?? "" }
    var result = Translated(text: document.joined(best))
    guard alternatives > 0 else { return result }
    var changes: [(loss: Double, sentence: Int, rank: Int)] = []
    for (sentence, candidates) in found.enumerated() {
      for rank in candidates.indices.dropFirst() {
        changes.append((candidates[0].score - candidates[rank].score, sentence, rank))
      }
    }
    changes.sort { ($0.loss, $0.rank, $0.sentence) < ($1.loss, $1.rank, $1.sentence) }
    for change in changes where result.alternatives.count < alternatives {
      var sentences = best
      sentences[change.sentence] = found[change.sentence][change.rank].text
      let text = document.joined(sentences)
      if text != result.text, !text.isEmpty, !result.alternatives.contains(text) { result.alternatives.append(text) }
    }
    return result
  }

  /// Looks for models again, for those who ask from now on. Throws `ModelError`, and then all stays as it was.
  public func reload() throws { try models.reload() }
}

/// How the translations of documents begin, of what is known of their sentences.
private final class DocumentProgress: Sendable {
  private struct State {
    /// What is known of each sentence of all documents, and whether that is all of it.
    var sentences: [(text: String, isWhole: Bool)]
    /// What was told of each document.
    var told: [String]
  }

  private let documents: [DocumentText]
  /// The place of each document's first sentence among all.
  private let firsts: [Int]
  private let tell: @Sendable (Int, String) -> Void
  private let state: Mutex<State>

  init(documents: [DocumentText], tell: @escaping @Sendable (Int, String) -> Void) {
    (self.documents, self.tell) = (documents, tell)
    var (firsts, next) = ([Int](), 0)
    for document in documents {
      firsts.append(next)
      next += document.sentences.count
    }
    self.firsts = firsts
    state = Mutex(State(sentences: Array(repeating: ("", false), count: next), told: documents.map { _ in "" }))
  }

  /// A sentence begins with `text`, or is that.
  func update(_ sentence: Int, _ text: String, isWhole: Bool) {
    // The last of those that begin here: a document without sentences begins where the next does.
    guard let document = firsts.lastIndex(where: { $0 <= sentence }) else { return }
    state.withLock { state in
      guard !state.sentences[sentence].isWhole else { return }
      state.sentences[sentence] = (text, isWhole)
      var known: [String] = []
      for sentence in state.sentences[firsts[document]..<firsts[document] + documents[document].sentences.count] {
        if sentence.isWhole || !sentence.text.isEmpty { known.append(sentence.text) }
        if !sentence.isWhole { break }
      }
      let beginning = documents[document].joined(upTo: known)
      guard beginning.utf8.count > state.told[document].utf8.count else { return }
      state.told[document] = beginning
      tell(document, beginning)
    }
  }
}
