import Foundation

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

extension ModelError {
  /// The system's words for why a file could not be read.
  static func reason(_ error: any Error) -> String {
    let error = error as NSError
    if let underlying = error.userInfo[NSUnderlyingErrorKey] as? NSError, underlying.domain == NSPOSIXErrorDomain {
      return String(cString: strerror(Int32(underlying.code)))
    }
    switch CocoaError.Code(rawValue: error.code) {
    case .fileReadNoSuchFile, .fileNoSuchFile: return "no such file"
    case .fileReadNoPermission: return "permission denied"
    default: return error.localizedDescription
    }
  }
}

extension Data {
  /// The contents of a file of a model. `isMapped`: its pages are read as they are looked at.
  /// - Throws: `ModelError` naming the file and the system's reason.
  public init(modelFile url: URL, isMapped: Bool = false) throws {
    do { try self.init(contentsOf: url, options: isMapped ? .alwaysMapped : []) } catch {
      throw ModelError(file: url.path, problem: "cannot be read: \(ModelError.reason(error))")
    }
  }
}
