/// Characters that stand for what a translation must carry over unchanged while the sentence around it is translated.
///
/// They are of Unicode's private use area, which ordinary text does not use. A model learns to copy them from
/// `copied_items` in its recipe.
public enum Placeholder {
  /// One for each span of a sentence; a sentence has at most so many.
  public static let characters: [Character] = (0xE000...0xE00F).compactMap { Unicode.Scalar($0).map(Character.init) }
}
