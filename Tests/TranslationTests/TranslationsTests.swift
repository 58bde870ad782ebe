import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Translation

@Suite struct TranslationsTests {
  let directory: TemporaryDirectory
  let translator: Translator

  init() throws {
    directory = try TemporaryDirectory()
    try TinyModel.save(to: directory.url)
    translator = try Translator(model: directory.url)
  }

  var options: TranslationOptions {
    var options = translator.defaultOptions
    options.search.maximumLength = 12
    options.threads = 2
    return options
  }

  /// Lines without end, and how many have been asked for.
  final class Endless: AsyncSequence, Sendable {
    typealias Element = String
    let given = Mutex(0)

    struct Iterator: AsyncIteratorProtocol {
      let lines: Endless
      mutating func next() async -> String? {
        let number = lines.given.withLock { given in
          given += 1
          return given
        }
        return TinyModel.sentences[number % TinyModel.sentences.count]
      }
    }

    func makeAsyncIterator() -> Iterator { Iterator(lines: self) }
  }

  @Test("a sequence of lines becomes the same translations in the same order")
  func order() async throws {
    let lines = (0..<50).map { TinyModel.sentences[$0 * 5 % 8].split(separator: " ").prefix(1 + $0 % 4).joined(separator: " ") }
    let stream = AsyncStream { continuation in
      for line in lines { continuation.yield(line) }
      continuation.finish()
    }
    var texts: [String] = []
    for try await line in translator.translations(of: stream, options) { texts.append(line.text) }
    #expect(texts == translator.translate(lines, options: options).map(\.text))
    #expect(Set(texts).count > 5)
  }

  @Test("a line is translated before the next one comes")
  func oneByOne() async throws {
    let (stream, continuation) = AsyncStream<String>.makeStream()
    var translations = translator.translations(of: stream, options).makeAsyncIterator()
    for sentence in TinyModel.sentences.prefix(3) {
      continuation.yield(sentence)
      let line = try await translations.next()
      #expect(line == nil ? false : line?.text == translator.translate([sentence], options: options)[0].text)
    }
    continuation.finish()
    #expect(try await translations.next() == nil)
    #expect(try await translations.next() == nil)
  }

  @Test("lines are not read far ahead of those that are taken")
  func bounded() async throws {
    let lines = Endless()
    var options = options
    options.batchSentences = 1
    var translations = translator.translations(of: lines, options).makeAsyncIterator()
    for _ in 0..<3 { _ = try await translations.next() }
    try await Task.sleep(for: .milliseconds(50))
    // 16 for each thread are translated together, and as many wait.
    #expect(lines.given.withLock { $0 } <= 2 * 32 + 2)
  }

  @Test("an error of the lines comes behind the translations of those before it")
  func failing() async throws {
    struct Broken: Error {}
    let stream = AsyncThrowingStream<String, any Error> { continuation in
      for sentence in TinyModel.sentences.prefix(4) { continuation.yield(sentence) }
      continuation.finish(throwing: Broken())
    }
    var count = 0
    await #expect(throws: Broken.self) {
      for try await _ in translator.translations(of: stream, options) { count += 1 }
    }
    #expect(count == 4)
  }

  @Test("a cancelled task gets a CancellationError, waiting for a line or for a translation")
  func cancellation() async throws {
    let (translator, options) = (translator, options)
    let (silence, _) = AsyncStream<String>.makeStream()
    let waiting = Task { for try await _ in translator.translations(of: silence, options) {} }
    let reading = Task { for try await _ in translator.translations(of: Endless(), options) {} }
    let lines = (0..<100_000).map { TinyModel.sentences[$0 % 8] }
    let translating = Task { _ = try await translator.translate(lines, options) }
    try await Task.sleep(for: .milliseconds(30))
    let tasks = [waiting, reading, translating]
    for task in tasks { task.cancel() }
    for task in tasks {
      await #expect(throws: CancellationError.self) { try await task.value }
    }
    // What is cancelled leaves the translator as it was.
    #expect(try await translator.translate(["Le chat"], options).count == 1)
  }
}
