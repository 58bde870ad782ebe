/// Characters that stand for what a translation must carry over unchanged while the sentence around it is translated.
///
/// They are of Unicode's private use area, which ordinary text does not use. A model learns to copy them from
/// `copied_items` in its recipe.
public enum Placeholder {
  /// A line has at most so many.
  public static let count = 16
  private static let first: UInt32 = 0xE000

  public static func scalar(_ index: Int) -> Unicode.Scalar {
    precondition((0..<count).contains(index), "placeholder \(index) of \(count)")
    return Unicode.Scalar(first + UInt32(index)) ?? "\u{E000}"
  }

  static var all: [Unicode.Scalar] { (0..<count).map(scalar) }

  public static func contains(_ scalar: Unicode.Scalar) -> Bool { (first..<first + UInt32(count)).contains(scalar.value) }

  /// The number of a placeholder.
  package static func index(_ scalar: Unicode.Scalar) -> Int { Int(scalar.value - first) }
}
