/// The ids every model and every search agree on.
public enum SpecialToken {
  /// The end of a sentence.
  public static let end: Int32 = 0
  /// What the vocabulary has never seen; no search ever produces it.
  public static let unknown: Int32 = 1
}

/// How a search chooses its output. Lengths count tokens without the end symbol.
public struct SearchOptions: Sendable, Equatable {
  /// K, live hypotheses per sentence. 1 is greedy search.
  public var beamSize = 5
  public var lengthNormalization = LengthNormalization()
  /// The end symbol is not allowed before this many tokens.
  public var minimumLength = 0
  /// The longest output; nil means 2·|x| + 50, at most 512, with |x| the source tokens without the end symbol.
  public var maximumLength: Int?
  /// No sequence of this many tokens may occur twice in an output; 0 switches the rule off.
  public var noRepeatNgram = 0
  /// No sequence of up to 24 tokens may stand four times in a row in an output, unless one does in the source
  /// (`SearchSentence.mayLoop`).
  public var breaksLoops = false
  /// Hypotheses to return for a sentence, at most K in a beam search.
  public var hypothesisCount = 1
  /// Never produced.
  public var forbiddenTokens: [Int32] = [SpecialToken.unknown]
  public var stopping = StoppingRule.beamFull
  /// Keep the cross-attention of every token in the hypotheses.
  public var keepsAttention = false
  /// Draw tokens at random instead of searching for the most probable.
  public var sampling: SamplingOptions?

  public init() {}

  /// The beams that a model's files or a person may ask for.
  public static let beamSizes = 1...1024

  /// The longest output for a source of `sourceLength` tokens (without the end symbol).
  public func longestOutput(sourceLength: Int) -> Int {
    maximumLength ?? min(2 * sourceLength + 50, 512)
  }

  /// The search these options describe.
  public func makeSearch() -> any Search {
    if sampling != nil { return Sampling(self) }
    return beamSize == 1 && hypothesisCount == 1 ? GreedySearch(self) : BeamSearch(self)
  }
}

/// When a beam search leaves a sentence.
public enum StoppingRule: String, CaseIterable, Codable, Sendable {
  /// When no live hypothesis, however it goes on, can get a better score than those to be returned.
  case noneCanWin = "none-can-win"
  /// When K hypotheses have ended.
  case beamFull = "beam-full"
  /// When K hypotheses have ended and the most probable live one, were it to end as it is, would not get a better score
  /// than the worst of the best K: what Hugging Face's transformers do unless told otherwise. It may miss a longer
  /// hypothesis that would have won.
  case noneLeads = "none-leads"
}

/// How tokens are drawn from softmax(logits / temperature).
public struct SamplingOptions: Sendable, Equatable {
  /// > 0; below 1 sharpens the distribution, above 1 flattens it.
  public var temperature: Float = 1
  /// Draw among the k most probable tokens only; 0 draws among all.
  public var topK = 0
  /// Draw among the fewest tokens that together have this probability (Holtzman et al. 2020); 1 draws among all.
  public var topP: Float = 1
  /// The same seed gives the same output, whatever the batches.
  public var seed: UInt64 = 1

  public init() {}
}

/// What a search must know of one sentence of its batch, besides the decoder's state.
public struct SearchSentence: Sendable, Equatable {
  /// The longest output in tokens, without the end symbol.
  public var maximumLength: Int
  /// The output begins with these.
  public var prefix: [Int32]
  /// The sentence's own number: random draws depend on it and not on its place in a batch.
  public var index: Int
  /// `SearchOptions.breaksLoops` does not hold for it.
  public var mayLoop: Bool
  /// The only ids to choose among, the end symbol and what is required among them; nil: all. Probabilities are then those
  /// among these ids. Sentences of a batch all have one or none has, and they share what is common.
  public var shortlist: SentenceShortlist?
  /// What a `ConstrainedBeamSearch` makes its outputs have, each just once; other searches do not look at it.
  public var required: [Int32]

  /// - Parameter source: the tokens to translate: what goes round in circles may be translated so.
  public init(
    maximumLength: Int, prefix: [Int32] = [], index: Int = 0, source: [Int32] = [], required: [Int32] = [],
    shortlist: SentenceShortlist? = nil
  ) {
    mayLoop = Loop.occurs(in: source)
    self.required = required
    self.shortlist = shortlist
    self.maximumLength = max(maximumLength, prefix.count)
    self.prefix = prefix
    self.index = index
  }
}

/// A complete output of a search.
public struct Hypothesis: Sendable, Equatable {
  /// Without the end symbol.
  public var tokens: [Int32]
  /// log P(tokens, end | source), nats.
  public var logProbability: Double
  /// What the search ranks by: the normalised log-probability.
  public var score: Double
  /// log P of each token given those before it; the last is the end symbol's.
  public var tokenLogProbabilities: [Float]
  /// [tokens + end][S], the cross-attention that produced each token, where asked for and the model has any.
  public var attention: [[Float]]?
  /// The source ids, without end symbol, that it was made of, where they are not those that were asked for.
  public var source: [Int32]?

  /// Whether it came to its end symbol. It did not where every continuation was forbidden or not a number.
  public var isEnded: Bool { tokenLogProbabilities.count > tokens.count }

  public init(
    tokens: [Int32], logProbability: Double, score: Double, tokenLogProbabilities: [Float], attention: [[Float]]? = nil
  ) {
    self.tokens = tokens
    self.logProbability = logProbability
    self.score = score
    self.tokenLogProbabilities = tokenLogProbabilities
    self.attention = attention
  }
}

/// Is told of a sentence, by its place in its batch, the tokens with which all it can still become begin: each time they
/// have become more.
public typealias SettledBeginnings = (_ sentence: Int, _ tokens: [Int32]) -> Void

/// A way to turn a decoder's state into outputs. It never asks which architecture the state belongs to.
public protocol Search: Sendable {
  /// Runs `state`, which is before its first token and has one row per sentence, to the end.
  /// Returns for each sentence its hypotheses, best first; there is always one. A sentence's result does not depend
  /// on the others. Cost: as many decoder steps as the longest output has tokens, and one for the end.
  func run(
    _ state: any DecoderState, _ sentences: [SearchSentence], settled: SettledBeginnings?
  ) -> [[Hypothesis]]
}

extension Search {
  public func run(_ state: any DecoderState, _ sentences: [SearchSentence]) -> [[Hypothesis]] {
    run(state, sentences, settled: nil)
  }
}
