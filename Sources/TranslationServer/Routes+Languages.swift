import Hummingbird

/// `GET /languages`, `GET /frontend/settings`
struct LanguageRoutes {
  let service: TranslationService

  struct Language: Encodable {
    var code: String
    var name: String
    var targets: [String]
  }

  struct Settings: Encodable {
    struct Language: Encodable {
      var code: String
      var name: String
    }
    struct Pair: Encodable {
      var source: Language
      var target: Language
    }
    var apiKeys: Bool
    var charLimit: Int
    var filesTranslation: Bool
    var frontendTimeout: Int
    var keyRequired: Bool
    var language: Pair
    var suggestions: Bool
    var supportedFilesFormat: [String]
  }

  func add(to router: Router<ServerContext>) {
    router.only(.get, "/languages") { _, _ in
      try JSONAnswer.response(
        service.models.languages.map {
          Language(code: $0, name: LanguageName.of($0), targets: service.models.targets(from: $0))
        })
    }
    router.only(.get, "/frontend/settings") { _, _ in try JSONAnswer.response(settings) }
  }

  private var settings: Settings {
    let target = service.models.entries.first?.target ?? ""
    return Settings(
      apiKeys: service.options.apiKeys != nil, charLimit: service.options.characterLimit ?? -1,
      filesTranslation: false, frontendTimeout: 500,
      keyRequired: service.options.apiKeys != nil && service.options.requiresKey,
      language: .init(
        source: .init(code: "auto", name: "Auto Detect"), target: .init(code: target, name: LanguageName.of(target))),
      suggestions: false, supportedFilesFormat: [])
  }
}
