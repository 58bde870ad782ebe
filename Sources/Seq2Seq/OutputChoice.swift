import Autograd

/// The end of a decoder's step: the output layer, of which a search wants but a few entries of each row.
final class OutputChoice {
  private let weight: Parameter
  private let bias: Parameter
  private let workspace: Workspace
  /// The output layer of what is a sentence's own, where sentences choose among few ids.
  private var subsets: [Int32: LinearSubset] = [:]

  /// An output layer x·Wᵀ + b, W [V, D].
  init(_ weight: Parameter, _ bias: Parameter, _ workspace: Workspace) {
    (self.weight, self.bias, self.workspace) = (weight, bias, workspace)
  }

  /// What `next` looks for, from what the output layer sees of each row, [R, D]. `sentences` are the sentences of the rows.
  /// Cost: a product with the whole output layer, or with those of its columns that are asked for.
  func find(_ next: NextTokens, from x: Tensor, sentences: [Int32], _ graph: Graph) {
    if !next.shortlists.isEmpty, weight.isPacked { return findListed(next, x, sentences, graph) }
    if next.shortlists.isEmpty, next.withChoice({ graph.choose(x, weight, bias, transposed: true, $0) }) { return }
    let logits = graph.linear(x, weight, bias, transposed: true)
    let (count, vocabulary) = (x.rows * weight.rows, weight.rows)
    next.find(in: UnsafeMutableBufferPointer(start: logits.data, count: count), vocabulary: vocabulary)
  }

  private func findListed(_ next: NextTokens, _ x: Tensor, _ sentences: [Int32], _ graph: Graph) {
    next.begin()
    let common = next.shortlists[0].list.common
    workspace.commonOutputs = subset(common, like: workspace.commonOutputs)
    find(next, 0..<x.rows, of: workspace.commonOutputs, x, graph)
    for (rows, list) in next.shortlists {
      let sentence = sentences[rows.lowerBound]
      subsets[sentence] = subset(list.own, like: subsets[sentence])
      find(next, rows, of: subsets[sentence], x, graph)
    }
    next.end()
  }

  private func find(_ next: NextTokens, _ rows: Range<Int>, of subset: LinearSubset?, _ x: Tensor, _ graph: Graph) {
    guard let subset else { return }
    next.withChoice(of: rows, among: subset.outputs) { graph.choose(x, rows: rows, subset, $0) }
  }

  /// The outputs `ids`, made already or not; nil where there are none.
  private func subset(_ ids: [Int32], like known: LinearSubset?) -> LinearSubset? {
    if let known, known.weight === weight, known.outputs == ids { return known }
    return ids.isEmpty ? nil : LinearSubset(weight, bias, outputs: ids, transposed: true)
  }
}
