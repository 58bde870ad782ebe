import Autograd
import Foundation
import Seq2Seq
import TestSupport
import TextProcessing
import Testing

@testable import Translation

@Suite struct ModelDirectoryTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  static func configuration(_ embeddings: EmbeddingTying, modelSize: Int = 12) -> ModelConfiguration {
    var shape = TransformerConfiguration()
    (shape.modelSize, shape.feedForwardSize, shape.heads) = (modelSize, 20, 2)
    (shape.encoderLayers, shape.decoderLayers, shape.maximumLength) = (1, 1, 30)
    return ModelConfiguration(
      transformer: shape, sourceVocabularySize: 17, targetVocabularySize: embeddings == .all ? 17 : 23,
      embeddings: embeddings)
  }

  static func save(
    _ embeddings: EmbeddingTying, _ precision: Precision, in url: URL
  ) throws -> (ModelDescription, any EncoderDecoder) {
    let description = ModelDescription(
      sourceLanguage: "fr", targetLanguage: "en-GB", precision: precision, model: configuration(embeddings),
      training: ["updates": "12"])
    let model = try description.model.makeModel()
    model.parameters.initialize(seed: 3)
    try ModelDirectory(url).save(description, model)
    return (description, model)
  }

  @Test("a saved model is read back", arguments: EmbeddingTying.allCases, Precision.allCases)
  func roundTrip(embeddings: EmbeddingTying, precision: Precision) throws {
    let url = directory.url.appendingPathComponent("deep/model")
    let (description, model) = try ModelDirectoryTests.save(embeddings, precision, in: url)
    let read = try ModelDirectory(url).readDescription()
    #expect(read == description)
    let copy = try ModelDirectory(url).readModel(read)
    for (a, b) in zip(model.parameters.parameters, copy.parameters.parameters) {
      let largest = a.buffer.map(abs).max() ?? 0
      let tolerance: Float = switch precision {
      case .float32: 0
      case .bfloat16: a.rows == 1 ? 0 : largest / 256
      case .int8: a.rows == 1 ? 0 : largest / 250
      }
      #expect(zip(a.buffer, b.buffer).allSatisfy { abs($0 - $1) <= tolerance }, "\(a.name)")
      #expect(a.rows == 1 || precision == .float32 || !a.buffer.elementsEqual(b.buffer), "\(a.name)")
    }
  }

  @Test("a description of a far larger model than the weights are of is refused before memory is asked for")
  func foreignSizes() throws {
    var (description, _) = try ModelDirectoryTests.save(.all, .int8, in: directory.url)
    description.model = ModelDirectoryTests.configuration(.all, modelSize: 4096)
    let error = #expect(throws: ModelError.self) { try ModelDirectory(directory.url).readModel(description) }
    #expect(error?.file.hasSuffix("model.safetensors") == true && error?.problem.contains("config.json has 1") == true)
  }

  @Test("a directory in a file's place is called so")
  func directoryAsFile() throws {
    let model = ModelDirectory(directory.url)
    try OutputDirectory.make(model.configuration)
    let error = #expect(throws: ModelError.self) { try model.readDescription() }
    #expect(error?.problem == "cannot be read: is a directory")
  }

  @Test("neither a model nor a card is written over")
  func vacant() throws {
    let output = ModelDirectory(directory.url.appendingPathComponent("small"))
    try TinyModel.save(to: directory.url.appendingPathComponent("model"))
    try OutputDirectory.make(output.url)
    try Data("mine".utf8).write(to: output.card)
    let model = ModelDirectory(directory.url.appendingPathComponent("model"))
    #expect(throws: ModelError(file: output.card.path, problem: "exists already; give a directory without a model")) {
      try model.write(to: output.url, precision: .int8)
    }
    #expect(try Data(contentsOf: output.card) == Data("mine".utf8) && !output.exists)
    try FileManager.default.removeItem(at: output.card)
    try model.write(to: output.url, precision: .int8)
    #expect(throws: ModelError.self) { try model.write(to: output.url, precision: .float32) }
  }

  @Test("weights of another model are refused, naming the tensor")
  func foreignWeights() throws {
    let model = ModelDirectory(directory.url)
    var (description, _) = try ModelDirectoryTests.save(.all, .float32, in: directory.url)
    description.model = ModelDirectoryTests.configuration(.all, modelSize: 14)
    #expect(throws: ModelError.self) { try model.readModel(description) }
    do {
      _ = try model.readModel(description)
    } catch let error as ModelError {
      #expect(error.item?.hasPrefix("tensor ") == true)
      #expect(error.problem == "has shape [17, 12]; expected [17, 14]")
    }
    description.model = ModelDirectoryTests.configuration(.all)
    description.model.transformer?.decoderLayers = 2
    #expect(throws: ModelError.self) { try model.readModel(description) }
    // Fewer layers than the file: its surplus tensors do not go unnoticed.
    description.model.transformer?.decoderLayers = 1
    description.model.transformer?.finalNormalization = false
    var writer = SafetensorsWriter()
    writer.add("surplus", .float32, [4000]) { Data(repeating: 0, count: 16000) }
    try writer.write(to: model.weights)
    #expect(throws: ModelError.self) { try model.readModel(description) }
  }

  @Test("a weight that is not a number is refused")
  func notFinite() throws {
    let (description, model) = try ModelDirectoryTests.save(.none, .float32, in: directory.url)
    model.parameters.parameters[1].buffer[5] = .nan
    try ModelDirectory(directory.url).save(description, model)
    #expect(throws: ModelError.self) { try ModelDirectory(directory.url).readModel(description) }
  }

  func configurationProblem(_ change: (inout String) -> Void) throws -> String {
    _ = try ModelDirectoryTests.save(.all, .float32, in: directory.url)
    let url = ModelDirectory(directory.url).configuration
    var text = try String(contentsOf: url, encoding: .utf8)
    change(&text)
    try Data(text.utf8).write(to: url)
    do {
      _ = try ModelDirectory(directory.url).readDescription()
      return "accepted"
    } catch let error as ModelError {
      return error.description.replacingOccurrences(of: url.path, with: "F")
    }
  }

  @Test("config.json must say everything, rightly, and nothing else")
  func strictConfiguration() throws {
    #expect(try configurationProblem { _ in } == "accepted")
    #expect(try configurationProblem { $0 = $0.replacingOccurrences(of: "\"heads\"", with: "\"haeds\"") }
      == "F: model.transformer.heads: is missing")
    #expect(try configurationProblem { $0 = $0.replacingOccurrences(of: "\"heads\"", with: "\"x\" : 1, \"heads\"") }
      == "F: model.transformer.x: is not a known key")
    #expect(try configurationProblem { $0 = $0.replacingOccurrences(of: "\"heads\" : 2", with: "\"heads\" : \"2\"") }
      == "F: model.transformer.heads: is not of type Int")
    // Foundation says no more of these than that something is wrong; a truth value stands before them.
    for number in ["2.5", "1e30"] {
      #expect(try configurationProblem { $0 = $0.replacingOccurrences(of: "\"heads\" : 2", with: "\"heads\" : \(number)") }
        == "F: model.transformer.heads: is not a whole number, or out of range")
    }
    #expect(try configurationProblem { $0 = $0.replacingOccurrences(of: "\"heads\" : 2", with: "\"heads\" : 5") }
      .hasPrefix("F: model.transformer.model_size: 12 is not"))
    #expect(try configurationProblem { $0 = $0.replacingOccurrences(of: "\"fr\"", with: "\"French!\"") }
      .hasPrefix("F: source_language: \"French!\" is not a language tag"))
    #expect(try configurationProblem { $0 = $0.replacingOccurrences(of: "\"format_version\" : 1", with: "\"format_version\" : 9") }
      == "F: format_version: is 9; this program reads version 1")
    #expect(try configurationProblem { $0 = String($0.dropLast(9)) } == "F: is not JSON, or a number in it is out of range")
    #expect(throws: ModelError(file: "/nowhere", problem: "no such model directory")) {
      try ModelDirectory(URL(fileURLWithPath: "/nowhere")).readDescription()
    }
  }
}
