import Foundation
import Training

/// The line of progress, written by many threads.
final class SharedProgress: @unchecked Sendable {
  private let lock = NSLock()
  private let sink = StandardErrorProgress()
  private var last: String?

  func status(_ line: String) {
    lock.withLock {
      last = line
      sink.status(line)
    }
  }

  /// Leaves the last line standing.
  func finish() {
    lock.withLock {
      if let last { sink.message(last) }
    }
  }
}
