import Autograd
import Foundation
import Seq2Seq
import TextProcessing

extension ModelDirectory {
  /// Writes this model with its weights stored in another precision, with its text pipeline and its card: int8 with a
  /// scale for each output of a product, bfloat16, or float32. Vectors stay in float32. The model then computes as it is
  /// stored, unless told otherwise.
  /// - Returns: bytes of the weights before and after.
  /// - Throws: `ModelError` or `TextError`; also where `output` holds a model already.
  @discardableResult
  public func write(to output: URL, precision: Precision) throws -> (before: Int, after: Int) {
    let destination = ModelDirectory(output)
    guard !destination.exists else {
      throw ModelError(file: destination.configuration.path, problem: "exists already; give a directory without a model")
    }
    var description = try readDescription()
    let text = try TextPipeline(directory: url)
    let model = try readModel(description)
    description.precision = precision
    try destination.save(description, model)
    try text.write(to: output)
    if let card = try? Data(contentsOf: card) { try AtomicFile.write(card, to: destination.card) }
    return try (weights.fileSize(), destination.weights.fileSize())
  }
}

extension URL {
  fileprivate func fileSize() throws -> Int {
    do { return try resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0 } catch {
      throw ModelError(file: path, problem: "cannot be read: \(ModelError.reason(error))")
    }
  }
}
