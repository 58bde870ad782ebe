import Yams

/// One mapping of a recipe while it is read: typed access by key, and the list of keys it knows, so that what nobody
/// asked for can be reported.
final class RecipeSection {
  let path: String
  private let entries: [(key: String, line: Int?, value: Node)]
  private var known: [String] = []

  /// - Throws: `RecipeError.wrongType` unless the node is a mapping (or nothing at all).
  init(_ node: Node?, path: String = "") throws {
    self.path = path
    guard let node, !RecipeSection.isNull(node) else {
      entries = []
      return
    }
    guard case .mapping(let mapping) = node else {
      throw RecipeError.wrongType(
        key: path.isEmpty ? "the recipe" : path, line: node.mark?.line, value: RecipeSection.text(node),
        expected: "a mapping of keys")
    }
    entries = mapping.map { (RecipeSection.text($0.key), $0.key.mark?.line, $0.value) }
  }

  /// Only a scalar: a list or mapping with that tag would be passed over unread.
  static func isNull(_ node: Node) -> Bool { node.scalar != nil && node.tag.rawValue == Tag.Name.null.rawValue }

  /// The node as the recipe's reader wrote it, for messages.
  static func text(_ node: Node) -> String {
    switch node {
    case .scalar(let scalar): return scalar.string.isEmpty ? "nothing" : scalar.string
    case .mapping: return "a mapping"
    case .sequence: return "a list"
    case .alias: return "an alias"
    }
  }

  func full(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  /// The value of a key, which becomes known; nil where it is absent or null.
  func node(_ key: String) -> Node? {
    known.append(key)
    guard let value = entries.last(where: { $0.key == key })?.value else { return nil }
    return RecipeSection.isNull(value) ? nil : value
  }

  /// Whether a key is there and not null.
  func has(_ key: String) -> Bool { entries.contains { $0.key == key && !RecipeSection.isNull($0.value) } }

  func section(_ key: String) throws -> RecipeSection { try RecipeSection(node(key), path: full(key)) }

  func list(_ key: String) throws -> [Node]? {
    guard let node = node(key) else { return nil }
    guard case .sequence(let items) = node else { throw wrong(key, node, "a list") }
    return Array(items)
  }

  func string(_ key: String) throws -> String? {
    guard let node = node(key) else { return nil }
    guard case .scalar(let scalar) = node else { throw wrong(key, node, "a text") }
    return scalar.string
  }

  func required(_ key: String, _ expected: String) throws -> String {
    guard let value = try string(key) else { throw RecipeError.missingKey(key: full(key), expected: expected) }
    return value
  }

  func optionalInt(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
    guard let node = node(key) else { return nil }
    guard case .scalar(let scalar) = node, let value = Int(scalar.string.filter { $0 != "_" }), range.contains(value)
    else { throw wrong(key, node, "a whole number from \(range.lowerBound) to \(range.upperBound)") }
    return value
  }

  func int(_ key: String, _ fallback: Int, in range: ClosedRange<Int>) throws -> Int {
    try optionalInt(key, in: range) ?? fallback
  }

  func optionalDouble(_ key: String, in range: ClosedRange<Double>) throws -> Double? {
    guard let node = node(key) else { return nil }
    guard case .scalar(let scalar) = node, let value = Double(scalar.string), range.contains(value)
    else { throw wrong(key, node, "a number from \(range.lowerBound) to \(range.upperBound)") }
    return value
  }

  func double(_ key: String, _ fallback: Double, in range: ClosedRange<Double>) throws -> Double {
    try optionalDouble(key, in: range) ?? fallback
  }

  /// A probability below 1.
  func rate(_ key: String, _ fallback: Float) throws -> Float {
    Float(try double(key, Double(fallback), in: 0...0.999))
  }

  func bool(_ key: String, _ fallback: Bool) throws -> Bool {
    guard let node = node(key) else { return fallback }
    guard case .scalar(let scalar) = node, let value = ["true": true, "false": false][scalar.string.lowercased()]
    else { throw wrong(key, node, "true or false") }
    return value
  }

  func choice<Choice: RawRepresentable & CaseIterable>(_ key: String, _ fallback: Choice) throws -> Choice
  where Choice.RawValue == String {
    guard let node = node(key) else { return fallback }
    let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
    guard case .scalar(let scalar) = node, let value = Choice(rawValue: scalar.string)
    else { throw wrong(key, node, "one of \(names)") }
    return value
  }

  func wrong(_ key: String, _ node: Node, _ expected: String) -> RecipeError {
    .wrongType(key: full(key), line: node.mark?.line, value: RecipeSection.text(node), expected: expected)
  }

  /// - Throws: `RecipeError.wrongType` for the first key that is not among `keys`.
  func allow(only keys: Set<String>, because reason: String) throws {
    guard let entry = entries.first(where: { !keys.contains($0.key) }) else { return }
    throw RecipeError.wrongType(
      key: full(entry.key), line: entry.line, value: RecipeSection.text(entry.value),
      expected: "possible here: \(reason); only \(keys.sorted().joined(separator: ", ")) can be given")
  }

  /// To be called when every key has been asked for.
  /// - Throws: `RecipeError.unknownKey` for the first key nobody asked for.
  func finish() throws {
    for entry in entries where !known.contains(entry.key) {
      // What is longer than any key could be resembles none, and the distance costs time and memory by its length.
      let candidates = entry.key.utf8.count > 100 ? [] : known
      let nearest = candidates.map { ($0, editDistance(entry.key, $0)) }.min { $0.1 < $1.1 }
      throw RecipeError.unknownKey(key: full(entry.key), line: entry.line, nearest: nearest.map { full($0.0) })
    }
  }
}

/// `--set a.b=value`: puts a value into the tree of a recipe before it is read. Elements of lists go by their number.
func overriding(_ root: Node, with argument: String) throws -> Node {
  guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else {
    throw RecipeError.badOverride(argument: argument)
  }
  let keys = argument[..<equals].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
  guard keys.allSatisfy({ !$0.isEmpty }), keys.count <= 16 else { throw RecipeError.badOverride(argument: argument) }
  let text = String(argument[argument.index(after: equals)...])
  var value: Node
  do {
    value = try Yams.compose(yaml: text) ?? Node("", Tag(.null))
  } catch {
    throw RecipeError.badOverride(argument: argument)
  }
  // The line that it stands on is none of the recipe's.
  if case .scalar(let scalar) = value { value = .scalar(.init(scalar.string, scalar.tag, scalar.style)) }
  return try replacing(root, keys[...], value, argument)
}

private func overridden(_ argument: String) -> String { String(argument.prefix { $0 != "=" }) }

private var emptyMapping: Node { .mapping(Node.Mapping([])) }

private func replacing(_ node: Node, _ keys: ArraySlice<String>, _ value: Node, _ argument: String) throws -> Node {
  guard let key = keys.first else { return value }
  switch node {
  case .mapping(var mapping):
    mapping[Node(key)] = try replacing(mapping[Node(key)] ?? emptyMapping, keys.dropFirst(), value, argument)
    return .mapping(mapping)
  case .sequence(var sequence) where sequence.count > 0:
    guard let index = Int(key), sequence.indices.contains(index) else {
      throw RecipeError.wrongType(
        key: overridden(argument), line: nil, value: key,
        expected: "the number of an element of the list: it has \(sequence.count), counted from 0")
    }
    sequence[index] = try replacing(sequence[index], keys.dropFirst(), value, argument)
    return .sequence(sequence)
  case .scalar(let scalar) where !RecipeSection.isNull(node):
    throw RecipeError.wrongType(
      key: overridden(argument), line: nil, value: scalar.string, expected: "a mapping of keys, so that one could be set")
  case .scalar, .alias, .sequence:
    return try replacing(emptyMapping, keys, value, argument)
  }
}
