import Autograd
import Foundation
import Seq2Seq
import TextProcessing

extension ModelDirectory {
  /// Writes this model with its weights stored in another precision, with its text pipeline, its card, its word counts and its
  /// shortlist: int8 with a scale for each output of a product, bfloat16, or float32. Vectors stay in float32. The model then
  /// computes as it is stored, unless told otherwise.
  /// - Returns: bytes of the weights before and after.
  /// - Throws: `ModelError` or `TextError`; also where `output` holds a model already.
  @discardableResult
  public func write(to output: URL, precision: Precision) throws -> (before: Int, after: Int) {
    let destination = ModelDirectory(output)
    try destination.requireVacant(forCard: true)
    var description = try readDescription()
    let text = try TextPipeline(directory: url)
    let model = try readModel(description)
    // The counts of the training's words, and what its words may come of, are the same for any weights.
    let (companions, cards) = (try files([wordCounts, shortlist]), try files([card]))
    description.precision = precision
    // What makes it a model comes last but for the card: what could not be written whole is no model, and can be tried again.
    try OutputDirectory.make(output)
    try text.write(to: output)
    for (name, data) in companions { try AtomicFile.write(data, to: output.appendingPathComponent(name)) }
    try destination.save(description, model)
    for (name, data) in cards { try AtomicFile.write(data, to: output.appendingPathComponent(name)) }
    return try (weights.fileSize(), destination.weights.fileSize())
  }
}

extension URL {
  fileprivate func fileSize() throws -> Int {
    do { return try resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0 } catch {
      throw ModelError(file: path, problem: "cannot be read: \(TextError.reason(error))")
    }
  }
}
