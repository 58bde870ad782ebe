import HTTPTypes
import Hummingbird
import Translation

/// `POST /translate` and `POST /translate/stream`
struct TranslateRoutes {
  let service: TranslationService
  let access: AccessControl
  let connections: Connections

  /// What is asked, once it has passed all checks.
  struct Job: Sendable {
    var texts: [String]
    /// Whether `q` was an array, so that the answer is.
    var isList: Bool
    /// Of each text.
    var sources: [LanguageDetector.Detection]
    var isDetected: Bool
    var target: String
    var isHTML: Bool
    var alternatives: Int
  }

  func add(to router: Router<ServerContext>) {
    router.only(.post, "/translate") { request, context in
      let job = try await read(request, context)
      return try await connections.whileConnected(context.channel) {
        try await withDeadline(service.options.deadline) {
          try JSONAnswer.response(Answer(job, await translate(job, context, progress: nil)))
        }
      }
    }
    router.only(.post, "/translate/stream") { request, context in
      let job = try await read(request, context)
      if job.isHTML { throw APIError(.badRequest, "html format is not supported here") }
      return stream(job, context)
    }
  }

  // MARK: Checks, in LibreTranslate's order

  private func read(_ request: Request, _ context: ServerContext) async throws -> Job {
    let options = service.options
    let parameters = try await RequestParameters.read(request, options)
    try access.admit(parameters, from: context.caller(trustingProxy: options.trustsProxy, request))
    let (texts, isList) = try parameters.requiredTexts("q")
    let sourceCode = try parameters.requiredText("source")
    let targetCode = try parameters.requiredText("target")
    let alternatives = try alternatives(parameters["alternatives"])
    if isList { try check(texts.count, options.batchLimit) }
    for text in texts { try check(text.unicodeScalars.count, options.characterLimit) }
    let format = parameters.text("format") ?? "text"
    let sources = try sources(sourceCode, texts, isHTML: format == "html")
    guard let target = service.language(targetCode) else {
      throw APIError(.badRequest, "\(targetCode) is not supported")
    }
    guard ["text", "html"].contains(format) else { throw APIError(.badRequest, "\(format) format is not supported") }
    for source in sources { _ = try service.route(from: source.language, to: target) }
    service.metrics.count(characters: texts.reduce(0) { $0 + $1.unicodeScalars.count })
    return Job(
      texts: texts, isList: isList, sources: sources, isDetected: sourceCode.lowercased() == "auto", target: target,
      isHTML: format == "html", alternatives: alternatives)
  }

  private func alternatives(_ value: RequestParameters.Value?) throws -> Int {
    let number: Double? =
      switch value {
      case nil: 0
      case .number(let number): number
      case .text(let text): Int(text).map(Double.init)
      default: nil
      }
    guard let number else {
      throw APIError(.badRequest, "Invalid request: alternatives parameter is not a number")
    }
    guard number <= Double(service.options.alternativesLimit) else {
      throw APIError(
        .badRequest, "Invalid request: alternatives parameter must be <= \(service.options.alternativesLimit)")
    }
    // Not above the limit, and so an integer's size.
    return Int(max(0, number))
  }

  private func check(_ size: Int, _ limit: Int?) throws {
    guard let limit, size > limit else { return }
    throw APIError(.badRequest, "Invalid request: request (\(size)) exceeds text limit (\(limit))")
  }

  /// The language of each text: as given, or found. A short text tells little: it is taken to be in the language of all.
  private func sources(
    _ code: String, _ texts: [String], isHTML: Bool
  ) throws -> [LanguageDetector.Detection] {
    guard code.lowercased() == "auto" else {
      guard let language = service.language(code) else { throw APIError(.badRequest, "\(code) is not supported") }
      return texts.map { _ in LanguageDetector.Detection(confidence: 100, language: language) }
    }
    // Tags and addresses would pass for English.
    let texts = isHTML ? texts.map { MarkedUpText.text(of: $0, splitter: service.splitter) } : texts
    let detector = LanguageDetector(service.models.languagesByUse)
    guard let overall = detector.detect(texts.joined(separator: "\n")).first else {
      throw APIError(.badRequest, "auto is not supported")
    }
    return texts.map { text in
      texts.count == 1 || text.unicodeScalars.count <= 40 ? overall : detector.detect(text).first ?? overall
    }
  }

  // MARK: Answers

  /// The translation of each text. Texts of one language share batches.
  private func translate(
    _ job: Job, _ context: ServerContext, progress: (@Sendable (Int, String) -> Void)?
  ) async throws -> [TranslationService.Translated] {
    let results = try await translate(job, progress: progress)
    if service.options.logsTexts {
      for (text, result) in zip(job.texts, results) {
        context.logger.info("text", metadata: ["q": "\(text)", "translatedText": "\(result.text)"])
      }
    }
    return results
  }

  private func translate(
    _ job: Job, progress: (@Sendable (Int, String) -> Void)?
  ) async throws -> [TranslationService.Translated] {
    var places: [String: [Int]] = [:]
    for (index, source) in job.sources.enumerated() { places[source.language, default: []].append(index) }
    var results = [TranslationService.Translated](repeating: .init(text: ""), count: job.texts.count)
    for (source, indices) in places.sorted(by: { $0.key < $1.key }) {
      if job.isHTML {
        let translated = try await service.translateHTML(indices.map { job.texts[$0] }, from: source, to: job.target)
        for (index, text) in zip(indices, translated) { results[index] = .init(text: text) }
        continue
      }
      var report: (@Sendable (Int, String) -> Void)?
      if let progress { report = { progress(indices[$0], $1) } }
      let translated = try await service.translate(
        indices.map { job.texts[$0] }, from: source, to: job.target, alternatives: job.alternatives, progress: report)
      for (index, result) in zip(indices, translated) { results[index] = result }
    }
    return results
  }

  /// One value, or an array where `q` was one.
  enum OneOrMany<Value: Encodable & Sendable>: Encodable, Sendable {
    case one(Value)
    case many([Value])

    init(_ values: [Value], isList: Bool) {
      if !isList, let value = values.first { self = .one(value) } else { self = .many(values) }
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .one(let value): try container.encode(value)
      case .many(let values): try container.encode(values)
      }
    }
  }

  struct Answer: Encodable, Sendable {
    var translatedText: OneOrMany<String>
    var alternatives: OneOrMany<[String]>?
    var detectedLanguage: OneOrMany<LanguageDetector.Detection>?

    init(_ job: Job, _ results: [TranslationService.Translated]) {
      translatedText = OneOrMany(results.map(\.text), isList: job.isList)
      if job.alternatives > 0 {
        alternatives = OneOrMany(results.map(\.alternatives), isList: job.isList)
      }
      if job.isDetected { detectedLanguage = OneOrMany(job.sources, isList: job.isList) }
    }
  }

  // MARK: Streaming

  /// One step of a stream: how a translation begins.
  struct Beginning: Encodable {
    /// Which of the texts; absent where `q` is none of several.
    var index: Int?
    var translatedText: String
  }

  /// Server-sent events: `beginning` each time that more of a translation is settled, at last `translation` with what
  /// `/translate` answers, or `error`.
  private func stream(_ job: Job, _ context: ServerContext) -> Response {
    // A client that does not read misses beginnings, each of which says all that the one before it said.
    let (events, source) = AsyncStream<ByteBuffer>.makeStream(bufferingPolicy: .bufferingNewest(16))
    @Sendable func send(_ event: String, _ value: any Encodable) {
      guard let data = try? JSONAnswer.data(value) else { return }
      source.yield(ByteBuffer(string: "event: \(event)\ndata: \(String(decoding: data, as: UTF8.self))\n\n"))
    }
    let work = Task {
      do {
        let results = try await withDeadline(service.options.deadline) {
          try await translate(job, context) { index, text in
            send("beginning", Beginning(index: job.isList ? index : nil, translatedText: text))
          }
        }
        send("translation", Answer(job, results))
      } catch let error as APIError {
        send("error", ["error": error.message])
      } catch is CancellationError {
        // Nobody is there.
      } catch {
        context.logger.error("request failed", metadata: ["error": "\(error)"])
        send("error", ["error": "Cannot translate text: internal error"])
      }
      source.finish()
    }
    source.onTermination = { _ in work.cancel() }
    var headers: HTTPFields = [.contentType: "text/event-stream; charset=utf-8"]
    // Asks nginx to pass on what comes when it comes.
    if let name = HTTPField.Name("X-Accel-Buffering") { headers[name] = "no" }
    return Response(
      status: .ok, headers: headers,
      body: ResponseBody { [connections] writer in
        defer { work.cancel() }
        let stopper = Task {
          try? await connections.whileConnected(context.channel) {
            await withTaskCancellationHandler { await work.value } onCancel: { work.cancel() }
          }
        }
        defer { stopper.cancel() }
        for await event in events { try await writer.write(event) }
        try await writer.finish(nil)
      })
  }
}
