/// Numbers in running text: digits, with single separators between them.
public enum Numbers {
  /// Where numbers stand, in order. A digit after a letter is part of a word (H5N1, A4), not a number. A space is a
  /// separator only before groups of three digits. Linear time.
  static func find(in scalars: [Unicode.Scalar]) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var at = 0
    while at < scalars.count {
      guard isDigit(scalars[at]) else {
        at += 1
        continue
      }
      var end = runEnd(scalars, at)
      if at > 0, isWord(scalars[at - 1]) {
        at = end
        continue
      }
      while end + 1 < scalars.count, isDigit(scalars[end + 1]) {
        let next = runEnd(scalars, end + 1)
        if isSpace(scalars[end]) {
          let group = next - end - 1
          let first = scalars[at..<end].prefix { isDigit($0) }.count
          guard group == 3, first <= 3, next == scalars.count || !isWord(scalars[next]) else { break }
        } else if !".,'’".unicodeScalars.contains(scalars[end]) {
          break
        }
        end = next
      }
      found.append(at..<end)
      at = end
    }
    return found
  }

  /// Which of the numbers, each as often as it occurs, a translation lacks. Numbers are compared by their digits:
  /// languages differ in the separators.
  static func missing(_ wanted: [String], in output: String) -> [Int] {
    guard !wanted.isEmpty else { return [] }
    let scalars = Array(output.unicodeScalars)
    var counts: [String: Int] = [:]
    for range in find(in: scalars) { counts[digits(scalars[range]), default: 0] += 1 }
    return wanted.indices.filter { index in
      guard let count = counts[wanted[index]], count > 0 else { return true }
      counts[wanted[index]] = count - 1
      return false
    }
  }

  static func digits(_ number: some Sequence<Unicode.Scalar>) -> String { String(scalars: number.filter(isDigit)) }

  static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

  static func isSpace(_ scalar: Unicode.Scalar) -> Bool { [0x20, 0xA0, 0x2009, 0x202F].contains(scalar.value) }

  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "_" || isDigit(scalar) || scalar.properties.isAlphabetic
  }

  private static func runEnd(_ scalars: [Unicode.Scalar], _ start: Int) -> Int {
    var end = start
    while end < scalars.count, isDigit(scalars[end]) { end += 1 }
    return end
  }
}

/// How numbers are written anew in another language.
public struct NumberStyle: Sendable, Equatable {
  struct Separators: Sendable, Equatable {
    var decimal: Unicode.Scalar?
    var grouping: Unicode.Scalar?
  }

  let source: Separators
  let target: Separators
  let targetLanguage: String

  /// BCP 47 tags; the separators are those of ICU's locale data.
  public init(source: String, target: String) {
    func separators(_ language: String) -> Separators {
      let symbols = ICU.numberSeparators(language)
      return Separators(decimal: symbols.decimal, grouping: symbols.grouping)
    }
    (self.source, self.target, targetLanguage) = (separators(source), separators(target), target)
  }

  /// 1 234,5 as 1,234.5 from French to English. What is not written by the source's rules stays as it is.
  public func convert(_ number: String) -> String {
    let scalars = Array(number.unicodeScalars)
    var (whole, fraction) = (scalars[...], ArraySlice<Unicode.Scalar>())
    if let decimal = source.decimal, let place = scalars.firstIndex(of: decimal) {
      (whole, fraction) = (scalars[..<place], scalars[(place + 1)...])
      guard !fraction.isEmpty, fraction.allSatisfy(Numbers.isDigit), let mark = target.decimal else { return number }
      guard let text = regrouped(whole) else { return number }
      return text + String(mark) + String(scalars: fraction)
    }
    return regrouped(whole) ?? number
  }

  /// The whole part with the target's groups where it had groups; nil where those are none of the source's.
  private func regrouped(_ whole: ArraySlice<Unicode.Scalar>) -> String? {
    let groups = whole.split(omittingEmptySubsequences: false) { isGrouping($0) }
    guard groups.allSatisfy({ $0.allSatisfy(Numbers.isDigit) }) else { return nil }
    if groups.count == 1 { return String(scalars: whole) }
    guard let mark = target.grouping, (1...3).contains(groups[0].count), groups.dropFirst().allSatisfy({ $0.count == 3 })
    else { return nil }
    return groups.map { String(scalars: $0) }.joined(separator: String(mark))
  }

  private func isGrouping(_ scalar: Unicode.Scalar) -> Bool {
    if let grouping = source.grouping, scalar == grouping { return true }
    return Numbers.isSpace(scalar)
  }
}
