import Translation

extension TranslationService {
  /// HTML, translated, its tags around the right words; through a third language where need be. Throws `APIError`.
  func translateHTML(_ html: String, from source: String, to target: String) async throws -> String {
    var html = html
    for entry in try route(from: source, to: target) {
      let translator = try await models.translator(entry)
      let text = translator.markedUp(html)
      let lines = try await translate(text.sentences, with: translator)
      html = try await background.run { translator.html(text, lines) }
    }
    return html
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
