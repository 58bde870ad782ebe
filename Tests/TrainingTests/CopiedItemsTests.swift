import Autograd
import Testing

@testable import Training

@Suite struct CopiedItemsTests {
  @Test("an item stands on both sides, and the rest of the pair is kept")
  func bothSides() {
    var random = RandomGenerator(seed: 5)
    var (replaced, alone) = (0, 0)
    for _ in 0..<500 {
      let (source, target) = CopiedItems.insert("Le chat dort, Marie.", "The cat sleeps, Marie.", random: &random)
      if source == target {
        alone += 1
        continue
      }
      #expect(source.contains("chat dort") && target.contains("cat sleeps"))
      let item = words(source).subtracting(words("Le chat dort, Marie Marie."))
      let other = words(target).subtracting(words("The cat sleeps, Marie Marie."))
      #expect(item == other && !item.isEmpty)
      #expect(source.hasSuffix(".") && target.hasSuffix("."))
      if !source.contains("Marie") {
        #expect(!target.contains("Marie"))
        replaced += 1
      }
    }
    #expect((150...350).contains(replaced), "about half take the place of the name: \(replaced)")
    #expect((40...140).contains(alone), "about a sixth stand alone: \(alone)")
  }

  /// A space before a combining mark is one character with it, but still a space.
  private func words(_ line: String) -> Set<String> { Set(line.unicodeScalars.split(separator: " ").map(String.init)) }

  @Test("without a shared word the item goes to an end of the sentence")
  func ends() {
    var random = RandomGenerator(seed: 6)
    for _ in 0..<200 {
      let (source, target) = CopiedItems.insert("il dort !", "he sleeps!", random: &random)
      // With a second item, one may stand at each end.
      #expect(source == target || source.contains("il dort"))
      #expect(source == target || target.contains("he sleeps"))
    }
  }

  @Test("items are never empty and hold no line break; the same seed gives the same items")
  func items() {
    var (a, b) = (RandomGenerator(seed: 7), RandomGenerator(seed: 7))
    var seen: Set<String> = []
    for _ in 0..<1000 {
      let item = CopiedItems.make(&a)
      #expect(item == CopiedItems.make(&b))
      #expect(!item.isEmpty && !item.contains(where: \.isNewline))
      seen.insert(item)
    }
    #expect(seen.count > 750, "only the placeholders, a fifth, are few: \(seen.count)")
  }
}
