import Autograd
import Foundation
import TextProcessing
import Translation

/// What `--report` writes.
final class TranslationReport: @unchecked Sendable {
  private let loadSeconds: Double
  private let precision: Precision
  /// Set by the thread that reads, before the first line leaves it.
  var firstRead: ContinuousClock.Instant?
  /// This and the counts are set by one receiver of windows at a time.
  var lastWritten: ContinuousClock.Instant?
  private var sentences = 0
  private var sourceTokens = 0
  private var outputTokens = 0
  private var latencies: [Double] = []

  init(loadSeconds: Double, precision: Precision) {
    (self.loadSeconds, self.precision) = (loadSeconds, precision)
  }

  func count(_ line: TranslatedLine, keepingLatency: Bool) {
    sentences += 1
    sourceTokens += line.sourceTokens
    outputTokens += line.outputTokens
    if keepingLatency, line.sourceTokens > 0 { latencies.append(line.seconds) }
  }

  private struct Record: Encodable {
    var load_seconds, translate_seconds: Double
    var sentences, source_tokens, output_tokens, peak_memory_bytes: Int
    var precision: String
    var latency_p50_ms, latency_p99_ms: Double?
  }

  func write(to url: URL, withLatencies: Bool) throws {
    let elapsed = firstRead.flatMap { first in lastWritten.map { ($0 - first).seconds } } ?? 0
    latencies.sort()
    let record = Record(
      load_seconds: loadSeconds, translate_seconds: elapsed, sentences: sentences, source_tokens: sourceTokens,
      output_tokens: outputTokens, peak_memory_bytes: TranslationReport.peakMemory, precision: precision.rawValue,
      latency_p50_ms: withLatencies ? percentile(0.50) : nil, latency_p99_ms: withLatencies ? percentile(0.99) : nil)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try AtomicFile.write(encoder.encode(record) + Data("\n".utf8), to: url)
  }

  /// The smallest latency that this share of sentences does not exceed.
  private func percentile(_ share: Double) -> Double {
    guard !latencies.isEmpty else { return 0 }
    return latencies[max(0, Int((share * Double(latencies.count)).rounded(.up)) - 1)] * 1000
  }

  private static var peakMemory: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }
}
