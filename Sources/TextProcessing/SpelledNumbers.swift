import Synchronization

/// The numbers from 2 to 99 as a language spells them in running text, by ICU's rules: what says « quatre-vingt-dix » has
/// not lost a 90.
enum SpelledNumbers {
  /// 1 is an article in too many languages, and 100 a part of "per cent".
  static let range = 2..<100

  /// A language's numbers by their first words.
  private typealias Table = [String: [(words: [String], number: Int)]]

  private static let tables = Mutex<[String: Table]>([:])

  /// How often each number stands spelled out in a text; of several that begin at a word, the longest. Nothing for languages
  /// that ICU cannot spell, and those that write no spaces. Cost: linear; the first time for a language, some milliseconds.
  static func counts(in text: String, language: String) -> [Int: Int] {
    let table = tables.withLock { tables in
      if let table = tables[language] { return table }
      let table = makeTable(language)
      tables[language] = table
      return table
    }
    let words = words(text)
    var counts: [Int: Int] = [:]
    var at = 0
    while at < words.count {
      let found = table[words[at]]?.filter { words[at...].starts(with: $0.words) }.max { $0.words.count < $1.words.count }
      if let found { counts[found.number, default: 0] += 1 }
      at += found?.words.count ?? 1
    }
    return counts
  }

  private static func makeTable(_ language: String) -> Table {
    var table: Table = [:]
    for (number, spelled) in ICU.spelledNumbers(language, count: range.upperBound).enumerated() where range.contains(number) {
      let words = words(spelled)
      if let first = words.first { table[first, default: []].append((words, number)) }
    }
    return table
  }

  /// Runs of letters, lower-cased; a soft hyphen separates nothing.
  private static func words(_ text: String) -> [String] {
    var (words, word) = ([String](), String.UnicodeScalarView())
    for scalar in text.unicodeScalars where scalar.value != 0xAD {
      if scalar.properties.isAlphabetic {
        for lower in scalar.properties.lowercaseMapping.unicodeScalars { word.append(lower) }
      } else if !word.isEmpty {
        words.append(String(word))
        word.removeAll()
      }
    }
    return word.isEmpty ? words : words + [String(word)]
  }
}
