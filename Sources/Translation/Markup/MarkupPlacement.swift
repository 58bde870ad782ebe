import TextProcessing

/// Puts the markup of a run around the words of its translation.
///
/// Every element gets an interval of target words within its parent's and apart from its siblings': the one with the
/// greatest sum of (share of the word's attention that is on the element's words − ½), the surest element first. A mark
/// is put where the words before it translate the words that were before it best.
struct MarkupPlacement {
  private let run: MarkupRun
  private let scalars: [Unicode.Scalar]
  private let target: [WordAlignment.Word]
  /// The white space behind each target word.
  private let gaps: [String]
  /// How far each target word translates each source word.
  private let shares: [Shares]
  /// Source words of each node.
  private let nodeWords: [Range<Int>]
  /// Whether words are punctuation.
  private let sourceIsMark: [Bool]
  private let targetIsMark: [Bool]
  private let children: [Int?: [Int]]
  /// Target words of each node.
  private var intervals: [Range<Int>]

  /// Of one target word: of the source words from `first` on, the sums of what they have in it and those before.
  private struct Shares {
    let first: Int
    let sums: [Float]

    /// `values` sum to one.
    init(first: Int, _ values: [Float]) {
      self.first = first
      sums = values.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
    }

    subscript(words: Range<Int>) -> Float {
      func sum(_ word: Int) -> Float { sums[max(0, min(word - first, sums.count - 1))] }
      return sum(words.upperBound) - sum(words.lowerBound)
    }
  }

  init(_ run: MarkupRun, _ split: SplitText, _ alignments: [WordAlignment]) {
    self.run = run
    scalars = Array(run.text.unicodeScalars)
    var (target, gaps, sourceRanges, sourceIsMark) = ([WordAlignment.Word](), [String](), [Range<Int>](), [Bool]())
    var shares: [Shares] = []
    var place = split.leadingGap.unicodeScalars.count
    for (index, alignment) in alignments.enumerated() {
      shares += MarkupPlacement.sharpened(alignment, first: sourceRanges.count)
      place += alignment.sourceLead.unicodeScalars.count
      for word in alignment.source {
        let length = word.text.unicodeScalars.count
        sourceRanges.append(place..<place + length)
        sourceIsMark.append(TextUnits(word.text).allMarks)
        place += length + word.gap.unicodeScalars.count
      }
      place += split.sentences[index].gap.unicodeScalars.count
      target += alignment.target
      gaps += alignment.target.map(\.gap)
      if !gaps.isEmpty { gaps[gaps.count - 1] += split.sentences[index].gap }
    }
    (self.target, self.gaps, self.shares, self.sourceIsMark) = (target, gaps, shares, sourceIsMark)
    targetIsMark = target.map { TextUnits($0.text).allMarks }
    nodeWords = run.nodes.map { node in
      let first = MarkupPlacement.first(sourceRanges) { $0.upperBound > node.range.lowerBound }
      return first..<max(first, MarkupPlacement.first(sourceRanges) { $0.lowerBound >= node.range.upperBound })
    }
    children = Dictionary(grouping: run.nodes.indices) { run.nodes[$0].parent }
    intervals = run.nodes.map { _ in 0..<0 }
    self.place(within: nil, words: 0..<sourceRanges.count, interval: 0..<target.count)
  }

  /// The first of ranges in order for which `holds`, which holds for all after it.
  private static func first(_ ranges: [Range<Int>], _ holds: (Range<Int>) -> Bool) -> Int {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if holds(ranges[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// What alignment says, with what is plain to see: the same number, name or mark on both sides, if there is but one, is
  /// the other's translation. A little is added for words in the same part of the sentence, which decides where
  /// attention tells nothing.
  private static func sharpened(_ alignment: WordAlignment, first: Int) -> [Shares] {
    let (sources, targets) = (alignment.source.map(\.text), alignment.target.map(\.text))
    guard !sources.isEmpty else { return targets.map { _ in Shares(first: first, []) } }
    let (sourcePlaces, targetPlaces) = (places(sources), places(targets))
    return targets.indices.map { row in
      let word = targets[row]
      if targetPlaces[word]?.count == 1, let twins = sourcePlaces[word], twins.count == 1, isTelling(word) {
        return Shares(first: first + twins[0], [1])
      }
      guard row < alignment.weights.count else { return Shares(first: first + row * sources.count / targets.count, [1]) }
      let place = (Float(row) + 0.5) / Float(targets.count)
      let values = sources.indices.map { column in
        let distance = abs((Float(column) + 0.5) / Float(sources.count) - place)
        return alignment.weights[row][column] + 0.05 * max(0, 1 - 4 * distance) + 1e-4
      }
      let sum = values.reduce(0, +)
      return Shares(first: first, values.map { $0 / sum })
    }
  }

  private static func places(_ words: [String]) -> [String: [Int]] {
    Dictionary(grouping: words.indices) { words[$0] }
  }

  /// Short words may mean something else in the other language.
  private static func isTelling(_ word: String) -> Bool {
    let letters = word.unicodeScalars.count { $0.properties.isAlphabetic }
    return letters == 0 || letters > 3
      || word.unicodeScalars.contains { $0 == "_" || $0.properties.numericType != nil }
  }

  // MARK: Where

  private mutating func place(within parent: Int?, words: Range<Int>, interval: Range<Int>) {
    let all = children[parent] ?? []
    var isFree = [Bool](repeating: true, count: target.count)
    var owner = [Int](repeating: -1, count: target.count)
    var open = all.filter { !nodeWords[$0].isEmpty && !isMark($0) }.map { ($0, choose($0, interval, isFree)) }
    // One that is all of its parent is so in the translation.
    if open.count == 1, nodeWords[open[0].0] == words { open[0].1.interval = interval }
    while let best = open.indices.max(by: { open[$0].1.gain < open[$1].1.gain }) {
      let (node, choice) = open.remove(at: best)
      if isSuffix(node), !(choice.gain > 0 && choice.interval.lowerBound > 0 && gaps[choice.interval.lowerBound - 1].isEmpty) {
        continue
      }
      intervals[node] = choice.interval
      guard !choice.interval.isEmpty else { continue }
      for word in choice.interval { (isFree[word], owner[word]) = (false, node) }
      for other in open.indices where open[other].1.interval.overlaps(choice.interval) {
        open[other].1 = choose(open[other].0, interval, isFree)
      }
    }
    for node in all where nodeWords[node].isEmpty || isMark(node) || intervals[node].isEmpty {
      let at = split(before: nodeWords[node].lowerBound, interval, words, owner)
      intervals[node] = at..<at
    }
    for node in all { place(within: node, words: nodeWords[node], interval: intervals[node]) }
  }

  private func isMark(_ node: Int) -> Bool {
    if case .mark = run.nodes[node].kind { true } else { false }
  }

  /// Raised or lowered letters or digits that go on a word, as in 1er: without a like part of a word in the translation they
  /// translate nothing.
  private func isSuffix(_ node: Int) -> Bool {
    guard case .element(let open, _) = run.nodes[node].kind else { return false }
    let range = run.nodes[node].range
    guard ["<sup", "<sub"].contains(open.prefix(4).lowercased()), open.dropFirst(4).first?.isLetter == false,
      range.lowerBound > 0, range.lowerBound < scalars.count
    else { return false }
    return [scalars[range.lowerBound - 1], scalars[range.lowerBound]].allSatisfy {
      $0.properties.isAlphabetic || $0.properties.numericType != nil
    }
  }

  /// The best interval of free words, and its gain; the most likely word where no word's share is more than half, and
  /// nothing where no word is free.
  private func choose(_ node: Int, _ interval: Range<Int>, _ isFree: [Bool]) -> (interval: Range<Int>, gain: Float) {
    let words = nodeWords[node]
    var best = (interval: interval.lowerBound..<interval.lowerBound, gain: -Float.infinity)
    // The greatest sum that ends at each word (Kadane).
    var (start, sum) = (interval.lowerBound, -Float.infinity)
    for word in interval {
      guard isFree[word] else {
        sum = -.infinity
        continue
      }
      if !(sum > 0) { (start, sum) = (word, 0) }
      sum += shares[word][words] - 0.5
      if sum > best.gain { best = (start..<word + 1, sum) }
    }
    // Punctuation at its edges belongs to it only if it did before.
    var found = best.interval
    while found.count > 1, targetIsMark[found.upperBound - 1], !sourceIsMark[words.upperBound - 1] {
      found = found.lowerBound..<found.upperBound - 1
    }
    while found.count > 1, targetIsMark[found.lowerBound], !sourceIsMark[words.lowerBound] {
      found = found.lowerBound + 1..<found.upperBound
    }
    return (found, best.gain)
  }

  /// Before which word of `interval` to put what stood before source word `place`; not within an interval taken.
  private func split(before place: Int, _ interval: Range<Int>, _ words: Range<Int>, _ owner: [Int]) -> Int {
    if place <= words.lowerBound { return interval.lowerBound }
    if place >= words.upperBound { return interval.upperBound }
    var (gain, best) = (Float(0), (at: interval.lowerBound, gain: Float(0)))
    for word in interval {
      // Moving behind this word.
      gain += 2 * shares[word][words.lowerBound..<place] - 1
      let next = word + 1
      let isWithin = next < interval.upperBound && owner[word] >= 0 && owner[word] == owner[next]
      if gain > best.gain, !isWithin { best = (next, gain) }
    }
    return best.at
  }

  // MARK: Writing

  private struct Writer {
    var html = ""
    /// White space that the next word follows.
    var gap = ""
    var hasWords = false

    mutating func flush() {
      html += HTMLEntities.encode(gap)
      gap = ""
    }
  }

  func html() -> String {
    var writer = Writer()
    write(nil, 0..<target.count, &writer)
    return writer.html
  }

  private func write(_ parent: Int?, _ interval: Range<Int>, _ writer: inout Writer) {
    let items = (children[parent] ?? []).sorted {
      (intervals[$0].lowerBound, intervals[$0].upperBound, $0) < (intervals[$1].lowerBound, intervals[$1].upperBound, $1)
    }
    var word = interval.lowerBound
    for item in items {
      while word < intervals[item].lowerBound {
        write(word: word, &writer)
        word += 1
      }
      write(item: item, &writer)
      word = max(word, intervals[item].upperBound)
    }
    while word < interval.upperBound {
      write(word: word, &writer)
      word += 1
    }
  }

  private func write(word: Int, _ writer: inout Writer) {
    writer.flush()
    writer.html += HTMLEntities.encode(target[word].text)
    writer.gap = gaps[word]
    writer.hasWords = true
  }

  /// White space behind a tag before the first word, and before one behind the last: no word of the translation has it.
  private func addSpace(behind item: Int, _ writer: inout Writer) {
    if run.nodes[item].precedesSpace, !writer.hasWords, writer.gap.isEmpty { writer.gap = " " }
  }

  private func addSpace(before item: Int, _ writer: inout Writer) {
    guard run.nodes[item].followsSpace, run.nodes[item].range.lowerBound == scalars.count, writer.hasWords else { return }
    if writer.gap.isEmpty { writer.gap = " " }
  }

  private func write(item: Int, _ writer: inout Writer) {
    let interval = intervals[item]
    switch run.nodes[item].kind {
    case .mark(let tag, let spaceBefore, let spaceAfter):
      let gap = writer.gap
      addSpace(before: item, &writer)
      if spaceBefore { writer.flush() }
      writer.html += tag
      // One that had space on both sides has it again.
      if spaceBefore, spaceAfter { writer.gap = gap }
      addSpace(behind: item, &writer)
    case .frozen(let raw):
      let gap = writer.gap
      if run.nodes[item].joinsBefore { writer.gap = "" }
      writer.flush()
      writer.html += raw
      writer.gap = run.nodes[item].joinsAfter ? "" : interval.isEmpty ? gap : gaps[interval.upperBound - 1]
      writer.hasWords = true
    case .element(let open, let close):
      let isEmpty = run.nodes[item].range.isEmpty
      if isEmpty { addSpace(before: item, &writer) }
      if !interval.isEmpty || run.nodes[item].followsSpace { writer.flush() }
      writer.html += open
      if !isEmpty { addSpace(behind: item, &writer) }
      write(item, interval, &writer)
      writer.html += close
      if isEmpty { addSpace(behind: item, &writer) }
    }
  }
}

extension TextUnits {
  var allMarks: Bool { ranges.indices.allSatisfy(isMark) }
}
