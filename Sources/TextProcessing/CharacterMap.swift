import Foundation

/// A table of replacements in the form in which SentencePiece's models carry their normaliser (`precompiled_charsmap`):
/// the longest key at each place is replaced. A double-array trie of 32-bit units, then the replacements.
///
/// Format: sentencepiece `normalizer.cc`; the trie is Darts-clone's. A unit holds its label (bits 0–7), whether a key ends
/// there (bit 8) and the way to its children (bits 10–30, exclusive-or); the unit of a key's end holds bit 31 and the
/// replacement's place.
struct CharacterMap {
  private struct Node {
    var children: [(byte: UInt8, node: Int)] = []
    var value: UInt32?
  }

  private var nodes = [Node()]
  private var replacements: [UInt8] = []
  private var places: [[UInt8]: UInt32] = [:]

  var isEmpty: Bool { nodes.count == 1 }

  /// Keys and replacements are text without NUL; a key is not empty. Of equal keys the first stands.
  mutating func insert(_ key: String, _ replacement: String) {
    precondition(!key.isEmpty && !key.utf8.contains(0) && !replacement.utf8.contains(0), "\(key) cannot be mapped")
    var at = 0
    for byte in key.utf8 {
      if let next = nodes[at].children.first(where: { $0.byte == byte }) {
        at = next.node
      } else {
        nodes.append(Node())
        nodes[at].children.append((byte, nodes.count - 1))
        at = nodes.count - 1
      }
    }
    guard nodes[at].value == nil else { return }
    let text = Array(replacement.utf8)
    if places[text] == nil {
      places[text] = UInt32(replacements.count)
      replacements += text + [0]
    }
    nodes[at].value = places[text]
  }

  /// The table's bytes: the size of the trie, the trie, the replacements.
  var serialized: [UInt8] {
    var builder = TrieBuilder()
    builder.place(0, at: 0, nodes.map { ($0.children, $0.value) })
    var bytes: [UInt8] = []
    func append(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) } }
    append(UInt32(builder.units.count * 4))
    for unit in builder.units { append(unit) }
    return bytes + replacements
  }

  private struct TrieBuilder {
    private(set) var units: [UInt32] = []
    private var isTaken: [Bool] = []
    /// A base serves one node only, for units do not name their parents.
    private var isBase: [Bool] = []
    private var firstFree = 1

    mutating func place(_ node: Int, at unit: Int, _ nodes: [(children: [(byte: UInt8, node: Int)], value: UInt32?)]) {
      if units.isEmpty {
        grow()
        isTaken[0] = true
      }
      let (children, value) = nodes[node]
      guard !children.isEmpty || value != nil else { return }
      let labels = (value == nil ? [] : [0]) + children.map { Int($0.byte) }
      let base = findBase(labels)
      isBase[base] = true
      units[unit] |= UInt32(base ^ unit) << 10 | (value == nil ? 0 : 1 << 8)
      for label in labels { isTaken[base ^ label] = true }
      if let value { units[base] = value | 1 << 31 }
      for child in children { units[base ^ Int(child.byte)] = UInt32(child.byte) }
      for child in children { place(child.node, at: base ^ Int(child.byte), nodes) }
    }

    private mutating func findBase(_ labels: [Int]) -> Int {
      while firstFree < units.count, isTaken[firstFree] { firstFree += 1 }
      var base = firstFree & ~0xFF
      while true {
        if base >= units.count { grow() }
        if base > 0, !isBase[base], labels.allSatisfy({ !isTaken[base ^ $0] }) { return base }
        base += 1
      }
    }

    /// By blocks of 256 units, which no label leads out of.
    private mutating func grow() {
      units += [UInt32](repeating: 0, count: 256)
      isTaken += [Bool](repeating: false, count: 256)
      isBase += [Bool](repeating: false, count: 256)
    }
  }
}

extension CharacterMap {
  /// What the normaliser does to single characters up to U+3000 and to two marks of Hebrew or Arabic in the wrong order, and
  /// the compositions of its normal form. Lines that need no more than this are normalised alike.
  init(_ normalizer: Normalizer) {
    self.init()
    for value in UInt32(1)...0x3000 {
      guard let scalar = Unicode.Scalar(value), scalar != "\u{2581}" else { continue }
      let text = String(Character(scalar))
      // Between letters that nothing composes with; spaces at an end would be gone.
      let framed = Array(normalizer.normalize("q\(text)q").unicodeScalars)
      guard framed.count >= 2, framed.first == "q", framed.last == "q" else { continue }
      var result = String.UnicodeScalarView()
      result.append(contentsOf: framed.dropFirst().dropLast())
      let replacement = String(result)
      if !replacement.utf8.elementsEqual(text.utf8) { insert(text, replacement) }
      guard scalar.properties.canonicalCombiningClass == .notReordered else { continue }
      insertCompositions(of: text, normalizer)
    }
    // Vowels are typed after the dot or the doubling that the canonical order puts behind them.
    for block in [UInt32(0x591)...0x5C7, 0x610...0x6ED] {
      let marks = block.compactMap(Unicode.Scalar.init).filter { $0.properties.canonicalCombiningClass.rawValue > 0 }
      for first in marks {
        for second in marks
        where first.properties.canonicalCombiningClass.rawValue > second.properties.canonicalCombiningClass.rawValue {
          let typed = String(scalars: [first, second])
          let framed = Array(normalizer.normalize("q\(typed)q").unicodeScalars)
          guard framed.count >= 2, framed.first == "q", framed.last == "q" else { continue }
          let ordered = String(scalars: framed.dropFirst().dropLast())
          if !ordered.utf8.elementsEqual(typed.utf8) { insert(typed, ordered) }
        }
      }
    }
  }

  /// Every way of writing a composed character in parts: fully, and with the first parts composed.
  private mutating func insertCompositions(of text: String, _ normalizer: Normalizer) {
    let parts = Array(text.decomposedStringWithCanonicalMapping.unicodeScalars)
    guard parts.count > 1 else { return }
    for composed in 1..<parts.count {
      var head = String.UnicodeScalarView()
      head.append(contentsOf: parts[..<composed])
      var key = normalizer.normalize(String(head)).unicodeScalars
      key.append(contentsOf: parts[composed...])
      let result = normalizer.normalize(String(key))
      if !result.utf8.elementsEqual(String(key).utf8) { insert(String(key), result) }
    }
  }
}
