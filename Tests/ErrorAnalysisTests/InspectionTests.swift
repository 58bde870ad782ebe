import Autograd
import Foundation
import Seq2Seq
import TestSupport
import Testing
import Translation

@testable import ErrorAnalysis

@Suite struct InspectionTests {
  @Test("an attention map is of the text given or of the model's own, every row summing to one")
  func attention() throws {
    let directory = try TemporaryDirectory()
    try TinyModel.save(to: directory.url)
    let loaded = try ModelDirectory(directory.url).load()
    var search = SearchOptions()
    search.maximumLength = 5
    let given = try AttentionMap(loaded, source: "Le chat", target: "The cat is small.", search: search)
    #expect(given.target == loaded.text.targetPieces("The cat is small.") + ["</s>"])
    #expect(given.source == loaded.text.sourcePieces("Le chat") + ["</s>"])
    #expect(given.layerCount == 2 && given.headCount == 2 && given.logProbabilities.count == given.target.count)
    for layer in 0..<2 {
      for head in [nil, 0, 1] {
        for row in given.weights(layer: layer, head: head) { #expect(abs(row.reduce(0, +) - 1) < 1e-4) }
      }
    }
    let own = try AttentionMap(loaded, source: "Le chat", target: nil, search: search)
    let translated = try Translator([loaded]).translate(["Le chat"], options: TranslationOptions(search: search))[0]
    #expect(own.target.dropLast() == translated.candidates[0].tokens.map(loaded.text.targetVocabulary.piece)[...])
    #expect(throws: AttentionMap.Failure.self) { try AttentionMap(loaded, source: " ", target: nil, search: search) }
    let long = String(repeating: "chat ", count: 100)
    #expect(throws: AttentionMap.Failure.self) { try AttentionMap(loaded, source: long, target: nil, search: search) }
  }

  @Test("a map for the terminal has a row a piece, darker for more; the page has a field for each pair")
  func rendering() {
    let map = AttentionMap(
      source: ["▁le", "<b>"], target: ["▁the", "</s>"], logProbabilities: [-1, -2],
      heads: [[[[0.9, 0.1], [0.02, 0.98]], [[0.5, 0.5], [0.4, 0.6]]]])
    let lines = map.text(layer: 0, head: 0).split(separator: "\n").map(String.init)
    #expect(lines.suffix(2) == ["▁the  █ ░  ▁le 0.90", "</s>  · █  <b> 0.98"])
    #expect(map.weights(layer: 0, head: nil)[0] == [0.7, 0.3])
    let page = map.html(layers: [0], heads: [nil, 1])
    #expect(page.contains("&lt;b&gt;") && !page.contains("<b>"))
    #expect(page.components(separatedBy: "<td ").count == 9 && page.contains("layer 1, head 2"))
  }

  @Test("the nearest piece is that of the largest cosine, whatever its length")
  func neighbours() throws {
    let directory = try TemporaryDirectory()
    try TinyModel.save(to: directory.url)
    let loaded = try ModelDirectory(directory.url).load()
    let vocabulary = loaded.text.sourceVocabulary
    let table = try #require(loaded.model.parameters.parameters.first { $0.name == "embeddings" })
    let space = try EmbeddingSpace(loaded, side: .source)
    let words = space.frequentWords(40)
    #expect(words.count > 10 && words.allSatisfy { space.pieces(of: $0) == ["▁" + $0] })
    func id(_ word: String) -> Int { Int(vocabulary.id("▁" + word) ?? 1) }
    // One word gets twice the vector of another, and a third their opposite.
    let size = table.columns
    let (a, b, c) = (id(words[0]), id(words[1]), id(words[2]))
    var values = table.values
    for i in 0..<size {
      values[b * size + i] = 2 * values[a * size + i]
      values[c * size + i] = -values[a * size + i]
    }
    let changed = EmbeddingSpace(
      vocabulary: vocabulary, values: values, size: size, encode: { loaded.text.encodeTarget($0) })
    let found = try changed.neighbours(of: words[0], count: vocabulary.count)
    #expect(found[0].piece == "▁" + words[1] && abs(found[0].cosine - 1) < 1e-5)
    #expect(found.last?.piece == "▁" + words[2] && abs((found.last?.cosine ?? 0) + 1) < 1e-5)
    #expect(!found.contains { $0.piece == "▁" + words[0] || $0.piece == "</s>" })
    // x is to a as x is to b: nearest to the vector of b itself, without a and b.
    let analogy = try changed.analogy(words[4], words[0], words[4], count: 1)
    #expect(analogy[0].piece == "▁" + words[1])
    #expect(throws: EmbeddingSpace.UnknownWord(word: " ")) { try changed.neighbours(of: " ", count: 1) }
    let svg = try changed.map(words, .pca).svg
    #expect(svg.components(separatedBy: "<circle ").count == words.count + 1)
  }

  @Test("principal components are the axes of most variance")
  func principalComponents() {
    // Along (3, 4, 0)/5 with variance 8, along (−4, 3, 0)/5 with 2, and none along the third.
    let places = [(-4.0, 1.0), (-2, -2), (0, 2), (2, -2), (4, 1)]
    let points = places.map { u, v in [5 + 0.6 * u - 0.8 * v, 0.8 * u + 0.6 * v, 7] }
    for (found, wanted) in zip(ProjectionMethod.pca.project(points), places) {
      #expect(abs(abs(found.x) - abs(wanted.0)) < 1e-6 && abs(abs(found.y) - abs(wanted.1)) < 1e-6)
    }
    #expect(ProjectionMethod.pca.project([]).isEmpty && ProjectionMethod.tsne.project([[1, 2]]).count == 1)
  }

  @Test("t-SNE keeps clusters together and gives the same map again")
  func neighbourEmbedding() {
    var random = RandomGenerator(seed: 4)
    let points = (0..<60).map { i in (0..<10).map { $0 == i % 3 ? 10 + random.gaussian() : random.gaussian() } }
    let places = ProjectionMethod.tsne.project(points)
    let again = ProjectionMethod.tsne.project(points)
    #expect(zip(places, again).allSatisfy { $0.x == $1.x && $0.y == $1.y })
    func distance(_ i: Int, _ j: Int) -> Double { hypot(places[i].x - places[j].x, places[i].y - places[j].y) }
    let nearest = places.indices.map { i in places.indices.filter { $0 != i }.min { distance(i, $0) < distance(i, $1) }! }
    #expect(zip(places.indices, nearest).allSatisfy { $0 % 3 == $1 % 3 })
  }
}
