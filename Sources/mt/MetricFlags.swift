import ArgumentParser
import Evaluation

extension BLEU.Tokenization: ExpressibleByArgument {}

/// Which scores to take, and of what.
struct MetricFlags: ParsableArguments {
  @Flag(help: "BLEU (Papineni et al. 2002).")
  var bleu = false

  @Flag(help: "chrF (Popović 2015); chrF++ with --chrf-word-order 2.")
  var chrf = false

  @Flag(help: "Translation edit rate (Snover et al. 2006).")
  var ter = false

  @Flag(help: "Score every line by itself.")
  var sentenceLevel = false

  var scoresBLEU: Bool { bleu || !chrf && !ter }
  var scoresChrF: Bool { chrf || !bleu && !ter }
}

/// sacreBLEU's names for what replaces a precision of zero.
enum SmoothMethod: String, CaseIterable, ExpressibleByArgument {
  case exp, floor
  case addK = "add-k"
  case none
}

/// Every option that changes a BLEU score, by sacreBLEU's names.
struct BLEUFlags: ParsableArguments {
  @Option(help: "How BLEU cuts words. (default: zh for Chinese, else 13a)")
  var tokenize: BLEU.Tokenization?

  @Option(help: """
    What stands in for an order without a match: 1/2, 1/4 … of a match (exp), a fixed number of matches (floor), \
    matches added to every order above 1 (add-k), or nothing (none). (default: exp)
    """)
  var smoothMethod: SmoothMethod?

  @Option(help: ArgumentHelp("Value of floor or add-k. (default: 0.1 for floor, 1 for add-k)", valueName: "x"))
  var smoothValue: Double?

  @Flag(inversion: .prefixedNo, help: """
    Leave out orders of which the hypothesis has no n-gram. (default: only with --sentence-level)
    """)
  var effectiveOrder: Bool?

  @Flag(help: "Lower-case before BLEU counts.")
  var lowercase = false

  func validate() throws {
    guard let smoothValue else { return }
    guard smoothMethod == .floor || smoothMethod == .addK else {
      throw ValidationError("--smooth-value needs --smooth-method floor or add-k.")
    }
    guard smoothValue >= 0, smoothValue.isFinite else {
      throw ValidationError("--smooth-value \(smoothValue) is not a number from 0 up.")
    }
  }

  /// The first of these options that was given.
  var given: String? {
    if tokenize != nil { return "--tokenize" }
    if smoothMethod != nil { return "--smooth-method" }
    if effectiveOrder != nil { return "--effective-order" }
    return lowercase ? "--lowercase" : nil
  }

  /// - Parameter language: the target language, where it is known.
  func metric(language: String?, sentenceLevel: Bool) -> BLEU {
    let smoothing: BLEU.Smoothing =
      switch smoothMethod ?? .exp {
      case .exp: .exponential
      case .floor: smoothValue.map { .floor($0) } ?? .floor()
      case .addK: smoothValue.map { .addK($0) } ?? .addK()
      case .none: .none
      }
    return BLEU(
      .init(
        tokenization: tokenize ?? BLEU.Tokenization.forLanguage(language ?? ""),
        smoothing: smoothing, effectiveOrder: effectiveOrder ?? sentenceLevel, lowercase: lowercase))
  }

  /// What to say where sacreBLEU would cut words by a dictionary that is not here.
  func warning(language: String?) -> String? {
    guard tokenize == nil, let language else { return nil }
    let isKorean = language.lowercased().split(separator: "-").first == "ko"
    guard isKorean || BLEU.Tokenization.forAnalysis(ofLanguage: language) == .character else { return nil }
    return "BLEU cuts words of \(language) by 13a, which finds few; --tokenize char is better, and comparable"
  }
}

/// Every option that changes a chrF score, by sacreBLEU's names.
struct ChrFFlags: ParsableArguments {
  @Option(help: ArgumentHelp("Longest character n-grams.", valueName: "n"))
  var chrfCharOrder = 6

  @Option(help: ArgumentHelp("Longest word n-grams; 2 makes it chrF++.", valueName: "n"))
  var chrfWordOrder = 0

  @Option(help: ArgumentHelp("How many times more recall counts than precision.", valueName: "n"))
  var chrfBeta = 2

  @Flag(help: "Let white space be part of character n-grams.")
  var chrfWhitespace = false

  @Flag(help: "Lower-case before chrF counts.")
  var chrfLowercase = false

  @Flag(help: "Average over all orders with a tiny number for what is missing, as chrF++.py, NLTK and Moses do.")
  var chrfEpsSmoothing = false

  func validate() throws {
    try SearchFlags.require("--chrf-char-order", chrfCharOrder, in: 0...64)
    try SearchFlags.require("--chrf-word-order", chrfWordOrder, in: 0...64)
    try SearchFlags.require("--chrf-beta", chrfBeta, in: 0...1000)
    guard chrfCharOrder + chrfWordOrder > 0 else {
      throw ValidationError("--chrf-char-order and --chrf-word-order are both 0.")
    }
  }

  var given: String? {
    if chrfCharOrder != 6 { return "--chrf-char-order" }
    if chrfWordOrder != 0 { return "--chrf-word-order" }
    if chrfBeta != 2 { return "--chrf-beta" }
    if chrfWhitespace { return "--chrf-whitespace" }
    if chrfLowercase { return "--chrf-lowercase" }
    return chrfEpsSmoothing ? "--chrf-eps-smoothing" : nil
  }

  var metric: ChrF {
    ChrF(
      .init(
        characterOrder: chrfCharOrder, wordOrder: chrfWordOrder, beta: chrfBeta, lowercase: chrfLowercase,
        whitespace: chrfWhitespace, epsilonSmoothing: chrfEpsSmoothing))
  }
}

/// Every option that changes a TER score, by sacreBLEU's names.
struct TERFlags: ParsableArguments {
  @Flag(help: "Split punctuation off words and unescape entities.")
  var terNormalized = false

  @Flag(help: """
    With --ter-normalized, cut Chinese, Japanese and Korean text into characters; with --ter-no-punct, remove their \
    marks too.
    """)
  var terAsianSupport = false

  @Flag(help: "Remove punctuation.")
  var terNoPunct = false

  @Flag(help: "Tell capital letters from small ones, which TER does not by itself.")
  var terCaseSensitive = false

  var given: String? {
    if terNormalized { return "--ter-normalized" }
    if terAsianSupport { return "--ter-asian-support" }
    if terNoPunct { return "--ter-no-punct" }
    return terCaseSensitive ? "--ter-case-sensitive" : nil
  }

  var metric: TER {
    TER(
      .init(
        normalized: terNormalized, removesPunctuation: terNoPunct, asianSupport: terAsianSupport,
        caseSensitive: terCaseSensitive))
  }
}
