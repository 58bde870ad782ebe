import ErrorAnalysis
import Foundation
import NeuralNet
import Seq2Seq
import Training
import Translation

/// From Elman to the transformer in one table and one page, drawn from measured cells.
public struct StoryReport: Sendable {
  public var cells: [StoryCell]
  /// What the figures are of, for the page's head.
  public var testSet: String

  public init(cells: [StoryCell], testSet: String) { (self.cells, self.testSet) = (cells, testSet) }

  /// The table as Markdown, a row a cell in their order.
  public var markdown: String {
    var lines = [
      "| model | cell | attention | encoder | layers | parameters | BLEU | chrF2 | length | target tokens/s | minutes |",
      "|---|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for cell in cells {
      lines.append("| \(row(cell).joined(separator: " | ")) |")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func row(_ cell: StoryCell) -> [String] {
    let stage = Stage(cell.configuration)
    return [
      cell.name, stage.cell, stage.attention, stage.encoder, stage.layers, Format.grouped(cell.parameters),
      Format.fixed(cell.bleu, 1), Format.fixed(cell.chrF, 1), Format.fixed(cell.lengthRatio, 3),
      Format.grouped(Int(cell.tokensPerSecond)), Format.fixed(cell.seconds / 60, 1),
    ]
  }

  /// What a configuration is called in the field.
  struct Stage {
    var cell: String
    var attention: String
    var encoder: String
    var layers: String

    init(_ configuration: ModelConfiguration) {
      if let rnn = configuration.rnn {
        cell =
          switch rnn.cell {
          case .elman: "Elman, tanh"
          case .elmanReLU: "Elman, ReLU, identity start"
          case .gru: "GRU"
          case .gruNoReset: "GRU without reset gate"
          case .lstm: "LSTM"
          }
        attention =
          switch rnn.attention {
          case .additive: "additive"
          case .dot: "dot"
          case .none: "none"
          }
        encoder = rnn.bidirectional ? "bidirectional" : "forward"
        layers = "\(rnn.encoderLayers)+\(rnn.decoderLayers)"
      } else {
        let shape = configuration.transformer
        (cell, attention, encoder) = ("transformer", "\(shape?.heads ?? 0) heads", "self-attention")
        layers = "\(shape?.encoderLayers ?? 0)+\(shape?.decoderLayers ?? 0)"
      }
    }
  }

  /// One self-contained page: no script, nothing fetched, light and dark.
  public var html: String {
    let head = [
      "model", "cell", "attention", "encoder", "layers", "parameters", "BLEU", "chrF2", "length", "target tokens/s",
      "minutes",
    ].map { "<th scope=\"col\">\($0)</th>" }.joined()
    let rows = cells.map { "<tr>" + row($0).map { "<td>\(escaped($0))</td>" }.joined() + "</tr>" }
    let sections = [
      section(
        "One vector for a sentence, and what cures it",
        """
        Without attention the decoder sees the encoder's last states and nothing else, however long the sentence \
        was. With attention it looks back at every word. The curves are BLEU over sentences of so many source words.
        """, [bandChart("Without attention", attends: false), bandChart("With attention", attends: true)]),
      section(
        "How far back a gradient reaches",
        """
        What the input k steps ago still counts for the last state: the norm of the gradient along a random direction of \
        that state, at the word vector k steps before (root mean square, logarithmic). Straight down: the past is \
        forgotten while learning; up: it explodes. A transformer reaches every place in one step.
        """, [reachChart("Before training", \.reachAtStart), reachChart("After training", \.reachAtEnd)]),
      section(
        "Clipping",
        """
        The norm of the whole gradient before clipping, the largest of each stretch of updates. Everything above the line \
        was scaled down to it (Pascanu et al. 2013).
        """, [normChart("Without attention", attends: false), normChart("With attention", attends: true)]),
      section(
        "Where the decoder looks",
        """
        Rows: what was written; columns: what was read; a row sums to one. Where the two languages order words differently \
        the dark fields leave the diagonal. The transformer's is the mean of the last layer's heads.
        """, cells.compactMap(attentionMap)),
      positions,
      section(
        "The beam, and the length norm",
        """
        A wider beam finds more probable translations; without a length norm (A = 0) those are the short ones, since every \
        word costs probability. Dividing log P by |Y|^A undoes it.
        """, cells.flatMap(sweepCharts)),
    ]
    return """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
      <title>From Elman to the transformer</title><style>
      \(StoryReport.style)
      </style></head><body>
      <h1>From Elman to the transformer</h1>
      <p>\(escaped(testSet)). All cells learnt from the same batches for the same number of updates.</p>
      <div class="scroll"><table><thead><tr>\(head)</tr></thead><tbody>
      \(rows.joined(separator: "\n"))
      </tbody></table></div>
      \(sections.filter { !$0.isEmpty }.joined(separator: "\n"))
      </body></html>

      """
  }

  private func section(_ title: String, _ text: String, _ figures: [String]) -> String {
    let figures = figures.filter { !$0.isEmpty }
    guard !figures.isEmpty else { return "" }
    return "<h2>\(escaped(title))</h2>\n<p>\(escaped(text))</p>\n<div class=\"figures\">"
      + figures.joined(separator: "\n") + "</div>"
  }

  private func cells(attending: Bool) -> [StoryCell] {
    cells.filter { ($0.configuration.rnn?.attention != AttentionKind.none) == attending }
  }

  private func bandChart(_ title: String, attends: Bool) -> String {
    let chosen = cells(attending: attends)
    guard let bands = chosen.first?.bands else { return "" }
    return LineChart(
      title: "\(title): BLEU by source words", xTitle: "source words",
      series: chosen.map { cell in
        .init(name: cell.name, points: cell.bands.enumerated().map { (Double($0.offset), $0.element.bleu) })
      }, xLabels: bands.enumerated().map { (Double($0.offset), $0.element.label) }, hasDots: true, fromZero: true
    ).svg
  }

  private func reachChart(_ title: String, _ reach: KeyPath<StoryCell, GradientReach>) -> String {
    // One of each kind of encoder: attention does not change how its first layer carries gradients at the start.
    let chosen = cells.filter {
      $0.configuration.transformer != nil
        || $0.configuration.rnn?.attention == AttentionKind.none && $0.configuration.rnn?.bidirectional == false
    }
    return LineChart(
      title: title, xTitle: "steps back",
      series: chosen.map { cell in
        .init(name: cell.name, points: cell[keyPath: reach].norms.enumerated().map { (Double($0.offset), $0.element) })
      }, isLogarithmic: true
    ).svg
  }

  private func normChart(_ title: String, attends: Bool) -> String {
    LineChart(
      title: "\(title): gradient norm", xTitle: "update",
      series: cells(attending: attends).map { cell in
        .init(name: cell.name, points: cell.gradientNorms.map { (Double($0.update), $0.norm) })
      }, isLogarithmic: true, mark: (1, "clipped above")
    ).svg
  }

  private func attentionMap(_ cell: StoryCell) -> String? {
    guard let map = cell.attention else { return nil }
    return HeatMap(
      title: cell.name, rows: map.target, columns: map.source,
      values: map.weights(layer: map.layerCount - 1, head: nil).map { $0.map(Double.init) }
    ).svg
  }

  private var positions: String {
    guard let shape = cells.compactMap(\.configuration.transformer).first else { return "" }
    let (length, size) = (32, shape.modelSize)
    let divisor = shape.positions == .standard ? Double(size) / 2 : Double(size) / 2 - 1
    let signal = SinusoidalPositions(length: length, size: size, divisor: divisor).values
    let shown = stride(from: 0, to: size, by: max(1, size / 64)).map { $0 }
    let field: [[Double]] = (0..<length).map { p in shown.map { Double(signal[p * size + $0]) } }
    let likeness = (0..<length).map { p -> (x: Double, y: Double) in
      var product = 0.0
      for i in 0..<size { product += Double(signal[i]) * Double(signal[p * size + i]) }
      // Each pair of sine and cosine has length 1.
      return (x: Double(p), y: product * 2 / Double(size))
    }
    return section(
      "Places without recurrence",
      """
      A transformer sees a set of words; their places are added as sines and cosines of falling rate (left: a row a \
      place, from the top; a column a dimension, sines then cosines). The product of two places' vectors depends on \
      their distance alone and falls with it (right).
      """,
      [
        HeatMap(title: "Sinusoidal positions", rows: [], columns: [], values: field, cell: 7).svg,
        LineChart(
          title: "Likeness of two places", xTitle: "distance", series: [.init(name: "cosine", points: likeness)]
        ).svg,
      ])
  }

  private func sweepCharts(_ cell: StoryCell) -> [String] {
    guard let rows = cell.sweep?.rows else { return [] }
    let beams = Array(Set(rows.map(\.beam))).sorted()
    let penalties = Array(Set(rows.map(\.lengthPenalty))).sorted()
    func chart(_ title: String, _ value: (SweepTotals.Row) -> Double, mark: (Double, String)? = nil) -> String {
      LineChart(
        title: "\(cell.name): \(title)", xTitle: "beam",
        series: penalties.map { penalty in
          .init(
            name: "A = \(Format.fixed(penalty, 1))",
            points: beams.enumerated().compactMap { place, beam in
              rows.first { $0.beam == beam && $0.lengthPenalty == penalty }.map { (Double(place), value($0)) }
            })
        }, xLabels: beams.enumerated().map { (Double($0.offset), "\($0.element)") }, mark: mark.map { (y: $0.0, name: $0.1) },
        hasDots: true
      ).svg
    }
    return [
      chart("BLEU", \.bleu), chart("length of outputs over references", \.lengthRatio, mark: (1, "as long as the references")),
      chart("output tokens a second", \.tokensPerSecond),
    ]
  }

  private static let style = """
    :root { color-scheme: light dark; --ink: #1d2430; --paper: #fff; --faint: #d8dde6; --heat: #1d4ed8; --cold: #c2410c;
      --s0: #1f6feb; --s1: #d97706; --s2: #059669; --s3: #b91c1c; --s4: #7c3aed; --s5: #0e7490; --s6: #be185d; --s7: #6b7280 }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #e6eaf0; --paper: #14181f; --faint: #343c48; --heat: #6cb0ff; --cold: #fb923c;
        --s0: #6cb0ff; --s1: #fbbf24; --s2: #34d399; --s3: #f87171; --s4: #c4b5fd; --s5: #67e8f9; --s6: #f9a8d4;
        --s7: #9ca3af } }
    body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 84rem;
      margin: 2rem auto; padding: 0 1rem }
    h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.4rem } p { max-width: 46rem }
    .scroll { overflow-x: auto } table { border-collapse: collapse; font-size: 14px }
    th, td { text-align: left; padding: .15rem .9rem .15rem 0; border-bottom: 1px solid var(--faint); white-space: nowrap }
    td:nth-child(n+6), th:nth-child(n+6) { text-align: right }
    .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 1.6rem }
    figure { margin: 0; max-width: 42rem } figcaption { font-weight: 600; margin-bottom: .3rem }
    svg { width: 100%; height: auto; display: block } text { fill: var(--ink); font: 12px system-ui, sans-serif }
    .grid { stroke: var(--faint) } .mark { stroke: var(--ink); stroke-dasharray: 2 3 }
    .curve { fill: none; stroke-width: 1.8; stroke-linejoin: round } .dashed { stroke-dasharray: 5 3 }
    .s0 { stroke: var(--s0) } .s1 { stroke: var(--s1) } .s2 { stroke: var(--s2) } .s3 { stroke: var(--s3) }
    .s4 { stroke: var(--s4) } .s5 { stroke: var(--s5) } .s6 { stroke: var(--s6) } .s7 { stroke: var(--s7) }
    .dot { stroke-width: 1.5; fill: var(--paper) } text.name { stroke: none }
    .name.s0 { fill: var(--s0) } .name.s1 { fill: var(--s1) } .name.s2 { fill: var(--s2) } .name.s3 { fill: var(--s3) }
    .name.s4 { fill: var(--s4) } .name.s5 { fill: var(--s5) } .name.s6 { fill: var(--s6) } .name.s7 { fill: var(--s7) }
    .heat { fill: var(--heat) } .cold { fill: var(--cold) } .frame { fill: none; stroke: var(--faint) }
    """
}
