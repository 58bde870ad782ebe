import TextProcessing

/// A stretch of text with what marks it up, between two boundaries that no sentence crosses.
struct MarkupRun: Sendable {
  enum Kind: Sendable, Equatable {
    /// Its tags stand around the translation of what they stood around.
    case element(open: String, close: String)
    /// Stands as it is in place of the translation of what stood for it.
    case frozen(String)
    /// Stands between words; the flags tell where white space was beside it.
    case mark(String, spaceBefore: Bool, spaceAfter: Bool)
  }

  struct Node: Sendable, Equatable {
    var kind: Kind
    /// Scalars of `text` that it stands around; none for a mark.
    var range: Range<Int>
    /// A node that contains this one.
    var parent: Int?
    /// Whether white space stood before it, and behind it or its opening tag.
    var followsSpace = false
    var precedesSpace = false
    /// Whether it touched a letter or digit before it or behind it, from which a space parts it in `text`.
    var joinsBefore = false
    var joinsAfter = false
  }

  /// White space before the first word or node, and behind the last.
  var lead = ""
  var trail = ""
  /// Without references and tags, white space runs as one space.
  var text = ""
  /// In the order of the fragment.
  var nodes: [Node] = []
}

/// Gathers a run token by token.
struct MarkupRunBuilder {
  /// Everything as it came, for runs without words.
  private(set) var raw = ""
  private var run = MarkupRun()
  private var scalars: [Unicode.Scalar] = []
  /// White space since the last character; nil where there was none.
  private var space: String?
  /// The same since the last character or node.
  private var tail: String?
  /// Elements not closed yet, the innermost last.
  private var open: [(name: String, node: Int)] = []
  /// Marks since the last character.
  private var freshMarks: [Int] = []
  /// The frozen element that ends here.
  private var freshFrozen: Int?
  /// What stands for frozen elements; nil to let their text stand.
  private let placeholder: String?
  private var placeholders = 0
  /// Elements nested deeper are marks.
  private static let deepest = 64

  init(placeholder: String?) { self.placeholder = placeholder }

  var isEmpty: Bool { raw.isEmpty }

  mutating func add(text: Substring) {
    raw += text
    var rest = text
    while let name = HTMLEntities.unknownName(in: rest) {
      append(HTMLEntities.decode(rest[..<name.lowerBound]))
      addMark(rest[name])
      rest = rest[name.upperBound...]
    }
    append(HTMLEntities.decode(rest))
  }

  /// Whether the text ends with a word of more than two letters, which m and km are not.
  var endsWithWord: Bool {
    space == nil && scalars.count > 2 && scalars.suffix(3).allSatisfy(\.properties.isAlphabetic)
  }

  mutating func add(open name: String, _ tag: Substring) {
    raw += tag
    addMark(tag)
    if open.count < MarkupRunBuilder.deepest { open.append((name, run.nodes.count - 1)) }
  }

  mutating func add(close name: String, _ tag: Substring) {
    raw += tag
    guard let place = open.lastIndex(where: { $0.name == name }) else { return addMark(tag) }
    // What was opened within and not closed stays a mark, and its own closing tag will be one.
    let abandoned = open[(place + 1)...].map(\.node)
    let node = open[place].node
    open.removeSubrange(place...)
    for child in run.nodes.indices[node...] where !abandoned.isEmpty {
      if let parent = run.nodes[child].parent, abandoned.contains(parent) { run.nodes[child].parent = node }
    }
    guard case .mark(let opening, _, _) = run.nodes[node].kind else { return }
    run.nodes[node].kind = .element(open: opening, close: String(tag))
    run.nodes[node].range = run.nodes[node].range.lowerBound..<scalars.count
  }

  mutating func add(mark tag: Substring) {
    raw += tag
    addMark(tag)
  }

  mutating func add(frozen element: Substring) {
    raw += element
    let content = MarkupRunBuilder.text(of: element)
    // A picture has no text, and stands between words.
    guard !content.isEmpty else { return addMark(element) }
    placeholders += 1
    let joins = space == nil && scalars.last.map(Self.isOfWord) == true
    if joins { scalars.append(" ") }
    let start = scalars.count + (space != nil && !scalars.isEmpty ? 1 : 0)
    append(placeholder.map { "\($0)\(placeholders)" } ?? content)
    run.nodes.append(
      .init(kind: .frozen(String(element)), range: start..<scalars.count, parent: open.last?.node, joinsBefore: joins))
    freshFrozen = run.nodes.count - 1
  }

  private static func isOfWord(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isAlphabetic || scalar.properties.numericType != nil
  }

  private mutating func addMark(_ tag: Substring) {
    if scalars.isEmpty, run.nodes.isEmpty { (run.lead, space) = (space ?? "", nil) }
    let followsSpace = tail != nil
    tail = nil
    run.nodes.append(.init(
      kind: .mark(String(tag), spaceBefore: followsSpace, spaceAfter: false), range: scalars.count..<scalars.count,
      parent: open.last?.node, followsSpace: followsSpace))
    freshMarks.append(run.nodes.count - 1)
  }

  private mutating func append(_ text: String) {
    for scalar in text.unicodeScalars {
      if scalar.properties.isWhitespace, scalar != "\u{A0}" {
        noteSpace()
        space = (space ?? "") + String(Character(scalar))
        tail = (tail ?? "") + String(Character(scalar))
        freshFrozen = nil
        continue
      }
      if let gap = space {
        if !scalars.isEmpty { scalars.append(" ") } else if run.nodes.isEmpty { run.lead = gap }
      }
      if let frozen = freshFrozen, Self.isOfWord(scalar) {
        run.nodes[frozen].joinsAfter = true
        scalars.append(" ")
      }
      (space, tail, freshFrozen) = (nil, nil, nil)
      freshMarks.removeAll()
      scalars.append(scalar)
    }
  }

  /// White space follows the marks just added.
  private mutating func noteSpace() {
    for mark in freshMarks {
      run.nodes[mark].precedesSpace = true
      guard case .mark(let tag, let before, _) = run.nodes[mark].kind else { continue }
      run.nodes[mark].kind = .mark(tag, spaceBefore: before, spaceAfter: true)
    }
    freshMarks.removeAll()
  }

  /// The run, or nil if there is no word in it: then `raw` stands for itself.
  func finished() -> MarkupRun? {
    guard LinePreparation.content(of: String(scalars: scalars)) == .words else { return nil }
    var run = run
    run.text = String(scalars: scalars)
    run.trail = tail ?? ""
    // Elements that the run's end cuts: their opening tags are marks.
    let cut = open.map(\.node)
    for child in run.nodes.indices {
      while let parent = run.nodes[child].parent, cut.contains(parent) { run.nodes[child].parent = run.nodes[parent].parent }
    }
    return run
  }

  /// The text in an element, its tags left out.
  private static func text(of element: Substring) -> String {
    var text = ""
    var depth = 0
    for character in element {
      switch character {
      case "<": depth += 1
      case ">" where depth > 0: depth -= 1
      default: if depth == 0 { text.append(character) }
      }
    }
    return HTMLEntities.decode(text[...]).split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
