import Translation

/// The pieces that ask a multilingual model for a target language, such as `>>fra<<`, at the beginning of a source.
enum LanguageCode {
  /// `>>xxx<<` → xxx.
  private static func code(_ piece: String) -> String? {
    piece.hasPrefix(">>") && piece.hasSuffix("<<") && piece.utf8.count > 4 ? String(piece.dropFirst(2).dropLast(2)) : nil
  }

  /// The piece of the wanted language; nil for a model without codes, and where "none" is wanted.
  /// - Throws: `ModelError` that lists the codes where the wanted one is missing, or where there are some and none is wanted.
  static func choose(_ language: String?, among pieces: [String], file: String) throws -> String? {
    let codes = pieces.compactMap(code).sorted()
    switch language {
    case "none"?: return nil
    case let language?:
      guard codes.contains(language) else {
        let choice = codes.isEmpty ? "the model has no language codes" : "one of \(codes.joined(separator: ", ")) expected"
        throw ModelError(file: file, item: ">>\(language)<<", problem: "is missing; \(choice)")
      }
      return ">>\(language)<<"
    case nil:
      guard codes.isEmpty else {
        throw ModelError(
          file: file,
          problem: "has the codes of several target languages; say which: \(codes.joined(separator: ", ")), or none")
      }
      return nil
    }
  }
}
