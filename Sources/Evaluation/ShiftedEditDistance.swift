/// Edit distance between two word sequences in which moving a block of words costs one edit (Tercom's search).
///
/// Shifts are chosen greedily: of all blocks that also occur in the reference the one whose move lowers the plain
/// edit distance most, until none does. The limits are Tercom's as sacreBLEU has them: blocks of at most 10 words,
/// at most 50 words away, about 1,000 candidates a sentence, and a band of 25 cells around the diagonal.
final class ShiftedEditDistance {
  private static let longestShift = 10
  private static let farthestShift = 50
  private static let candidateLimit = 1000
  private static let bandWidth = 25
  private static let unreachable: Int32 = 1 << 29

  private enum Operation: UInt8 {
    case keep, substitute, insert, delete, unset
  }

  /// The cells [rowStarts[i]…] of row i hold columns firstColumns[i]…; outside of them nothing is reachable.
  private var rowStarts: [Int] = []
  private var firstColumns: [Int] = []
  private var costs: [Int32] = []
  private var operations: [Operation] = []
  private var previousRow: [Int32] = []
  private var currentRow: [Int32] = []
  private var shifted: [Int32] = []
  private var alignment: [Int] = []
  private var hypothesisErrors: [Int] = []
  private var referenceErrors: [Int] = []

  /// The number of edits that turn the hypothesis into the reference.
  /// - Complexity: about candidates × hypothesis length × band.
  func edits(from hypothesis: [Int32], to reference: [Int32]) -> Int {
    guard !reference.isEmpty else { return hypothesis.count }
    guard !hypothesis.isEmpty else { return reference.count }
    layOut(hypothesis.count, reference.count)
    var words = hypothesis
    var shifts = 0
    var checked = 0
    while true {
      let distance = fillMatrix(words, reference)
      // Equal sequences, or two that share no word, have nothing to shift.
      guard distance > 0 else { return shifts }
      guard let best = bestShift(words, reference, distance, &checked), checked < Self.candidateLimit,
        best.gain > 0
      else { return shifts + distance }
      words = Self.shift(words, best.start, best.length, to: best.target)
      shifts += 1
    }
  }

  // MARK: - Edit distance

  /// Decides the band: a pseudo-diagonal that follows the ratio of the lengths.
  private func layOut(_ rows: Int, _ columns: Int) {
    let ratio = Double(columns) / Double(rows)
    var band = Self.bandWidth
    if Double(band) < ratio / 2 { band = Int((ratio / 2 + Double(band)).rounded(.up)) }
    rowStarts = [0]
    firstColumns = [0]
    var next = columns + 1
    for row in 1...rows {
      let diagonal = Int((Double(row) * ratio).rounded(.down))
      let first = max(0, diagonal - band)
      let end = row == rows ? columns + 1 : min(columns + 1, diagonal + band)
      rowStarts.append(next)
      firstColumns.append(first)
      next += max(end - first, 0)
    }
    rowStarts.append(next)
    if costs.count < next {
      costs = [Int32](repeating: 0, count: next)
      operations = [Operation](repeating: .unset, count: next)
    }
    for column in 0...columns {
      costs[column] = Int32(column)
      operations[column] = .insert
    }
    let width = columns + 1
    if previousRow.count < width {
      previousRow = [Int32](repeating: 0, count: width)
      currentRow = previousRow
    }
  }

  /// Computes all rows and remembers the operations.
  private func fillMatrix(_ words: [Int32], _ reference: [Int32]) -> Int {
    for row in 1...words.count {
      let start = rowStarts[row], first = firstColumns[row], end = first + rowStarts[row + 1] - start
      let above = rowStarts[row - 1], aboveFirst = firstColumns[row - 1]
      let aboveEnd = aboveFirst + rowStarts[row] - above
      let word = words[row - 1]
      for column in first..<end {
        var cost = Self.unreachable
        var operation = Operation.unset
        // Ties go to keeping or substituting, then to deletion, then to insertion.
        if column > 0, column > aboveFirst, column <= aboveEnd {
          let equal = word == reference[column - 1]
          let candidate = costs[above + column - 1 - aboveFirst] + (equal ? 0 : 1)
          if candidate < cost {
            cost = candidate
            operation = equal ? .keep : .substitute
          }
        }
        if column >= aboveFirst, column < aboveEnd {
          let candidate = costs[above + column - aboveFirst] + 1
          if candidate < cost {
            cost = candidate
            operation = .delete
          }
        }
        if column > first {
          let candidate = costs[start + column - 1 - first] + 1
          if candidate < cost {
            cost = candidate
            operation = .insert
          }
        }
        costs[start + column - first] = cost
        operations[start + column - first] = operation
      }
    }
    return Int(costs[rowStarts[words.count + 1] - 1])
  }

  /// The distance alone, of words that differ from the matrix's only from `firstChange` on.
  private func distance(_ words: UnsafeBufferPointer<Int32>, _ reference: [Int32], from firstChange: Int) -> Int {
    let rows = words.count
    return reference.withUnsafeBufferPointer { reference in
      previousRow.withUnsafeMutableBufferPointer { first in
        currentRow.withUnsafeMutableBufferPointer { second in
          var previous = first, current = second
          var aboveFirst = firstColumns[firstChange]
          var aboveEnd = aboveFirst + rowStarts[firstChange + 1] - rowStarts[firstChange]
          for column in aboveFirst..<aboveEnd {
            previous[column] = costs[rowStarts[firstChange] + column - aboveFirst]
          }
          for row in firstChange + 1...rows {
            let start = firstColumns[row], end = start + rowStarts[row + 1] - rowStarts[row]
            let word = words[row - 1]
            var left = Self.unreachable
            for column in start..<end {
              var cost = Self.unreachable
              if column > aboveFirst, column <= aboveEnd {
                cost = previous[column - 1] + (word == reference[column - 1] ? 0 : 1)
              }
              if column >= aboveFirst, column < aboveEnd { cost = min(cost, previous[column] + 1) }
              cost = min(cost, left + 1, Self.unreachable)
              current[column] = cost
              left = cost
            }
            aboveFirst = start
            aboveEnd = end
            swap(&previous, &current)
          }
          return Int(previous[reference.count])
        }
      }
    }
  }

  // MARK: - Shifts

  private struct Shift {
    var gain: Int
    var length: Int
    var start: Int
    var target: Int

    /// Tercom's ranking: gain, then the longer block, then the earlier start, then the earlier target.
    func beats(_ other: Shift) -> Bool {
      if gain != other.gain { return gain > other.gain }
      if length != other.length { return length > other.length }
      if start != other.start { return start < other.start }
      return target < other.target
    }
  }

  /// The best move of a block that occurs in the reference, is wrong where it stands and is wanted elsewhere.
  private func bestShift(_ words: [Int32], _ reference: [Int32], _ distance: Int, _ checked: inout Int) -> Shift? {
    traceAlignment(words.count, reference.count)
    var best: Shift?
    shifted.removeAll(keepingCapacity: true)
    shifted.append(contentsOf: words)
    for start in words.indices {
      let nearest = max(0, start - Self.farthestShift)
      let farthest = min(reference.count, start + Self.farthestShift + 1)
      guard nearest < farthest else { break }
      for wanted in nearest..<farthest {
        var length = 0
        while length < Self.longestShift, start + length < words.count, wanted + length < reference.count,
          words[start + length] == reference[wanted + length]
        {
          length += 1
          guard hypothesisErrors[start + length] > hypothesisErrors[start],
            referenceErrors[wanted + length] > referenceErrors[wanted]
          else { continue }
          if start <= alignment[wanted] && alignment[wanted] < start + length { continue }
          tryTargets(words, reference, distance, start, wanted, length, &best, &checked)
          if checked >= Self.candidateLimit { return best }
        }
      }
    }
    return best
  }

  /// Tries every place beside which the reference's neighbours of the block are aligned.
  private func tryTargets(
    _ words: [Int32], _ reference: [Int32], _ distance: Int, _ start: Int, _ wanted: Int, _ length: Int,
    _ best: inout Shift?, _ checked: inout Int
  ) {
    var previous = -1
    for offset in -1..<length {
      guard wanted + offset < reference.count else { break }
      let target = wanted + offset == -1 ? 0 : alignment[wanted + offset] + 1
      if target == previous { continue }
      previous = target
      Self.shift(words, start, length, to: target, into: &shifted)
      let firstChange = min(start, target)
      let moved = shifted.withUnsafeBufferPointer { self.distance($0, reference, from: firstChange) }
      let candidate = Shift(gain: distance - moved, length: length, start: start, target: target)
      checked += 1
      if best.map({ candidate.beats($0) }) ?? true { best = candidate }
    }
  }

  /// Reads the matrix backwards: for each reference word the hypothesis word beside it, and running counts of
  /// wrong words on both sides, [words + 1].
  private func traceAlignment(_ rows: Int, _ columns: Int) {
    var trace: [Operation] = []
    var row = rows, column = columns
    while row > 0 || column > 0 {
      let operation = operations[rowStarts[row] + column - firstColumns[row]]
      trace.append(operation)
      switch operation {
      case .keep, .substitute:
        row -= 1
        column -= 1
      case .insert: column -= 1
      case .delete: row -= 1
      case .unset: preconditionFailure("no path through cell (\(row), \(column)) of (\(rows), \(columns))")
      }
    }
    alignment.removeAll(keepingCapacity: true)
    hypothesisErrors.removeAll(keepingCapacity: true)
    referenceErrors.removeAll(keepingCapacity: true)
    var wrongInHypothesis = 0, wrongInReference = 0
    hypothesisErrors.append(0)
    referenceErrors.append(0)
    var position = -1
    for operation in trace.reversed() {
      let wrong = operation == .keep ? 0 : 1
      if operation != .insert {
        position += 1
        wrongInHypothesis += wrong
        hypothesisErrors.append(wrongInHypothesis)
      }
      if operation != .delete {
        wrongInReference += wrong
        alignment.append(position)
        referenceErrors.append(wrongInReference)
      }
    }
  }

  private static func shift(_ words: [Int32], _ start: Int, _ length: Int, to target: Int) -> [Int32] {
    var result = words
    shift(words, start, length, to: target, into: &result)
    return result
  }

  /// Writes `words` with the block moved before position `target`; inside the block, `target` counts from its end.
  private static func shift(
    _ words: [Int32], _ start: Int, _ length: Int, to target: Int, into result: inout [Int32]
  ) {
    var written = 0
    func copy(_ range: Range<Int>) {
      for position in range.clamped(to: 0..<words.count) {
        result[written] = words[position]
        written += 1
      }
    }
    if target < start {
      copy(0..<target)
      copy(start..<start + length)
      copy(target..<start)
      copy(start + length..<words.count)
    } else if target > start + length {
      copy(0..<start)
      copy(start + length..<target)
      copy(start..<start + length)
      copy(target..<words.count)
    } else {
      copy(0..<start)
      copy(start + length..<min(length + target, words.count))
      copy(start..<start + length)
      copy(min(length + target, words.count)..<words.count)
    }
  }
}
