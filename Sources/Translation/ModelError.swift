import Foundation
import TextProcessing

/// What is wrong with a file of a model: which file, where in it, what was found and what was expected.
public struct ModelError: Error, CustomStringConvertible, Equatable {
  /// Path of the file or directory.
  public let file: String
  /// The tensor or key, if it is about one.
  public let item: String?
  public let problem: String

  public init(file: String, item: String? = nil, problem: String) {
    (self.file, self.item, self.problem) = (file, item, problem)
  }

  public var description: String {
    if let item { return "\(file): \(item): \(problem)" }
    return "\(file): \(problem)"
  }
}

extension Data {
  /// The contents of a file of a model. `isMapped`: its pages are read as they are looked at.
  /// - Throws: `ModelError` naming the file and the system's reason.
  public init(modelFile url: URL, isMapped: Bool = false) throws {
    do { try self.init(contentsOf: url, options: isMapped ? .alwaysMapped : []) } catch {
      throw ModelError(file: url.path, problem: "cannot be read: \(TextError.reason(error))")
    }
  }
}
