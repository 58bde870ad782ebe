import Foundation

/// Where a run tells how it goes.
public protocol ProgressSink: AnyObject {
  /// The state of things, replacing what the last call said where that is possible.
  func status(_ line: String)
  /// Something to be kept.
  func message(_ line: String)
}

/// Standard error: one line that is rewritten in a terminal, plain lines now and then in a log.
public final class StandardErrorProgress: ProgressSink {
  private let isTerminal = isatty(2) == 1
  private var hasStatus = false
  private var lastPlain: ContinuousClock.Instant?
  /// Between status lines where they cannot be rewritten.
  private let plainInterval: Duration

  public init(plainInterval: Duration = .seconds(20)) { self.plainInterval = plainInterval }

  public func status(_ line: String) {
    if isTerminal {
      // Longer than the terminal is wide, the line would not stay one line.
      write("\r\u{1B}[2K" + String(line.prefix(max(20, terminalWidth() - 1))))
      hasStatus = true
      return
    }
    let now = ContinuousClock.now
    if let lastPlain, now - lastPlain < plainInterval { return }
    lastPlain = now
    write(line + "\n")
  }

  public func message(_ line: String) {
    write((hasStatus ? "\r\u{1B}[2K" : "") + line + "\n")
    hasStatus = false
  }

  /// Work goes on where nobody listens: a log disk that is full, a reader that is gone.
  private func write(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }

  private func terminalWidth() -> Int {
    var size = winsize()
    return ioctl(2, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 100
  }
}

/// Says nothing.
public final class SilentProgress: ProgressSink {
  public init() {}
  public func status(_ line: String) {}
  public func message(_ line: String) {}
}

/// Numbers as people read them.
package enum Format {
  package static func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

  /// 2h05m, 3m07s, 12s, 0.4s.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0 else { return "–" }
    if seconds < 9.95 { return String(format: "%.1fs", seconds) }
    let s = Int(seconds.rounded())
    if s >= 3600 { return String(format: "%dh%02dm", s / 3600, s % 3600 / 60) }
    return s >= 60 ? String(format: "%dm%02ds", s / 60, s % 60) : "\(s)s"
  }

  /// 12,345
  package static func grouped(_ value: Int) -> String {
    var result = ""
    for (i, digit) in String(abs(value)).reversed().enumerated() {
      if i > 0, i % 3 == 0 { result.append(",") }
      result.append(digit)
    }
    return (value < 0 ? "-" : "") + String(result.reversed())
  }
}
