import Foundation
import Testing

@testable import Evaluation

@Suite("Probabilities, names and two systems")
struct SystemStatisticsTests {
  private func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }

  @Test("a probability goes into the bin it closes, and the error is weighted by tokens")
  func calibration() {
    var calibration = Calibration(bins: 4)
    for (probability, isCorrect) in [(0.0, false), (0.25, true), (0.26, false), (0.9, true), (1.0, true), (0.8, false)] {
      calibration.add(probability: probability, isCorrect: isCorrect)
    }
    #expect(calibration.bins.map(\.count) == [2, 1, 0, 3] && calibration.bins.map(\.correct) == [1, 0, 0, 2])
    #expect(abs(calibration.bins[3].confidence - 0.9) < 1e-12)
    // (2·|1/2 − 0.125| + 1·|0 − 0.26| + 3·|2/3 − 0.9|) / 6
    #expect(abs(calibration.expectedError - (0.75 + 0.26 + 0.7) / 6) < 1e-12)
    #expect(abs(calibration.accuracy - 0.5) < 1e-12 && abs(calibration.confidence - 3.21 / 6) < 1e-12)
    #expect(Calibration().expectedError == 0)
  }

  @Test("the sign test is the exact binomial one")
  func signTest() {
    // Sums of exact binomial coefficients, by Python's math.comb.
    for (wins, losses, expected) in [
      (3, 7, 0.34375), (8, 2, 0.109375), (60, 40, 0.05688793364098079), (300, 250, 0.036578745549102704), (5, 5, 1),
      (0, 0, 1),
    ] {
      #expect(abs(SignTest.pValue(wins: wins, losses: losses) - expected) < 1e-9)
      #expect(abs(SignTest.pValue(wins: losses, losses: wins) - expected) < 1e-9)
    }
  }

  @Test("n-grams that only one system gets right come first, clipped by the reference")
  func ngrams() {
    var comparison = NGramComparison(maximumOrder: 2)
    comparison.add(first: words("a b a"), second: words("a c d"), reference: words("a c d d"), segment: 0)
    comparison.add(first: words("x y"), second: words("c"), reference: words("x y c"), segment: 4)
    let gained = comparison.secondBetter(9)
    #expect(gained.map(\.text) == ["c", "a c", "c d", "d"])
    #expect(gained[0].second == 2 && gained[0].first == 0 && gained[0].examples == [0, 4])
    #expect(abs(gained[0].salience - 0.75) < 1e-12)
    #expect(comparison.firstBetter(2).map(\.text) == ["x", "x y"])
  }

  @Test("a name is what source and reference write alike, or what nobody wrote; sentences begin with capitals anyway")
  func names() {
    func found(_ source: String, _ hypothesis: String, _ reference: String) -> ([String], [String]) {
      let found = Pathologies(source: words(source), hypothesis: words(hypothesis), reference: words(reference))
      return (found.missingNames, found.inventedNames)
    }
    #expect(found("Tom aime Marie .", "Tom likes Mary .", "Tom likes Mary .") == ([], []))
    #expect(found("Tom vit à Boston .", "Jim lives in Paris .", "Tom lives in Boston .") == (["Boston", "Tom"], ["Paris"]))
    // After a full stop, in capitals throughout, and in another case.
    #expect(found("oui", "Yes . Of course , the USA and Monday .", "yes monday") == ([], []))
    #expect(found("oui", "Yes , Berlin .", "yes") == ([], ["Berlin"]))
  }
}

