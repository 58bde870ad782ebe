import Translation

extension TranslationService {
  /// HTML, translated, its tags around the right words; through a third language where need be. Fragments share batches.
  /// Throws `APIError`.
  func translateHTML(_ fragments: [String], from source: String, to target: String) async throws -> [String] {
    var fragments = fragments
    for entry in try route(from: source, to: target) {
      let translator = try await models.translator(entry)
      let texts = fragments.map { translator.markedUp($0) }
      let sentences = texts.flatMap(\.sentences)
      try check(sentences: sentences.count)
      let lines = try await translate(sentences, with: translator)
      var next = 0
      for (index, text) in texts.enumerated() {
        let own = Array(lines[next..<next + text.sentences.count])
        next += text.sentences.count
        fragments[index] = own.isEmpty ? fragments[index] : try await background.run { translator.html(text, own) }
      }
    }
    return fragments
  }

  /// Sentences with all that is known of their translations: not from the cache, which has texts only. Throws `APIError`.
  func translate(
    _ sentences: [String], with translator: Translator, _ options: TranslationOptions? = nil
  ) async throws -> [TranslatedLine] {
    do {
      return try await pool.translate(sentences.map { TranslationInput($0) }, with: translator, options)
    } catch let error as PoolError {
      throw APIError(.serviceUnavailable, "Busy: \(error)", retryAfter: 2)
    }
  }
}
