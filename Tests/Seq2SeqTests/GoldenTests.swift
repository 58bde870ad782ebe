@testable import Autograd
@testable import Seq2Seq
import Foundation
import Testing

/// Independent numbers for one model: see the script named in `generator`.
struct Golden: Decodable {
  let generator: String
  let loss: Double
  let log_probabilities: [Double]
  let gradients: [String: [Double]]

  init(_ name: String) throws {
    let url = try #require(Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Resources"))
    self = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: url))
  }

  /// Compares loss, log-probabilities and every gradient, relative to the largest of its tensor.
  func check(_ model: any EncoderDecoder) throws {
    let buffer = GradientBuffer(model.parameters)
    let sum = ModelChecks.loss(model, objective: Objective(smoothing: 0.1), gradients: buffer)
    #expect(abs(sum.loss - loss) < 1e-4 * loss)
    let forced = ModelChecks.forcedLogProbabilities(model)
    #expect(forced.count == log_probabilities.count)
    for (a, b) in zip(forced, log_probabilities) { #expect(abs(Double(a) - b) < 1e-5 * (1 + abs(b))) }
    #expect(Set(gradients.keys) == Set(model.parameters.parameters.map(\.name)))
    for p in model.parameters.parameters {
      let expected = try #require(gradients[p.name])
      let got = buffer.gradient(p)
      try #require(expected.count == got.count)
      let scale = expected.map(abs).max()! + 1e-3
      for i in got.indices { #expect(abs(Double(got[i]) - expected[i]) < 2e-4 * scale, "\(p.name)[\(i)]") }
    }
  }
}

@Suite struct GoldenTests {
  @Test("The transformer's loss, log-probabilities and gradients are PyTorch's")
  func transformer() throws {
    var shape = TransformerConfiguration()
    (shape.modelSize, shape.feedForwardSize, shape.heads) = (12, 10, 3)
    (shape.encoderLayers, shape.decoderLayers, shape.activation) = (2, 2, .silu)
    let model = try ModelConfiguration(
      transformer: shape, sourceVocabularySize: 11, targetVocabularySize: 11, embeddings: .all
    ).makeModel()
    ModelChecks.fillByFormula(model.parameters, scale: 0.3)
    try Golden("transformer").check(model)
  }
}
