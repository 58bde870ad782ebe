import Hummingbird

/// `GET /health`, `GET /metrics`
struct StatusRoutes {
  let service: TranslationService
  let connections: Connections

  func add(to router: Router<ServerContext>) {
    router.only(.get, "/health") { _, _ in try JSONAnswer.response(["status": "ok"]) }
    router.only(.get, "/metrics") { request, _ in
      if let token = service.options.metricsToken, !equal(request.headers[.authorization] ?? "", "Bearer " + token) {
        throw APIError(.unauthorized, "Unauthorized")
      }
      let text = service.metrics.text(service, connections: connections.count)
      return Response(
        status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
        body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
  }

  /// Takes as long wherever they differ.
  private func equal(_ a: String, _ b: String) -> Bool {
    a.utf8.count == b.utf8.count && zip(a.utf8, b.utf8).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }
}
