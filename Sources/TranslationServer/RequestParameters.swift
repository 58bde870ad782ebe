import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// The parameters of a request, from a JSON body, or from a form body and the query.
struct RequestParameters {
  enum Value: Equatable {
    case text(String)
    case list([String])
    /// A number, as written.
    case number(Double)
    case other
  }

  private var values: [String: Value] = [:]

  /// Reads the body, within the limits of its bytes and of the time. Throws `APIError`: 413 for more, 408 where it does not
  /// come, 400 for what is broken off or not JSON.
  static func read(_ request: Request, _ options: ServerOptions) async throws -> RequestParameters {
    var body: ByteBuffer
    let limit = options.bodyLimit
    do {
      body = try await withDeadline(options.deadline) { try await request.body.collect(upTo: limit) }
    } catch let error as APIError where error.status == .serviceUnavailable {
      throw APIError(.requestTimeout, "Invalid request: the body was not there within \(Int(options.deadline)) seconds")
    } catch let error as any HTTPResponseError where error.status == .contentTooLarge {
      throw APIError(.contentTooLarge, "Invalid request: the body exceeds \(limit) bytes")
    } catch is NIOTooManyBytesError {
      throw APIError(.contentTooLarge, "Invalid request: the body exceeds \(limit) bytes")
    } catch where !(error is CancellationError) {
      throw APIError(.badRequest, "Invalid request: the body cannot be read")
    }
    let header = request.headers[.contentType] ?? ""
    let type = header.prefix { $0 != ";" }.lowercased().trimmingCharacters(in: .whitespaces)
    if type == "application/json" || (type.hasPrefix("application/") && type.hasSuffix("+json")) {
      return try RequestParameters(json: Data(body.readableBytesView))
    }
    var parameters = RequestParameters()
    let text = body.readString(length: body.readableBytes) ?? ""
    if type == "application/x-www-form-urlencoded" { parameters.add(form: text) }
    if type == "multipart/form-data" { parameters.add(parts: text, type: header) }
    parameters.add(form: request.uri.query ?? "")
    return parameters
  }

  init() {}

  /// Throws `APIError` where it is not a JSON object.
  init(json: Data) throws {
    let parsed = (try? JSONSerialization.jsonObject(with: json))
      ?? (try? JSONSerialization.jsonObject(with: Self.withoutLoneSurrogates(json)))
    guard let object = parsed as? [String: Any] else {
      throw APIError(.badRequest, "Invalid JSON format")
    }
    for (key, value) in object where !(value is NSNull) {
      values[key] =
        switch value {
        case let text as String: .text(text)
        case let list as [String]: .list(list)
        case let number as NSNumber: .number(number.doubleValue)
        default: .other
        }
    }
  }

  /// Half of a character, which programs write that cut their text within one (\uD83D without \uDE00), becomes U+FFFD.
  private static func withoutLoneSurrogates(_ json: Data) -> Data {
    var (result, rest) = ([UInt8](), Array(json)[...])
    func unit(_ bytes: ArraySlice<UInt8>) -> UInt16? {
      guard bytes.count >= 6, bytes.starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) else { return nil }
      return UInt16(String(decoding: bytes.dropFirst(2).prefix(4), as: UTF8.self), radix: 16)
    }
    while let byte = rest.first {
      var length = byte == UInt8(ascii: "\\") ? min(2, rest.count) : 1
      if let first = unit(rest) {
        length = 6
        if UTF16.isLeadSurrogate(first), let second = unit(rest.dropFirst(6)), UTF16.isTrailSurrogate(second) {
          length = 12
        } else if UTF16.isSurrogate(first) {
          result += Array("\\ufffd".utf8)
          rest = rest.dropFirst(6)
          continue
        }
      }
      result += rest.prefix(length)
      rest = rest.dropFirst(length)
    }
    return Data(result)
  }

  /// Adds `a=b&c=d`; later ones win. Ends of lines become plain line feeds, as browsers send them as two characters.
  mutating func add(form: String) {
    for pair in form.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      values[Self.decode(parts[0])] = .text(Self.plainLines(Self.decode(parts.count > 1 ? parts[1] : "")))
    }
  }

  /// Adds the fields of a `multipart/form-data` body (RFC 7578); files are passed over.
  mutating func add(parts body: String, type: String) {
    guard let boundary = Self.parameter("boundary", of: type), !boundary.isEmpty else { return }
    // The first boundary begins the body, all others a line.
    for part in ("\r\n" + body).components(separatedBy: "\r\n--" + boundary).dropFirst() {
      guard !part.hasPrefix("--"), let end = part.range(of: "\r\n\r\n") else { continue }
      let disposition = part[..<end.lowerBound].components(separatedBy: "\r\n")
        .first { $0.lowercased().hasPrefix("content-disposition:") }
      guard let disposition, let name = Self.parameter("name", of: disposition),
        Self.parameter("filename", of: disposition) == nil
      else { continue }
      values[name] = .text(Self.plainLines(String(part[end.upperBound...])))
    }
  }

  /// The value of `; name=value` or `; name="value"` in a header.
  private static func parameter(_ name: String, of header: String) -> String? {
    for field in header.components(separatedBy: ";").dropFirst() {
      let parts = field.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      guard parts.count == 2, parts[0].lowercased() == name else { continue }
      return parts[1].hasPrefix("\"") ? String(parts[1].dropFirst().prefix { $0 != "\"" }) : parts[1]
    }
    return nil
  }

  private static func plainLines(_ text: String) -> String {
    text.replacingOccurrences(of: "\r\n", with: "\n").replacingOccurrences(of: "\r", with: "\n")
  }

  /// Percent decoding (WHATWG URL, application/x-www-form-urlencoded): a sign that begins no escape stands for itself, and
  /// bytes that are no UTF-8 become U+FFFD.
  private static func decode(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8
    func digit(_ byte: UInt8) -> UInt8? { Character(Unicode.Scalar(byte)).hexDigitValue.map(UInt8.init) }
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), let first = rest.first.flatMap(digit), let second = rest.dropFirst().first.flatMap(digit) {
        bytes.append(first << 4 | second)
        rest.removeFirst(2)
      } else {
        bytes.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  subscript(key: String) -> Value? { values[key] }

  /// A text that is there and not empty.
  func text(_ key: String) -> String? {
    guard case .text(let text)? = values[key], !text.isEmpty else { return nil }
    return text
  }

  /// The same, or the error that says what is there instead.
  func requiredText(_ key: String) throws -> String {
    switch values[key] {
    case .text(let text)? where !text.isEmpty: return text
    case nil, .text: throw APIError.missing(key)
    default: throw APIError(.badRequest, "Invalid request: \(key) parameter is not a text")
    }
  }

  /// One text, or several, none of it missing: `[]` and `""` are.
  func requiredTexts(_ key: String) throws -> (texts: [String], isList: Bool) {
    switch values[key] {
    case .text(let text)? where !text.isEmpty: return ([text], false)
    case .list(let list)? where !list.isEmpty: return (list, true)
    case nil, .text, .list: throw APIError.missing(key)
    default: throw APIError(.badRequest, "Invalid request: \(key) parameter is not a text or a list of texts")
    }
  }
}
