import Foundation
import Translation

/// A file of named tensors, whatever its format.
protocol TensorFile {
  var file: String { get }
  var names: [String] { get }
  /// Nil where there is no tensor of this name.
  func shape(of name: String) -> [Int]?
  /// All values as float32. Throws where the tensor is missing, of another shape, or holds no finite number.
  func values(_ name: String, shape: [Int]) throws -> [Float]
}

extension TensorFile {
  /// Throws where the tensor is missing or of another shape.
  func check(_ name: String, shape: [Int]) throws {
    guard let found = self.shape(of: name) else {
      throw ModelError(file: file, item: "tensor \(name)", problem: "is missing; expected shape \(shape)")
    }
    guard found == shape else {
      throw ModelError(file: file, item: "tensor \(name)", problem: "has shape \(found); expected \(shape)")
    }
  }
}

extension Safetensors: TensorFile {
  var names: [String] { Array(entries.keys) }
  func shape(of name: String) -> [Int]? { entries[name]?.shape }
}
