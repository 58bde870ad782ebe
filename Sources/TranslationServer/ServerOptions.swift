import Foundation

/// How a server serves.
public struct ServerOptions: Sendable {
  /// Loopback unless told otherwise: what is translated here is nobody else's business.
  public var host = "127.0.0.1"
  /// 0 is any that is free.
  public var port = 5000
  /// Says which model directories to serve, at the start and at each reload; the first of several for one pair is used.
  public var models: @Sendable () throws -> [URL]
  /// Workers that translate.
  public var threads = ProcessInfo.processInfo.activeProcessorCount
  /// Whether all models are loaded before the first request.
  public var loadsModelsAtStart = false
  /// Whether models are given their shortlists, which makes them faster; then each must have one.
  public var usesShortlists = false
  /// Bytes that models in memory may take together, by the size of their weights' files; nil is no bound.
  public var modelMemory: Int?

  // Of one request:
  /// Characters (Unicode scalars) of a text at most; nil is as many as a body holds.
  public var characterLimit: Int? = 20_000
  /// Texts of a request at most.
  public var batchLimit: Int? = 512
  /// Alternatives of a request at most.
  public var alternativesLimit = 5
  /// Bytes of a request's body at most.
  public var bodyLimit = 1 << 20
  /// Seconds in which it must be answered.
  public var deadline = 60.0

  // Of all together:
  /// Sentences that may be waiting; a request that comes then is told to come back.
  public var queueLimit = 4096
  /// How long sentences wait for others to share a batch with, at most.
  public var gathering: Duration = .milliseconds(8)
  /// Connections at most; further ones wait until one closes.
  public var connectionLimit = 1024
  /// Seconds after which a connection on which nothing happens is closed.
  public var idleTimeout = 75
  /// Bytes of the cache of sentences.
  public var cacheBytes = 32 << 20

  // Who may:
  /// Requests of one address or key within a minute; nil is no limit.
  public var requestsPerMinute: Int?
  /// What time it is for that minute; a test holds it still.
  var now: @Sendable () -> ContinuousClock.Instant = { .now }
  /// Keys that callers may show, and their own limits; nil where there are none to show.
  public var apiKeys: APIKeys?
  /// Whether a key must be shown.
  public var requiresKey = false
  /// Whether `X-Forwarded-For` says who asks: only behind a proxy that sets it.
  public var trustsProxy = false
  /// Whether pages of other origins may read the answers, as with LibreTranslate.
  public var allowsOtherOrigins = false
  /// What `GET /metrics` must show as its bearer token, where not everybody may read them.
  public var metricsToken: String?
  /// Whether texts and translations are logged.
  public var logsTexts = false

  public init(models: @escaping @Sendable () throws -> [URL]) { self.models = models }

  public init(models: [URL]) { self.init { models } }
}
