import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Translation

@Suite struct TranslationPoolTests {
  private let directory: TemporaryDirectory
  private let translator: Translator
  private static let lines = (0..<100).map { number in
    TinyModel.sentences[number % 3] + (number % 5 == 0 ? "" : " Le chat \(number) dort.")
  }

  init() throws {
    directory = try TemporaryDirectory()
    try TinyModel.save(to: directory.url)
    translator = try Translator(model: directory.url)
  }

  private func pool(_ threads: Int = 2, waiting: Int = 4096) -> TranslationPool {
    var limits = TranslationPool.Limits()
    (limits.threads, limits.waitingSentences) = (threads, waiting)
    return TranslationPool(limits)
  }

  @Test func givesEachCallerWhatItWouldGetAlone() async throws {
    let pool = pool()
    defer { pool.stop() }
    let expected = try await translator.translate(Self.lines)
    let translator = translator
    // Many with one line, one with all, and some with other options, at the same time.
    var wide = translator.defaultOptions
    (wide.search.beamSize, wide.search.hypothesisCount, wide.search.keepsAttention) = (3, 2, true)
    let options = wide
    let others = try await translator.translate(Array(Self.lines[..<20]), options)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for (index, line) in Self.lines.enumerated().prefix(40) {
        group.addTask {
          let found = try await pool.translate([TranslationInput(line)], with: translator)
          return found.map(\.candidates) == [expected[index].candidates]
        }
      }
      group.addTask {
        let found = try await pool.translate(Self.lines.map { TranslationInput($0) }, with: translator)
        return found.map(\.candidates) == expected.map(\.candidates)
      }
      group.addTask {
        let found = try await pool.translate(Self.lines[..<20].map { TranslationInput($0) }, with: translator, options)
        return found.map(\.candidates) == others.map(\.candidates)
          && found.allSatisfy { $0.candidates.count == 2 && $0.candidates[0].alignment != nil }
      }
      for try await isEqual in group { #expect(isEqual) }
    }
    let statistics = pool.statistics
    #expect(statistics.sentences == 40 + 100 + 20)
    #expect(statistics.waitingSentences == 0)
    #expect(statistics.batches < 80, "\(statistics.batches) batches: nothing is shared")
  }

  @Test func answersLinesThatNeedNoModel() async throws {
    let pool = pool()
    defer { pool.stop() }
    let found = try await pool.translate(["", " ", "🙂 !"].map { TranslationInput($0) }, with: translator)
    #expect(found.map(\.text) == ["", "", "🙂 !"])
    #expect(try await pool.translate([], with: translator).isEmpty)
    #expect(pool.statistics.batches == 0)
  }

  @Test func splitsOverlongLinesAsTranslateDoes() async throws {
    let pool = pool()
    defer { pool.stop() }
    let long = Array(repeating: "Le petit chat dort sur la chaise rouge de la gare.", count: 12).joined(separator: " ")
    let found = try await pool.translate([TranslationInput(long)], with: translator)
    let expected = try await translator.translate([long])
    #expect(found[0].text == expected[0].text)
    #expect(found[0].warnings.count == 1)
  }

  @Test func dropsWhatIsCancelled() async throws {
    let pool = pool(1)
    defer { pool.stop() }
    let translator = translator
    let inputs = (0..<40).flatMap { _ in Self.lines.map { TranslationInput($0) } }
    let task = Task { try await pool.translate(inputs, with: translator) }
    while pool.statistics.waitingSentences == 0 { try await Task.sleep(for: .milliseconds(1)) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(pool.statistics.waitingSentences == 0)
    let found = try await pool.translate([TranslationInput("Il pleut.")], with: translator)
    let expected = try await translator.translate(["Il pleut."])
    #expect(found[0].text == expected[0].text)
    #expect(pool.statistics.sentences < inputs.count)
    // Cancelled before it begins.
    let early = Task {
      while !Task.isCancelled { try? await Task.sleep(for: .milliseconds(1)) }
      return try await pool.translate([TranslationInput("Il pleut.")], with: translator)
    }
    early.cancel()
    await #expect(throws: CancellationError.self) { try await early.value }
  }

  @Test func refusesWhenFull() async throws {
    let pool = pool(1, waiting: 1)
    defer { pool.stop() }
    let translator = translator
    let many = (0..<40).flatMap { _ in Self.lines.map { TranslationInput($0) } }
    let task = Task { try await pool.translate(many, with: translator) }
    while pool.statistics.waitingSentences == 0 { try await Task.sleep(for: .milliseconds(1)) }
    await #expect(throws: PoolError.self) { try await pool.translate([TranslationInput("Il pleut.")], with: translator) }
    task.cancel()
    _ = await task.result
    #expect(try await pool.translate([TranslationInput("Il pleut.")], with: translator).count == 1)
  }

  @Test func givesUpWhatWaitsWhenStopped() async throws {
    let pool = pool(1)
    let translator = translator
    let many = (0..<40).flatMap { _ in Self.lines.map { TranslationInput($0) } }
    let task = Task { try await pool.translate(many, with: translator) }
    while pool.statistics.waitingSentences == 0 { try await Task.sleep(for: .milliseconds(1)) }
    pool.stop()
    await #expect(throws: PoolError.stopped) { try await task.value }
    await #expect(throws: PoolError.stopped) { try await pool.translate([TranslationInput("a")], with: translator) }
  }

  @Test func doesNotLetOneCallerHoldUpAnother() async throws {
    let pool = pool(1)
    defer { pool.stop() }
    let translator = translator
    let many = (0..<40).flatMap { _ in Self.lines.map { TranslationInput($0) } }
    let task = Task { try await pool.translate(many, with: translator) }
    while pool.statistics.waitingSentences == 0 { try await Task.sleep(for: .milliseconds(1)) }
    // Looked at by the worker that answers: on a busy machine this task may come to itself long after.
    let left = Mutex(0)
    _ = try await pool.translate([TranslationInput("Il pleut.")], with: translator) { _, _, isWhole in
      if isWhole { left.withLock { $0 = pool.statistics.waitingSentences } }
    }
    #expect(left.withLock { $0 } > 0, "the later request was answered last")
    task.cancel()
    _ = await task.result
  }

  @Test(arguments: [1, 5]) func tellsHowTranslationsBegin(_ beam: Int) async throws {
    let pool = pool()
    defer { pool.stop() }
    var options = translator.defaultOptions
    options.search.beamSize = beam
    let told = ToldTexts()
    let inputs = (TinyModel.sentences + [Self.lines.joined(separator: " ")]).map { TranslationInput($0) }
    let found = try await pool.translate(inputs, with: translator, options) { told.add($0, $1, $2) }
    let texts = told.texts
    for (line, result) in found.enumerated() {
      let beginnings = try #require(texts[line])
      #expect(beginnings.last?.text == result.text)
      #expect(beginnings.last?.isWhole == true)
      for (a, b) in zip(beginnings, beginnings.dropFirst()) {
        #expect(b.text.utf8.starts(with: a.text.utf8), "\(b.text) does not begin with \(a.text)")
        #expect(!a.isWhole)
      }
    }
    #expect(texts.values.map(\.count).max() ?? 0 > 3)
  }
}

private final class ToldTexts: @unchecked Sendable {
  private let lock = NSLock()
  private var told: [Int: [(text: String, isWhole: Bool)]] = [:]

  func add(_ line: Int, _ text: String, _ isWhole: Bool) { lock.withLock { told[line, default: []].append((text, isWhole)) } }

  var texts: [Int: [(text: String, isWhole: Bool)]] { lock.withLock { told } }
}
