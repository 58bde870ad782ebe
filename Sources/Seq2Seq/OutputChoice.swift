import Autograd

/// The end of a decoder's step: the output layer, of which a search wants but a few entries of each row.
final class OutputChoice {
  private let weight: Parameter
  private let bias: Parameter
  /// The output layer of each sentence that chooses among few ids.
  private var subsets: [Int32: LinearSubset] = [:]

  /// An output layer x·Wᵀ + b, W [V, D].
  init(_ weight: Parameter, _ bias: Parameter) { (self.weight, self.bias) = (weight, bias) }

  /// What `next` looks for, from what the output layer sees of each row, [R, D]. `sentences` are the sentences of the rows.
  /// Cost: a product with the whole output layer, or with those of its columns that are asked for.
  func find(_ next: NextTokens, from x: Tensor, sentences: [Int32], _ graph: Graph) {
    guard !next.shortlists.isEmpty else {
      if next.withChoice({ graph.choose(x, weight, bias, transposed: true, $0) }) { return }
      return findInLogits(next, x, graph)
    }
    for (rows, ids) in next.shortlists {
      guard let subset = subset(ids, sentence: sentences[rows.lowerBound]) else { return findInLogits(next, x, graph) }
      next.withChoice(of: rows, among: ids) {
        graph.choose(x, first: rows.lowerBound, count: rows.count, subset, $0)
      }
    }
  }

  private func findInLogits(_ next: NextTokens, _ x: Tensor, _ graph: Graph) {
    let logits = graph.linear(x, weight, bias, transposed: true)
    next.find(
      in: UnsafeMutableBufferPointer(start: logits.data, count: x.rows * weight.rows), vocabulary: weight.rows)
  }

  private func subset(_ ids: [Int32], sentence: Int32) -> LinearSubset? {
    if let subset = subsets[sentence], subset.outputs == ids { return subset }
    let subset = LinearSubset(weight, bias, outputs: ids, transposed: true)
    subsets[sentence] = subset
    return subset
  }
}
