import Autograd
import NeuralNet

/// Encoder–decoder of recurrent cells: with attention the model of Bahdanau et al. 2015, its decoder conditional as in
/// Nematus and Marian; without, the fixed vector of Sutskever et al. 2014. Its decoder is written once: training
/// runs it over whole sentences, translation one step at a time.
public final class AttentionRNN: EncoderDecoder, @unchecked Sendable {
  public let configuration: ModelConfiguration
  public let parameters: ParameterStore
  let shape: RNNConfiguration
  let cell: RecurrentCell
  let embeddings: EmbeddingTables
  let encoder: [RecurrentEncoderLayer]
  /// Mean of the annotations, or the encoder's last states, to the decoder's first state.
  let start: Linear
  let bottom: RecurrentDecoderBottom
  /// Layers above the first.
  let upper: [RecurrentLayer]
  /// [E + H + C, E] (C only with attention): previous word, state and context to what the output table is asked with.
  let outputHidden: Linear

  /// Declares and allocates all parameters, zeroed: initialise or load them next.
  init(_ configuration: ModelConfiguration, _ shape: RNNConfiguration) {
    self.configuration = configuration
    self.shape = shape
    let cell = RecurrentCell(shape.cell)
    self.cell = cell
    let store = ParameterStore()
    parameters = store
    let (size, hidden) = (shape.embeddingSize, shape.hiddenSize)
    let context = shape.bidirectional ? 2 * hidden : hidden
    embeddings = EmbeddingTables(store, configuration, size: size)
    encoder = (0..<shape.encoderLayers).map {
      RecurrentEncoderLayer(store, "encoder.layers.\($0)", cell, inputs: $0 == 0 ? size : context, shape)
    }
    start = Linear(store, "decoder.start", context, hidden)
    bottom = RecurrentDecoderBottom(store, "decoder.layers.0", cell, context: context, shape)
    upper = (1..<shape.decoderLayers).map {
      RecurrentLayer(store, "decoder.layers.\($0)", cell, inputs: hidden, hidden: hidden)
    }
    outputHidden = Linear(
      store, "decoder.output_hidden", size + hidden + (shape.attention == .none ? 0 : context), size)
    store.allocate()
  }

  // MARK: Encoder

  /// Word vectors of packed rows [N, E]; while learning, words and then columns of a sentence are dropped.
  func embed(_ table: Parameter, _ ids: [Int32], groups: [Int32], _ graph: Graph) -> Tensor {
    var ids = ids
    var scale: Float = 1
    if shape.wordDropout > 0, graph.random != nil {
      var random = RandomGenerator(seed: graph.makeMaskSeed())
      for i in ids.indices where random.uniform() < Double(shape.wordDropout) { ids[i] = -1 }
      scale = 1 / (1 - shape.wordDropout)
    }
    return dropped(graph.embed(table, ids, scale: scale), shape.embeddingDropout, groups: groups, graph)
  }

  /// Dropout whose mask is the same at all steps of a sentence (Gal & Ghahramani 2016).
  func dropped(_ x: Tensor, _ p: Float, groups: [Int32], _ graph: Graph) -> Tensor {
    guard p > 0, graph.random != nil else { return x }
    return graph.dropout(x, p, groups: groups, seed: graph.makeMaskSeed())
  }

  /// What the decoder knows of the sources.
  struct Memory {
    /// [B, H], the state before the first word.
    let start: Tensor
    /// Keys [M, A] and annotations [M, C], sentence after sentence; nil without attention.
    let attention: (keys: Tensor, values: Tensor)?
  }

  func encode(_ source: SequenceBatch, _ graph: Graph) -> Memory {
    let packing = TimeMajorPacking(source)
    var x = embed(embeddings.source, packing.select(source.inputs), groups: packing.sentences, graph)
    var last = (forward: x, backward: Tensor?.none)
    for (number, layer) in encoder.enumerated() {
      if number > 0 { x = dropped(x, shape.hiddenDropout, groups: packing.sentences, graph) }
      last = layer(x, batchSizes: packing.batchSizes, graph)
      let y = last.backward.map { graph.concatenate([last.forward, $0]) } ?? last.forward
      x = number > 0 && shape.residual ? graph.add(x, y) : y
    }
    guard case .attending(let layer) = bottom else {
      // Each direction's last state, where it has seen the whole sentence.
      let ends = (0..<source.count).map { packing.rows[Int(source.offsets[$0 + 1]) - 1] }
      let beginnings = (0..<source.count).map { packing.rows[Int(source.offsets[$0])] }
      let forward = graph.gather(last.forward, ends)
      let summary = last.backward.map { graph.concatenate([forward, graph.gather($0, beginnings)]) } ?? forward
      let vector = dropped(summary, shape.hiddenDropout, groups: Array(0..<Int32(source.count)), graph)
      return Memory(start: start(vector, graph, activation: .tanh), attention: nil)
    }
    let groups = source.positions.indices.map { packing.sentences[Int(packing.rows[$0])] }
    let annotations = dropped(graph.gather(x, packing.rows), shape.hiddenDropout, groups: groups, graph)
    let mean = graph.meanBySentence(annotations, offsets: source.offsets)
    return Memory(
      start: start(mean, graph, activation: .tanh), attention: (layer.keys(annotations, graph), annotations))
  }

  // MARK: Decoder

  /// One layer's state of some rows, [R, H] each.
  struct LayerState {
    let state: Tensor
    let cell: Tensor?
  }

  struct Decoded {
    /// [N, E], what the output table is multiplied with.
    let hidden: Tensor
    /// States of each layer at all rows.
    let layers: [LayerState]
    let attention: (weights: UnsafeMutablePointer<Float>, starts: UnsafeMutablePointer<Int64>)?
  }

  /// Runs the decoder over time-major rows of previous words' vectors [N, E]. `initial` has a row for each row of the
  /// first step, as have `first` and `counts`, which say where their sentences stand in the memory.
  func decode(
    _ words: Tensor, from initial: [LayerState], memory: Memory, first: [Int32], counts: [Int32], batchSizes: [Int],
    groups: [Int32], _ graph: Graph
  ) -> Decoded {
    var states: [LayerState] = []
    var parts = [words]
    var attention: (weights: UnsafeMutablePointer<Float>, starts: UnsafeMutablePointer<Int64>)?
    var x: Tensor
    switch bottom {
    case .attending(let layer):
      guard let (keys, values) = memory.attention else { preconditionFailure("attention to sources without keys") }
      let result = layer(
        words, memory: .init(keys: keys, values: values, first: first, counts: counts), initial: initial[0].state,
        initialCell: initial[0].cell, batchSizes: batchSizes, graph)
      states.append(LayerState(state: result.states, cell: result.cells))
      attention = (result.weights, result.starts)
      x = result.states
      parts.append(result.contexts)
    case .plain(let layer):
      let (state, cell) = layer(
        words, initial: initial[0].state, initialCell: initial[0].cell, batchSizes: batchSizes, graph)
      states.append(LayerState(state: state, cell: cell))
      x = state
    }
    for (layer, initial) in zip(upper, initial.dropFirst()) {
      let input = dropped(x, shape.hiddenDropout, groups: groups, graph)
      let (state, cell) = layer(
        input, initial: initial.state, initialCell: initial.cell, batchSizes: batchSizes, graph)
      states.append(LayerState(state: state, cell: cell))
      x = shape.residual ? graph.add(input, state) : state
    }
    parts.insert(dropped(x, shape.hiddenDropout, groups: groups, graph), at: 1)
    let hidden = outputHidden(graph.concatenate(parts), graph, activation: .tanh)
    return Decoded(
      hidden: dropped(hidden, shape.outputDropout, groups: groups, graph), layers: states, attention: attention)
  }

  /// All layers start alike; a cell state starts as the state does, as in Marian.
  func initialStates(_ start: Tensor) -> [LayerState] {
    (0..<shape.decoderLayers).map { _ in LayerState(state: start, cell: cell.hasCellState ? start : nil) }
  }

  /// What predicts each target token, teacher-forced, in the order of the packing: [N, E].
  private func decode(
    _ target: SequenceBatch, packing: TimeMajorPacking, source: SequenceBatch, _ graph: Graph
  ) -> Tensor {
    let memory = encode(source, graph)
    let words = embed(embeddings.target, packing.select(target.shifted), groups: packing.sentences, graph)
    let start = graph.gather(memory.start, packing.order.map { Int32($0) })
    return decode(
      words, from: initialStates(start), memory: memory, first: packing.order.map { source.offsets[$0] },
      counts: packing.order.map { Int32(source.length($0)) }, batchSizes: packing.batchSizes, groups: packing.sentences,
      graph
    ).hidden
  }

  public func predictors(
    source: SequenceBatch, target: SequenceBatch, graph: Graph
  ) -> (states: Tensor, labels: [Int32]) {
    let packing = TimeMajorPacking(target)
    return (decode(target, packing: packing, source: source, graph), packing.select(target.ids))
  }

  public var outputLayer: (weight: Parameter, bias: Parameter) { (embeddings.output, embeddings.outputBias) }

  public func logProbabilities(source: SequenceBatch, target: SequenceBatch, graph: Graph) -> [Float] {
    let packing = TimeMajorPacking(target)
    let h = decode(target, packing: packing, source: source, graph)
    let scores = graph.labelLogProbabilities(
      h, embeddings.output, bias: embeddings.outputBias, transposed: true, labels: packing.select(target.ids))
    return packing.rows.map { scores[Int($0)] }
  }

  public func startDecoding(_ sources: SequenceBatch, workspace: Workspace) -> any DecoderState {
    AttentionRNNDecoderState(self, sources, workspace)
  }

  public var productWeights: [(parameter: Parameter, transposed: Bool)] {
    parameters.parameters.filter { p in
      p.rows > 1 && ![embeddings.source, embeddings.target, embeddings.output].contains { $0 === p }
    }.map { ($0, false) } + [(embeddings.output, true)]
  }
}

extension RecurrentCell {
  init(_ kind: CellKind) {
    switch kind {
    case .elman: self = .elman
    case .elmanReLU: self = .elmanReLU
    case .gru: self = .gru
    case .gruNoReset: self = .gruNoReset
    case .lstm: self = .lstm
    }
  }
}

/// The decoder's first layer: around attention, or a plain one.
enum RecurrentDecoderBottom {
  case attending(ConditionalLayer)
  case plain(RecurrentLayer)

  init(_ store: ParameterStore, _ name: String, _ cell: RecurrentCell, context: Int, _ shape: RNNConfiguration) {
    switch shape.attention {
    case .none:
      self = .plain(RecurrentLayer(store, name, cell, inputs: shape.embeddingSize, hidden: shape.hiddenSize))
    case .additive, .dot:
      self = .attending(
        ConditionalLayer(
          store, name, cell, inputs: shape.embeddingSize, hidden: shape.hiddenSize, context: context,
          attention: shape.attentionSize, additive: shape.attention == .additive))
    }
  }
}

/// One encoder layer, in one direction or both.
struct RecurrentEncoderLayer {
  let forward: RecurrentLayer
  let backward: RecurrentLayer?

  init(_ store: ParameterStore, _ name: String, _ cell: RecurrentCell, inputs: Int, _ shape: RNNConfiguration) {
    forward = RecurrentLayer(store, "\(name).forward", cell, inputs: inputs, hidden: shape.hiddenSize)
    backward = shape.bidirectional
      ? RecurrentLayer(store, "\(name).backward", cell, inputs: inputs, hidden: shape.hiddenSize) : nil
  }

  /// x [N, in] → states [N, H] of each direction.
  func callAsFunction(_ x: Tensor, batchSizes: [Int], _ graph: Graph) -> (forward: Tensor, backward: Tensor?) {
    (
      forward(x, batchSizes: batchSizes, graph).states,
      backward.map { $0(x, batchSizes: batchSizes, reversed: true, graph).states }
    )
  }
}

/// A batch laid out step by step: all first tokens, all second tokens …, sentences in falling order of length, so
/// that the sentences still alive are a prefix.
struct TimeMajorPacking {
  /// [B], sentences by falling length, equal ones in their order.
  let order: [Int]
  /// Rows of each step.
  let batchSizes: [Int]
  /// [N], the place in the batch's ids of each row.
  let places: [Int32]
  /// [N], the sentence of each row.
  let sentences: [Int32]
  /// [N], the row of each place.
  let rows: [Int32]

  init(_ batch: SequenceBatch) {
    let lengths = (0..<batch.count).map { batch.length($0) }
    precondition(lengths.allSatisfy { $0 > 0 }, "a sentence without even its end symbol")
    let order = lengths.indices.sorted { (-lengths[$0], $0) < (-lengths[$1], $1) }
    var (sizes, places, sentences) = ([Int](), [Int32](), [Int32]())
    places.reserveCapacity(batch.tokenCount)
    sentences.reserveCapacity(batch.tokenCount)
    var alive = batch.count
    for t in 0..<(lengths.max() ?? 0) {
      while lengths[order[alive - 1]] <= t { alive -= 1 }
      sizes.append(alive)
      for b in order[..<alive] {
        places.append(batch.offsets[b] + Int32(t))
        sentences.append(Int32(b))
      }
    }
    var rows = [Int32](repeating: 0, count: places.count)
    for (row, place) in places.enumerated() { rows[Int(place)] = Int32(row) }
    (self.order, batchSizes) = (order, sizes)
    (self.places, self.sentences, self.rows) = (places, sentences, rows)
  }

  /// Values given in the batch's order, in the order of the rows.
  func select(_ values: [Int32]) -> [Int32] { places.map { values[Int($0)] } }
}
