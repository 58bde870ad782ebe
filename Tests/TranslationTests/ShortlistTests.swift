import Foundation
import Seq2Seq
import TestSupport
import Testing

@testable import TextProcessing
@testable import Translation

@Suite struct ShortlistTests {
  let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    try TinyModel.save(to: directory.url)
  }

  @Test("a shortlist comes back from its file", arguments: ["list.txt", "list.txt.gz"])
  func roundTrip(name: String) throws {
    let list = LexicalShortlist(common: [0, 3, 5], candidates: [[], [4, 2], [], [6]])
    let file = directory.url.appendingPathComponent(name)
    try list.write(to: file, of: Self.owner())
    #expect(try LexicalShortlist(file: file, of: Self.owner()) == list)
  }

  static func vocabulary(_ letters: String) -> Vocabulary {
    Vocabulary(pieces: ["</s>", "<unk>"] + letters.map(String.init), isShared: false)
  }

  static func owner(_ languages: String..., source: String = "ab", target: String = "cdefg") -> LexicalShortlist.Owner {
    LexicalShortlist.Owner(
      languages: (languages.first ?? "fr", languages.last ?? "en"), source: vocabulary(source), target: vocabulary(target))
  }

  @Test("another model's list is refused, also where as many ids are in it", arguments: [
    owner(source: "ba"), owner(target: "cdefh"), owner(source: "cdefg", target: "ab"), owner("en", "fr"), owner("fr", "fr"),
  ])
  func otherModels(owner: LexicalShortlist.Owner) throws {
    let file = directory.url.appendingPathComponent("list.txt")
    try LexicalShortlist(common: [0], candidates: [[], [], [], []]).write(to: file, of: Self.owner())
    let error = #expect(throws: TextError.self) { try LexicalShortlist(file: file, of: owner) }
    #expect("\(error!)".contains("list.txt, line 1: expected \"\(owner.line)\""))
  }

  @Test("a file with lines too few or too many is refused", arguments: [("0\n\n\n\n", "fewer"), ("0\n\n\n\n\n\n", "more")])
  func wrongLines(lines: String, says: String) throws {
    let file = try directory.write("\(Self.owner().line)\n\(lines)".utf8, to: "list.txt")
    let error = #expect(throws: TextError.self) { try LexicalShortlist(file: file, of: Self.owner()) }
    #expect("\(error!)".contains("\(says) than 6 lines"))
  }

  @Test("a vocabulary's checksum is that of its pieces, a line each")
  func checksum() {
    // Of "</s>\n<unk>\na\né\n", by Python's zlib.crc32.
    #expect(Self.vocabulary("aé").checksum == 0x528B4B96)
  }

  @Test("what is no id of the vocabulary is refused with its line", arguments: ["x", "-1", "7", "2,3", "9999999999", "0 0 0 0 0 0 0"])
  func wrongIds(word: String) throws {
    let owner = Self.owner(source: "")
    let file = try directory.write("\(owner.line)\n0 1\n2 3\n4 \(word)\n".utf8, to: "list.txt")
    let error = #expect(throws: TextError.self) { try LexicalShortlist(file: file, of: owner) }
    #expect("\(error!)".contains("list.txt, line 4: expected target ids"))
  }

  @Test("outputs are of listed ids alone, lines apart from one another; a model without a list says so")
  func translates() throws {
    let missing = #expect(throws: ModelError.self) { try Translator(model: directory.url, withShortlist: true) }
    #expect("\(missing!)".contains("shortlist.txt.gz") && "\(missing!)".contains("mt data shortlist"))

    let free = try Translator(model: directory.url)
    let count = free.text.sourceVocabulary.count
    // Each source id has ids of its own, so that lines have lists of their own.
    let list = LexicalShortlist(
      common: [0, 260, 270], candidates: (0..<count).map { [Int32(258 + $0 % (count - 258)), Int32(258 + 3 * $0 % (count - 258))] })
    try list.write(to: ModelDirectory(directory.url).shortlist, of: .init(free.description, free.text))
    let translator = try Translator(model: directory.url, withShortlist: true)
    #expect(translator.shortlist == list)
    var options = translator.defaultOptions
    (options.search.maximumLength, options.threads) = (9, 2)
    let lines = ["Le chat dort.", "Où est la gare ?", "Le chat", "Il pleut, dit le chat."]
    let together = translator.translate(lines, options: options)
    for (line, output) in zip(lines, together) {
      let allowed = Set(list.choices(for: free.text.encodeSource(line) + [0]).ids)
      #expect(!output.candidates[0].tokens.isEmpty && output.candidates[0].tokens.allSatisfy(allowed.contains))
      #expect(translator.translate([line], options: options)[0].candidates == output.candidates)
    }
    options.usesShortlist = false
    let without = translator.translate(lines, options: options)
    #expect(without.map(\.candidates) == free.translate(lines, options: options).map(\.candidates))
    #expect(without.map(\.text) != together.map(\.text))
    // A prefix need not be listed.
    options.usesShortlist = true
    let begun = translator.translate([TranslationInput("Le chat", prefix: "Where")], options: options)
    #expect(begun[0].text.hasPrefix("Where"))
  }
}
