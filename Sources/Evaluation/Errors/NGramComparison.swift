/// The n-grams of the references that one of two systems gets right and the other does not (after Neubig et al. 2019,
/// compare-mt).
public struct NGramComparison: Sendable {
  public struct Entry: Sendable, Equatable {
    /// Words with a space between.
    public let text: String
    /// How often each system had it where the reference does, clipped a sentence.
    public var first = 0
    public var second = 0
    /// Segments (from 0) where they differ, at most three.
    public var examples: [Int] = []

    /// (second + 1) / (first + second + 2): near 1 for what only the second gets right.
    public var salience: Double { Double(second + 1) / Double(first + second + 2) }
  }

  public let maximumOrder: Int
  private var entries: [String: Entry] = [:]

  public init(maximumOrder: Int = 4) { self.maximumOrder = maximumOrder }

  public mutating func add(first: [String], second: [String], reference: [String], segment: Int) {
    for order in 1...max(maximumOrder, 1) {
      let (ofFirst, ofSecond) = (counts(ngrams(first, order: order)), counts(ngrams(second, order: order)))
      for (ngram, wanted) in counts(ngrams(reference, order: order)) {
        let (a, b) = (min(ofFirst[ngram] ?? 0, wanted), min(ofSecond[ngram] ?? 0, wanted))
        guard a + b > 0 else { continue }
        let text = ngram.joined(separator: " ")
        var entry = entries[text] ?? Entry(text: text)
        entry.first += a
        entry.second += b
        if a != b, entry.examples.count < 3 { entry.examples.append(segment) }
        entries[text] = entry
      }
    }
  }

  /// Those that the second system gets right more often, by salience, then by how much more often.
  public func secondBetter(_ count: Int) -> [Entry] { ranked(count) { ($0.salience, $0.second - $0.first) } }

  /// Those that the first gets right more often.
  public func firstBetter(_ count: Int) -> [Entry] { ranked(count) { (1 - $0.salience, $0.first - $0.second) } }

  private func ranked(_ count: Int, _ value: (Entry) -> (Double, Int)) -> [Entry] {
    let candidates = entries.values.filter { value($0).1 > 0 }
    return Array(
      candidates.sorted { a, b in
        let (x, y) = (value(a), value(b))
        return x == y ? a.text < b.text : x > y
      }.prefix(count))
  }
}
