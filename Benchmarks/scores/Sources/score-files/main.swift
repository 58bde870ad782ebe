// score-files METRIC HYPOTHESES REFERENCES…
//
// Scores files of one sentence a line, reading pair by pair, and prints a line of JSON: the score, its signature,
// the segments, the seconds of processor time that reading and scoring took, and the most memory that the process
// held (Linux only). METRIC is bleu, chrf, chrf++ or ter.
import Evaluation
import Foundation

/// Lines of a file, one at a time, without the whitespace at their ends.
final class LineReader {
  private let file: UnsafeMutablePointer<FILE>
  private var line: UnsafeMutablePointer<CChar>?
  private var capacity = 0

  init?(path: String) {
    guard let file = fopen(path, "r") else { return nil }
    self.file = file
  }

  deinit {
    fclose(file)
    free(line)
  }

  func next() -> String? {
    var length = getline(&line, &capacity, file)
    guard length >= 0, let line else { return nil }
    while length > 0, line[length - 1] == 10 || line[length - 1] == 13 || line[length - 1] == 32 { length -= 1 }
    let bytes = UnsafeRawBufferPointer(start: line, count: length)
    return String(decoding: bytes, as: UTF8.self)
  }
}

func fail(_ message: String) -> Never {
  FileHandle.standardError.write(Data("score-files: \(message)\n".utf8))
  exit(1)
}

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count >= 3, let metricName = arguments.first else {
  fail("expected a metric, a hypothesis file and at least one reference file")
}
let metrics: [String: any Metric] = [
  "bleu": BLEU(), "chrf": ChrF(), "chrf++": ChrF(.plusPlus), "ter": TER(),
]
guard let metric = metrics[metricName] else { fail("unknown metric \(metricName), expected bleu, chrf, chrf++ or ter") }
let readers = arguments.dropFirst().map { path in
  guard let reader = LineReader(path: path) else { fail("cannot open \(path)") }
  return reader
}

/// The largest resident memory in MiB, 0 where the system does not tell.
func peakMemory() -> Double {
  guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
    let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
    let kibibytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Double($0) })
  else { return 0 }
  return kibibytes / 1024
}

// Processor time, not wall time: other work on the machine does not count.
let start = clock()
var scorer = CorpusScorer(metric: metric)
while let hypothesis = readers[0].next() {
  let references = readers.dropFirst().compactMap { $0.next() }
  guard references.count == readers.count - 1 else {
    fail("a reference file has no line \(scorer.segmentCount + 1)")
  }
  scorer.add(hypothesis: hypothesis, references: references)
}
do {
  let score = try scorer.score()
  let seconds = Double(clock() - start) / Double(CLOCKS_PER_SEC)
  print(
    "{\"score\": \(score.score), \"signature\": \"\(score.signature)\", \"segments\": \(scorer.segmentCount), "
      + "\"seconds\": \(seconds), \"peak_mebibytes\": \(peakMemory())}")
} catch {
  fail("\(error)")
}
