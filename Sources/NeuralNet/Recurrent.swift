import Autograd

/// How the weights of a cell start.
extension RecurrentCell {
  /// Of recurrent matrices: orthogonal, but the identity for the ReLU cell (Le, Jaitly & Hinton 2015).
  var recurrentStart: Initialization { self == .elmanReLU ? .identity : .orthogonal }

  /// Of biases over `hidden` units: zero, but one for an LSTM's forget gates.
  func biasStart(_ hidden: Int) -> Initialization { self == .lstm ? .leadingOnes(hidden) : .zeros }
}

/// The simpler simple recurrent unit (Kim et al. 2019): what a decoder may have in place of self-attention. One product for
/// all steps, and between steps nothing but an element-wise gate, so that a step costs the same however long the output.
public struct SimpleRecurrentUnit {
  /// [D, 2D]: candidate and forget gate side by side.
  public let weight: Parameter
  /// [1, D], the forget gate's; the candidate has none.
  public let bias: Parameter

  /// Declares `name.weight` and `name.bias`.
  public init(_ store: ParameterStore, _ name: String, size: Int) {
    weight = store.declare("\(name).weight", size, 2 * size, .glorot(parts: 2))
    bias = store.declare("\(name).bias", 1, size, .zeros)
  }

  /// What the recurrence takes of x [N, D]: [N, 2D].
  public func projection(_ x: Tensor, _ graph: Graph) -> Tensor { graph.linear(x, weight) }

  /// x [N, D], sentences at `offsets` [B+1] → [N, D].
  public func callAsFunction(_ x: Tensor, offsets: [Int32], _ graph: Graph) -> Tensor {
    graph.simpleRecurrence(projection(x, graph), bias: bias, offsets: offsets)
  }
}

/// A recurrent layer with its input projection: x [N, in] time-major → states [N, H].
public struct RecurrentLayer {
  /// [in, G·H] and [1, G·H]
  public let weight: Parameter
  public let bias: Parameter
  /// [H, G·H]
  public let recurrent: Parameter
  let cell: RecurrentCell

  /// Declares `name.weight`, `name.bias` and `name.recurrent`.
  public init(_ store: ParameterStore, _ name: String, _ cell: RecurrentCell, inputs: Int, hidden: Int) {
    weight = store.declare("\(name).weight", inputs, cell.gates * hidden, .glorot(parts: cell.gates))
    bias = store.declare("\(name).bias", 1, cell.gates * hidden, cell.biasStart(hidden))
    recurrent = store.declare("\(name).recurrent", hidden, cell.gates * hidden, cell.recurrentStart)
    self.cell = cell
  }

  public func callAsFunction(
    _ x: Tensor, initial: Tensor? = nil, initialCell: Tensor? = nil, batchSizes: [Int], reversed: Bool = false,
    _ graph: Graph
  ) -> (states: Tensor, cells: Tensor?) {
    graph.recurrentLayer(
      graph.linear(x, weight, bias), cell: cell, weight: recurrent, initial: initial, initialCell: initialCell,
      batchSizes: batchSizes, reversed: reversed)
  }
}

/// A decoder layer with attention between two cells: x [N, in] time-major → states [N, H] and contexts [N, C].
public struct ConditionalLayer {
  /// [in, G·H] and [1, G·H], the first cell's input.
  public let weight: Parameter
  public let bias: Parameter
  public let inner: Graph.ConditionalWeights
  /// [C, A] and [1, A]: annotations to keys.
  public let key: Linear
  let cell: RecurrentCell

  /// Declares the parameters under `name`. `additive`: Bahdanau's energies, else scaled dot products.
  public init(
    _ store: ParameterStore, _ name: String, _ cell: RecurrentCell, inputs: Int, hidden: Int, context: Int,
    attention: Int, additive: Bool
  ) {
    let width = cell.gates * hidden
    weight = store.declare("\(name).first.weight", inputs, width, .glorot(parts: cell.gates))
    bias = store.declare("\(name).first.bias", 1, width, cell.biasStart(hidden))
    let first = store.declare("\(name).first.recurrent", hidden, width, cell.recurrentStart)
    let query = store.declare("\(name).attention.query", hidden, attention, .glorot())
    key = Linear(store, "\(name).attention.key", context, attention)
    let energy = additive ? store.declare("\(name).attention.energy", 1, attention, .glorot()) : nil
    let input = store.declare("\(name).second.weight", context, width, .glorot(parts: cell.gates))
    let secondBias = store.declare("\(name).second.bias", 1, width, cell.biasStart(hidden))
    let second = store.declare("\(name).second.recurrent", hidden, width, cell.recurrentStart)
    inner = .init(first: first, second: second, secondBias: secondBias, context: input, query: query, energy: energy)
    self.cell = cell
  }

  /// The keys of annotations [M, C] → [M, A].
  public func keys(_ annotations: Tensor, _ graph: Graph) -> Tensor { key(annotations, graph) }

  public func callAsFunction(
    _ x: Tensor, memory: Graph.AttentionMemory, initial: Tensor, initialCell: Tensor?, batchSizes: [Int], _ graph: Graph
  ) -> Graph.ConditionalStates {
    graph.conditionalRecurrence(
      graph.linear(x, weight, bias), cell: cell, weights: inner, memory: memory, initial: initial,
      initialCell: initialCell, batchSizes: batchSizes)
  }
}
