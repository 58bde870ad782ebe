import ArgumentParser
import Foundation
import Logging
import Translation
import TranslationServer

/// `mt serve`
struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serve translations over HTTP, by LibreTranslate's interface, and a web page.",
    discussion: """
      Listens on this machine alone unless --host says otherwise. SIGTERM and SIGINT end it once the requests under way \
      are answered; SIGHUP looks for models again, without dropping requests. Log lines go to standard error and say \
      nothing of what is translated, unless --log-texts is given.

      Models chain: with fr-en and en-de there is fr-de. They are loaded when first asked for, and with --model-memory \
      those not used for longest are unloaded.

      Example:  curl -d q="Où est la gare ?" -d source=fr -d target=en http://127.0.0.1:5000/translate
      """)

  enum LogFormat: String, CaseIterable, ExpressibleByArgument { case text, json }

  @Option(
    help: ArgumentHelp(
      "A model to serve; may be given several times. (default: all in Models or where they are installed)",
      valueName: "dir"),
    completion: .directory)
  var model: [String] = []

  @Option(help: ArgumentHelp("The address to listen on.", valueName: "address"))
  var host = "127.0.0.1"

  @Option(help: ArgumentHelp("The port to listen on; 0 is any that is free.", valueName: "n"))
  var port = 5000

  @OptionGroup var threads: ThreadsOption

  @Flag(help: "Load all models before the first request.")
  var preload = false

  @OptionGroup var shortlist: ShortlistFlag

  @Option(help: ArgumentHelp("Megabytes that the weights of loaded models may have together.", valueName: "mb"))
  var modelMemory: Int?

  @Option(help: ArgumentHelp("Megabytes for the cache of sentences; 0 is none.", valueName: "mb"))
  var cache = 32

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Characters of a text at most; -1 is no limit.", valueName: "n"))
  var charLimit = 20_000

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Texts of a request at most; -1 is no limit.", valueName: "n"))
  var batchLimit = 512

  @Option(help: ArgumentHelp("Alternatives of a request at most.", valueName: "n"))
  var alternativesLimit = 5

  @Option(help: ArgumentHelp("Kilobytes of a request at most.", valueName: "kb"))
  var bodyLimit = 1024

  @Option(help: ArgumentHelp("Seconds in which a request must be answered.", valueName: "s"))
  var deadline = 60.0

  @Option(help: ArgumentHelp("Sentences that may wait; a request that comes then is answered with 503.", valueName: "n"))
  var queueLimit = 4096

  @Option(help: ArgumentHelp("Milliseconds that sentences wait for others to share a batch with, at most.", valueName: "ms"))
  var gather = 8

  @Option(help: ArgumentHelp("Connections at most.", valueName: "n"))
  var connectionLimit = 1024

  @Option(help: ArgumentHelp("Requests of an address or key within a minute at most.", valueName: "n"))
  var reqLimit: Int?

  @Option(
    help: ArgumentHelp(
      "A file of keys that callers may show as api_key: one a line, if wanted with its own requests per minute.",
      valueName: "file"),
    completion: .file())
  var apiKeys: String?

  @Flag(help: "Answer only who shows a key.")
  var requireApiKey = false

  @Flag(help: "Take callers' addresses from X-Forwarded-For: only behind a proxy that sets it.")
  var trustProxy = false

  @Flag(help: "Let web pages of other origins read the answers.")
  var cors = false

  @Option(
    help: ArgumentHelp("A file with the bearer token that GET /metrics asks for.", valueName: "file"),
    completion: .file())
  var metricsToken: String?

  @Option(help: "What log lines look like.")
  var logFormat = LogFormat.text

  @Flag(help: "Log texts and translations too.")
  var logTexts = false

  func validate() throws {
    try SearchFlags.require("--port", port, in: 0...65535)
    try SearchFlags.require("--model-memory", modelMemory, in: 1...1_000_000)
    try SearchFlags.require("--cache", cache, in: 0...1_000_000)
    try SearchFlags.require("--char-limit", charLimit, in: -1...Int.max)
    try SearchFlags.require("--batch-limit", batchLimit, in: -1...Int.max)
    try SearchFlags.require("--alternatives-limit", alternativesLimit, in: 0...100)
    try SearchFlags.require("--body-limit", bodyLimit, in: 1...1_000_000)
    try SearchFlags.require("--queue-limit", queueLimit, in: 1...1_000_000)
    try SearchFlags.require("--gather", gather, in: 0...10_000)
    try SearchFlags.require("--connection-limit", connectionLimit, in: 1...1_000_000)
    try SearchFlags.require("--req-limit", reqLimit, in: 1...1_000_000)
    guard deadline > 0, deadline <= 86_400 else { throw ValidationError("--deadline \(deadline) is not in 0…86400.") }
    if requireApiKey, apiKeys == nil { throw ValidationError("--require-api-key needs --api-keys.") }
  }

  func run() throws {
    let format = logFormat
    LoggingSystem.bootstrap { label -> any LogHandler in
      if format == .json { return JSONLog() }
      return StreamLogHandler.standardError(label: label)
    }
    let logger = Logger(label: "mt")
    let server = try Server(try options(), logger: logger)
    for model in server.models { logger.info("model", metadata: ["pair": "\(model.pair)", "directory": "\(model.directory)"]) }
    let host = host
    try blocking {
      try await server.run { port in
        logger.info("listening", metadata: ["host": "\(host)", "port": "\(port)"])
      }
    }
  }

  private func options() throws -> ServerOptions {
    let named = model.map { URL(fileURLWithPath: $0) }
    var options = ServerOptions { try named.isEmpty ? DefaultModel.findAll() : named }
    (options.host, options.port, options.threads) = (host, port, threads.threads)
    options.loadsModelsAtStart = preload
    options.usesShortlists = shortlist.shortlist
    options.modelMemory = modelMemory.map { $0 << 20 }
    options.cacheBytes = cache << 20
    options.characterLimit = charLimit < 0 ? nil : charLimit
    options.batchLimit = batchLimit < 0 ? nil : batchLimit
    options.alternativesLimit = alternativesLimit
    options.bodyLimit = bodyLimit << 10
    options.deadline = deadline
    options.queueLimit = queueLimit
    options.gathering = .milliseconds(gather)
    options.connectionLimit = connectionLimit
    options.requestsPerMinute = reqLimit
    options.apiKeys = try apiKeys.map { try APIKeys(contentsOf: URL(fileURLWithPath: $0)) }
    options.requiresKey = requireApiKey
    options.trustsProxy = trustProxy
    options.allowsOtherOrigins = cors
    options.metricsToken = try metricsToken.map { try APIKeys.readToken(URL(fileURLWithPath: $0)) }
    options.logsTexts = logTexts
    return options
  }
}
