import Foundation
import Seq2Seq
import TextProcessing
import Translation

/// The learnt vectors of one side's pieces.
public struct EmbeddingSpace: Sendable {
  public enum Side: String, CaseIterable, Sendable {
    case source, target
  }

  /// A piece that is near, and the cosine of the angle between.
  public struct Neighbour: Codable, Sendable, Equatable {
    public var piece: String
    public var cosine: Double
  }

  /// A word of which there is no vector.
  public struct UnknownWord: Error, CustomStringConvertible, Equatable {
    public let word: String
    public var description: String { "\"\(word)\" has no token in this model's vocabulary" }
  }

  /// D
  public let size: Int
  private let vocabulary: Vocabulary
  private let encode: @Sendable (String) -> [Int32]
  /// [V, D], each row of length one; zero rows stay zero.
  private let unit: [Float]
  private let lengths: [Float]

  public init(_ loaded: LoadedModel, side: Side) throws {
    let names = side == .source ? ["embeddings", "encoder.embeddings"] : ["embeddings", "decoder.embeddings"]
    let text = loaded.text
    vocabulary = side == .source ? text.sourceVocabulary : text.targetVocabulary
    encode = { side == .source ? text.encodeSource($0) : text.encodeTarget($0) }
    guard let table = loaded.model.parameters.parameters.first(where: { names.contains($0.name) }),
      table.rows == vocabulary.count
    else {
      throw ModelError(file: loaded.directory.weights.path, problem: "has no embeddings of the \(side.rawValue) side")
    }
    size = table.columns
    (unit, lengths) = EmbeddingSpace.normalized(table.values, size: table.columns)
  }

  /// `values` are [V, D] in the vocabulary's order.
  init(vocabulary: Vocabulary, values: [Float], size: Int, encode: @escaping @Sendable (String) -> [Int32]) {
    (self.vocabulary, self.size, self.encode) = (vocabulary, size, encode)
    (unit, lengths) = EmbeddingSpace.normalized(values, size: size)
  }

  private static func normalized(_ values: [Float], size: Int) -> ([Float], [Float]) {
    var (values, lengths) = (values, [Float]())
    for row in 0..<values.count / max(size, 1) {
      let range = row * size..<(row + 1) * size
      let length = values[range].reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
      lengths.append(length)
      if length > 0 { for i in range { values[i] /= length } }
    }
    return (values, lengths)
  }

  /// The pieces of a word; its vector is the mean of theirs.
  public func pieces(of word: String) -> [String] { encode(word).map(vocabulary.piece) }

  /// The vector of a word, with its true length. Throws `UnknownWord`.
  public func vector(of word: String) throws -> [Float] {
    let ids = encode(word)
    guard !ids.isEmpty else { throw UnknownWord(word: word) }
    var sum = [Float](repeating: 0, count: size)
    for id in ids.map(Int.init) {
      for i in 0..<size { sum[i] += unit[id * size + i] * lengths[id] / Float(ids.count) }
    }
    return sum
  }

  /// The pieces with the largest cosine to the word, without its own. Throws `UnknownWord`. Cost: V·D.
  public func neighbours(of word: String, count: Int) throws -> [Neighbour] {
    nearest(try vector(of: word), count: count, without: Set(encode(word)))
  }

  /// The pieces d for which a is to b as c is to d: nearest to b − a + c, without these three (Mikolov et al. 2013).
  public func analogy(_ a: String, _ b: String, _ c: String, count: Int) throws -> [Neighbour] {
    let vectors = try [a, b, c].map { EmbeddingSpace.unit(try vector(of: $0)) }
    let sum = (0..<size).map { vectors[1][$0] - vectors[0][$0] + vectors[2][$0] }
    return nearest(sum, count: count, without: Set([a, b, c].flatMap(encode)))
  }

  private static func unit(_ vector: [Float]) -> [Float] {
    let length = vector.reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
    return length > 0 ? vector.map { $0 / length } : vector
  }

  private func nearest(_ vector: [Float], count: Int, without: Set<Int32>) -> [Neighbour] {
    let wanted = EmbeddingSpace.unit(vector)
    var found: [(cosine: Float, id: Int32)] = []
    for id in 0..<Int32(vocabulary.count) where !without.contains(id) && !Vocabulary.isSpecial(id) {
      let start = Int(id) * size
      var cosine: Float = 0
      for i in 0..<size { cosine += unit[start + i] * wanted[i] }
      found.append((cosine, id))
    }
    return found.sorted { (-$0.cosine, $0.id) < (-$1.cosine, $1.id) }.prefix(count).map {
      Neighbour(piece: vocabulary.piece($0.id), cosine: Double($0.cosine))
    }
  }

  /// The first `count` whole words of the vocabulary: merges stand in the order they were learnt, the frequent first.
  public func frequentWords(_ count: Int) -> [String] {
    var words: [String] = []
    for id in 0..<Int32(vocabulary.count) where words.count < count {
      let piece = vocabulary.piece(id)
      // U+2581 begins a word.
      guard piece.unicodeScalars.first == "\u{2581}" else { continue }
      let word = String(String.UnicodeScalarView(piece.unicodeScalars.dropFirst()))
      // A merge on the way to a longer word is no word of its own; its encoding would be itself all the same.
      if word.count > 2, word.unicodeScalars.allSatisfy({ $0.properties.isAlphabetic }), encode(word) == [id] {
        words.append(word)
      }
    }
    return words
  }

  /// A map of `words` in two dimensions. Throws `UnknownWord`.
  public func map(_ words: [String], _ method: ProjectionMethod) throws -> EmbeddingMap {
    let vectors = try words.map { EmbeddingSpace.unit(try vector(of: $0)).map(Double.init) }
    return EmbeddingMap(words: words, places: method.project(vectors), method: method)
  }
}

/// Words on a plane.
public struct EmbeddingMap: Sendable {
  public var words: [String]
  public var places: [(x: Double, y: Double)]
  public var method: ProjectionMethod

  /// A picture that follows the reader's light or dark.
  public var svg: String {
    let (width, height, margin) = (1000.0, 750.0, 40.0)
    func scale(_ values: [Double], _ from: Double, _ to: Double) -> (Double) -> String {
      let (low, high) = (values.min() ?? 0, values.max() ?? 1)
      return { String(format: "%.1f", high > low ? from + (to - from) * ($0 - low) / (high - low) : (from + to) / 2) }
    }
    let (x, y) = (
      scale(places.map(\.x), margin, width - 2 * margin), scale(places.map(\.y), height - margin, margin)
    )
    let marks = zip(words, places).map { word, place in
      "<circle cx=\"\(x(place.x))\" cy=\"\(y(place.y))\" r=\"2\"/>"
        + "<text x=\"\(x(place.x))\" y=\"\(y(place.y))\" dx=\"4\" dy=\"4\">\(escaped(word))</text>"
    }
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(width)) \(Int(height))" role="img" \
      aria-label="\(words.count) words by \(method.rawValue)">
      <style>
      rect { fill: #fff } text { font: 12px system-ui, sans-serif; fill: #1d2430 } circle { fill: #1d4ed8 }
      @media (prefers-color-scheme: dark) { rect { fill: #14181f } text { fill: #e6eaf0 } circle { fill: #6cb0ff } }
      </style>
      <rect width="100%" height="100%"/>
      \(marks.joined(separator: "\n"))
      </svg>

      """
  }
}
