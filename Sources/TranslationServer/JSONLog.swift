import Foundation
import Logging

/// Log lines of JSON on standard error: time, level, message, and each of the metadata under its own name.
public struct JSONLog: LogHandler {
  public var metadata: Logger.Metadata = [:]
  public var logLevel: Logger.Level = .info
  private let write: @Sendable (Data) -> Void

  public init() { self.init { try? FileHandle.standardError.write(contentsOf: $0) } }

  init(write: @escaping @Sendable (Data) -> Void) { self.write = write }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var fields = ["level": event.level.rawValue, "message": "\(event.message)", "time": Self.time()]
    for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }) where fields[key] == nil {
      fields[key] = "\(value)"
    }
    guard var line = try? JSONAnswer.data(fields) else { return }
    line.append(0x0A)
    write(line)
  }

  private static func time() -> String {
    Date().formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true))
  }
}
