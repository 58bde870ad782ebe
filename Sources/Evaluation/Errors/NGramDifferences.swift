/// The n-grams that a system produces too often or too rarely (after Neubig et al. 2019, compare-mt).
///
/// Per sentence, matches are clipped: an n-gram is over-produced as often as the hypothesis has it beyond the
/// reference, under-produced as often as the reference has it beyond the hypothesis.
public struct NGramDifferences: Sendable {
  /// One n-gram and its tallies over the corpus.
  public struct Entry: Sendable, Equatable {
    /// Words with a space between.
    public let text: String
    public let order: Int
    public var matched = 0
    public var over = 0
    public var under = 0
    /// Segments (from 0) that show it, at most `examplesKept`, over-production first come first kept.
    public var overExamples: [Int] = []
    public var underExamples: [Int] = []

    /// (over + 1) / (over + under + 2): near 1 for what is produced too often, near 0 for what is missing.
    public var salience: Double { Double(over + 1) / Double(over + under + 2) }
  }

  public let maximumOrder: Int
  public let examplesKept: Int
  private var entries: [String: Entry] = [:]

  public init(maximumOrder: Int = 4, examplesKept: Int = 3) {
    self.maximumOrder = maximumOrder
    self.examplesKept = examplesKept
  }

  public mutating func add(hypothesis: [String], reference: [String], segment: Int) {
    for order in 1...max(maximumOrder, 1) {
      let inHypothesis = counts(ngrams(hypothesis, order: order).map { $0.joined(separator: " ") })
      let inReference = counts(ngrams(reference, order: order).map { $0.joined(separator: " ") })
      for text in Set(inHypothesis.keys).union(inReference.keys) {
        let produced = inHypothesis[text] ?? 0, wanted = inReference[text] ?? 0
        var entry = entries[text] ?? Entry(text: text, order: order)
        entry.matched += min(produced, wanted)
        if produced > wanted {
          entry.over += produced - wanted
          if entry.overExamples.count < examplesKept { entry.overExamples.append(segment) }
        } else if wanted > produced {
          entry.under += wanted - produced
          if entry.underExamples.count < examplesKept { entry.underExamples.append(segment) }
        }
        entries[text] = entry
      }
    }
  }

  /// The most over-produced n-grams by how much over outweighs under, ties by text.
  public func mostOver(_ count: Int, order: Int? = nil) -> [Entry] { ranked(count, order) { $0.over - $0.under } }

  /// The most under-produced n-grams.
  public func mostUnder(_ count: Int, order: Int? = nil) -> [Entry] { ranked(count, order) { $0.under - $0.over } }

  private func ranked(_ count: Int, _ order: Int?, _ value: (Entry) -> Int) -> [Entry] {
    let candidates = entries.values.filter { value($0) > 0 && (order == nil || $0.order == order) }
    let sorted = candidates.sorted { (value($0), $1.text) > (value($1), $0.text) }
    return Array(sorted.prefix(count))
  }
}
