import Foundation
import TestSupport
import Translation

@testable import Interchange

/// The models that Marian made for `Scripts/golden-models/marian-native.py`, and what it said about them.
struct MarianModels: Decodable {
  struct Model: Decodable {
    struct Output: Decodable {
      var pieces: [String]
      /// With the end symbol's where it was reached.
      var scores: [Double]
    }

    var source_vocabulary: String
    var target_vocabulary: String
    /// log P of each target token of each pair, with the end symbol's.
    var scores: [[Double]]
    var greedy: [Output]
  }

  var pairs: [[String]]
  var models: [String: Model]

  static func load() throws -> MarianModels {
    try JSONDecoder().decode(MarianModels.self, from: TinyMarian.resource("marian-native.json"))
  }

  static func url(_ name: String) -> URL {
    Bundle.module.bundleURL.appendingPathComponent("Resources").appendingPathComponent(name)
  }

  /// A model file of float32 numbers, changed: what it holds, as a writer takes it.
  static func tensors(_ file: MarianFile) throws -> [(name: String, shape: [Int], values: [Float])] {
    try file.tensors.keys.sorted().filter { $0 != MarianFile.configurationName }.map { name in
      guard let tensor = file.tensors[name] else { return (name, [], []) }
      return (name, tensor.shape, try file.values(name, shape: tensor.shape))
    }
  }

  static func write(
    _ tensors: [(name: String, shape: [Int], values: [Float])], configuration: String, to url: URL, binary: Bool = false
  ) throws {
    let items = tensors.map { tensor in
      MarianWriter.Tensor(name: tensor.name, shape: tensor.shape) { tensor.values.withUnsafeBytes { Data($0) } }
    }
    if binary {
      try MarianWriter.writeBinary(items, configuration: configuration, to: url)
    } else {
      try MarianWriter.writeArchive(items, configuration: configuration, to: url)
    }
  }
}
