import Hummingbird

/// The web page, which is part of the program. `Page/` holds it as it is served: nothing is built.
struct PageRoutes {
  func add(to router: Router<ServerContext>) {
    serve("/", PackageResources.index_html, "text/html; charset=utf-8", router)
    serve("/page.css", PackageResources.page_css, "text/css; charset=utf-8", router)
    serve("/icon.svg", PackageResources.icon_svg, "image/svg+xml", router)
    for (path, script) in [
      ("/page.js", PackageResources.page_js), ("/api.js", PackageResources.api_js),
      ("/attention.js", PackageResources.attention_js), ("/tree.js", PackageResources.tree_js),
      ("/words.js", PackageResources.words_js),
    ] {
      serve(RouterPath(path), script, "text/javascript; charset=utf-8", router)
    }
  }

  private func serve(_ path: RouterPath, _ bytes: [UInt8], _ type: String, _ router: Router<ServerContext>) {
    let body = ByteBuffer(bytes: bytes)
    router.only(.get, path) { _, _ in
      Response(
        status: .ok, headers: [.contentType: type, .cacheControl: "no-cache"], body: ResponseBody(byteBuffer: body))
    }
  }
}
