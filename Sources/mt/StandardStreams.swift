import Foundation

/// Whoever read our standard output has gone: there is nobody left to write for.
struct ClosedPipe: Error {}

/// Standard output cannot be written, for another reason than a reader that left.
struct OutputError: Error, CustomStringConvertible {
  let file: String
  let reason: String
  var description: String { "\(file): cannot be written: \(reason)" }
}

/// Standard output: collects, and writes when told to or when much has come together. One thread at a time.
final class StandardOutput: @unchecked Sendable {
  static let shared = StandardOutput()
  private var buffer: [UInt8] = []

  /// Adds a line, without its end.
  func write(line: String) throws {
    buffer.append(contentsOf: line.utf8)
    buffer.append(0x0A)
    if buffer.count >= 1 << 16 { try flush() }
  }

  func write(_ text: String) throws {
    buffer.append(contentsOf: text.utf8)
    if buffer.count >= 1 << 16 { try flush() }
  }

  func flush() throws {
    var written = 0
    defer { buffer.removeAll(keepingCapacity: true) }
    while written < buffer.count {
      let count = buffer.withUnsafeBytes { Foundation.write(1, $0.baseAddress! + written, $0.count - written) }
      if count >= 0 {
        written += count
      } else if errno == EPIPE {
        throw ClosedPipe()
      } else if errno != EINTR {
        throw OutputError(file: "standard output", reason: String(cString: strerror(errno)))
      }
    }
  }
}

/// Tells the user something that is not a result.
func warn(_ message: String) {
  try? FileHandle.standardError.write(contentsOf: Data("mt: \(message)\n".utf8))
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
