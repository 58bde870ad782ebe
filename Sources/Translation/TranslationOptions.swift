import Autograd
import Foundation
import Seq2Seq

/// How a `Translator` works.
public struct TranslationOptions: Sendable {
  public var search: SearchOptions
  /// Workers, each with its own batches; the output does not depend on their number.
  public var threads = ProcessInfo.processInfo.activeProcessorCount
  /// Sentences decoded side by side at most; nil suits the beam. The output does not depend on it.
  public var batchSentences: Int?
  /// Source tokens decoded side by side at most, unless one sentence has more; nil suits the beam.
  public var batchTokens: Int?
  /// Placeholders, URLs and e-mail addresses must come out as often as they went in: among the hypotheses of the
  /// search the best that keeps them all is taken, and a line where none does gets a warning. A model that has learnt to
  /// copy placeholders (`ModelDescription.copiesPlaceholders`) is given those in place of such spans, of technical words
  /// and of words in characters it does not know (`TextPipeline.mask`), and where it loses one, or a number, is searched
  /// again for an output that has them all (`ConstrainedBeamSearch`); on by default for such a model.
  public var protectsSpans = false
  /// Source tokens above which a line of several sentences is translated in parts, of as many of its sentences as stay
  /// within as many tokens; nil: only where the models cannot take it whole. Models learn from lines of one sentence or
  /// two, and leave out the end of a paragraph. A line with a prefix stays whole.
  public var splitLength: Int? = 80
  /// Outputs are chosen among the ids that the translator's shortlist, where it has one, gives for each sentence, and among
  /// all where not.
  public var usesShortlist = true

  public init(search: SearchOptions = SearchOptions()) { self.search = search }

  /// Sentences of a batch: by default so many hypotheses that reading the weights at each step costs little beside the
  /// products, the fewer the smaller the weights are, while keys and values mostly stay in the processor's caches.
  func sentencesAtOnce(_ precision: Precision) -> Int {
    if let batchSentences { return batchSentences }
    let (sentences, rows) =
      switch precision {
      case .int8: (20, 96)
      case .bfloat16: (32, 160)
      case .float32: (64, 240)
      }
    return min(sentences, max(8, rows / rowsPerSentence))
  }
  func tokensAtOnce(_ precision: Precision) -> Int { batchTokens ?? 32 * sentencesAtOnce(precision) }
  /// Lines that make a good window: enough batches of each length for every worker.
  func windowLines(_ precision: Precision) -> Int { max(16, min(512, sentencesAtOnce(precision) * 16)) * threads }
  private var rowsPerSentence: Int {
    search.sampling == nil ? search.beamSize : max(1, search.hypothesisCount)
  }
}

/// A line to translate.
public struct TranslationInput: Sendable, Equatable {
  public var text: String
  /// What the translation must begin with.
  public var prefix: String?

  public init(_ text: String, prefix: String? = nil) {
    self.text = text
    self.prefix = prefix
  }
}

/// What became of one line.
public struct TranslatedLine: Sendable, Equatable {
  /// The best first; never empty.
  public var candidates: [Candidate]
  /// Tokens the model read and wrote for it (of the best candidate), without end symbols; 0 where no model was asked.
  public var sourceTokens = 0
  public var outputTokens = 0
  /// From the line's turn to its text: for the latency of lines translated one by one.
  public var seconds: Double = 0
  /// What the user should know, without the line's number.
  public var warnings: [String] = []

  /// The translation, without line breaks.
  public var text: String { candidates[0].text }

  public struct Candidate: Sendable, Equatable {
    public var text: String
    /// log P(tokens, end | source) and what the search ranks by; sums over the parts of a line that was split.
    public var logProbability: Double
    public var score: Double
    /// Pairs (source piece, target piece) by the largest attention, as `sourcePieces` and `targetPieces` number them.
    public var alignment: [AlignedPair]?
    /// What the model read and wrote, where `alignment` was asked for; what it carries over unchanged is one piece.
    public var sourcePieces: [String] = []
    public var targetPieces: [String] = []
    public var tokens: [Int32] = []
    /// Parts of the line that were translated apart; `tokens` are theirs, one after the other.
    var partCount = 1

    public init(
      text: String, logProbability: Double = 0, score: Double = 0, alignment: [AlignedPair]? = nil, tokens: [Int32] = []
    ) {
      (self.text, self.logProbability, self.score) = (text, logProbability, score)
      (self.alignment, self.tokens) = (alignment, tokens)
    }
  }

  public struct AlignedPair: Sendable, Equatable {
    public var source: Int
    public var target: Int
  }
}
