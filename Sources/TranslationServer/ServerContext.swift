import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// What is known of a request besides itself.
public struct ServerContext: RequestContext {
  public var coreContext: CoreRequestContextStorage
  /// The connection it came by.
  let channel: any Channel

  public init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    channel = source.channel
  }

  /// The address of who asks, without port. Behind a proxy to be trusted that is the last that `X-Forwarded-For` names,
  /// the one which the proxy itself has seen.
  func caller(trustingProxy: Bool, _ request: Request) -> String {
    if trustingProxy, let name = HTTPField.Name("X-Forwarded-For"), let forwarded = request.headers[name],
      let last = forwarded.split(separator: ",").last
    {
      return String(last.drop { $0 == " " }.prefix(64))
    }
    return channel.remoteAddress?.ipAddress ?? "127.0.0.1"
  }
}
