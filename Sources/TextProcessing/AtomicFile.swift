import Foundation

/// Writes a file so that its name always stands for either the old contents or the new, whole: the new go to a
/// temporary file beside it, are flushed to the disk, and take the name at once. A link keeps its name and its target is
/// replaced; what is no file (a device, a pipe) is written to.
public final class AtomicFile {
  private let url: URL
  /// nil where there is no file to replace, only something to write to.
  private let temporary: String?
  private var descriptor: Int32

  /// Opens the temporary file. Throws `TextError.file` naming the file and the system's reason.
  public init(_ url: URL) throws(TextError) {
    var status = stat()
    let exists = stat(url.path, &status) == 0
    self.url = exists ? url.resolvingSymlinksInPath() : url
    if exists, status.st_mode & S_IFMT != S_IFREG {
      temporary = nil
      descriptor = open(url.path, O_WRONLY | O_CLOEXEC)
    } else {
      let name = self.url.path + ".\(ProcessInfo.processInfo.processIdentifier).part"
      temporary = name
      descriptor = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    }
    guard descriptor >= 0 else { throw AtomicFile.error(url, "cannot be written") }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    if let temporary { unlink(temporary) }
  }

  /// Throws as `init` where `url` cannot be replaced, and leaves no trace; what is no file is not opened, as a pipe's reader
  /// would see that end.
  public static func check(_ url: URL) throws(TextError) {
    var status = stat()
    let exists = stat(url.path, &status) == 0
    if exists, ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) { return }
    _ = try AtomicFile(url)
  }

  /// Replaces `url` by `data`.
  public static func write(_ data: Data, to url: URL) throws(TextError) {
    let file = try AtomicFile(url)
    try data.withUnsafeBytes { bytes in Result { () throws(TextError) in try file.append(bytes) } }.get()
    try file.commit()
  }

  public func append(_ bytes: UnsafeRawBufferPointer) throws(TextError) {
    var remaining = bytes
    while !remaining.isEmpty {
      let written = Foundation.write(descriptor, remaining.baseAddress!, remaining.count)
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw AtomicFile.error(url, "could not be written whole, the old file stands") }
      remaining = UnsafeRawBufferPointer(rebasing: remaining[written...])
    }
  }

  /// Flushes everything to the disk and takes the name. Without it the temporary file is removed.
  public func commit() throws(TextError) {
    guard let temporary else {
      close(descriptor)
      descriptor = -1
      return
    }
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

  private static func error(_ url: URL, _ what: String) -> TextError {
    .file(path: url.path, problem: "\(what): \(String(cString: strerror(errno)))")
  }
}

/// A folder that is written to.
public enum OutputDirectory {
  /// Makes it, and those above it; it may exist. Throws `TextError.file` naming the one that cannot be made and the system's
  /// reason.
  public static func make(_ url: URL) throws(TextError) {
    if mkdir(url.path, 0o777) == 0 { return }
    if errno == ENOENT, url.pathComponents.count > 1 {
      try make(url.deletingLastPathComponent())
      if mkdir(url.path, 0o777) == 0 { return }
    }
    let error = errno
    var isDirectory: ObjCBool = false
    if error == EEXIST, FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory), isDirectory.boolValue {
      return
    }
    throw .file(path: url.path, problem: "cannot be made: \(String(cString: strerror(error)))")
  }
}
