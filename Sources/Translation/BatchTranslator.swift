import Seq2Seq
import TextProcessing

/// One worker's way from source ids to hypotheses. Not thread-safe: it owns the memory its models compute in.
final class BatchTranslator {
  private let models: [any EncoderDecoder]
  private let workspaces: [Workspace]
  private let text: TextPipeline
  private let search: any Search
  /// For parts of which no hypothesis keeps all that it should.
  private let constrainedSearch: (any Search)?
  /// How much less probable than the best hypothesis, in nats a token, one may be that was made to keep it all. What is less
  /// probable has it in the wrong place: of the outputs of flores.dev and canlaws.test, English to French, nearly all below were
  /// wrong there, and most above were right.
  private static let constraintCost = 0.18
  private let options: SearchOptions
  private let shortlist: LexicalShortlist?
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
    shortlist = options.usesShortlist ? translator.shortlist : nil
    self.search = search.makeSearch()
    text = translator.text
    maximumLength = translator.maximumLength
    // Greedy search is asked for to save time.
    if options.protectsSpans, search.sampling == nil, search.beamSize > 1 {
      search.beamSize *= 4
      search.hypothesisCount = search.beamSize
      constrainedSearch = ConstrainedBeamSearch(search)
    } else {
      constrainedSearch = nil
    }
  }

  /// Hypotheses of each part, best first. Where none keeps all numbers in digits, those of the line with placeholders for
  /// them come first. Where none has every placeholder, and the numbers at least in words, those of a search that has to
  /// place them come first, unless they are much less probable; and where they are, after them those of the line as it was
  /// before masking, whose spans the model may copy itself. `lines` are the numbers of the parts' lines, for random draws.
  /// `settled` is told as the first search goes what beginning of which part will not change any more; not of parts with
  /// something to keep, for which another search may follow.
  func translate(
    _ parts: [PreparedLine.Part], lines: [Int], settled: ((Int, [Int32]) -> Void)? = nil
  ) -> [[Hypothesis]] {
    var found = run(
      search, parts, lines, settled.map { settled in { if parts[$0].mask == nil { settled($0, $1) } } })
    guard let constrainedSearch else { return found }
    let open = parts.indices.filter { !isKept(parts[$0], in: found[$0]) }
    guard !open.isEmpty else { return found }
    replaceLostNumbers(open, parts, lines, &found)
    constrain(constrainedSearch, open, parts, lines, &found)
    let lost = open.filter { !isKept(parts[$0], in: found[$0], acceptingWords: true) }
    let plain = lost.compactMap { i in unmasked(parts[i]).map { (i, $0) } }
    guard !plain.isEmpty else { return found }
    for ((i, part), more) in zip(plain, run(search, plain.map(\.1), plain.map { lines[$0.0] })) {
      found[i] += more.map { Self.made(of: part, $0) }
    }
    return found
  }

  /// Puts what the search finds for a line with its numbers masked first, where that keeps more.
  private func replaceLostNumbers(
    _ open: [Int], _ parts: [PreparedLine.Part], _ lines: [Int], _ found: inout [[Hypothesis]]
  ) {
    let masked = open.compactMap { i in withNumbersMasked(parts[i], found[i]).map { (i, $0) } }
    guard !masked.isEmpty else { return }
    for ((i, part), more) in zip(masked, run(search, masked.map(\.1), masked.map { lines[$0.0] }))
    where fewest(parts[i], more) < fewest(parts[i], found[i]) {
      found[i] = more.map { Self.made(of: part, $0) } + found[i]
    }
  }

  /// Puts first what a search finds that has to place every placeholder of a line that still lacks something.
  private func constrain(
    _ search: any Search, _ open: [Int], _ parts: [PreparedLine.Part], _ lines: [Int], _ found: inout [[Hypothesis]]
  ) {
    let wanted = open.compactMap { i -> (line: Int, part: PreparedLine.Part, required: [Int32])? in
      if isKept(parts[i], in: found[i], acceptingWords: true) { return nil }
      let part = withNumbersMasked(parts[i], found[i]) ?? parts[i]
      let required = part.text.unicodeScalars.filter(Placeholder.contains).compactMap {
        text.targetVocabulary.id(String($0))
      }
      return required.isEmpty ? nil : (i, part, required)
    }
    // A few at a time: such a search makes all logits of all its hypotheses.
    let results = stride(from: 0, to: wanted.count, by: 4).flatMap { first in
      let some = wanted[first..<min(first + 4, wanted.count)]
      return run(search, some.map(\.part), some.map { lines[$0.line] }, required: some.map(\.required))
    }
    for ((i, part, _), more) in zip(wanted, results) {
      guard fewest(parts[i], more) < fewest(parts[i], found[i]), let best = more.first,
        let free = found[i].first, best.meanLogProbability > free.meanLogProbability - Self.constraintCost
      else { continue }
      found[i] = more.map { Self.made(of: part, $0) } + found[i]
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

  /// Its attention is of other pieces than those of the part that was asked for.
  private static func made(of part: PreparedLine.Part, _ hypothesis: Hypothesis) -> Hypothesis {
    var hypothesis = hypothesis
    hypothesis.source = part.source
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

  /// Whether a hypothesis keeps everything that the part's mask stands for.
  private func isKept(_ part: PreparedLine.Part, in hypotheses: [Hypothesis], acceptingWords: Bool = false) -> Bool {
    guard let mask = part.mask else { return true }
    return hypotheses.contains { mask.losses(in: text.decodeTarget($0.tokens), acceptingWords: acceptingWords) == 0 }
  }

  /// The losses of the hypothesis that has fewest.
  private func fewest(_ part: PreparedLine.Part, _ hypotheses: [Hypothesis]) -> Int {
    hypotheses.map { part.mask?.losses(in: text.decodeTarget($0.tokens)) ?? 0 }.min() ?? .max
  }

  private func run(
    _ search: any Search, _ parts: [PreparedLine.Part], _ lines: [Int], _ settled: SettledBeginnings? = nil,
    required: [[Int32]]? = nil
  ) -> [[Hypothesis]] {
    let sources = SequenceBatch(parts.map { $0.source + [SpecialToken.end] })
    let states = zip(models, workspaces).map { $0.startDecoding(sources, workspace: $1) }
    let state = states.count == 1 ? states[0] : EnsembleState(states)
    return search.run(
      state,
      zip(parts, lines).enumerated().map { place, pair in
        let (part, line) = pair
        let longest = min(options.longestOutput(sourceLength: part.source.count), maximumLength)
        let (prefix, required) = (Array(part.prefix.prefix(maximumLength)), required?[place] ?? [])
        return SearchSentence(
          maximumLength: longest, prefix: prefix, index: line, source: options.breaksLoops ? part.source : [],
          required: required, shortlist: shortlist?.choices(for: sources[place], required: required + prefix))
      }, settled: settled)
  }
}

extension Hypothesis {
  /// Nats a token, the end symbol among them.
  fileprivate var meanLogProbability: Double { logProbability / Double(tokens.count + 1) }
}
