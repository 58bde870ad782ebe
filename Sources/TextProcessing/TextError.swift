import Foundation

/// What can be wrong with text, text files and text models that come from outside.
public enum TextError: Error, Equatable, Sendable, CustomStringConvertible {
  /// ICU refused; its data may be missing.
  case icu(function: String, status: String)
  /// A line longer than ICU can count.
  case tooLong(units: Int, limit: Int)
  /// A file cannot be opened, read or written.
  case file(path: String, problem: String)
  /// Bytes that are not UTF-8; `line` counts from 1.
  case invalidUTF8(path: String, line: Int)
  /// A line that is not as its format asks; `line` counts from 1.
  case line(path: String, line: Int, problem: String)
  /// A key of a JSON file whose value is missing or wrong.
  case key(path: String, key: String, problem: String)
  /// The sides of a parallel corpus have different numbers of lines.
  case lineCounts(source: String, sourceCount: Int, target: String, targetCount: Int)
  /// Characters and special symbols alone need more.
  case vocabularyTooSmall(asked: Int, needed: Int)
  /// An option outside its range.
  case option(name: String, problem: String)
  /// Nothing to learn from.
  case emptyCorpus

  public var description: String {
    switch self {
    case .icu(let function, let status):
      "ICU's \(function) failed with \(status)"
    case .tooLong(let units, let limit):
      "a line of \(units) UTF-16 units; at most \(limit) can be processed"
    case .file(let path, let problem):
      "\(path): \(problem)"
    case .invalidUTF8(let path, let line):
      "\(path), line \(line): not valid UTF-8"
    case .line(let path, let line, let problem):
      "\(path), line \(line): \(problem)"
    case .key(let path, let key, let problem):
      "\(path): \(key): \(problem)"
    case .lineCounts(let source, let sourceCount, let target, let targetCount):
      "\(source) has \(sourceCount) lines but \(target) has \(targetCount); the sides must be aligned line by line"
    case .vocabularyTooSmall(let asked, let needed):
      "a vocabulary of \(asked) cannot hold the special symbols and characters alone; at least \(needed) are needed"
    case .option(let name, let problem):
      "\(name): \(problem)"
    case .emptyCorpus:
      "there is no word to learn a vocabulary from"
    }
  }
}

extension Data {
  /// The contents of a file of text or of a text model.
  public init(textFile url: URL) throws(TextError) {
    do { try self.init(contentsOf: url) } catch {
      throw .file(path: url.path, problem: "cannot be read: \(TextError.reason(error))")
    }
  }
}

extension TextError {
  /// The system's words for why a file or directory could not be read or made.
  public static func reason(_ error: any Error) -> String {
    let error = error as NSError
    if let underlying = error.userInfo[NSUnderlyingErrorKey] as? NSError, underlying.domain == NSPOSIXErrorDomain {
      return String(cString: strerror(Int32(underlying.code)))
    }
    switch CocoaError.Code(rawValue: error.code) {
    case .fileReadNoSuchFile, .fileNoSuchFile: return "no such file"
    case .fileReadNoPermission: return "permission denied"
    default:
      var isDirectory: ObjCBool = false
      let path = error.userInfo[NSFilePathErrorKey] as? String
      if let path, FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue {
        return "is a directory"
      }
      return error.localizedDescription
    }
  }
}
