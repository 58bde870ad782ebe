import Foundation

/// Lines read ahead by a thread of their own, so that a reader can take what there is and never waits for more while
/// it has something to do.
final class LineQueue<Line>: @unchecked Sendable {
  private let condition = NSCondition()
  private var lines: [Line] = []
  private var bytes = 0
  private var isAtEnd = false
  private var failure: (any Error)?
  private var isAbandoned = false
  /// Bytes read ahead at most, unless one line has more.
  private let capacity = 4 << 20
  /// How long a line waits for company. Reading a file fills whole windows in less; nobody sees it.
  private let patience = 0.002

  /// Starts reading. `next` returns a line and its size in bytes, nil at the end.
  init(next: @escaping () throws -> (line: Line, bytes: Int)?) {
    let next = Unchecked(next)
    let thread = Thread { [self] in read(next.value) }
    thread.stackSize = 4 << 20
    thread.start()
  }

  private struct Unchecked<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
  }

  private func read(_ next: () throws -> (line: Line, bytes: Int)?) {
    do {
      while let (line, size) = try next() {
        condition.lock()
        while bytes > 0, bytes + size > capacity, !isAbandoned { condition.wait() }
        lines.append(line)
        bytes += size
        condition.signal()
        let stop = isAbandoned
        condition.unlock()
        if stop { return }
      }
    } catch {
      condition.lock()
      failure = error
      condition.unlock()
    }
    condition.lock()
    isAtEnd = true
    condition.broadcast()
    condition.unlock()
  }

  /// At least one line and at most `limit` of them; nil at the end. Waits for the first line only, but for a moment.
  /// Throws what reading threw, once all lines before have been taken.
  func take(_ limit: Int) throws -> [Line]? {
    condition.lock()
    defer { condition.unlock() }
    while lines.isEmpty, !isAtEnd { condition.wait() }
    let deadline = Date(timeIntervalSinceNow: patience)
    while lines.count < limit, bytes < capacity / 2, !isAtEnd, condition.wait(until: deadline) {}
    if lines.isEmpty {
      if let failure { throw failure }
      return nil
    }
    let taken: [Line]
    if lines.count <= limit {
      taken = lines
      lines = []
      bytes = 0
    } else {
      taken = Array(lines.prefix(limit))
      lines.removeFirst(limit)
      bytes = bytes * lines.count / (lines.count + limit)
    }
    condition.broadcast()
    return taken
  }
}
