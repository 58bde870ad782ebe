/// What is wrong with a recipe: where, and what was expected there.
public enum RecipeError: Error, CustomStringConvertible, Equatable, Sendable {
  case unreadable(file: String, problem: String)
  case syntax(file: String, problem: String)
  /// `line` is where the mapping begins.
  case repeatedKeys([String], line: Int)
  case unknownKey(key: String, line: Int?, nearest: String?)
  case wrongType(key: String, line: Int?, value: String, expected: String)
  case missingKey(key: String, expected: String)
  case badOverride(argument: String)

  public var description: String {
    switch self {
    case .unreadable(let file, let problem): return "\(file): cannot be read: \(problem)"
    case .syntax(let file, let problem): return "\(file): not YAML: \(problem)"
    case .repeatedKeys(let keys, let line):
      let names = keys.map { "\"\(RecipeError.short($0))\"" }.joined(separator: ", ")
      return "\(place(line))the mapping that begins here has a key more than once: \(names)"
    case .unknownKey(let key, let line, let nearest):
      return "\(place(line))unknown key \"\(RecipeError.short(key))\""
        + (nearest.map { "; the nearest known key is \"\($0)\"" } ?? "")
    case .wrongType(let key, let line, let value, let expected):
      return "\(place(line))\(RecipeError.short(key)): \(RecipeError.short(value)) is not \(expected)"
    case .missingKey(let key, let expected): return "missing key \"\(key)\": expected \(expected)"
    case .badOverride(let argument):
      return "--set \(RecipeError.short(argument)): expected KEY=VALUE, as in training.updates=2000"
    }
  }

  /// A key or value as a message can hold it: of a long one the beginning.
  private static func short(_ text: String) -> String { text.count > 200 ? text.prefix(200) + "…" : text }

  /// Whether the description begins with a file.
  private var namesFile: Bool {
    switch self {
    case .unreadable, .syntax, .badOverride: true
    case .repeatedKeys, .unknownKey, .wrongType, .missingKey: false
    }
  }

  /// The same, and in which file.
  public func description(in file: String) -> String { (namesFile ? "" : "\(file): ") + description }

  private func place(_ line: Int?) -> String { line.map { "line \($0): " } ?? "" }
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one word into another (Damerau 1964, in the
/// restricted form). Cost O(|a|·|b|).
func editDistance(_ a: String, _ b: String) -> Int {
  let (a, b) = (Array(a.utf8), Array(b.utf8))
  var rows = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
  for i in 0...a.count { rows[i][0] = i }
  for j in 0...b.count { rows[0][j] = j }
  for i in stride(from: 1, through: a.count, by: 1) {
    for j in stride(from: 1, through: b.count, by: 1) {
      let substitution = rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
      rows[i][j] = min(substitution, rows[i - 1][j] + 1, rows[i][j - 1] + 1)
      if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
        rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
      }
    }
  }
  return rows[a.count][b.count]
}
