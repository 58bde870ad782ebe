import Foundation
import Synchronization

/// Whether the user has asked the program to stop (SIGINT, SIGTERM). The second signal ends it at once.
public enum Interruption {
  private static let flag = Atomic<Bool>(false)

  public static var isRequested: Bool { flag.load(ordering: .relaxed) }

  /// Starts to listen. Outside of training, signals do what they always do.
  static func listen() {
    flag.store(false, ordering: .relaxed)
    for name in [SIGINT, SIGTERM] {
      signal(name) { number in
        Interruption.flag.store(true, ordering: .relaxed)
        signal(number, SIG_DFL)
      }
    }
  }

  static func ignore() {
    for name in [SIGINT, SIGTERM] { signal(name, SIG_DFL) }
  }
}
