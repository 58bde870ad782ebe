/// The decoder loop of attention models as one operation, in the shape of Nematus and Marian (Sennrich et al. 2017):
/// a cell on the previous word, attention with its state, a second cell on the context.
extension Graph {
  /// Weights inside the loop. H: state, A: attention, C: context, G: gates of the cell.
  public struct ConditionalWeights {
    /// [H, G·H], of the first cell.
    public let first: Parameter
    /// [H, G·H] and [1, G·H], of the second cell; the bias stands with the recurrent part, inside the reset gate.
    public let second: Parameter
    public let secondBias: Parameter
    /// [C, G·H], the second cell's input.
    public let context: Parameter
    /// [H, A]
    public let query: Parameter
    /// v [1, A] of additive attention (Bahdanau et al. 2015), e = v·tanh(q + k); nil: scaled dot product, q·k/√A.
    public let energy: Parameter?

    public init(
      first: Parameter, second: Parameter, secondBias: Parameter, context: Parameter, query: Parameter,
      energy: Parameter?
    ) {
      (self.first, self.second, self.secondBias) = (first, second, secondBias)
      (self.context, self.query, self.energy) = (context, query, energy)
    }
  }

  /// What rows attend to: keys [M, A], values [M, C]; the sentence at row r of a step has the rows
  /// first[r] ..< first[r] + counts[r] of both.
  public struct AttentionMemory {
    public let keys: Tensor
    public let values: Tensor
    public let first: [Int32]
    public let counts: [Int32]

    public init(keys: Tensor, values: Tensor, first: [Int32], counts: [Int32]) {
      (self.keys, self.values, self.first, self.counts) = (keys, values, first, counts)
    }
  }

  public struct ConditionalStates {
    /// [N, H]
    public let states: Tensor
    /// [N, H] for cells that have one; no gradient flows from here.
    public let cells: Tensor?
    /// [N, C]
    public let contexts: Tensor
    /// Row n's weights start at `starts[n]`; valid as long as the tensors.
    public let weights: UnsafeMutablePointer<Float>
    public let starts: UnsafeMutablePointer<Int64>
  }

  /// inputs [N, G·H] = embeddings·W + b of all steps, time-major as in `recurrentLayer`; initial [≥ batchSizes[0], H].
  /// s' = cell(inputs, s), c = attention(s'·query), s = cell(c·context, s').
  public func conditionalRecurrence(
    _ inputs: Tensor, cell: RecurrentCell, weights w: ConditionalWeights, memory: AttentionMemory, initial: Tensor,
    initialCell: Tensor? = nil, batchSizes: [Int]
  ) -> ConditionalStates {
    let (hidden, width) = (w.first.rows, cell.gates * w.first.rows)
    let (attentionSize, contextSize) = (memory.keys.columns, memory.values.columns)
    let steps = TimeSteps(batchSizes)
    precondition(steps.rows == inputs.rows, "steps of \(steps.rows) rows for \(inputs.rows) inputs")
    precondition(inputs.columns == width, "\(inputs.columns) gates for a state of \(hidden)")
    precondition(
      w.query.columns == attentionSize && w.context.rows == contextSize,
      "query and context weights \([w.query.columns, w.context.rows]) for memory \([attentionSize, contextSize])")
    precondition(memory.first.count >= steps.most && memory.counts.count >= steps.most, "rows without a memory")
    precondition(!cell.hasCellState || initialCell != nil, "an initial state without its cell state")
    let (firsts, counts) = (copied(memory.first), copied(memory.counts))
    let longest = Int(memory.counts.max() ?? 0)
    let starts = arena.allocate(Int64.self, inputs.rows)
    var total = 0
    for t in 0..<steps.count {
      for r in 0..<steps.sizes[t] {
        starts[steps.starts[t] + r] = Int64(total)
        total += Int(memory.counts[r])
      }
    }
    let attention = arena.allocate(Float.self, total)
    let contexts = makeTensor(inputs.rows, contextSize)
    let queries = makeTensor(inputs.rows, attentionSize)
    let one = CellTrace(
      self, cell, previous: makeTensor(inputs.rows, hidden),
      previousCell: cell.hasCellState ? makeTensor(inputs.rows, hidden) : nil)
    let two = CellTrace(self, cell, previous: one.state, previousCell: one.cellState)
    let (a, c) = (Int64(attentionSize), Int64(contextSize))

    let mark = arena.mark
    do {
      let (most, padded) = (steps.most, Tensor.padded(steps.most))
      let recurrent = StepProduct(self, w.first, most: most)
      let query = StepProduct(self, w.query, most: most)
      let second = StepProduct(self, w.second, most: most)
      let context = StepProduct(self, w.context, most: most)
      let u = arena.allocate(Float.self, padded * width)
      let x = arena.allocate(Float.self, padded * width)
      let q = arena.allocate(Float.self, padded * attentionSize)
      for t in 0..<steps.count {
        let (row, rows) = (steps.starts[t], steps.sizes[t])
        let r = Int64(rows)
        // The second cell's states are the ones that go on to the next step.
        two.handOn(to: one, steps, t, initial: initial, initialCell: initialCell)
        recurrent.multiply(one.previous, from: row, rows, into: u)
        one.forward(inputs.data + row * width, u, at: row, rows)
        query.multiply(one.state, from: row, rows, into: q)
        (queries.data + row * attentionSize).update(from: q, count: rows * attentionSize)
        let ctx = contexts.data + row * contextSize
        if let energy = w.energy {
          mt_additive_attention(
            ctx, attention, starts + row, q, memory.keys.data, memory.values.data, energy.data, firsts, counts, r, a, c)
        } else {
          mt_dot_attention(
            ctx, attention, starts + row, q, memory.keys.data, memory.values.data, firsts, counts, r, a, c)
        }
        context.multiply(contexts, from: row, rows, into: x)
        second.multiply(one.state, from: row, rows, into: u)
        mt_bias_activation(u, w.secondBias.data, u, r, Int64(width), MT_IDENTITY)
        two.forward(x, u, at: row, rows)
      }
    }
    arena.release(to: mark)
    let result = ConditionalStates(
      states: two.state, cells: two.cellState, contexts: contexts, weights: attention, starts: starts)
    if isRecording {
      record { [self] in
        let (dStates, dContexts) = (incoming(two.state), incoming(contexts))
        guard dStates != nil || dContexts != nil else { return }
        let dx = slot(inputs)
        let (dkeys, dvalues) = (zeroedSlot(memory.keys), zeroedSlot(memory.values))
        let dInitial = zeroedSlot(initial)
        let dInitialCell = initialCell.map { zeroedSlot($0) }
        let denergy = w.energy.map { gradients!.zeroedSlot($0) }
        let mark = arena.mark
        let (n, most, padded) = (inputs.rows, steps.most, Tensor.padded(steps.most))
        let dx1 = Tensor(
          rows: n, columns: width, data: dx.accumulate ? makeTensor(n, width).data : dx.data,
          paddedRows: inputs.paddedRows)
        let du1 = cell == .gru ? makeTensor(n, width) : dx1
        let dx2 = makeTensor(n, width)
        let du2 = cell == .gru ? makeTensor(n, width) : dx2
        let dq = zeros(n, attentionSize)
        let recurrent = StepProduct(self, w.first, transposed: true, most: most)
        let query = StepProduct(self, w.query, transposed: true, most: most)
        let second = StepProduct(self, w.second, transposed: true, most: most)
        let context = StepProduct(self, w.context, transposed: true, most: most)
        let d = arena.allocate(Float.self, most * hidden)
        let p = arena.allocate(Float.self, padded * max(hidden, contextSize))
        let scratch = arena.allocate(Float.self, longest)
        // Gradients on their way to the step before, and to the first cell; rows a step does not have stay zero.
        let (carry, carryCell) = (zeros(most, hidden).data, zeros(most, hidden).data)
        let (middle, middleCell) = (zeros(most, hidden).data, zeros(most, hidden).data)
        for t in (0..<steps.count).reversed() {
          let (row, rows) = (steps.starts[t], steps.sizes[t])
          let (r, stateCount) = (Int64(rows), Int64(rows * hidden))
          d.update(from: carry, count: rows * hidden)
          if let dStates { mt_add(d, dStates + row * hidden, stateCount) }
          two.backward(
            dx2.data + row * width, du2.data + row * width, previous: middle, d, cell: carryCell,
            previousCell: middleCell, at: row, rows)
          context.multiply(dx2, from: row, rows, into: p)
          if let dContexts { mt_add(p, dContexts + row * contextSize, Int64(rows * contextSize)) }
          let dqueries = dq.data + row * attentionSize
          let (q, k, v) = (queries.data + row * attentionSize, memory.keys.data, memory.values.data)
          if let energy = w.energy {
            mt_additive_attention_backward(
              dqueries, dkeys, dvalues, denergy, p, attention, starts + row, q, k, v, energy.data, firsts, counts, r, a,
              c, scratch)
          } else {
            mt_dot_attention_backward(
              dqueries, dkeys, dvalues, p, attention, starts + row, q, k, v, firsts, counts, r, a, c, scratch)
          }
          second.multiply(du2, from: row, rows, into: p)
          mt_add(middle, p, stateCount)
          query.multiply(dq, from: row, rows, into: p)
          mt_add(middle, p, stateCount)
          one.backward(
            dx1.data + row * width, du1.data + row * width, previous: carry, middle, cell: middleCell,
            previousCell: carryCell, at: row, rows)
          recurrent.multiply(du1, from: row, rows, into: p)
          mt_add(carry, p, stateCount)
        }
        mt_add(dInitial, carry, Int64(most * hidden))
        if let dInitialCell { mt_add(dInitialCell, carryCell, Int64(most * hidden)) }
        weightGradient(one.previous, du1, w.first)
        weightGradient(one.state, dq, w.query)
        weightGradient(one.state, du2, w.second)
        weightGradient(contexts, dx2, w.context)
        mt_column_sum(du2.data, gradients!.zeroedSlot(w.secondBias), Int64(n), Int64(width))
        if dx.accumulate { mt_add(dx.data, dx1.data, Int64(inputs.count)) }
        arena.release(to: mark)
      }
    }
    return result
  }
}
