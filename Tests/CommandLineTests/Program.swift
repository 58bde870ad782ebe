import Foundation
import TestSupport

/// The built `mt`, run as a user would.
struct Program {
  struct Result {
    var status: Int32
    var output: String
    var error: String
    var lines: [String] { output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init) }
  }

  /// Beside the bundle of tests.
  static let url: URL = {
    var folder = Bundle.main.bundleURL
    for argument in CommandLine.arguments where argument.hasSuffix(".xctest") {
      folder = URL(fileURLWithPath: argument).deletingLastPathComponent()
    }
    if folder.pathExtension == "xctest" { folder = folder.deletingLastPathComponent() }
    return folder.appendingPathComponent("mt")
  }()

  /// An environment that knows no model; a sanitizer's options are handed on.
  static let environment = ["PATH": "/usr/bin:/bin"].merging(
    ProcessInfo.processInfo.environment.filter { $0.key == "ASAN_OPTIONS" }) { $1 }

  /// Runs `mt` with an environment that knows no model.
  static func run(
    _ arguments: [String], input: some Sequence<UInt8> = [], in directory: URL? = nil, environment: [String: String] = [:]
  ) throws -> Result {
    // Through files: no pipe can fill up and stop everybody.
    let files = try TemporaryDirectory()
    let source = try files.write(input, to: "in")
    let output = try files.write([], to: "out")
    let error = try files.write([], to: "error")
    let process = Process()
    process.executableURL = url
    process.arguments = arguments
    process.currentDirectoryURL = directory ?? files.url
    process.environment = Program.environment.merging(environment) { $1 }
    process.standardInput = try FileHandle(forReadingFrom: source)
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: error)
    try process.run()
    process.waitUntilExit()
    return Result(
      status: process.terminationStatus, output: String(decoding: try Data(contentsOf: output), as: UTF8.self),
      error: String(decoding: try Data(contentsOf: error), as: UTF8.self))
  }

  static func run(_ arguments: [String], text: String, in directory: URL? = nil) throws -> Result {
    try run(arguments, input: text.utf8, in: directory)
  }

  /// Runs a line of shell in which `$MT` is the program.
  static func shell(_ script: String, in directory: URL) throws -> Result {
    let process = Process()
    let (output, error) = (Pipe(), Pipe())
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", script]
    process.currentDirectoryURL = directory
    process.environment = environment.merging(["MT": url.path]) { $1 }
    (process.standardOutput, process.standardError) = (output, error)
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    let message = error.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Result(
      status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
      error: String(decoding: message, as: UTF8.self))
  }
}

/// One tiny model for all suites.
enum SharedModel {
  static let directory: TemporaryDirectory = {
    do {
      let directory = try TemporaryDirectory()
      try TinyModel.save(to: directory.url)
      // A global is never released: its directory goes when the process does.
      atexit { try? FileManager.default.removeItem(at: SharedModel.directory.url) }
      return directory
    } catch {
      preconditionFailure("no model to test with: \(error)")
    }
  }()

  static var path: String { directory.url.path }
}
