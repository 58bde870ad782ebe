import Foundation
import Seq2Seq
import Synchronization
import TextProcessing

/// A part of a line that waits in a pool, or is under way.
struct PoolSentence {
  let request: PoolRequest
  /// Which of the request's.
  let index: Int
  /// When it is taken: the lowest first.
  let turn: Int
  let arrival: ContinuousClock.Instant

  var part: PreparedLine.Part { request.units[index].part }
  var line: Int { request.units[index].line }
  var length: Int { request.units[index].part.source.count }
}

/// The lines of one caller.
final class PoolRequest: @unchecked Sendable {
  let translator: Translator
  let options: TranslationOptions
  let progress: TranslationPool.Progress?
  private let inputs: [TranslationInput]
  private let prepared: [PreparedLine]
  /// The parts of all lines, in order: which line, which of its parts, and what it is.
  let units: [(line: Int, place: Int, part: PreparedLine.Part)]
  // Guarded by the pool's lock, and read without it once none are left.
  private var hypotheses: [[Hypothesis]]
  private var unitsLeft: Int
  var continuation: CheckedContinuation<[TranslatedLine], any Error>?
  private(set) var isEnded = false
  /// What is known of each part of each line: how it begins, and whether that is all.
  private let beginnings: Mutex<[[(text: String, isWhole: Bool)]]>

  /// Cost: the encoding of all lines.
  init(
    _ inputs: [TranslationInput], _ translator: Translator, _ options: TranslationOptions,
    _ progress: TranslationPool.Progress?
  ) {
    (self.translator, self.options, self.progress, self.inputs) = (translator, options, progress, inputs)
    let preparation = LinePreparation(translator, options)
    prepared = inputs.map(preparation.prepare)
    beginnings = Mutex(
      prepared.map { line in
        guard case .parts(let parts) = line else { return [] }
        return parts.map { _ in ("", false) }
      })
    var units: [(line: Int, place: Int, part: PreparedLine.Part)] = []
    for (line, prepared) in prepared.enumerated() {
      guard case .parts(let parts) = prepared else { continue }
      for (place, part) in parts.enumerated() { units.append((line, place, part)) }
    }
    self.units = units
    hypotheses = Array(repeating: [], count: units.count)
    unitsLeft = units.count
  }

  /// Keeps what was found for a unit. True if it was the last.
  func finish(_ unit: Int, _ found: [Hypothesis]) -> Bool {
    hypotheses[unit] = found
    unitsLeft -= 1
    return unitsLeft == 0
  }

  /// Whether sentences of both may be in one batch.
  func matches(_ other: PoolRequest) -> Bool {
    translator === other.translator && options.search == other.options.search
      && options.protectsSpans == other.options.protectsSpans
      && options.usesShortlist == other.options.usesShortlist
  }

  /// Ends it, once: what is to be called, without the lock, to tell the caller.
  func end(with result: Result<[TranslatedLine], any Error>) -> (() -> Void)? {
    guard !isEnded else { return nil }
    isEnded = true
    guard let continuation else { return nil }
    self.continuation = nil
    return { continuation.resume(with: result) }
  }

  /// The lines, once all parts are there.
  func results() -> [TranslatedLine] {
    var next = 0
    return prepared.enumerated().map { line, prepared in
      guard case .parts(let parts) = prepared else {
        if case .unchanged(let text) = prepared { return TranslatedLine(candidates: [.init(text: text)]) }
        return TranslatedLine(candidates: [.init(text: "")])
      }
      let hypotheses = Array(hypotheses[next..<next + parts.count])
      next += parts.count
      return LineAssembly(translator: translator, options: options)
        .assemble(inputs[line], parts: parts, hypotheses: hypotheses)
    }
  }

  // MARK: Progress

  /// A unit begins with these tokens.
  func tell(_ unit: Int, _ tokens: [Int32]) {
    guard progress != nil else { return }
    var text = units[unit].part.withoutInvented(translator.text.decodeTarget(tokens))
    // A character of which bytes are still to come.
    while text.unicodeScalars.last == "\u{FFFD}" { text.unicodeScalars.removeLast() }
    update(unit, text, isWhole: false)
  }

  /// A unit is done. What protects may still choose another of its hypotheses: nothing is told of such lines.
  func tellDone(_ unit: Int, _ found: [Hypothesis]) {
    guard progress != nil, units[unit].part.mask == nil, let best = found.first else { return }
    if options.protectsSpans, !ProtectedSpans.find(in: units[unit].part.text).isEmpty { return }
    update(unit, units[unit].part.withoutInvented(translator.text.decodeTarget(best.tokens)), isWhole: true)
  }

  private func update(_ unit: Int, _ text: String, isWhole: Bool) {
    let (number, place, _) = units[unit]
    // Told within the lock, so that what is told of a line comes in its order.
    beginnings.withLock { beginnings in
      let known = beginnings[number][place]
      guard !known.isWhole, isWhole || text.utf8.count > known.text.utf8.count else { return }
      beginnings[number][place] = (text, isWhole)
      // Nothing is known of what follows a part that is not whole.
      var pieces: [String] = []
      for part in beginnings[number] {
        if !part.text.isEmpty { pieces.append(part.text) }
        if !part.isWhole { break }
      }
      let joiner = LineAssembly(translator: translator, options: options).joiner
      let (line, isAll) = (pieces.joined(separator: joiner), beginnings[number].allSatisfy(\.isWhole))
      if isAll || !line.isEmpty { progress?(number, line, isAll) }
    }
  }
}
