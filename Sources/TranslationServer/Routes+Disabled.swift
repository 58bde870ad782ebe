import Hummingbird

/// What LibreTranslate has and this server has not: answered as LibreTranslate answers where it is switched off.
struct DisabledRoutes {
  func add(to router: Router<ServerContext>) {
    router.only(.post, "/translate_file") { _, _ in
      throw APIError(.forbidden, "Files translation are disabled on this server.")
    }
    router.only(.get, "/download_file/:name") { _, _ in
      throw APIError(.badRequest, "Files translation are disabled on this server.")
    }
    router.only(.post, "/suggest") { _, _ in
      throw APIError(.forbidden, "Suggestions are disabled on this server.")
    }
  }
}
