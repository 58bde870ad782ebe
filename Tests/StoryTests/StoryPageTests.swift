import Evaluation
import ErrorAnalysis
import Foundation
import Seq2Seq
@testable import Story
import Testing
import Training

@Suite struct StoryPageTests {
  private func cell(_ name: String, _ change: (inout RNNConfiguration) -> Void) -> StoryCell {
    var shape = RNNConfiguration()
    change(&shape)
    return StoryCell(
      name: name,
      configuration: ModelConfiguration(
        rnn: shape, sourceVocabularySize: 50, targetVocabularySize: 50, embeddings: .all),
      parameters: 1_234_567, updates: 200, targetTokens: 90_000, seconds: 30, bleu: 12.345, chrF: 40, lengthRatio: 0.987,
      bands: [
        .init(lowest: 1, highest: 7, sentences: 3, bleu: 20), .init(lowest: 8, highest: nil, sentences: 4, bleu: 5),
      ],
      gradientNorms: [.init(update: 2, norm: 0.5), .init(update: 4, norm: 20)],
      reachAtStart: GradientReach(norms: [1, 0.1, 0.01]), reachAtEnd: GradientReach(norms: [1, 0.5, 0.2]),
      attention: shape.attention == .none
        ? nil
        : AttentionMap(
          source: ["<b>", "x"], target: ["y"], logProbabilities: [-1], heads: [[[[0.25, 0.75]]]]),
      sweep: nil)
  }

  @Test("The table names the stages and rounds the figures")
  func table() {
    let story = StoryReport(
      cells: [cell("a", { ($0.cell, $0.attention, $0.bidirectional) = (.elmanReLU, .none, false) }), cell("b", { _ in })],
      testSet: "t")
    let rows = story.markdown.split(separator: "\n")
    #expect(rows.count == 4)
    #expect(
      rows[2] == "| a | Elman, ReLU, identity start | none | forward | 1+1 | 1,234,567 | 12.3 | 40.0 | 0.987 | 3,000 | 0.5 |")
    #expect(rows[3].hasPrefix("| b | GRU | additive | bidirectional | 1+1 |"))
  }

  @Test("The page holds a curve for each model where it belongs, and no script or foreign address")
  func page() {
    let page = StoryReport(
      cells: [cell("plain", { ($0.attention, $0.bidirectional) = (.none, false) }), cell("attentive", { _ in })],
      testSet: "a < b"
    ).html
    #expect(page.contains("a &lt; b") && page.contains("&lt;b&gt;"))
    #expect(page.components(separatedBy: "<polyline").count - 1 == 6)
    #expect(page.contains("fill-opacity=\"0.75\""))
    #expect(page.contains("1–7") && page.contains("8+"))
    for stranger in ["<script", "http://", "https://", "NaN", "inf\""] { #expect(!page.contains(stranger)) }
  }

  @Test("A logarithmic axis puts equal ratios at equal distances and leaves zeros out")
  func logarithm() throws {
    let svg = LineChart(
      title: "t", xTitle: "x", series: [.init(name: "s", points: [(0, 1), (1, 0.01), (2, 0), (3, 0.0001)])],
      isLogarithmic: true
    ).svg
    let match = try #require(svg.firstMatch(of: /points="([^"]*)"/))
    let ys = match.1.split(separator: " ").compactMap { Double($0.split(separator: ",")[1]) }
    #expect(ys.count == 3)
    #expect(abs((ys[1] - ys[0]) - (ys[2] - ys[1])) < 0.11 && ys[1] > ys[0])
  }

  @Test("Labels have the decimals that tell ticks apart")
  func labels() {
    let svg = LineChart(title: "t", xTitle: "x", series: [.init(name: "s", points: [(0, 0.981), (1, 1.043)])]).svg
    for label in [">1.00<", ">1.02<", ">1.04<"] { #expect(svg.contains(label), "\(label)") }
    let wide = LineChart(title: "t", xTitle: "x", series: [.init(name: "s", points: [(0, 3), (1, 47)])]).svg
    #expect(wide.contains(">10<") && wide.contains(">40<") && !wide.contains(">10.0<"))
  }

  @Test("Ticks are round and within the range", arguments: [(0.0, 47.3), (-3, 12), (0.981, 1.013), (5, 5)])
  func ticks(low: Double, high: Double) {
    let ticks = Axis.ticks(low, high, 5)
    #expect(!ticks.isEmpty && ticks.count <= 6)
    #expect(ticks.allSatisfy { $0 >= low - 1e-6 && $0 <= high + 1e-6 })
  }

  @Test("Bands count words, and each has its own BLEU")
  func bands() throws {
    var measure = StoryMeasure(
      sources: ["un deux trois", "un deux trois quatre cinq", "un", "a b c d e f g h i"],
      references: ["one two three four", "a b c d e", "x", "1 2 3 4 5 6 7 8 9"], sentence: "", threads: 1)
    measure.bandEnds = [3, 6]
    let bands = try measure.bands(["one two three four", "a b c d z", "x", "1 2 3 4 5 6 7 8 9"])
    #expect(bands.map(\.label) == ["1–3", "4–6", "7+"])
    #expect(bands.map(\.sentences) == [2, 1, 1])
    #expect(bands[0].bleu > 99 && bands[2].bleu > 99 && bands[1].bleu < 70 && bands[1].bleu > 50)
  }

  @Test("Of gradient norms the peaks are kept")
  func peaks() throws {
    let measure = StoryMeasure(sources: [], references: [], sentence: "", threads: 1)
    let records = try (1...250).map { i in
      try JSONDecoder().decode(
        UpdateRecord.self,
        from: Data(
          """
          {"update": \(i), "epoch": 1, "loss": 1, "learning_rate": 0.1, "gradient_norm": \(i == 101 ? 50.0 : 0.5),
          "target_tokens": 1, "seconds": 1}
          """.utf8))
    }
    let norms = measure.norms(records)
    #expect(norms.count == 84 && norms.last?.update == 250)
    #expect(norms.filter { $0.norm == 50 }.map(\.update) == [102])
  }
}
