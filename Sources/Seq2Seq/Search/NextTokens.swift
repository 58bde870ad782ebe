import Autograd

/// The most probable next tokens of every row of a decoder, with the tokens a search must not produce left out, and the
/// log-probability of a token that a row must take.
///
/// Forbidding a token does not raise the log-probabilities of the others; those of a sentence with a shortlist are among the
/// listed. Buffers are reused from step to step. Not thread-safe: one per running search.
public final class NextTokens {
  /// [R, k], best first; −1 where a row has fewer.
  private(set) var ids = UnsafeMutableBufferPointer<Int32>.allocate(capacity: 0)
  /// [R, k]
  private(set) var values = UnsafeMutableBufferPointer<Float>.allocate(capacity: 0)
  /// k
  let count: Int
  private let forbidden: [Int32]
  private let noRepeatNgram: Int
  private let breaksLoops: Bool
  private let minimumLength: Int
  /// R, the rows prepared for.
  private var rows = 0
  /// Rows side by side that choose among the same ids; all of them, or none where every row chooses among all ids.
  private(set) var shortlists: [(rows: Range<Int>, list: SentenceShortlist)] = []
  /// Tokens left out, those of row r from `offsets[r]` on.
  private var banned: [Int32] = []
  private var offsets: [Int32] = [0]
  /// The token each row must take, −1 where it has a choice.
  private var forced: [Int32] = []
  /// log P of the forced tokens, and two numbers a row to work with.
  private var forcedValues = UnsafeMutableBufferPointer<Float>.allocate(capacity: 0)

  init(_ options: SearchOptions, count: Int) {
    self.count = count
    forbidden = options.forbiddenTokens
    noRepeatNgram = options.noRepeatNgram
    breaksLoops = options.breaksLoops
    minimumLength = options.minimumLength
  }

  deinit {
    ids.deallocate()
    values.deallocate()
    forcedValues.deallocate()
  }

  /// Says what the next step is to look for. `step` is the number of tokens every row has; `sentence` is that of a row.
  /// `tokens` gives a row's tokens so far and is asked only if repetitions are forbidden; `recent` gives at least the last
  /// `Loop.memory` of them, and is asked only if loops are.
  func prepare(
    rows: Int, step: Int, sentence: (Int) -> SearchSentence, tokens: (Int) -> [Int32], recent: (Int) -> ArraySlice<Int32>
  ) {
    self.rows = rows
    if values.count < rows * count {
      ids.deallocate()
      values.deallocate()
      ids = .allocate(capacity: rows * count)
      values = .allocate(capacity: rows * count)
    }
    if forcedValues.count < 3 * rows {
      forcedValues.deallocate()
      forcedValues = .allocate(capacity: 3 * rows)
    }
    banned.removeAll(keepingCapacity: true)
    offsets.removeAll(keepingCapacity: true)
    forced.removeAll(keepingCapacity: true)
    shortlists.removeAll(keepingCapacity: true)
    offsets.append(0)
    for row in 0..<rows {
      let sentence = sentence(row)
      if let list = sentence.shortlist { add(row, choosingAmong: list) }
      forced.append(sentence.forcedToken(step: step) ?? -1)
      banned.append(contentsOf: forbidden)
      if step < min(minimumLength, sentence.maximumLength) { banned.append(SpecialToken.end) }
      if noRepeatNgram > 0, step >= noRepeatNgram { banRepetitions(tokens(row)) }
      if breaksLoops, step >= Loop.turns - 1, !sentence.mayLoop {
        Loop.forbid(after: recent(row)) { banned.append($0) }
      }
      offsets.append(Int32(banned.count))
    }
    precondition(shortlists.isEmpty || shortlists.last?.rows.upperBound == rows, "a row without a shortlist beside one with")
  }

  private func add(_ row: Int, choosingAmong list: SentenceShortlist) {
    precondition(shortlists.last?.rows.upperBound ?? 0 == row, "a row with a shortlist beside one without")
    // Arrays that are one need no look at their elements.
    precondition(shortlists.first.map { $0.list.common == list.common } ?? true, "rows do not share what is common")
    if let last = shortlists.last, last.list.own == list.own {
      shortlists[shortlists.count - 1].rows = last.rows.lowerBound..<row + 1
    } else {
      shortlists.append((row..<row + 1, list))
    }
  }

  /// Looks through logits [R, V]; those of ids that a row may not choose become −∞.
  public func find(in logits: UnsafeMutableBufferPointer<Float>, vocabulary: Int) {
    precondition(logits.count >= rows * vocabulary, "\(logits.count) logits for \(rows) rows of \(vocabulary)")
    for (rows, list) in shortlists {
      for row in rows { Self.blank(logits[row * vocabulary..<(row + 1) * vocabulary], but: list.ids) }
    }
    withChoice { choice in
      withUnsafePointer(to: choice) { mt_choose(logits.baseAddress!, Int64(rows), Int64(vocabulary), $0) }
    }
  }

  private static func blank(_ row: Slice<UnsafeMutableBufferPointer<Float>>, but ids: [Int32]) {
    var rest = row
    for id in ids {
      let place = row.startIndex + Int(id)
      rest[..<place].update(repeating: -.infinity)
      rest = rest[(place + 1)...]
    }
    rest.update(repeating: -.infinity)
  }

  /// Nothing has been looked at yet, and what is found among several lists of ids (`withChoice(of:among:)`) is to count
  /// together; then comes `end`.
  func begin() { withChoice { withUnsafePointer(to: $0) { mt_choice_begin($0, Int64(rows)) } } }
  func end() { withChoice { withUnsafePointer(to: $0) { mt_choice_end($0, Int64(rows)) } } }

  /// What is looked for in some rows among some ids, of which there is one at least.
  func withChoice<Result>(of rows: Range<Int>, among ids: [Int32], _ body: (mt_choice) -> Result) -> Result {
    precondition(rows.upperBound <= self.rows, "rows \(rows) of \(self.rows)")
    return withChoice { all in
      ids.withUnsafeBufferPointer { ids in
        var choice = all
        let first = rows.lowerBound
        choice.banned_offsets += first
        choice.wanted += first
        choice.ids += first * count
        choice.values += first * count
        choice.wanted_values += first
        choice.most += first
        choice.sums += first
        (choice.columns, choice.column_count) = (ids.baseAddress, Int64(ids.count))
        return body(choice)
      }
    }
  }

  /// What is looked for in all rows among all ids, as the kernels want it: valid while `body` runs.
  func withChoice<Result>(_ body: (mt_choice) -> Result) -> Result {
    banned.withUnsafeBufferPointer { banned in
      offsets.withUnsafeBufferPointer { offsets in
        forced.withUnsafeBufferPointer { forced in
          body(
            mt_choice(
              k: Int64(count), banned: banned.baseAddress, banned_offsets: offsets.baseAddress,
              wanted: forced.baseAddress, ids: ids.baseAddress, values: values.baseAddress,
              wanted_values: forcedValues.baseAddress, most: forcedValues.baseAddress! + rows,
              sums: forcedValues.baseAddress! + 2 * rows, columns: nil, column_count: 0))
        }
      }
    }
  }

  /// `prepare`, `find`, and then −∞ in place of the logits of tokens that were left out.
  func find(
    in logits: UnsafeMutableBufferPointer<Float>, vocabulary: Int, rows: Int, step: Int,
    sentence: (Int) -> SearchSentence, tokens: (Int) -> [Int32]
  ) {
    prepare(rows: rows, step: step, sentence: sentence, tokens: tokens, recent: { tokens($0)[...] })
    find(in: logits, vocabulary: vocabulary)
    for row in 0..<rows {
      for token in banned[Int(offsets[row])..<Int(offsets[row + 1])] where token >= 0 && token < vocabulary {
        logits[row * vocabulary + Int(token)] = -.infinity
      }
    }
  }

  /// The token a row must take, with its log-probability; nil where it has a choice.
  func forcedToken(_ row: Int) -> (token: Int32, logProbability: Float)? {
    forced[row] < 0 ? nil : (forced[row], forcedValues[row])
  }

  /// Bans every token that would complete an n-gram the row already has.
  private func banRepetitions(_ tokens: [Int32]) {
    let context = noRepeatNgram - 1
    let suffix = tokens.count - context
    for start in 0..<suffix where tokens[start..<start + context].elementsEqual(tokens[suffix...]) {
      banned.append(tokens[start + context])
    }
  }
}

/// log softmax(logits)[label] of one row [V].
func logProbability(of label: Int32, in row: UnsafePointer<Float>, vocabulary: Int) -> Float {
  var (label, value) = (label, Float(0))
  mt_label_log_probabilities(row, nil, &label, 1, Int64(vocabulary), &value)
  return value
}
