import Hummingbird

/// `POST /detect`
struct DetectRoutes {
  let service: TranslationService
  let access: AccessControl

  func add(to router: Router<ServerContext>) {
    router.only(.post, "/detect") { request, context in
      let parameters = try await RequestParameters.read(request, service.options)
      try access.admit(
        parameters, from: context.caller(trustingProxy: service.options.trustsProxy, request))
      let (texts, _) = try parameters.requiredTexts("q")
      return try JSONAnswer.response(service.detect(texts.joined(separator: "\n")))
    }
  }
}
