import Hummingbird

/// What the page shows of how a translation came about.
struct ExplainRoutes {
  let service: TranslationService

  func add(to router: Router<ServerContext>) {}
}
