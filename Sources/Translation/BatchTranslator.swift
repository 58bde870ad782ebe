import Seq2Seq
import TextProcessing

/// One worker's way from source ids to hypotheses. Not thread-safe: it owns the memory its models compute in.
final class BatchTranslator {
  private let models: [any EncoderDecoder]
  private let workspaces: [Workspace]
  private let text: TextPipeline
  private let search: any Search
  /// For parts of which no hypothesis keeps every placeholder.
  private let widerSearch: (any Search)?
  private let options: SearchOptions
  private let maximumLength: Int

  /// `workspaces` are at least as many as there are models; without any it makes its own.
  init(_ translator: Translator, _ options: TranslationOptions, workspaces: [Workspace]? = nil) {
    models = translator.models.map(\.model)
    self.workspaces = workspaces ?? translator.models.map { _ in Workspace() }
    var search = options.search
    // To choose among, for lines with spans to protect.
    if options.protectsSpans, search.sampling == nil {
      search.hypothesisCount = max(search.hypothesisCount, search.beamSize)
    }
    self.options = search
    self.search = search.makeSearch()
    text = translator.text
    maximumLength = translator.maximumLength
    // Greedy search is asked for to save time.
    if options.protectsSpans, search.sampling == nil, search.beamSize > 1 {
      search.beamSize *= 4
      search.hypothesisCount = search.beamSize
      widerSearch = search.makeSearch()
    } else {
      widerSearch = nil
    }
  }

  /// Hypotheses of each part, best first. Where none keeps all numbers, those of the line with placeholders for them come
  /// first, if need be of a wider search. Where none has every placeholder those of a wider search, and where that finds
  /// none either, after them those of the line as it was before masking, whose spans the model may copy itself. `lines`
  /// are the numbers of the parts' lines, for random draws. `settled` is told as the first search goes what beginning of
  /// which part will not change any more; not of parts with something to keep, for which another search may follow.
  func translate(
    _ parts: [PreparedLine.Part], lines: [Int], settled: ((Int, [Int32]) -> Void)? = nil
  ) -> [[Hypothesis]] {
    var found = run(
      search, parts, lines, settled.map { settled in { if parts[$0].mask == nil { settled($0, $1) } } })
    guard let widerSearch else { return found }
    var open = parts.indices.filter { i in
      parts[i].mask != nil && !found[i].contains { losses(parts[i], $0) == 0 }
    }
    guard !open.isEmpty else { return found }
    for search in [search, widerSearch] { replaceLostNumbers(search, open, parts, lines, &found) }
    open = open.filter { fewest(parts[$0], found[$0]) > 0 && !onlyNumbersAreLost(parts[$0], found[$0]) }
    guard !open.isEmpty else { return found }
    let wider = run(widerSearch, open.map { parts[$0] }, open.map { lines[$0] })
    for (i, more) in zip(open, wider) where fewest(parts[i], more) < fewest(parts[i], found[i]) { found[i] = more }
    let lost = open.filter { fewest(parts[$0], found[$0]) > 0 }
    let plain = lost.compactMap { i in unmasked(parts[i]).map { (i, $0) } }
    guard !plain.isEmpty else { return found }
    for ((i, _), more) in zip(plain, run(search, plain.map(\.1), plain.map { lines[$0.0] })) {
      found[i] += more.map(Self.withoutAttention)
    }
    return found
  }

  /// Puts what the search finds for a line with its numbers masked first, where that keeps more.
  private func replaceLostNumbers(
    _ search: any Search, _ open: [Int], _ parts: [PreparedLine.Part], _ lines: [Int], _ found: inout [[Hypothesis]]
  ) {
    let masked = open.compactMap { i in withNumbersMasked(parts[i], found[i]).map { (i, $0) } }
    guard !masked.isEmpty else { return }
    for ((i, _), more) in zip(masked, run(search, masked.map(\.1), masked.map { lines[$0.0] }))
    where fewest(parts[i], more) < fewest(parts[i], found[i]) {
      found[i] = more.map(Self.withoutAttention) + found[i]
    }
  }

  /// A part that lost a number in its best hypotheses, with its numbers masked.
  private func withNumbersMasked(_ part: PreparedLine.Part, _ hypotheses: [Hypothesis]) -> PreparedLine.Part? {
    guard let mask = part.mask, let line = mask.withNumbersMasked,
      LinePreparation.content(of: line) == .words,
      hypotheses.allSatisfy({ mask.numberLosses(in: text.decodeTarget($0.tokens)) > 0 })
    else { return nil }
    let source = text.encodeSource(line)
    return source.count > maximumLength
      ? nil : PreparedLine.Part(text: line, source: source, prefix: part.prefix, mask: mask)
  }

  private func onlyNumbersAreLost(_ part: PreparedLine.Part, _ hypotheses: [Hypothesis]) -> Bool {
    guard let mask = part.mask else { return false }
    return hypotheses.contains { hypothesis in
      let output = text.decodeTarget(hypothesis.tokens)
      return mask.losses(in: output) == mask.numberLosses(in: output)
    }
  }

  /// Its attention is of other pieces than the part's.
  private static func withoutAttention(_ hypothesis: Hypothesis) -> Hypothesis {
    var hypothesis = hypothesis
    hypothesis.attention = nil
    return hypothesis
  }

  /// A masked part as its text was; nil for others and where that is too long.
  private func unmasked(_ part: PreparedLine.Part) -> PreparedLine.Part? {
    guard let mask = part.mask else { return nil }
    let original = mask.original
    let source = text.encodeSource(original)
    return source.count > maximumLength
      ? nil : PreparedLine.Part(text: original, source: source, prefix: part.prefix, mask: nil)
  }

  private func losses(_ part: PreparedLine.Part, _ hypothesis: Hypothesis) -> Int {
    part.mask?.losses(in: text.decodeTarget(hypothesis.tokens)) ?? 0
  }

  private func fewest(_ part: PreparedLine.Part, _ hypotheses: [Hypothesis]) -> Int {
    hypotheses.map { losses(part, $0) }.min() ?? Int.max
  }

  private func run(
    _ search: any Search, _ parts: [PreparedLine.Part], _ lines: [Int], _ settled: SettledBeginnings? = nil
  ) -> [[Hypothesis]] {
    let sources = SequenceBatch(parts.map { $0.source + [SpecialToken.end] })
    let states = zip(models, workspaces).map { $0.startDecoding(sources, workspace: $1) }
    let state = states.count == 1 ? states[0] : EnsembleState(states)
    return search.run(
      state,
      zip(parts, lines).map { part, line in
        let longest = min(options.longestOutput(sourceLength: part.source.count), maximumLength)
        return SearchSentence(maximumLength: longest, prefix: Array(part.prefix.prefix(maximumLength)), index: line,
          source: options.breaksLoops ? part.source : [])
      }, settled: settled)
  }
}
