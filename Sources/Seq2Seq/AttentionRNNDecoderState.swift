import Autograd
import NeuralNet

/// Decoding one token at a time: a hypothesis is its layers' states, a few vectors that are copied when it moves.
final class AttentionRNNDecoderState: DecoderState {
  private let model: AttentionRNN
  private let graph: Graph
  private let memory: AttentionRNN.Memory
  private let output: OutputChoice
  private let sourceOffsets: [Int32]
  /// Everything before this mark lives as long as the state; what a step makes is given back at the next.
  private let mark: Arena.Mark
  private var isFirst = true
  /// For each row: its sentence.
  private var sentences: [Int32]
  /// States and, where the cell has them, cell states of each layer, rows as they stood after the last step.
  private var vectors: [[Float]]
  /// Row r goes on from row `parents[r]` of `vectors`.
  private var parents: [Int]
  private var lastAttention: (weights: UnsafeMutablePointer<Float>, starts: UnsafeMutablePointer<Int64>)?

  let vocabularySize: Int
  var rowCount: Int { sentences.count }

  init(_ model: AttentionRNN, _ sources: SequenceBatch, _ workspace: Workspace) {
    self.model = model
    workspace.arena.reset()
    graph = Graph(arena: workspace.arena)
    output = OutputChoice(model.embeddings.output, model.embeddings.outputBias)
    vocabularySize = model.configuration.targetVocabularySize
    sourceOffsets = sources.offsets
    sentences = (0..<Int32(sources.count)).map { $0 }
    parents = Array(0..<sources.count)
    memory = model.encode(sources, graph)
    vectors = model.initialStates(memory.start).flatMap { [$0.state.array] + ($0.cell.map { [$0.array] } ?? []) }
    mark = workspace.arena.mark
  }

  private init(_ other: AttentionRNNDecoderState, rows: [Int]) {
    (model, graph, memory, output) = (other.model, other.graph, other.memory, other.output)
    sourceOffsets = other.sourceOffsets
    (mark, isFirst, vectors, vocabularySize) = (other.mark, other.isFirst, other.vectors, other.vocabularySize)
    sentences = rows.map { other.sentences[$0] }
    parents = rows.map { other.parents[$0] }
  }

  func fork(_ rows: [Int]) -> any DecoderState { AttentionRNNDecoderState(self, rows: rows) }

  func step(_ tokens: [Int32]?) -> UnsafeMutableBufferPointer<Float> {
    let logits = graph.linear(
      advance(tokens), model.embeddings.output, model.embeddings.outputBias, transposed: true)
    return UnsafeMutableBufferPointer(start: logits.data, count: rowCount * vocabularySize)
  }

  func step(_ tokens: [Int32]?, finding next: NextTokens) {
    output.find(next, from: advance(tokens), sentences: sentences, graph)
  }

  /// Feeds each row its last token; returns what the output layer sees, [R, D].
  private func advance(_ tokens: [Int32]?) -> Tensor {
    precondition(tokens == nil ? isFirst : tokens!.count == rowCount, "tokens for another number of rows")
    graph.arena.release(to: mark)
    isFirst = false
    let words = model.embed(
      model.embeddings.target, tokens ?? Array(repeating: -1, count: rowCount), groups: [], graph)
    let result = model.decode(
      words, from: takeStates(), memory: memory, first: sentences.map { sourceOffsets[Int($0)] },
      counts: sentences.map { sourceOffsets[Int($0) + 1] - sourceOffsets[Int($0)] }, batchSizes: [rowCount],
      groups: [], graph)
    vectors = result.layers.flatMap { [$0.state.array] + ($0.cell.map { [$0.array] } ?? []) }
    parents = Array(0..<rowCount)
    lastAttention = result.attention
    return result.hidden
  }

  /// The states that each row goes on from, as tensors of this step.
  private func takeStates() -> [AttentionRNN.LayerState] {
    let hidden = model.shape.hiddenSize
    var tensors = vectors.map { values in
      let tensor = graph.makeTensor(rowCount, hidden)
      values.withUnsafeBufferPointer { values in
        for (r, parent) in parents.enumerated() {
          (tensor.data + r * hidden).update(from: values.baseAddress! + parent * hidden, count: hidden)
        }
      }
      return tensor
    }[...]
    return (0..<model.shape.decoderLayers).map { _ in
      .init(state: tensors.removeFirst(), cell: model.cell.hasCellState ? tensors.removeFirst() : nil)
    }
  }

  func reorder(_ rows: [Int]) {
    sentences = rows.map { sentences[$0] }
    parents = rows.map { parents[$0] }
    lastAttention = nil
  }

  /// Of the last step; not after `reorder`.
  func attention() -> [[Float]]? {
    guard let (weights, starts) = lastAttention else { return nil }
    return sentences.enumerated().map { r, b in
      let length = Int(sourceOffsets[Int(b) + 1] - sourceOffsets[Int(b)])
      return Array(UnsafeBufferPointer(start: weights + Int(starts[r]), count: length))
    }
  }
}
