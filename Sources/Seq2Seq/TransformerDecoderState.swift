import Autograd
import NeuralNet

/// Decoding one token at a time: the memory's keys and values are made once, each new token's are put into the pool,
/// and a hypothesis is a list of slots. A recurrent decoder puts its cells there, of which only the last is needed.
final class TransformerDecoderState: DecoderState {
  private let model: Transformer
  private let graph: Graph
  private let pool: KeyValuePool
  /// All states that were forked from one start: none may take slots that another needs.
  private let relatives: Relatives
  private let sourceOffsets: [Int32]
  private let longestSource: Int
  /// Keys and values of the memory as attention reads them, of each layer; where a sentence's begin in them.
  private var memories: [UnsafeMutablePointer<Float>] = []
  private let memoryOffsets: [Int64]
  private let output: OutputChoice
  /// Everything before this mark lives as long as the state; what a step makes is given back at the next.
  private let mark: Arena.Mark
  private var time = 0
  /// For each row: its sentence, and the slots of what it needs of its tokens, [R, slotsPerRow].
  private var sentences: [Int32]
  private var slots: [Int32] = []
  private var slotsPerRow: Int { isRecurrent ? min(time, 1) : time }
  private let isRecurrent: Bool
  /// Cross-attention of the last step: of layer l, row r, head h and source token j at
  /// (l·R + r)·stride + h·w + j, w what a head of so many tokens takes.
  private var lastWeights: (data: UnsafeMutablePointer<Float>, stride: Int)?

  let vocabularySize: Int
  var rowCount: Int { sentences.count }

  init(_ model: Transformer, _ sources: SequenceBatch, _ workspace: Workspace) {
    self.model = model
    workspace.arena.reset()
    graph = Graph(arena: workspace.arena, padsRows: !model.embeddings.output.isPacked)
    pool = workspace.cache
    relatives = Relatives()
    output = OutputChoice(model.embeddings.output, model.embeddings.outputBias)
    isRecurrent = model.shape.decoderCell == .ssru
    pool.start(layers: model.decoder.count, width: (isRecurrent ? 1 : 2) * model.shape.modelSize)
    vocabularySize = model.configuration.targetVocabularySize
    sourceOffsets = sources.offsets
    longestSource = (0..<sources.count).map { sources.length($0) }.max() ?? 0
    sentences = (0..<Int32(sources.count)).map { $0 }
    let memory = TransformerDecoderState.encode(model, sources, graph)
    let (size, heads) = (Int64(model.shape.modelSize), Int64(model.shape.heads))
    var offsets: [Int64] = [0]
    for b in 0..<sources.count {
      offsets.append(offsets[b] + mt_packed_source(Int64(sources.length(b)), heads, size / heads))
    }
    memoryOffsets = offsets
    for _ in model.decoder { memories.append(graph.arena.allocate(Float.self, Int(offsets[sources.count]))) }
    let workMark = graph.arena.mark
    for (layer, packed) in zip(model.decoder, memories) {
      let keyValue = layer.crossAttention.memoryProjection(memory, graph)
      for b in 0..<sources.count {
        let keys = keyValue.data + Int(sources.offsets[b]) * keyValue.columns
        mt_pack_source(
          packed + Int(offsets[b]), keys, keys + Int(size), 2 * size, Int64(sources.length(b)), heads, size / heads)
      }
      graph.arena.release(to: workMark)
    }
    mark = workspace.arena.mark
    relatives.add(self)
  }

  /// The memory of all sources, [N, D], made a few sentences at a time: what the encoder works in then neither grows with
  /// the batch nor leaves the processor's cache.
  private static func encode(_ model: Transformer, _ sources: SequenceBatch, _ graph: Graph) -> Tensor {
    let memory = graph.makeTensor(sources.tokenCount, model.shape.modelSize)
    let tokens = 256
    var first = 0
    while first < sources.count {
      var part = SequenceBatch()
      let start = Int(sources.offsets[first])
      repeat {
        part.append(sources[first])
        first += 1
      } while first < sources.count && part.tokenCount + sources.length(first) <= tokens
      let mark = graph.arena.mark
      let encoded = model.encode(part, graph)
      (memory.data + start * memory.columns).update(from: encoded.data, count: encoded.count)
      graph.arena.release(to: mark)
    }
    return memory
  }

  private init(_ other: TransformerDecoderState, rows: [Int]) {
    (model, graph, pool, relatives, output) = (other.model, other.graph, other.pool, other.relatives, other.output)
    (sourceOffsets, longestSource, memories) = (other.sourceOffsets, other.longestSource, other.memories)
    memoryOffsets = other.memoryOffsets
    (mark, time, vocabularySize, isRecurrent) = (other.mark, other.time, other.vocabularySize, other.isRecurrent)
    sentences = rows.map { other.sentences[$0] }
    slots = other.slots(of: rows)
    relatives.add(self)
  }

  func fork(_ rows: [Int]) -> any DecoderState { TransformerDecoderState(self, rows: rows) }

  func step(_ tokens: [Int32]?) -> UnsafeMutableBufferPointer<Float> {
    let x = advance(tokens)
    let logits = graph.linear(x, model.embeddings.output, model.embeddings.outputBias, transposed: true)
    return UnsafeMutableBufferPointer(start: logits.data, count: rowCount * vocabularySize)
  }

  func step(_ tokens: [Int32]?, finding next: NextTokens) {
    output.find(next, from: advance(tokens), sentences: sentences, graph)
  }

  /// Feeds each row its last token; returns what the output layer sees, [R, D].
  private func advance(_ tokens: [Int32]?) -> Tensor {
    precondition(tokens == nil ? time == 0 : tokens!.count == rowCount, "tokens for another number of rows")
    graph.arena.release(to: mark)
    let rows = rowCount
    let fresh = pool.take(rows) { relatives.slots }
    // Of a recurrent decoder, each row's cell before this step; of attention, all its slots with the new one.
    let kept = slotsPerRow
    let width = isRecurrent ? kept : kept + 1
    let index = graph.arena.allocate(Int32.self, max(1, rows * width))
    slots.withUnsafeBufferPointer { slots in
      for r in 0..<rows {
        for t in 0..<kept { index[r * width + t] = slots[r * kept + t] }
        if !isRecurrent { index[r * width + kept] = fresh[r] }
      }
    }
    time += 1
    slots = isRecurrent ? fresh : Array(UnsafeBufferPointer(start: index, count: rows * width))
    let counts = graph.arena.allocate(Int32.self, rows)
    counts.update(repeating: Int32(time), count: rows)
    let lengths = graph.arena.allocate(Int32.self, rows)
    let starts = graph.arena.allocate(Int64.self, rows)
    for r in 0..<rows {
      let b = Int(sentences[r])
      starts[r] = memoryOffsets[b]
      lengths[r] = sourceOffsets[b + 1] - sourceOffsets[b]
    }
    let (size, heads) = (model.shape.modelSize, Int64(model.shape.heads))
    let headSize = Int64(size) / heads
    let place = Int32(min(time - 1, model.shape.maximumLength))
    let selfStride = mt_attention_step_weights(Int64(time), heads)
    let crossStride = mt_source_attention_weights(Int64(longestSource), heads)
    let selfWeights = graph.arena.allocate(Float.self, rows * Int(selfStride))
    let layerWeights = rows * Int(crossStride)
    let crossWeights = graph.arena.allocate(Float.self, model.decoder.count * layerWeights)
    lastWeights = (crossWeights, Int(crossStride))

    var x = model.embed(
      model.embeddings.target, tokens ?? Array(repeating: -1, count: rows),
      positions: Array(repeating: place, count: rows), graph)
    for (number, layer) in model.decoder.enumerated() {
      let (memory, input) = (memories[number], x)
      x = graph.compacting {
        layer(
          input, graph,
          mixing: { input in
            let base = pool.base(layer: number)
            switch layer.mixing {
            case .attention(let attention):
              let qkv = attention.projection(input, graph)
              for r in 0..<rows {
                (base + Int(fresh[r]) * 2 * size).update(from: qkv.data + r * 3 * size + size, count: 2 * size)
              }
              let mixed = graph.makeTensor(rows, size)
              mt_attention_step(
                mixed.data, qkv.data, Int64(3 * size), base, base + size, Int64(2 * size), index, Int64(time),
                counts, Int64(rows), heads, headSize, selfWeights, selfStride)
              return attention.output(mixed, graph)
            case .recurrence(let unit):
              let inputs = unit.projection(input, graph)
              let states = graph.makeTensor(rows, size)
              for r in 0..<rows {
                mt_ssru(
                  states.data + r * size, base + Int(fresh[r]) * size, nil, kept > 0 ? base + Int(index[r]) * size : nil,
                  inputs.data + 2 * r * size, unit.bias.data, 1, Int64(size))
              }
              return states
            }
          },
          crossAttention: { input in
            let query = layer.crossAttention.query(input, graph)
            let mixed = graph.makeTensor(rows, size)
            mt_source_attention(
              mixed.data, query.data, memory, starts, lengths, Int64(rows), heads, headSize,
              crossWeights + number * layerWeights, crossStride)
            return layer.crossAttention.output(mixed, graph)
          })
      }
    }
    return model.decoderNorm?(x, graph) ?? x
  }

  func reorder(_ rows: [Int]) {
    sentences = rows.map { sentences[$0] }
    slots = slots(of: rows)
    lastWeights = nil
  }

  private func slots(of rows: [Int]) -> [Int32] {
    var taken: [Int32] = []
    let width = slotsPerRow
    taken.reserveCapacity(rows.count * width)
    for r in rows { taken.append(contentsOf: slots[r * width..<(r + 1) * width]) }
    return taken
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
    var slots: [Int32] { members.flatMap { $0.state?.slots ?? [] } }
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
      let width = Int(mt_source_attention_weights(Int64(length), 1))
      return (0..<heads).map { head in
        let first = lastWeights.data + (layer * rowCount + r) * lastWeights.stride + head * width
        return Array(UnsafeBufferPointer(start: first, count: length))
      }
    }
  }
}
