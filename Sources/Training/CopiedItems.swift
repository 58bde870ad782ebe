import TextProcessing

/// Things that a translation keeps as they are, made at random and put into both sides of a pair: numbers, codes,
/// addresses, names, emoji and words in scripts that the corpus may never show. A model that has only seen them in
/// corpora spells rare bytes wrongly; from these it learns to copy whatever it is given.
///
/// After the inline noise of Mozilla's translation models (OpusTrainer), but inside the sentence where it can be done
/// without an alignment: in place of a word that stands on both sides, such as a name.
enum CopiedItems {
  /// The pair with an item in it, now and then two or three.
  static func insert(
    _ source: String, _ target: String, random: inout some RandomNumberGenerator
  ) -> (source: String, target: String) {
    var pair = insertOne(source, target, random: &random)
    for _ in 0..<2 where Int.random(in: 0..<3, using: &random) == 0 {
      pair = insertOne(pair.source, pair.target, random: &random)
    }
    return pair
  }

  private static func insertOne(
    _ source: String, _ target: String, random: inout some RandomNumberGenerator
  ) -> (source: String, target: String) {
    let item = make(&random)
    let choice = Int.random(in: 0..<10, using: &random)
    if choice < 5, let replaced = replaceShared(source, target, by: item, random: &random) { return replaced }
    switch choice {
    case 5: return (item, item)
    case 6, 7: return ("\(item) \(source)", "\(item) \(target)")
    default: return (beforeEnd(source, item), beforeEnd(target, item))
    }
  }

  /// A capitalised word or number that stands exactly once on each side, letter for letter, gives way to the item.
  private static func replaceShared(
    _ source: String, _ target: String, by item: String, random: inout some RandomNumberGenerator
  ) -> (source: String, target: String)? {
    let (left, right) = (source.split(separator: " "), target.split(separator: " "))
    let shared = left.indices.filter { i in
      let (word, _) = stem(left[i])
      guard let first = word.unicodeScalars.first, first.properties.isUppercase || ("0"..."9").contains(first) else {
        return false
      }
      return word.count > 1 && left.filter { stem($0).word == word }.count == 1
        && right.filter { stem($0).word == word }.count == 1
    }
    guard let i = shared.randomElement(using: &random),
      let j = right.firstIndex(where: { stem($0).word == stem(left[i]).word })
    else { return nil }
    var (sourceWords, targetWords) = (left.map(String.init), right.map(String.init))
    sourceWords[i] = item + stem(left[i]).tail
    targetWords[j] = item + stem(right[j]).tail
    return (sourceWords.joined(separator: " "), targetWords.joined(separator: " "))
  }

  /// A word without the punctuation after it.
  private static func stem(_ word: Substring) -> (word: Substring, tail: Substring) {
    let end = word.lastIndex { !".,;:!?…".contains($0) }.map(word.index(after:)) ?? word.startIndex
    return (word[..<end], word[end...])
  }

  /// The item as the last word, with the sentence's final punctuation after it.
  private static func beforeEnd(_ line: String, _ item: String) -> String {
    let end = line.lastIndex { !".!?… ".contains($0) }.map(line.index(after:)) ?? line.endIndex
    return "\(line[..<end]) \(item)\(line[end...])"
  }

  // MARK: Items

  static func make(_ random: inout some RandomNumberGenerator) -> String {
    // Names and numbers most: what else is here, a translation can be given as placeholders (`TextPipeline.mask`).
    switch Int.random(in: 0..<20, using: &random) {
    case 0, 1, 2: return number(&random)
    case 3: return code(&random)
    case 4: return "\(word(latin, 2...8, &random)).\(word(latin, 2...8, &random))@\(domain(&random))"
    case 5:
      let scheme = Bool.random(using: &random) ? "https://" : "http://www."
      let path = Bool.random(using: &random) ? "/\(word(latin, 2...9, &random))" : ""
      return scheme + domain(&random) + path
    case 6, 7, 8, 9, 10, 11, 12: return name(&random)
    case 13: return emoji(&random)
    case 14, 15, 16, 17: return String(Character(Placeholder.scalar(Int.random(in: 0..<Placeholder.count, using: &random))))
    default:
      let script = scripts.randomElement(using: &random) ?? latin
      return (0..<Int.random(in: 1...2, using: &random)).map { _ in word(script, 2...7, &random) }.joined(separator: " ")
    }
  }

  private static func digits(_ count: Int, _ random: inout some RandomNumberGenerator) -> String {
    String((0..<count).map { _ in "0123456789".randomElement(using: &random) ?? "0" })
  }

  private static func number(_ random: inout some RandomNumberGenerator) -> String {
    switch Int.random(in: 0..<8, using: &random) {
    case 0: return "\(Int.random(in: 1...9, using: &random)).\(digits(1, &random)).\(digits(2, &random))"
    case 1: return "+\(digits(2, &random)) \(digits(1, &random)) \(digits(2, &random)) \(digits(2, &random)) \(digits(2, &random))"
    case 2: return "\(Int.random(in: 1...20, using: &random)).\(digits(Int.random(in: 1...2, using: &random), &random))"
    case 3: return String(Int.random(in: 1500...2050, using: &random))
    default: return String(Int.random(in: 2...Int.random(in: 10...99999, using: &random), using: &random))
    }
  }

  private static func code(_ random: inout some RandomNumberGenerator) -> String {
    let letters = word([0x41...0x5A], 1...4, &random)
    return letters + (Bool.random(using: &random) ? "-" : "") + digits(Int.random(in: 1...5, using: &random), &random)
  }

  private static func domain(_ random: inout some RandomNumberGenerator) -> String {
    let end = ["org", "com", "net", "fr", "eu", "ca"].randomElement(using: &random) ?? "org"
    return "\(word(latin, 3...9, &random)).\(end)"
  }

  /// Syllables that can be said, with a capital; now and then two, or with a hyphen.
  private static func name(_ random: inout some RandomNumberGenerator) -> String {
    func one() -> String {
      let starts = [
        "b", "br", "c", "ch", "d", "dr", "f", "g", "gr", "h", "j", "k", "kr", "l", "m", "n", "p", "ph", "qu", "r", "s",
        "sch", "st", "t", "th", "v", "w", "y", "z", "",
      ]
      let middles = ["a", "e", "i", "o", "u", "a", "e", "i", "o", "ou", "ai", "ei", "au", "ö", "é", "è", "á", "ü", "y"]
      let syllables = (0..<Int.random(in: 1...3, using: &random)).map { _ in
        (starts.randomElement(using: &random) ?? "") + (middles.randomElement(using: &random) ?? "a")
          + (Int.random(in: 0..<4, using: &random) == 0 ? ["n", "r", "l", "m", "s"].randomElement(using: &random) ?? "" : "")
      }
      let end = ["", "", "n", "r", "s", "t", "ng", "ski", "ll", "ne", "ville", "son", "ra"].randomElement(using: &random)
      let whole = syllables.joined() + (end ?? "")
      return whole.prefix(1).uppercased() + whole.dropFirst()
    }
    switch Int.random(in: 0..<8, using: &random) {
    case 0: return "\(one())-\(one())"
    case 1: return ["Van ", "de ", "El ", "O'", "Mc", "d'"].randomElement(using: &random).map { $0 + one() } ?? one()
    case 2, 3: return "\(one()) \(one())"
    default: return one()
    }
  }

  private static func emoji(_ random: inout some RandomNumberGenerator) -> String {
    func one() -> String {
      switch Int.random(in: 0..<8, using: &random) {
      case 0: return word([0x2600...0x26FF], 1...1, &random) + "\u{FE0F}"
      case 1: return word([0x1F1E6...0x1F1FF], 2...2, &random)
      case 2: return word([0x1F466...0x1F469], 1...1, &random) + "\u{200D}" + word([0x1F4BB...0x1F4BC], 1...1, &random)
      case 3: return word([0x1F44A...0x1F450], 1...1, &random) + word([0x1F3FB...0x1F3FF], 1...1, &random)
      default: return word([0x1F300...0x1F5FF, 0x1F600...0x1F64F, 0x1F680...0x1F6C5, 0x1F90C...0x1F9FF], 1...1, &random)
      }
    }
    return (0..<Int.random(in: 1...2, using: &random)).map { _ in one() }.joined()
  }

  private static let latin: [ClosedRange<UInt32>] = [0x61...0x7A]
  private static let scripts: [[ClosedRange<UInt32>]] = [
    [0x3B1...0x3C9, 0x3AC...0x3CE],  // Greek
    [0x430...0x44F],  // Cyrillic
    [0x531...0x556, 0x561...0x587],  // Armenian
    [0x5D0...0x5EA],  // Hebrew
    [0x621...0x63A, 0x641...0x64A],  // Arabic
    [0x905...0x939, 0x93E...0x94D],  // Devanagari
    [0xB85...0xB8A, 0xB92...0xB95, 0xBAE...0xBB9, 0xBBE...0xBC2],  // Tamil
    [0xE01...0xE2E, 0xE30...0xE39, 0xE40...0xE49],  // Thai
    [0x10D0...0x10F0],  // Georgian
    [0x3042...0x3093], [0x30A2...0x30F3],  // Kana
    [0x4E00...0x9FA5], [0x4E00...0x6FFF],  // Han
    [0xAC00...0xD7A3],  // Hangul
    [0x61...0x7A, 0x1EA0...0x1EF9],  // Vietnamese
    [0x61...0x7A, 0x100...0x17E],  // Latin with marks
  ]

  /// Scalars drawn from ranges that hold no surrogates.
  private static func word(
    _ ranges: [ClosedRange<UInt32>], _ length: ClosedRange<Int>, _ random: inout some RandomNumberGenerator
  ) -> String {
    var result = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: length, using: &random) {
      guard let range = ranges.randomElement(using: &random),
        let scalar = Unicode.Scalar(UInt32.random(in: range, using: &random))
      else { continue }
      result.append(scalar)
    }
    return String(result)
  }
}
