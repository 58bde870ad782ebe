extension ErrorReport {
  /// What to do about it: one sentence.
  public var advice: String {
    let differing = faults.search.count + faults.model.count
    if differing == 0 { return "Every output is its reference: nothing to improve here." }
    if let exact, exact.settled.count >= 20 { return advice(exact) }
    let bySearch = Double(faults.search.count) / Double(differing)
    let percent = Int((bySearch * 100).rounded())
    switch bySearch {
    case 0.5...:
      return "Work on the search: in \(percent) % of the differing sentences the model prefers the reference; try a "
        + "larger beam or another length penalty."
    case 0.15...:
      return "Work on the model first, then on the search: it misses what the model prefers in \(percent) % of the "
        + "differing sentences\(dearest)."
    default:
      return "Work on the model: the search is at fault in only \(percent) % of the differing sentences, so a larger "
        + "beam cannot help much\(dearest)."
    }
  }

  /// With the truth about the search at hand.
  private func advice(_ exact: ExactTotals) -> String {
    let errors = Int((exact.searchErrors.share * 100).rounded())
    let gain = exact.bleu - exact.hypothesisBLEU
    if exact.searchErrors.share < 0.1 {
      return "Work on the model: the search misses the optimum in only \(errors) % of the settled sentences"
        + "\(openErrors(exact))\(dearest)."
    }
    if gain > 0.5 {
      return "Work on the search: the optimum it misses in \(errors) % of the settled sentences is worth "
        + "\(decimal(gain, 1)) BLEU; try a larger beam."
    }
    return "Work on the model: the search misses the optimum in \(errors) % of the settled sentences, but finding it would "
      + (gain < -0.5 ? "cost \(decimal(-gain, 1)) BLEU" : "win no more than \(decimal(max(gain, 0), 1)) BLEU") + "\(dearest)."
  }

  /// Long sentences settle least and are searched worst, so that the settled ones may look too well.
  private func openErrors(_ exact: ExactTotals) -> String {
    guard exact.provenSearchErrors.share >= 0.1 else { return "" }
    return " (but something better is known for \(Int((exact.provenSearchErrors.share * 100).rounded())) % of all)"
  }

  /// Which of the model's errors to mend first.
  private var dearest: String {
    guard let first = recoverable.first(where: { $0.cause != RecoverableScore.searchCause }), first.bleu >= 0.5 else { return "" }
    return "; of its errors \(first.cause) cost most, up to \(decimal(first.bleu, 1)) BLEU"
  }
}
