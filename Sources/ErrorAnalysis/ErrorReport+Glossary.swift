/// What the words in a report mean, with their sources.
extension ErrorReport {
  /// Those that this report uses.
  var glossary: [(word: String, meaning: String)] {
    var words = ErrorReport.words + ErrorReport.statisticWords + ErrorReport.flawWords
    if coverage != nil { words += ErrorReport.coverageWords }
    if calibration != nil { words += ErrorReport.calibrationWords }
    if oracle != nil { words += ErrorReport.oracleWords }
    if sweep != nil { words += ErrorReport.sweepWords }
    if firstPrune != nil { words += ErrorReport.firstPruneWords }
    if exact != nil { words += ErrorReport.exactWords }
    if comparison != nil { words += ErrorReport.comparisonWords }
    return words.map { (word: $0.0, meaning: $0.1) }
  }

  static let words: [(String, String)] = [
    (
      "fault",
      """
      Ng's rule. search: the model gives the reference a higher score than the output, so the search failed to find it. \
      model: the model prefers its output to the reference. none: both are the same text. It is a lower bound on the \
      search's errors: an output better than both stays unseen.
      """
    ),
    (
      "objective",
      """
      What the search maximises: log P(Y | X) divided by |Y|^A (power) or ((5 + |Y|) / 6)^A (gnmt; Wu et al. 2016), plus \
      any word reward times |Y| (Murray & Chiang 2018). |Y| counts the end symbol; logarithms are natural.
      """
    ),
    ("log P", "log P(Y | X) of a text's subwords and its end symbol, by forced decoding."),
    ("intervals", "95 % Wilson score intervals (Wilson 1927)."),
    ("chrF", "F2 of character n-grams up to 6 (Popović 2015), as sacreBLEU computes it. Bad sentences: below its median."),
    ("BLEU", "Papineni et al. 2002, tokenizer 13a, exponential smoothing, as sacreBLEU computes it."),
  ]

  static let statisticWords: [(String, String)] = [
    ("length ratio", "Words of the outputs over words of the references."),
    (
      "error classes",
      """
      After Hjerson (Popović 2011), from the word error alignment and sets that ignore position. inflection: the first four \
      letters are right, the form is not. order: in both texts, but misplaced. missing: only in the reference, per word of \
      it. extra: only in the output. lexical: any other wrong word.
      """
    ),
    (
      "OTEM, UTEM",
      "Over- and under-translation by n-grams up to 2 and 4 (Yang et al. 2018), 0 to 1; lower is better."
    ),
    (
      "too often, too rarely",
      "n-grams up to 4 by clipped counts beyond the reference's and beyond the output's (compare-mt, Neubig et al. 2019)."
    ),
    (
      "plainly wrong",
      """
      a word twice in a row: where neither source nor reference has it so. a repeated n-gram: 2 to 4 words, more often than \
      in reference and source. oscillates: its most frequent 4-gram occurs at least twice more than the source's (Raunak et \
      al. 2021). copied: source words that the reference does not keep; mostly: above half. numbers differ: by their digits \
      from the reference's. names differ: one with a capital that source and reference share is missing, or one that \
      neither has was added within a sentence. least probable 2 %: by log P a token. attention on marks: above 80 % of it.
      """
    ),
    (
      "count in training",
      """
      Words by how often the training data has them; identical words of output and reference are matched one to one \
      (compare-mt).
      """
    ),
  ]

  static let flawWords: [(String, String)] = [
    (
      "what it costs",
      """
      BLEU if the sentences with such an error were their references, less BLEU as it is: an upper bound on what mending \
      it wins. Kinds overlap, and a frequent kind costs more. Rare in training: fewer than 5 times.
      """
    ),
    (
      "hallucination candidates",
      """
      The 2 % of the outputs with the lowest log P a token, the best sign that needs no reference (Guerreiro et al. 2023), \
      right and empty ones apart; with other signs: chrF below 10, attention on marks, more than half of the source's \
      tokens hardly looked at. Candidates, not proof: read them.
      """
    ),
  ]

  static let coverageWords: [(String, String)] = [
    (
      "attention to the source",
      """
      c_i: the cross-attention of all output tokens on source token i, mean over the heads of the last decoder layer (Tu et \
      al. 2016). A word has the c of its token that was looked at most; hardly looked at: below 0.2, too long: above 2. \
      Content words: of four letters or more. In a transformer attention is no alignment: compare systems, or read it \
      beside chrF, before you trust the rate.
      """
    ),
    ("coverage term", "The sum of log min(c_i, 1) over source tokens: GNMT's cp with weight 1 (Wu et al. 2016, eq. 14)."),
    ("coverage deviation", "The mean over source tokens of −log(1 + (1 − c_i)²)."),
  ]

  static let calibrationWords: [(String, String)] = [
    (
      "ECE",
      """
      Expected calibration error (Guo et al. 2017): after each beginning of the reference, the model's favourite token with \
      its probability, in ten bins; |share of right ones − mean probability|, weighted by the tokens of a bin. Right: it is \
      the reference's token; another good one counts as wrong, so that some overconfidence is the reference's fault. Label \
      smoothing makes a model say less than it is right.
      """
    ),
    ("perplexity", "exp of the mean −log P of a token, end symbols counted."),
  ]

  static let comparisonWords: [(String, String)] = [
    (
      "p",
      """
      Paired bootstrap over 1,000 resamples as sacreBLEU computes it (Koehn 2004), of the scores' difference; sign test: \
      two-sided, exact, by sentence chrF, ties left out. It speaks of these sentences, not of another training run.
      """
    ),
    (
      "cross-scoring",
      """
      Over the sentences where the outputs differ, by a model's own objective. Where a model prefers the other system's \
      output, its own search has missed it, if its outputs come from this search (after Niehues et al. 2017).
      """
    ),
    (
      "right more often",
      "n-grams of the references by (b + 1) / (a + b + 2), with a and b how often each system has them (compare-mt)."
    ),
  ]

  static let oracleWords: [(String, String)] = [
    (
      "best of n",
      """
      Of the n best outputs of one search with the largest beam, the best by sentence chrF: what re-ranking could win at \
      most (Niehues et al. 2017). The row of 1 is that search's own choice.
      """
    )
  ]

  static let sweepWords: [(String, String)] = [
    (
      "beam sweep",
      """
      The test set translated under each setting. search at fault: Ng's rule under that setting's own objective, against the \
      first reference. Recommended is the smallest beam within 0.1 of the best chrF.
      """
    )
  ]

  static let firstPruneWords: [(String, String)] = [
    (
      "first prune",
      """
      The reference is followed through the search: the first token after which its beginning is no longer among the live \
      hypotheses. rank: its place among all continuations of all live hypotheses, the median. gap: what log P it lacked \
      against the last that stayed, the median, by fault; a small gap where the search is at fault asks for a larger beam, \
      a large one where the model is says that the model finds the word improbable. it could not win: whatever followed, \
      it would not have scored more than an output already found. it was completed: the search had it and another scored \
      more. The words are those at which the beam dropped it most, with their number in all these references.
      """
    )
  ]

  static let exactWords: [(String, String)] = [
    (
      "exact search",
      """
      Depth-first over all outputs of at most 2·|x| + 10 tokens, at most 60 unless the output or the reference is longer, \
      leaving out beginnings that cannot beat the best output so far (Stahlberg & Byrne 2019). settled: done within the \
      budget, so that the optimum is proven.
      """
    ),
    (
      "search error",
      """
      The optimum scores more than the output by over 0.0001. Its rate is taken over the settled sentences; "at least, of \
      all" counts the proven errors among all, also where a better output but no optimum was found.
      """
    ),
    ("optimum is empty", "The best of all outputs has no word: a fault of the model that the beam hides."),
    ("length", "Tokens of optimum and output over those of the reference, in the settled sentences."),
    (
      "better / equal / worse",
      "By chrF of the optimum against the output, where the search erred: where it is worse, the error was lucky."
    ),
  ]
}
