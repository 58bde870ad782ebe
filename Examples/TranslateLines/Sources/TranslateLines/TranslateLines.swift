import Foundation
import Translation

/// Translates the lines of standard input as they come.
@main struct TranslateLines {
  static func main() async throws {
    guard CommandLine.arguments.count == 2 else {
      FileHandle.standardError.write(Data("usage: TranslateLines MODEL < lines\n".utf8))
      exit(64)
    }
    do {
      let translator = try Translator(model: URL(fileURLWithPath: CommandLine.arguments[1]))
      var options = translator.defaultOptions
      options.search.beamSize = 4
      for try await line in translator.translations(of: InputLines(), options) {
        // Not print, which keeps what goes into a pipe until there is much of it.
        FileHandle.standardOutput.write(Data("\(line.text)\n".utf8))
        for warning in line.warnings { FileHandle.standardError.write(Data("\(warning)\n".utf8)) }
      }
    } catch {
      FileHandle.standardError.write(Data("\(error)\n".utf8))
      exit(1)
    }
  }
}

/// The lines of standard input, each read when it is asked for: however many there are, few are in memory.
struct InputLines: AsyncSequence, Sendable {
  struct AsyncIterator: AsyncIteratorProtocol {
    func next() async -> String? {
      // Reading blocks, which a thread of its own may.
      await withCheckedContinuation { continuation in
        Thread.detachNewThread { continuation.resume(returning: readLine()) }
      }
    }
  }

  func makeAsyncIterator() -> AsyncIterator { AsyncIterator() }
}
