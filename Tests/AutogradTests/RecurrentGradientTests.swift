@testable import Autograd
import Foundation
import Testing

/// Three sentences of 4, 2 and 1 tokens: rows alive at each step.
private let batchSizes = [3, 2, 1, 1]
private let cells: [RecurrentCell] = [.elman, .elmanReLU, .gru, .gruNoReset, .lstm]

@Suite struct RecurrentGradientTests {
  @Test("Gradients of a recurrent layer agree with finite differences, from a given state", arguments: cells)
  func layer(_ cell: RecurrentCell) {
    let width = 5 * cell.gates
    var check = GradientCheck(
      inputs: [(7, width), (3, 5), (3, 5)], parameters: makeStore([("recurrent", 5, width)]))
    check.step = 4e-3
    let worst = check.worst { [store = check.parameters] graph, x in
      graph.recurrentLayer(
        x[0], cell: cell, weight: store["recurrent"]!, initial: x[1], initialCell: cell.hasCellState ? x[2] : nil,
        batchSizes: batchSizes
      ).states
    }
    #expect(worst < 0.02)
  }

  @Test("Gradients agree for inputs read by both directions", arguments: cells)
  func bothDirections(_ cell: RecurrentCell) {
    let width = 3 * cell.gates
    var check = GradientCheck(
      inputs: [(7, width)], parameters: makeStore([("ahead", 3, width), ("back", 3, width)]))
    check.step = 4e-3
    let worst = check.worst { [store = check.parameters] graph, x in
      graph.concatenate([
        graph.recurrentLayer(x[0], cell: cell, weight: store["ahead"]!, batchSizes: batchSizes).states,
        graph.recurrentLayer(x[0], cell: cell, weight: store["back"]!, batchSizes: batchSizes, reversed: true).states,
      ])
    }
    #expect(worst < 0.02)
  }

  @Test("Gradients of the conditional recurrence agree with finite differences", arguments: cells, [true, false])
  func conditional(_ cell: RecurrentCell, additive: Bool) {
    let width = 3 * cell.gates
    // Inputs, initial state and cell state, keys and values of nine source tokens in three sentences.
    var check = GradientCheck(
      inputs: [(7, width), (3, 3), (3, 3), (9, 4), (9, 5)],
      parameters: makeStore([
        ("first", 3, width), ("second", 3, width), ("bias", 1, width), ("context", 5, width), ("query", 3, 4),
        ("energy", 1, 4),
      ]))
    check.step = 4e-3
    let worst = check.worst { [store = check.parameters] graph, x in
      let weights = Graph.ConditionalWeights(
        first: store["first"]!, second: store["second"]!, secondBias: store["bias"]!, context: store["context"]!,
        query: store["query"]!, energy: additive ? store["energy"]! : nil)
      let result = graph.conditionalRecurrence(
        x[0], cell: cell, weights: weights,
        memory: .init(keys: x[3], values: x[4], first: [4, 0, 3], counts: [5, 3, 1]), initial: x[1],
        initialCell: cell.hasCellState ? x[2] : nil, batchSizes: batchSizes)
      return graph.concatenate([result.states, result.contexts])
    }
    #expect(worst < 0.02)
  }

  @Test("The SSRU computes what its paper says, each sentence from zero")
  func simpleRecurrence() {
    let store = makeStore([("b", 1, 5)])
    let bias = store["b"]!
    var random = RandomGenerator(seed: 9)
    let values = (0..<(6 * 10)).map { _ in Float(random.gaussian()) }
    let graph = Graph(arena: Arena())
    let result = graph.simpleRecurrence(graph.makeTensor(6, 10, values), bias: bias, offsets: [0, 4, 6]).array
    for j in 0..<5 {
      var cell = 0.0
      for t in 0..<6 {
        if t == 4 { cell = 0 }
        let gate = 1 / (1 + exp(-Double(values[t * 10 + 5 + j] + bias.data[j])))
        cell = gate * cell + (1 - gate) * Double(values[t * 10 + j])
        #expect(abs(Double(result[t * 5 + j]) - max(cell, 0)) < 1e-5)
      }
    }
    #expect(result.contains(0) && result.contains { $0 > 0.1 })
  }

  @Test("A layer run in pieces, from the states it left, gives what it gives in one", arguments: cells)
  func pieces(_ cell: RecurrentCell) {
    let width = 4 * cell.gates
    let store = makeStore([("recurrent", 4, width)])
    var random = RandomGenerator(seed: 2)
    let values = (0..<(6 * width)).map { _ in Float(random.gaussian()) }
    let graph = Graph(arena: Arena())
    let x = graph.makeTensor(6, width, values)
    let whole = graph.recurrentLayer(x, cell: cell, weight: store["recurrent"]!, batchSizes: [2, 2, 2]).states.array
    var (pieces, state, cells) = ([Float](), Tensor?.none, Tensor?.none)
    for t in 0..<3 {
      let input = graph.makeTensor(2, width, Array(values[(2 * t * width)..<(2 * (t + 1) * width)]))
      let result = graph.recurrentLayer(
        input, cell: cell, weight: store["recurrent"]!, initial: state, initialCell: cells, batchSizes: [2])
      (state, cells) = (result.states, result.cells)
      pieces += result.states.array
    }
    #expect(pieces == whole)
  }
}
