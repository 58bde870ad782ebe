import ArgumentParser
import Autograd
import Foundation
import Translation

/// No model was named and none is where one would be.
struct NoModelError: Error, CustomStringConvertible {
  let places: [String]
  var description: String {
    "no model: give --model DIR or set MT_MODEL; there is none in " + places.joined(separator: " or ")
  }
}

/// Which model a command uses when it is not told.
enum DefaultModel {
  static func find() throws -> URL {
    if let named = ProcessInfo.processInfo.environment["MT_MODEL"], !named.isEmpty { return URL(fileURLWithPath: named) }
    let local = URL(fileURLWithPath: "Models/fr-en")
    let installed = share.appendingPathComponent("models/fr-en")
    for place in [local, installed] where ModelDirectory(place).exists { return place }
    throw NoModelError(places: [local.relativePath, installed.path])
  }

  /// All models of the first of these places that has any, by name.
  static func findAll() throws -> [URL] {
    if let named = ProcessInfo.processInfo.environment["MT_MODEL"], !named.isEmpty { return [URL(fileURLWithPath: named)] }
    let places = [URL(fileURLWithPath: "Models"), share.appendingPathComponent("models")]
    for place in places {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
      let found = names.sorted().map { place.appendingPathComponent($0) }.filter { ModelDirectory($0).exists }
      if !found.isEmpty { return found }
    }
    throw NoModelError(places: places.map(\.relativePath))
  }

  /// Where `make install` puts what is not a program: beside the folder of the program.
  static var share: URL {
    executable.deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("share/mt")
  }

  private static var executable: URL {
    URL(fileURLWithPath: Bundle.main.executablePath ?? CommandLine.arguments[0]).resolvingSymlinksInPath()
  }
}

/// The option of commands that use one model.
struct ModelOption: ParsableArguments {
  @Option(help: ArgumentHelp("The model to use.", valueName: "dir"), completion: .directory)
  var model: String?

  func directory() throws -> URL {
    try model.map { URL(fileURLWithPath: $0) } ?? DefaultModel.find()
  }
}

extension Precision: ExpressibleByArgument {}

/// How many threads to use.
struct ThreadsOption: ParsableArguments {
  @Option(help: ArgumentHelp("Threads to work with; the output does not depend on it.", valueName: "t"))
  var threads = ProcessInfo.processInfo.activeProcessorCount

  func validate() throws {
    guard (1...1024).contains(threads) else { throw ValidationError("--threads \(threads) is not in 1...1024.") }
  }
}
