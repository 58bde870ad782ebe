import Foundation
import Translation

/// Translates the lines of standard input as they come, with one model that all tasks share.
@main struct TranslateLines {
  static func main() async throws {
    guard CommandLine.arguments.count == 2 else {
      FileHandle.standardError.write(Data("usage: TranslateLines MODEL < lines\n".utf8))
      exit(64)
    }
    let translator: Translator
    do {
      translator = try Translator(model: URL(fileURLWithPath: CommandLine.arguments[1]))
    } catch let error as ModelError {
      FileHandle.standardError.write(Data("\(error)\n".utf8))
      exit(1)
    }
    var options = translator.defaultOptions
    options.search.beamSize = 4

    let lines = AsyncStream<String> { continuation in
      // Reading blocks, so it has a thread of its own.
      Thread.detachNewThread {
        while let line = readLine() { continuation.yield(line) }
        continuation.finish()
      }
    }
    for try await line in translator.translations(of: lines, options) {
      print(line.text)
      for warning in line.warnings { FileHandle.standardError.write(Data("\(warning)\n".utf8)) }
    }
  }
}
