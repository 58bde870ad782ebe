import Autograd
import NeuralNet

/// Decoding one token at a time: the memory's keys and values are made once, each new token's are put into the pool,
/// and a hypothesis is a list of slots.
final class TransformerDecoderState: DecoderState {
  private let model: Transformer
  private let graph: Graph
  private let pool: KeyValuePool
  /// All states that were forked from one start: none may take slots that another needs.
  private let relatives: Relatives
  private let sourceOffsets: [Int32]
  private let longestSource: Int
  /// Keys and values of the memory, one [N, 2D] a layer.
  private var memories: [Tensor] = []
  /// Everything before this mark lives as long as the state; what a step makes is given back at the next.
  private let mark: Arena.Mark
  private var time = 0
  /// For each row: its sentence, and the slots of its `time` tokens.
  private var sentences: [Int32]
  private var slots: [[Int32]]
  /// Cross-attention of the last step, [layer][R][head][longest source].
  private var lastWeights: UnsafeMutablePointer<Float>?

  let vocabularySize: Int
  var rowCount: Int { sentences.count }

  init(_ model: Transformer, _ sources: SequenceBatch, _ workspace: Workspace) {
    self.model = model
    workspace.arena.reset()
    graph = Graph(arena: workspace.arena)
    pool = workspace.cache
    relatives = Relatives()
    pool.start(layers: model.decoder.count, width: 2 * model.shape.modelSize)
    vocabularySize = model.configuration.targetVocabularySize
    sourceOffsets = sources.offsets
    longestSource = (0..<sources.count).map { sources.length($0) }.max() ?? 0
    sentences = (0..<Int32(sources.count)).map { $0 }
    slots = Array(repeating: [], count: sources.count)
    let memory = model.encode(sources, graph)
    for layer in model.decoder { memories.append(layer.crossAttention.memoryProjection(memory, graph)) }
    mark = workspace.arena.mark
    relatives.add(self)
  }

  private init(_ other: TransformerDecoderState, rows: [Int]) {
    (model, graph, pool, relatives) = (other.model, other.graph, other.pool, other.relatives)
    (sourceOffsets, longestSource, memories) = (other.sourceOffsets, other.longestSource, other.memories)
    (mark, time, vocabularySize) = (other.mark, other.time, other.vocabularySize)
    sentences = rows.map { other.sentences[$0] }
    slots = rows.map { other.slots[$0] }
    relatives.add(self)
  }

  func fork(_ rows: [Int]) -> any DecoderState { TransformerDecoderState(self, rows: rows) }

  func step(_ tokens: [Int32]?) -> UnsafeMutableBufferPointer<Float> {
    precondition(tokens == nil ? time == 0 : tokens!.count == rowCount, "tokens for another number of rows")
    graph.arena.release(to: mark)
    let rows = rowCount
    let fresh = pool.take(rows) { relatives.slots }
    for r in 0..<rows { slots[r].append(fresh[r]) }
    time += 1
    let index = graph.arena.allocate(Int32.self, rows * time)
    for r in 0..<rows {
      slots[r].withUnsafeBufferPointer { (index + r * time).update(from: $0.baseAddress!, count: time) }
    }
    let counts = graph.arena.allocate(Int32.self, rows)
    counts.update(repeating: Int32(time), count: rows)
    let firsts = graph.arena.allocate(Int32.self, rows)
    let lengths = graph.arena.allocate(Int32.self, rows)
    for r in 0..<rows {
      let b = Int(sentences[r])
      firsts[r] = sourceOffsets[b]
      lengths[r] = sourceOffsets[b + 1] - sourceOffsets[b]
    }
    let (size, heads) = (model.shape.modelSize, Int64(model.shape.heads))
    let headSize = Int64(size) / heads
    let place = Int32(min(time - 1, model.shape.maximumLength))
    let selfWeights = graph.arena.allocate(Float.self, rows * Int(heads) * time)
    let layerWeights = rows * Int(heads) * longestSource
    let crossWeights = graph.arena.allocate(Float.self, model.decoder.count * layerWeights)
    lastWeights = crossWeights

    var x = model.embed(
      model.embeddings.target, tokens ?? Array(repeating: -1, count: rows),
      positions: Array(repeating: place, count: rows), graph)
    for (number, layer) in model.decoder.enumerated() {
      let memory = memories[number]
      x = layer(
        x, graph,
        selfAttention: { input in
          let qkv = layer.selfAttention.projection(input, graph)
          let base = pool.base(layer: number)
          for r in 0..<rows {
            (base + Int(fresh[r]) * 2 * size).update(from: qkv.data + r * 3 * size + size, count: 2 * size)
          }
          let mixed = graph.makeTensor(rows, size)
          mt_attention_step(
            mixed.data, qkv.data, Int64(3 * size), base, base + size, Int64(2 * size), index, Int64(time), nil, counts,
            Int64(rows), heads, headSize, selfWeights, Int64(time))
          return layer.selfAttention.output(mixed, graph)
        },
        crossAttention: { input in
          let query = layer.crossAttention.query(input, graph)
          let mixed = graph.makeTensor(rows, size)
          mt_attention_step(
            mixed.data, query.data, Int64(size), memory.data, memory.data + size, Int64(2 * size), nil, 0, firsts,
            lengths, Int64(rows), heads, headSize, crossWeights + number * layerWeights, Int64(longestSource))
          return layer.crossAttention.output(mixed, graph)
        })
    }
    if let norm = model.decoderNorm { x = norm(x, graph) }
    let logits = graph.linear(x, model.embeddings.output, model.embeddings.outputBias, transposed: true)
    return UnsafeMutableBufferPointer(start: logits.data, count: rows * vocabularySize)
  }

  func reorder(_ rows: [Int]) {
    sentences = rows.map { sentences[$0] }
    slots = rows.map { slots[$0] }
    lastWeights = nil
  }

  /// The states that are still alive, weakly held.
  private final class Relatives {
    private struct Member {
      weak var state: TransformerDecoderState?
    }

    private var members: [Member] = []

    func add(_ state: TransformerDecoderState) {
      members.removeAll { $0.state == nil }
      members.append(Member(state: state))
    }

    /// The slots that any of them needs.
    var slots: [Int32] { members.flatMap { $0.state?.slots.flatMap { $0 } ?? [] } }
  }

  /// Of the last step; not after `reorder`.
  func attention() -> [[Float]]? {
    let heads = Float(model.shape.heads)
    return weights(layer: model.decoder.count - 1)?.map { row in
      row[0].indices.map { j in row.reduce(Float(0)) { $0 + $1[j] } / heads }
    }
  }

  func attentionByHead() -> [[[[Float]]]]? {
    lastWeights == nil ? nil : model.decoder.indices.compactMap { weights(layer: $0) }
  }

  /// [R][head][S] of one layer.
  private func weights(layer: Int) -> [[[Float]]]? {
    guard let lastWeights else { return nil }
    let heads = model.shape.heads
    return (0..<rowCount).map { r in
      let b = Int(sentences[r])
      let length = Int(sourceOffsets[b + 1] - sourceOffsets[b])
      return (0..<heads).map { head in
        let first = lastWeights + ((layer * rowCount + r) * heads + head) * longestSource
        return Array(UnsafeBufferPointer(start: first, count: length))
      }
    }
  }
}
