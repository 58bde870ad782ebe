import Foundation

/// A file that cannot be used, and why.
public struct ServerFileError: Error, CustomStringConvertible, Equatable {
  public let file: String
  public let problem: String
  public var description: String { "\(file): \(problem)" }
}

/// The keys that callers may show.
public struct APIKeys: Sendable, Equatable {
  /// Of each key how many requests it has within a minute; nil is no limit.
  private var limits: [String: Int?] = [:]

  /// Reads a file with a key a line, and where wanted behind white space how many requests it has within a minute. Blank
  /// lines, and those that begin with `#`, say nothing. Throws `ServerFileError`, naming the line but no key.
  public init(contentsOf file: URL) throws {
    let text: String
    do { text = try String(contentsOf: file, encoding: .utf8) } catch {
      throw ServerFileError(file: file.path, problem: "cannot be read as UTF-8 text")
    }
    try self.init(text, file: file.path)
  }

  init(_ text: String, file: String) throws {
    for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let fields = line.split { $0 == " " || $0 == "\t" }
      guard let key = fields.first, !key.hasPrefix("#") else { continue }
      var limit: Int?
      if fields.count > 1 {
        guard fields.count == 2, let given = Int(fields[1]), given > 0 else {
          throw ServerFileError(
            file: file, problem: "line \(number + 1): a key and a number of requests per minute above 0 expected")
        }
        limit = given
      }
      guard limits[String(key)] == nil else {
        throw ServerFileError(file: file, problem: "line \(number + 1): the key is there already")
      }
      limits[String(key)] = .some(limit)
    }
    guard !limits.isEmpty else { throw ServerFileError(file: file, problem: "has no key") }
  }

  /// The one token of a file. Throws `ServerFileError`.
  public static func readToken(_ file: URL) throws -> String {
    let keys = try APIKeys(contentsOf: file)
    guard keys.limits.count == 1, let token = keys.limits.keys.first else {
      throw ServerFileError(file: file.path, problem: "has \(keys.limits.count) tokens; one expected")
    }
    return token
  }

  func contains(_ key: String) -> Bool { limits[key] != nil }

  func requestsPerMinute(_ key: String) -> Int? { limits[key] ?? nil }
}
