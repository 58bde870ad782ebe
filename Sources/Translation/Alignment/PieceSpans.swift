import Seq2Seq
import TextProcessing

/// Which words of a text a model's pieces make up.
struct PieceSpans {
  /// For each piece the units it is part of, with its share in each; shares sum to one.
  let shares: [[(unit: Int, share: Float)]]

  /// `decode` gives the text of ids; placeholders in it stand for `spans`; `units` are those of the text as it was or will
  /// be shown, which may be normalised otherwise. Cost: quadratic in the pieces, a fraction of their translation's.
  init(_ ids: [Int32], decode: ([Int32]) -> String, spans: [String], units: TextUnits) {
    // The text with spans in place of placeholders, and where each scalar of the text as it was stands in it.
    var (expanded, starts) = ([Unicode.Scalar](), [Int]())
    for scalar in decode(ids).unicodeScalars {
      starts.append(expanded.count)
      expanded += PieceSpans.expand(scalar, spans)
    }
    starts.append(expanded.count)
    let places = ScalarMap.places(expanded, in: units.scalars)
    var begin = 0
    var shares: [[(unit: Int, share: Float)]] = []
    for count in ids.indices {
      // A prefix may end within a character, which belongs to what completes it.
      let prefix = decode(Array(ids[...count])).unicodeScalars.reversed().drop { $0 == "\u{FFFD}" || $0 == " " }
      let end = count == ids.count - 1 ? starts.count - 1 : max(begin, min(prefix.count, starts.count - 1))
      let own = (starts[begin]..<starts[end]).filter { !expanded[$0].properties.isWhitespace }
      shares.append(PieceSpans.shares(own, from: starts[begin], places, units))
      begin = end
    }
    self.shares = shares
  }

  /// A placeholder as what it stands for, which may be nothing; anything else as it is.
  static func expand(_ scalar: Unicode.Scalar, _ spans: [String]) -> [Unicode.Scalar] {
    guard Placeholder.contains(scalar) else { return [scalar] }
    let index = Placeholder.index(scalar)
    return index < spans.count ? Array(spans[index].unicodeScalars) : []
  }

  /// Pieces as a reader sees them.
  static func shown(_ ids: [Int32], _ vocabulary: Vocabulary, _ spans: [String]) -> [String] {
    ids.map { id in String(scalars: vocabulary.piece(id).unicodeScalars.flatMap { expand($0, spans) }) }
  }

  /// Of a piece that is the characters at `own`, or, where these are none, begins at `start`.
  private static func shares(
    _ own: [Int], from start: Int, _ places: [Int], _ units: TextUnits
  ) -> [(unit: Int, share: Float)] {
    guard units.count > 0 else { return [] }
    var counts: [Int: Int] = [:]
    for place in own where places[place] < units.scalars.count {
      if let unit = units.unit(at: places[place]) { counts[unit, default: 0] += 1 }
    }
    if counts.isEmpty {
      // No character of its own: it belongs to what follows.
      let place = start < places.count ? places[start] : units.scalars.count
      return [(units.unit(from: place), 1)]
    }
    let sum = Float(counts.values.reduce(0, +))
    return counts.sorted { $0.key < $1.key }.map { ($0.key, Float($0.value) / sum) }
  }
}

extension TextUnits {
  /// The unit that has the scalar at `place`.
  func unit(at place: Int) -> Int? {
    let unit = unit(from: place)
    return ranges.indices.contains(unit) && ranges[unit].contains(place) ? unit : nil
  }

  /// The first unit that ends behind `place`, or the last.
  func unit(from place: Int) -> Int {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound > place { high = middle } else { low = middle + 1 }
    }
    return min(low, ranges.count - 1)
  }
}
