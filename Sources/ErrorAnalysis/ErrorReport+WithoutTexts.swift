extension ErrorReport {
  /// The same for texts that must not be passed on: without sources, references, outputs and optima. Scores
  /// and single words stay, and with the test set at hand the line numbers still find every sentence.
  public func withoutTexts() -> ErrorReport {
    var report = self
    report.omitsTexts = true
    for i in report.sentences.indices {
      (report.sentences[i].source, report.sentences[i].reference, report.sentences[i].hypothesis) = ("", "", "")
      report.sentences[i].exact?.removeText()
      report.sentences[i].exactByLogProbability?.removeText()
    }
    // Of several words that overlap a sentence could be put together again.
    report.statistics.producedTooOften.removeAll { $0.text.contains(" ") }
    report.statistics.producedTooRarely.removeAll { $0.text.contains(" ") }
    report.comparison?.gained.removeAll { $0.text.contains(" ") }
    report.comparison?.lost.removeAll { $0.text.contains(" ") }
    if let count = report.comparison?.sentences.count {
      for i in 0..<count { report.comparison?.sentences[i].hypothesis = "" }
    }
    return report
  }
}

extension ExactOutcome {
  fileprivate mutating func removeText() { (tokens, pieces, text) = ([], [], "") }
}
