import Seq2Seq
import TextProcessing

/// Which words of a sentence each word of its translation was made from, and how sure the model was.
public struct WordAlignment: Sendable, Equatable {
  public struct Word: Sendable, Equatable, Codable {
    public var text: String
    /// The white space that follows; words and gaps, one after the other, are the text.
    public var gap: String

    public init(text: String, gap: String) { (self.text, self.gap) = (text, gap) }
  }

  /// White space before the first word of each side.
  public var sourceLead = ""
  public var targetLead = ""
  public var source: [Word]
  public var target: [Word]
  /// [target][source], attention; a row sums to at most one, the rest is what went to the end of the sentence. Empty
  /// where words run alike and there are more than a million pairs.
  public var weights: [[Float]]
  /// log P of each target word given those before it, nats, among all there are, also where the translation was chosen from a
  /// shortlist; empty where no model was asked.
  public var logProbabilities: [Double]
  /// Without end symbols, placeholders shown as what they stand for; empty where no model was asked.
  public var sourcePieces: [String] = []
  public var targetPieces: [String] = []
  /// log P of each target piece, and of the end symbol last.
  public var pieceLogProbabilities: [Float] = []
  /// [target piece][source piece and end], attention; rows sum to one.
  public var pieceWeights: [[Float]] = []
}

/// A sentence and its translation, for alignment.
struct AlignmentPair {
  var source: TextUnits
  var sourceText: String
  var candidate: TranslatedLine.Candidate
  /// Whether the line may have been translated with placeholders.
  var masksSpans: Bool
  /// Where words of the translation end though letters follow.
  var targetCuts: Set<Int> = []
}

extension Translator {
  /// Sources and targets of more tokens than this, multiplied, are taken to run alike rather than looked at.
  static let largestAlignment = 65_536

  /// Aligns translations that this translator made, with `options`, of `sources`. Of an ensemble the first model is
  /// asked; where none can be (a line translated in parts, or not at all) words are taken to stand in the same order.
  /// Cost: a decoder step for each token, on the calling thread.
  public func align(
    _ sources: [String], _ candidates: [TranslatedLine.Candidate], options: TranslationOptions? = nil
  ) -> [WordAlignment] {
    precondition(sources.count == candidates.count, "\(sources.count) sources, \(candidates.count) translations")
    let masks = masksSpans && (options ?? defaultOptions).protectsSpans
    return align(
      zip(sources, candidates).map {
        AlignmentPair(source: TextUnits($0), sourceText: $0, candidate: $1, masksSpans: masks)
      })
  }

  func align(_ pairs: [AlignmentPair]) -> [WordAlignment] {
    var results = pairs.map { $0.diagonal }
    let numbers = NumberStyle(source: description.sourceLanguage, target: description.targetLanguage)
    let inputs = pairs.map { $0.input(text, numbers) }
    // Alike in length, so that a batch's steps have work for most.
    let order = pairs.indices.filter { isAlignable(inputs[$0], pairs[$0]) }
      .sorted { (pairs[$0].candidate.tokens.count, $0) < (pairs[$1].candidate.tokens.count, $1) }
    guard !order.isEmpty else { return results }
    let decoding = ForcedDecoding(models[0].model, workspace: Workspace(), keepsHeads: true)
    for start in stride(from: 0, to: order.count, by: 16) {
      let batch = Array(order[start..<min(start + 16, order.count)])
      let traces = decoding.run(
        sources: batch.map { inputs[$0].ids }, targets: batch.map { pairs[$0].candidate.tokens })
      for (index, trace) in zip(batch, traces) {
        guard let heads = trace.heads else { continue }
        results[index].add(trace, AlignmentHeads.mixed(heads), inputs[index], pairs[index], text)
      }
    }
    return results
  }

  private func isAlignable(_ input: AlignmentPair.Input, _ pair: AlignmentPair) -> Bool {
    let (source, target) = (input.ids.count, pair.candidate.tokens.count)
    return pair.candidate.partCount == 1 && source > 0 && target > 0 && source <= maximumLength && target <= maximumLength
      && source * target <= Translator.largestAlignment
  }
}

extension AlignmentPair {
  /// What the model read, and what placeholders stand for on either side.
  struct Input {
    var ids: [Int32]
    var sourceSpans: [String] = []
    var targetSpans: [String] = []
  }

  func input(_ text: TextPipeline, _ numbers: NumberStyle?) -> Input {
    let written = text.decodeTarget(candidate.tokens).unicodeScalars.filter(Placeholder.contains).map(Placeholder.index)
    guard masksSpans, let last = written.max() else { return Input(ids: text.encodeSource(sourceText)) }
    let mask = text.mask(sourceText, numbers: numbers)
    // Placeholders behind the spans' stand for numbers, where those were lost at first.
    let line = last < mask.spans.count ? mask.text : mask.withNumbersMasked ?? mask.text
    let (source, target) = mask.everything
    return Input(ids: text.encodeSource(line), sourceSpans: source, targetSpans: target)
  }

  /// Words in the same order.
  var diagonal: WordAlignment {
    let target = TextUnits(candidate.text, cuts: targetCuts)
    let isLarge = target.count * source.count > 1 << 20
    let weights: [[Float]] = (isLarge ? 0..<0 : 0..<target.count).map { row in
      let place = row * source.count / target.count
      return (0..<source.count).map { Float($0 == place ? 1 : 0) }
    }
    return WordAlignment(
      sourceLead: source.lead, targetLead: target.lead, source: source.words, target: target.words, weights: weights,
      logProbabilities: [])
  }
}

extension TextUnits {
  var lead: String { String(scalars: scalars[..<(ranges.first?.lowerBound ?? scalars.count)]) }
  var words: [WordAlignment.Word] { (0..<count).map { .init(text: text($0), gap: gap(after: $0)) } }
}

extension WordAlignment {
  /// `map` is [target piece][source piece and end].
  fileprivate mutating func add(
    _ trace: ForcedTrace, _ map: [[Float]], _ input: AlignmentPair.Input, _ pair: AlignmentPair, _ text: TextPipeline
  ) {
    let target = TextUnits(pair.candidate.text, cuts: pair.targetCuts)
    let read = PieceSpans(input.ids, decode: text.decodeSource, spans: input.sourceSpans, units: pair.source)
    let written = PieceSpans(pair.candidate.tokens, decode: text.decodeTarget, spans: input.targetSpans, units: target)
    weights = target.ranges.map { _ in [Float](repeating: 0, count: pair.source.count) }
    logProbabilities = [Double](repeating: 0, count: target.count)
    var mass = [Float](repeating: 0, count: target.count)
    for (piece, units) in written.shares.enumerated() {
      for (unit, share) in units {
        mass[unit] += share
        logProbabilities[unit] += Double(share) * Double(trace.logProbabilities[piece])
        for (column, places) in read.shares.enumerated() {
          for (place, part) in places { weights[unit][place] += share * part * map[piece][column] }
        }
      }
    }
    for unit in weights.indices where mass[unit] > 0 { weights[unit] = weights[unit].map { $0 / mass[unit] } }
    sourcePieces = PieceSpans.shown(input.ids, text.sourceVocabulary, input.sourceSpans)
    targetPieces = PieceSpans.shown(pair.candidate.tokens, text.targetVocabulary, input.targetSpans)
    pieceLogProbabilities = trace.logProbabilities
    pieceWeights = map
  }
}
