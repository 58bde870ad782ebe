import Autograd

/// The end of a decoder's step: the output layer, of which a search wants but a few entries of each row.
final class OutputChoice {
  private let weight: Parameter
  private let bias: Parameter
  /// The output layer of what is a sentence's own, where sentences choose among few ids.
  private var subsets: [Int32: LinearSubset] = [:]

  /// An output layer x·Wᵀ + b, W [V, D].
  init(_ weight: Parameter, _ bias: Parameter) { (self.weight, self.bias) = (weight, bias) }

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
    let common = weight.commonSubset(bias, outputs: next.shortlists[0].list.common, transposed: true)
    find(next, 0..<x.rows, of: common, x, graph)
    for (rows, list) in next.shortlists where !list.own.isEmpty {
      find(next, rows, of: subset(list.own, sentence: sentences[rows.lowerBound]), x, graph)
    }
    next.end()
  }

  private func find(_ next: NextTokens, _ rows: Range<Int>, of subset: LinearSubset?, _ x: Tensor, _ graph: Graph) {
    guard let subset else { preconditionFailure("\(weight.name) is packed, but not as an output layer") }
    next.withChoice(of: rows, among: subset.outputs) { graph.choose(x, rows: rows, subset, $0) }
  }

  private func subset(_ ids: [Int32], sentence: Int32) -> LinearSubset? {
    if let known = subsets[sentence], known.outputs == ids { return known }
    let subset = LinearSubset(weight, bias, outputs: ids, transposed: true)
    subsets[sentence] = subset
    return subset
  }
}
