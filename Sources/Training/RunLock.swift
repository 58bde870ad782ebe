import Foundation

/// Keeps a second training out of a run's directory, as long as it lives.
final class RunLock {
  private let descriptor: Int32

  /// Throws `TrainingError.outputInUse` where another process trains into the directory. Where the file system has no locks,
  /// nothing is kept out.
  init(_ directory: URL) throws {
    descriptor = open(directory.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK else { return }
    throw TrainingError.outputInUse(directory.path)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }
}
