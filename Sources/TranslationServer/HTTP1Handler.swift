import NIOCore
import NIOHTTP1

/// What HTTP/1 asks of a server and the framework leaves out. A client of HTTP/1.0 reads until the connection is closed, unless
/// it asked to keep it (RFC 9112, §9.3); one that says "Expect: 100-continue" waits for a yes before it sends the body
/// (RFC 9110, §10.1.1).
final class HTTP1Handler: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  /// Requests that are not answered to the end.
  private var open = 0

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
    open += 1
    if !head.isKeepAlive { head.headers.replaceOrAdd(name: "Connection", value: "close") }
    // A yes would stand within the answer before; who gets none sends after a while, or waits for that answer.
    let expects = head.headers[canonicalForm: "Expect"].contains { $0.lowercased() == "100-continue" }
    if expects, open == 1, head.version == .http1_1 {
      context.writeAndFlush(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
    }
    context.fireChannelRead(wrapInboundOut(.head(head)))
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .end = unwrapOutboundIn(data) { open -= 1 }
    context.write(data, promise: promise)
  }

  /// Puts one where requests come from the decoder and still have their version: the framework adds handlers of ours only
  /// after that.
  final class Installer: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    typealias InboundIn = Any

    func handlerAdded(context: ChannelHandlerContext) {
      let pipeline = context.pipeline.syncOperations
      do {
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
        try pipeline.addHandler(HTTP1Handler(), position: .after(decoder))
      } catch {
        preconditionFailure("a connection without HTTP/1's decoder: \(error)")
      }
    }
  }
}
