import Foundation

/// A directory that goes away with its owner.
public final class TemporaryDirectory: Sendable {
  public let url: URL

  public init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("mt-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  @discardableResult
  public func write(_ bytes: some Sequence<UInt8>, to name: String) throws -> URL {
    let file = url.appendingPathComponent(name)
    try Data(bytes).write(to: file)
    return file
  }

  /// - Returns: the file's path.
  public func write(_ text: String, _ name: String) throws -> String { try write(text.utf8, to: name).path }

  public func write(_ bytes: [UInt8], _ name: String) throws -> String { try write(bytes, to: name).path }
}
