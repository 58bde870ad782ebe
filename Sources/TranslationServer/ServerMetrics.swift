import Foundation
import Synchronization
import Translation

/// What a server counts, and how it tells: Prometheus' text format.
final class ServerMetrics: Sendable {
  /// Upper bounds of the durations' histogram, seconds.
  static let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

  private struct Key: Hashable {
    var endpoint: String
    var status: Int
  }

  private struct Histogram {
    var buckets = Array(repeating: 0, count: ServerMetrics.bounds.count)
    var count = 0
    var sum = 0.0
  }

  private struct State {
    var requests: [Key: Int] = [:]
    var durations: [String: Histogram] = [:]
    var inFlight = 0
    var characters = 0
  }

  private let state = Mutex(State())

  func begin() { state.withLock { $0.inFlight += 1 } }

  /// `endpoint` is a path that the server knows: what a caller makes up is no label.
  func end(_ endpoint: String, status: Int, seconds: Double) {
    state.withLock { state in
      state.inFlight -= 1
      state.requests[Key(endpoint: endpoint, status: status), default: 0] += 1
      var histogram = state.durations[endpoint] ?? Histogram()
      for (index, bound) in Self.bounds.enumerated() where seconds <= bound { histogram.buckets[index] += 1 }
      histogram.count += 1
      histogram.sum += seconds
      state.durations[endpoint] = histogram
    }
  }

  func count(characters: Int) { state.withLock { $0.characters += characters } }

  /// All of it as text.
  func text(_ service: TranslationService, connections: Int) -> String {
    var text = PrometheusText()
    state.withLock { state in
      text.begin("mt_http_requests_total", "counter", "Requests answered.")
      for (key, count) in state.requests.sorted(by: { ($0.key.endpoint, $0.key.status) < ($1.key.endpoint, $1.key.status) }) {
        text.add("mt_http_requests_total", [("endpoint", key.endpoint), ("status", String(key.status))], Double(count))
      }
      text.begin("mt_http_request_duration_seconds", "histogram", "Time from a request to its answer.")
      for (endpoint, histogram) in state.durations.sorted(by: { $0.key < $1.key }) {
        for (bound, count) in zip(Self.bounds, histogram.buckets) {
          text.add(
            "mt_http_request_duration_seconds_bucket", [("endpoint", endpoint), ("le", "\(bound)")], Double(count))
        }
        let name = "mt_http_request_duration_seconds"
        text.add(name + "_bucket", [("endpoint", endpoint), ("le", "+Inf")], Double(histogram.count))
        text.add(name + "_sum", [("endpoint", endpoint)], histogram.sum)
        text.add(name + "_count", [("endpoint", endpoint)], Double(histogram.count))
      }
      text.single("mt_http_requests_in_flight", "gauge", "Requests under way.", Double(state.inFlight))
      text.single("mt_characters_total", "counter", "Characters asked to be translated.", Double(state.characters))
    }
    text.single("mt_http_connections", "gauge", "Open connections.", Double(connections))
    let pool = service.pool.statistics
    text.single("mt_sentences_waiting", "gauge", "Sentences in the queue.", Double(pool.waitingSentences))
    text.single("mt_sentences_total", "counter", "Sentences translated by a model.", Double(pool.sentences))
    text.single("mt_batches_total", "counter", "Batches they were translated in.", Double(pool.batches))
    text.single("mt_source_tokens_total", "counter", "Tokens models read.", Double(pool.sourceTokens))
    text.single("mt_output_tokens_total", "counter", "Tokens models wrote.", Double(pool.outputTokens))
    let cache = service.cache.statistics
    text.single("mt_cache_hits_total", "counter", "Sentences found in the cache.", Double(cache.hits))
    text.single("mt_cache_misses_total", "counter", "Sentences not found in the cache.", Double(cache.misses))
    text.single("mt_cache_entries", "gauge", "Sentences in the cache.", Double(cache.entries))
    text.single("mt_cache_bytes", "gauge", "About what the cache takes.", Double(cache.bytes))
    let models = service.models.statistics
    text.single("mt_models_loaded", "gauge", "Models in memory.", Double(models.loaded))
    text.single("mt_model_bytes", "gauge", "Size of the weights of models in memory.", Double(models.bytes))
    text.single("mt_model_loads_total", "counter", "Times a model was loaded.", Double(models.loads))
    if let bytes = Self.residentBytes {
      text.single("process_resident_memory_bytes", "gauge", "Resident memory.", Double(bytes))
    }
    return text.text
  }

  /// Memory of this process; nil where the system does not say.
  static var residentBytes: Int? {
    guard let status = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8),
      let pages = status.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else { return nil }
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}

/// Prometheus' text exposition format, version 0.0.4.
private struct PrometheusText {
  var text = ""

  mutating func begin(_ name: String, _ type: String, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
  }

  mutating func add(_ name: String, _ labels: [(String, String)], _ value: Double) {
    let labels = labels.map { "\($0)=\"\($1)\"" }.joined(separator: ",")
    let number = value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
    text += "\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(number)\n"
  }

  mutating func single(_ name: String, _ type: String, _ help: String, _ value: Double) {
    begin(name, type, help)
    add(name, [], value)
  }
}
