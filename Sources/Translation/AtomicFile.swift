import Foundation

/// Writes a file so that its name always stands for either the old contents or the new, whole: the new go to a
/// temporary file beside it, are flushed to the disk, and take the name at once.
public final class AtomicFile {
  private let url: URL
  private let temporary: String
  private var descriptor: Int32
  private var buffer: [UInt8] = []

  /// Opens the temporary file. Throws `ModelError` naming the file and the system's reason.
  public init(_ url: URL) throws {
    self.url = url
    temporary = url.path + ".\(ProcessInfo.processInfo.processIdentifier).part"
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw AtomicFile.error(url, "cannot be written") }
    buffer.reserveCapacity(1 << 16)
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(temporary)
  }

  /// Replaces `url` by `data`.
  public static func write(_ data: Data, to url: URL) throws {
    let file = try AtomicFile(url)
    try data.withUnsafeBytes { try file.append($0) }
    try file.commit()
  }

  public func append(_ bytes: UnsafeRawBufferPointer) throws {
    var remaining = bytes
    while !remaining.isEmpty {
      let written = Foundation.write(descriptor, remaining.baseAddress!, remaining.count)
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw AtomicFile.error(url, "could not be written whole, the old file stands") }
      remaining = UnsafeRawBufferPointer(rebasing: remaining[written...])
    }
  }

  /// Flushes everything to the disk and takes the name. Without it the temporary file is removed.
  public func commit() throws {
    guard fsync(descriptor) == 0 else { throw AtomicFile.error(url, "could not be written whole, the old file stands") }
    close(descriptor)
    descriptor = -1
    guard rename(temporary, url.path) == 0 else {
      let error = AtomicFile.error(url, "could not be replaced")
      unlink(temporary)
      throw error
    }
    // The new name must reach the disk too.
    let directory = open(url.deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
    if directory >= 0 {
      fsync(directory)
      close(directory)
    }
  }

  private static func error(_ url: URL, _ what: String) -> ModelError {
    ModelError(file: url.path, problem: "\(what): \(String(cString: strerror(errno)))")
  }
}
