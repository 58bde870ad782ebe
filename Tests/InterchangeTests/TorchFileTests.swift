import Foundation
import TestSupport
import Testing
import Translation

@testable import Interchange

/// Files that PyTorch wrote: `Scripts/golden-models/torch-files.py`.
@Suite struct TorchFileTests {
  let golden: TinyMarian

  init() throws { golden = try TinyMarian.load() }

  @Test("both forms of PyTorch's files give every tensor, views and halves too", arguments: ["torch.bin", "torch-old.bin"])
  func tensors(_ name: String) throws {
    let file = try TorchFile(TinyMarian.resource(name), file: name)
    let shared = ["model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"]
    #expect(file.names.sorted() == (golden.tensors.map(\.name) + shared).sorted())
    for (p, tensor) in golden.tensors.enumerated() {
      let names = tensor.name == "model.shared.weight" ? [tensor.name] + shared : [tensor.name]
      // Of values up to 0.35, half precision keeps 2⁻¹³ and bfloat16 2⁻¹⁰.
      let isHalf = name == "torch.bin" && tensor.name.hasSuffix("fc1.weight")
      let isBFloat = name == "torch.bin" && tensor.name.hasSuffix("fc2.weight")
      let expected = golden.values(p)
      for name in names {
        let values = try file.values(name, shape: tensor.shape)
        let error = zip(values, expected).map { abs($0 - $1) }.max() ?? 1
        #expect(values.count == expected.count)
        #expect(error < (isHalf ? 1.3e-4 : isBFloat ? 1e-3 : 1e-7), "\(name): \(error)")
        #expect(!(isHalf || isBFloat) || error > 0, "\(name)")
      }
    }
    #expect(throws: ModelError.self) { try file.values("lm_head.weight", shape: [3, 16]) }
    #expect(throws: ModelError.self) { try file.values("lm_head", shape: [3]) }
  }

  @Test("a directory with pytorch_model.bin becomes what one with model.safetensors becomes")
  func directory() throws {
    let directory = try TemporaryDirectory()
    try golden.write(to: directory.url)
    func url(_ name: String) -> URL { directory.url.appendingPathComponent(name) }
    _ = try HuggingFaceMarian.importModel(from: directory.url, to: url("one"))
    try FileManager.default.removeItem(at: url("model.safetensors"))
    #expect(throws: ModelError.self) { try HuggingFaceMarian.importModel(from: directory.url, to: url("two")) }
    try TinyMarian.resource("torch-old.bin").write(to: url("pytorch_model.bin"))
    _ = try HuggingFaceMarian.importModel(from: directory.url, to: url("two"))
    let models = try ["one", "two"].map { name in
      let model = ModelDirectory(url(name))
      return try model.readModel(model.readDescription())
    }
    // A parameter's memory is its model's.
    withExtendedLifetime(models) {
      for (a, b) in zip(models[0].parameters.parameters, models[1].parameters.parameters) {
        #expect(a.name == b.name && zip(a.buffer, b.buffer).allSatisfy { abs($0 - $1) < 1e-7 }, "\(a.name)")
      }
    }
  }

  @Test("a pickle that wants to call something is refused by its name, and nothing is called")
  func evil() throws {
    let error = #expect(throws: ModelError.self) {
      try TorchFile(TinyMarian.resource("evil.bin"), file: "evil.bin")
    }
    #expect(error?.problem.contains("system") == true && error?.file == "evil.bin")
  }

  @Test("pickles that take too much, refer to nothing or hold themselves are refused", arguments: [
    // An empty stack; a mark that is not there; a memory that is not there.
    [0x80, 2, 0x2E], [0x75, 0x2E], [0x68, 5, 0x2E],
    // A text that is longer than the file; numbers where a dictionary belongs.
    [0x58, 0xFF, 0xFF, 0xFF, 0x7F, 0x41, 0x2E], [0x4B, 1, 0x28, 0x4B, 1, 0x4B, 2, 0x75, 0x2E],
    // A dictionary in itself, as an entry: it is no tensor.
    [0x7D, 0x71, 0, 0x58, 1, 0, 0, 0, 0x61, 0x68, 0, 0x73, 0x2E],
    // Tuples in tuples, without end.
    Array(repeating: 0x29, count: 1) + Array(repeating: 0x85, count: 400) + [0x2E],
    // An object to be made by a class.
    [0x63, 0x61, 0x0A, 0x62, 0x0A, 0x29, 0x81, 0x2E],
  ] as [[UInt8]])
  func pickles(_ pickle: [UInt8]) {
    #expect(throws: ModelError.self) {
      var reader = ByteReader(Data(pickle), file: "p")
      try PickleReader.read(&reader) { value in
        guard case .dictionary(let dictionary) = value else { return }
        for (_, value) in dictionary.entries {
          guard case .tensor = value else { throw ModelError(file: "p", problem: "is no tensor") }
        }
      }
    }
  }
}
