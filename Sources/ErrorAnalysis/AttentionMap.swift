import Foundation
import Seq2Seq
import Translation

/// Which source piece each target piece was made from: the cross-attention of one sentence.
public struct AttentionMap: Codable, Sendable, Equatable {
  /// Pieces with the end symbols.
  public var source: [String]
  public var target: [String]
  /// log P of each target piece, nats.
  public var logProbabilities: [Float]
  /// [layer][head][target][source]; each row sums to one.
  public var heads: [[[[Float]]]]

  enum CodingKeys: String, CodingKey {
    case source, target, heads
    case logProbabilities = "log_probabilities"
  }

  /// What cannot be shown.
  public struct Failure: Error, CustomStringConvertible, Equatable {
    public let description: String
  }

  /// The attention of the model's own translation of `source`, or of `target` where it is given.
  /// Throws `Failure`.
  public init(_ loaded: LoadedModel, source: String, target: String?, search: SearchOptions) throws {
    let sourceIds = loaded.text.encodeSource(source)
    guard !sourceIds.isEmpty else { throw Failure(description: "the source has no token") }
    func checked(_ ids: [Int32], _ side: String) throws -> [Int32] {
      guard ids.count <= loaded.maximumLength else {
        throw Failure(
          description: "the \(side) has \(ids.count) tokens; this model takes at most \(loaded.maximumLength)")
      }
      return ids
    }
    var ids = try checked(sourceIds, "source")
    let workspace = Workspace()
    if let target {
      ids = try checked(loaded.text.encodeTarget(target), "target")
    } else {
      let state = loaded.model.startDecoding(SequenceBatch([sourceIds + [SpecialToken.end]]), workspace: workspace)
      let longest = min(search.longestOutput(sourceLength: sourceIds.count), loaded.maximumLength)
      ids = search.makeSearch().run(state, [SearchSentence(maximumLength: longest, source: sourceIds)])[0][0].tokens
    }
    let trace = ForcedDecoding(loaded.model, workspace: workspace, keepsHeads: true).run(
      sources: [sourceIds], targets: [ids])[0]
    guard let heads = trace.heads else { throw Failure(description: "this model has no attention") }
    self.source = (sourceIds + [SpecialToken.end]).map(loaded.text.sourceVocabulary.piece)
    self.target = trace.tokens.map(loaded.text.targetVocabulary.piece)
    (logProbabilities, self.heads) = (trace.logProbabilities, heads)
  }

  /// For tests and other sources of attention.
  public init(source: [String], target: [String], logProbabilities: [Float], heads: [[[[Float]]]]) {
    (self.source, self.target, self.logProbabilities, self.heads) = (source, target, logProbabilities, heads)
  }

  public var layerCount: Int { heads.count }
  public var headCount: Int { heads.first?.count ?? 0 }

  /// [target][source] of a layer, of one head or averaged over all. Both count from 0.
  public func weights(layer: Int, head: Int?) -> [[Float]] {
    let chosen = head.map { [heads[layer][$0]] } ?? heads[layer]
    return target.indices.map { row in
      source.indices.map { column in chosen.reduce(Float(0)) { $0 + $1[row][column] } / Float(chosen.count) }
    }
  }

  /// A map for the terminal: a row for each target piece, a column for each source piece, darker for more.
  public func text(layer: Int, head: Int?) -> String {
    let width = target.map(\.count).max() ?? 0
    let tall = source.map(\.count).max() ?? 0
    var lines: [String] = []
    // The source's pieces stand upright above their columns.
    for row in 0..<tall {
      let letters = source.map { piece -> String in
        let start = tall - piece.count
        return row < start ? " " : String(piece[piece.index(piece.startIndex, offsetBy: row - start)])
      }
      lines.append(String(repeating: " ", count: width + 2) + letters.joined(separator: " "))
    }
    for (piece, weights) in zip(target, weights(layer: layer, head: head)) {
      let cells = weights.map { String(AttentionMap.shade($0)) }
      let best = weights.indices.max { weights[$0] < weights[$1] } ?? 0
      lines.append(
        String(repeating: " ", count: width - piece.count) + piece + "  " + cells.joined(separator: " ")
          + "  \(source[best]) \(String(format: "%.2f", weights[best]))")
    }
    let trimmed = lines.map { String($0.reversed().drop { $0 == " " }.reversed()) }
    return trimmed.joined(separator: "\n") + "\n"
  }

  private static func shade(_ weight: Float) -> Character {
    let shades: [Character] = ["·", "░", "▒", "▓", "█"]
    let bounds: [Float] = [0.05, 0.15, 0.35, 0.65]
    return shades[bounds.count { weight >= $0 }]
  }

  /// A self-contained page with a heat map of each of `heads` of each of `layers`; nil is the average over heads.
  public func html(layers: [Int], heads: [Int?]) -> String {
    let figures = layers.flatMap { layer in
      heads.map { head in
        let name = "layer \(layer + 1), " + (head.map { "head \($0 + 1)" } ?? "mean of \(headCount) heads")
        return "<figure><figcaption>\(name)</figcaption>\(table(weights(layer: layer, head: head)))</figure>"
      }
    }
    return """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
      <title>Attention</title><style>
      :root { color-scheme: light dark; --ink: #1d2430; --paper: #fff; --faint: #d8dde6; --heat: 29 78 216 }
      @media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --paper: #14181f; --faint: #343c48; --heat: 108 176 255 } }
      body { font: 15px/1.4 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem }
      .maps { display: flex; flex-wrap: wrap; gap: 2rem } figure { margin: 0; overflow-x: auto }
      figcaption { font-weight: 600; margin-bottom: .3rem } table { border-collapse: collapse; font-size: 13px }
      td { width: 1.5rem; height: 1.5rem; min-width: 1.5rem; border: 1px solid var(--faint); padding: 0 }
      tbody th { text-align: right; font-weight: normal; padding-right: .5rem; white-space: nowrap }
      thead th { font-weight: normal; vertical-align: bottom; padding-bottom: .4rem }
      thead span { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap }
      </style></head><body>
      <h1>Attention</h1>
      <p>Rows: what was written; columns: what was read. A darker field (lighter on a dark page): more attention; a row sums
      to one. Point at a field for its number.</p>
      <div class="maps">
      \(figures.joined(separator: "\n"))
      </div></body></html>

      """
  }

  private func table(_ weights: [[Float]]) -> String {
    let head = "<thead><tr><th></th>" + source.map { "<th scope=\"col\"><span>\(escaped($0))</span></th>" }.joined()
      + "</tr></thead>"
    let rows = zip(target, weights).map { piece, row in
      "<tr><th scope=\"row\">\(escaped(piece))</th>"
        + zip(source, row).map { column, weight in
          "<td style=\"background:rgb(var(--heat)/\(String(format: "%.3f", weight)))\" title=\"\(escaped(piece)) ← "
            + "\(escaped(column)): \(String(format: "%.3f", weight))\"></td>"
        }.joined() + "</tr>"
    }
    return "<table>\(head)<tbody>\(rows.joined(separator: "\n"))</tbody></table>"
  }
}
