import Hummingbird

/// The web page: three files, part of the program.
struct PageRoutes {
  func add(to router: Router<ServerContext>) {
    serve("/", PackageResources.index_html, "text/html; charset=utf-8", router)
    serve("/page.css", PackageResources.page_css, "text/css; charset=utf-8", router)
    serve("/page.js", PackageResources.page_js, "text/javascript; charset=utf-8", router)
  }

  private func serve(_ path: RouterPath, _ bytes: [UInt8], _ type: String, _ router: Router<ServerContext>) {
    let body = ByteBuffer(bytes: bytes)
    router.only(.get, path) { _, _ in
      Response(
        status: .ok, headers: [.contentType: type, .cacheControl: "no-cache"], body: ResponseBody(byteBuffer: body))
    }
  }
}
