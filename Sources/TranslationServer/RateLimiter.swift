import Synchronization

/// Counts what each caller asks: a bucket of as many requests as it has within a minute, which fills again as the minute
/// goes by. Remembers those who asked last, in bounded memory; who is forgotten has a full bucket.
final class RateLimiter: Sendable {
  private struct Bucket: Sendable {
    var requests: Double
    var time: ContinuousClock.Instant
  }

  private let buckets: Mutex<LRUCache<String, Bucket>>

  init(callers: Int = 65_536) { buckets = Mutex(LRUCache(capacity: callers)) }

  /// Takes a request from a caller's bucket. Nil if there was one; else the seconds until there will be.
  func take(_ caller: String, perMinute: Int, now: ContinuousClock.Instant) -> Int? {
    buckets.withLock { buckets in
      let rate = Double(perMinute) / 60
      var bucket = buckets.find(caller) ?? Bucket(requests: Double(perMinute), time: now)
      let elapsed = (now - bucket.time) / .seconds(1)
      bucket.requests = min(Double(perMinute), bucket.requests + elapsed * rate)
      bucket.time = now
      let isAllowed = bucket.requests >= 1
      if isAllowed { bucket.requests -= 1 }
      buckets.insert(caller, bucket, cost: 1)
      return isAllowed ? nil : max(1, Int(((1 - bucket.requests) / rate).rounded(.up)))
    }
  }
}

/// Who may ask, and how often.
struct AccessControl: Sendable {
  let options: ServerOptions
  private let limiter = RateLimiter()

  init(_ options: ServerOptions) { self.options = options }

  /// Lets a request pass, or throws the `APIError` that says why not: keys first, then how often.
  func admit(_ parameters: RequestParameters, from address: String) throws {
    var (caller, limit) = ("address " + address, options.requestsPerMinute)
    if let keys = options.apiKeys {
      if let key = parameters.text("api_key") {
        guard keys.contains(key) else { throw APIError(.forbidden, "Invalid API key") }
        caller = "key " + key
        limit = keys.requestsPerMinute(key) ?? limit
      } else if options.requiresKey {
        throw APIError(.badRequest, "Please contact the server operator to get an API key")
      }
    }
    guard let limit, let wait = limiter.take(caller, perMinute: limit, now: options.now()) else { return }
    throw APIError(.tooManyRequests, "Slowdown: \(limit) per 1 minute", retryAfter: wait)
  }
}
