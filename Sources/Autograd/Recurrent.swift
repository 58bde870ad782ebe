/// What a recurrent layer does at each step. H is its state's width.
public enum RecurrentCell: Sendable {
  /// tanh(x + h·U), Elman 1990.
  case elman
  /// ReLU in place of tanh, with U starting as the identity (Le, Jaitly & Hinton 2015).
  case elmanReLU
  /// r, z = σ(x + h·U), n = tanh(x_n + r·(h·U)_n), h' = (1−z)·n + z·h (Cho et al. 2014, reset after the product).
  case gru
  /// The same with r = 1.
  case gruNoReset
  /// f, i, o = σ(x + h·U), c' = f·c + i·tanh(x_g + (h·U)_g), h' = o·tanh(c') (Hochreiter & Schmidhuber 1997).
  case lstm

  /// Blocks of H columns that the products feed, in this order: GRU reset, update, candidate; without reset update,
  /// candidate; LSTM forget, input, candidate, output.
  public var gates: Int {
    switch self {
    case .elman, .elmanReLU: 1
    case .gruNoReset: 2
    case .gru: 3
    case .lstm: 4
    }
  }

  /// True where a cell state goes from step to step beside h.
  public var hasCellState: Bool { self == .lstm }

  /// Blocks kept for the backward pass.
  var kept: Int {
    switch self {
    case .elman, .elmanReLU: 0
    case .gruNoReset: 2
    case .gru, .lstm: 4
    }
  }
}

/// Recurrent layers as one operation: the products with the recurrent weights run step by step over the rows alive,
/// and their weights' gradient is a single product at the end.
///
/// Rows are time-major: step t holds `batchSizes[t]` rows, one a sentence, longest sentence first, so the rows of a
/// step are a prefix of the rows of the step before. N = Σ batchSizes.
extension Graph {
  /// inputs [N, G·H] = x·W + b of all steps, weight U [H, G·H] → states [N, H] and, for cells that have one, cell
  /// states [N, H]. `initial` and `initialCell` [≥ batchSizes[0], H] are zero where nil. `reversed` runs each sentence
  /// from its last token and needs no initial state. Cost 2·N·G·H² operations forward, twice that backward.
  /// No gradient flows from the cell states returned, which serve stepping.
  public func recurrentLayer(
    _ inputs: Tensor, cell: RecurrentCell, weight: Parameter, initial: Tensor? = nil, initialCell: Tensor? = nil,
    batchSizes: [Int], reversed: Bool = false
  ) -> (states: Tensor, cells: Tensor?) {
    let (hidden, width) = (weight.rows, cell.gates * weight.rows)
    precondition(weight.columns == width && inputs.columns == width, "\(inputs.columns) gates for a state of \(hidden)")
    precondition(!reversed || initial == nil, "a reversed layer starts from zero")
    let steps = TimeSteps(batchSizes)
    precondition(steps.rows == inputs.rows, "steps of \(steps.rows) rows for \(inputs.rows) inputs")
    let trace = CellTrace(
      self, cell, previous: makeTensor(inputs.rows, hidden),
      previousCell: cell.hasCellState ? makeTensor(inputs.rows, hidden) : nil)
    let mark = arena.mark
    let product = StepProduct(self, weight, most: steps.most)
    let u = arena.allocate(Float.self, Tensor.padded(steps.most) * width)
    for t in reversed ? Array((0..<steps.count).reversed()) : Array(0..<steps.count) {
      let (row, rows) = (steps.starts[t], steps.sizes[t])
      trace.handOn(to: trace, steps, t, reversed: reversed, initial: initial, initialCell: initialCell)
      product.multiply(trace.previous, from: row, rows, into: u)
      trace.forward(inputs.data + row * width, u, at: row, rows)
    }
    arena.release(to: mark)
    if isRecording {
      record { [self] in
        guard let dy = incoming(trace.state) else { return }
        let dx = slot(inputs)
        let dInitial = initial.map { zeroedSlot($0) }
        let dInitialCell = initialCell.map { zeroedSlot($0) }
        let mark = arena.mark
        // The kernels overwrite; what must be added goes through scratch.
        let dgates = Tensor(
          rows: inputs.rows, columns: width, data: dx.accumulate ? makeTensor(inputs.rows, width).data : dx.data,
          paddedRows: inputs.paddedRows)
        let du = cell == .gru ? makeTensor(inputs.rows, width) : dgates
        let product = StepProduct(self, weight, transposed: true, most: steps.most)
        let d = arena.allocate(Float.self, steps.most * hidden)
        let p = arena.allocate(Float.self, Tensor.padded(steps.most) * hidden)
        // Gradients carried from step to step. Rows that a step does not have stay zero: theirs end there.
        let carry = zeros(steps.most, hidden).data
        var carryCell = zeros(steps.most, hidden).data
        var nextCell = zeros(steps.most, hidden).data
        for t in reversed ? Array(0..<steps.count) : Array((0..<steps.count).reversed()) {
          let (row, rows) = (steps.starts[t], steps.sizes[t])
          d.update(from: carry, count: rows * hidden)
          mt_add(d, dy + row * hidden, Int64(rows * hidden))
          trace.backward(
            dgates.data + row * width, du.data + row * width, previous: carry, d, cell: carryCell,
            previousCell: nextCell, at: row, rows)
          swap(&carryCell, &nextCell)
          product.multiply(du, from: row, rows, into: p)
          mt_add(carry, p, Int64(rows * hidden))
        }
        if let dInitial { mt_add(dInitial, carry, Int64(steps.most * hidden)) }
        if let dInitialCell { mt_add(dInitialCell, carryCell, Int64(steps.most * hidden)) }
        weightGradient(trace.previous, du, weight)
        if dx.accumulate { mt_add(dx.data, dgates.data, Int64(inputs.count)) }
        arena.release(to: mark)
      }
    }
    return (trace.state, trace.cellState)
  }

  /// dW += xᵀ·d over all rows at once.
  func weightGradient(_ x: Tensor, _ d: Tensor, _ weight: Parameter) {
    let rows = Int64(min(x.paddedRows, d.paddedRows))
    let (inputs, outputs) = (Int64(weight.rows), Int64(weight.columns))
    let (dw, accumulate) = gradients!.slot(weight)
    if bfloat16(weight) != nil {
      let mark = arena.mark
      let x16 = arena.allocate(UInt16.self, Int(rows * inputs))
      let d16 = arena.allocate(UInt16.self, Int(rows * outputs))
      mt_to_bfloat16(x16, x.data, rows * inputs)
      mt_to_bfloat16(d16, d.data, rows * outputs)
      check(mt_matmul_bf16(x16, true, d16, false, dw, inputs, outputs, rows, accumulate))
      arena.release(to: mark)
    } else {
      check(mt_matmul_f32(x.data, true, d.data, false, dw, inputs, outputs, rows, accumulate))
    }
  }
}

/// Where the rows of each step stand.
struct TimeSteps {
  let sizes: [Int]
  let starts: [Int]
  let rows: Int

  init(_ sizes: [Int]) {
    precondition(zip(sizes, sizes.dropFirst()).allSatisfy { $0 >= $1 }, "batch sizes that grow: \(sizes)")
    self.sizes = sizes
    var (starts, sum) = ([Int](), 0)
    for size in sizes {
      starts.append(sum)
      sum += size
    }
    (self.starts, rows) = (starts, sum)
  }

  var count: Int { sizes.count }
  var most: Int { sizes.first ?? 0 }
}

/// A weight that takes part in a product at every step: laid out once, used many times. Its `multiply` may read and
/// write some rows beyond those asked for, up to the padding of a block: the rows after them in x are read, and `y`
/// has room for `Tensor.padded(rows)`.
final class StepProduct {
  private let graph: Graph
  private let weight: Parameter
  private let transposed: Bool
  private let owned: OpaquePointer?
  private let outputs: Int
  private let scratch: UnsafeMutablePointer<UInt8>

  /// Room for `most` rows is taken from the arena.
  init(_ graph: Graph, _ weight: Parameter, transposed: Bool = false, most: Int) {
    (self.graph, self.weight, self.transposed) = (graph, weight, transposed)
    let inputs = transposed ? weight.columns : weight.rows
    outputs = transposed ? weight.rows : weight.columns
    let precision: mt_precision = graph.bfloat16(weight) == nil ? MT_FLOAT32 : MT_BFLOAT16
    owned = graph.isRecording ? mt_pack(weight.data, transposed, Int64(inputs), Int64(outputs), precision) : nil
    scratch = graph.arena.allocate(
      UInt8.self, owned.map { Int(mt_packed_scratch($0, Int64(Tensor.padded(most)))) } ?? 0)
  }

  deinit { if let owned { mt_packed_free(owned) } }

  /// y = x[row ..< row+rows]·W
  func multiply(_ x: Tensor, from row: Int, _ rows: Int, into y: UnsafeMutablePointer<Float>) {
    let padded = min(Tensor.padded(rows), x.paddedRows - row)
    let start = x.data + row * x.columns
    if let owned {
      graph.check(mt_matmul_packed(start, owned, y, Int64(padded), scratch))
    } else {
      graph.multiply(
        Tensor(rows: rows, columns: x.columns, data: start, paddedRows: padded), weight, transposed: transposed,
        into: Tensor(rows: rows, columns: outputs, data: y, paddedRows: padded))
    }
  }
}

/// The states of one cell over all rows, with what its backward pass needs.
final class CellTrace {
  let cell: RecurrentCell
  private let hidden: Int
  /// The states before, [N, H].
  let previous: Tensor
  let previousCell: Tensor?
  /// [N, H]
  let state: Tensor
  let cellState: Tensor?
  private let gates: UnsafeMutablePointer<Float>

  init(_ graph: Graph, _ cell: RecurrentCell, previous: Tensor, previousCell: Tensor?) {
    self.cell = cell
    hidden = previous.columns
    (self.previous, self.previousCell) = (previous, previousCell)
    state = graph.makeTensor(previous.rows, hidden)
    cellState = cell.hasCellState ? graph.makeTensor(previous.rows, hidden) : nil
    gates = graph.arena.allocate(Float.self, previous.rows * hidden * cell.kept)
  }

  /// Fills the states before step t of `next` (this trace itself, or the one a step begins with) from this one's
  /// states at the step run before it, or from the initial ones.
  func handOn(
    to next: CellTrace, _ steps: TimeSteps, _ t: Int, reversed: Bool = false, initial: Tensor?, initialCell: Tensor?
  ) {
    let neighbour = reversed ? t + 1 : t - 1
    let exists = steps.sizes.indices.contains(neighbour)
    let going = exists ? min(steps.sizes[t], steps.sizes[neighbour]) : 0
    func fill(_ out: Tensor, _ from: Tensor, _ initial: Tensor?) {
      let target = out.data + steps.starts[t] * hidden
      if going > 0 { target.update(from: from.data + steps.starts[neighbour] * hidden, count: going * hidden) }
      let rest = (steps.sizes[t] - going) * hidden
      if let initial {
        precondition(initial.rows >= steps.sizes[t], "\(initial.rows) initial states for \(steps.sizes[t]) rows")
        (target + going * hidden).update(from: initial.data + going * hidden, count: rest)
      } else {
        (target + going * hidden).update(repeating: 0, count: rest)
      }
    }
    fill(next.previous, state, initial)
    if let out = next.previousCell, let cellState { fill(out, cellState, initialCell) }
  }

  /// x and u [rows, G·H] are the parts of these rows; the new states land at `row`.
  func forward(_ x: UnsafePointer<Float>, _ u: UnsafePointer<Float>, at row: Int, _ rows: Int) {
    let at = row * hidden
    let (h, p, g) = (state.data + at, previous.data + at, gates + at * cell.kept)
    let (r, size) = (Int64(rows), Int64(hidden))
    switch cell {
    case .elman: mt_elman(h, x, u, r * size, false)
    case .elmanReLU: mt_elman(h, x, u, r * size, true)
    case .gru: mt_gru(h, g, x, u, p, r, size)
    case .gruNoReset: mt_update_gate(h, g, x, u, p, r, size)
    case .lstm: mt_lstm(h, cellState!.data + at, g, x, u, previousCell!.data + at, r, size)
    }
  }

  /// From d, the gradient of these rows' states [rows, H], and `cell`, that of their cell states: the gradients of x,
  /// of u where it differs (GRU), of the states before by the direct path, and of the cell states before.
  func backward(
    _ dx: UnsafeMutablePointer<Float>, _ du: UnsafeMutablePointer<Float>, previous dp: UnsafeMutablePointer<Float>,
    _ d: UnsafePointer<Float>, cell dc: UnsafePointer<Float>, previousCell dpc: UnsafeMutablePointer<Float>,
    at row: Int, _ rows: Int
  ) {
    let at = row * hidden
    let (h, p, g) = (state.data + at, previous.data + at, gates + at * cell.kept)
    let (r, size) = (Int64(rows), Int64(hidden))
    switch cell {
    case .elman: mt_elman_backward(dx, d, h, r * size, false)
    case .elmanReLU: mt_elman_backward(dx, d, h, r * size, true)
    case .gru: mt_gru_backward(dx, du, dp, d, g, p, r, size)
    case .gruNoReset: mt_update_gate_backward(dx, dp, d, g, p, r, size)
    case .lstm:
      mt_lstm_backward(dx, dpc, d, dc, g, cellState!.data + at, previousCell!.data + at, r, size)
    }
    // In these the state before is seen through the product only.
    if cell.kept == 0 || cell == .lstm { dp.update(repeating: 0, count: rows * hidden) }
  }
}
