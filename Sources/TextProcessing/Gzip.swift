import CZlib

// The one file that imports zlib.

/// Unpacks a gzip stream of one or more members (RFC 1952), in pieces.
final class GzipInflater {
  private var stream = z_stream()
  /// True between members, where the data may end.
  private(set) var isAtMemberEnd = true

  init() throws(TextError) {
    let status = mt_zlib_open_inflate(&stream)
    guard status == Z_OK else { throw .file(path: "zlib", problem: "cannot be opened (status \(status))") }
  }

  deinit { inflateEnd(&stream) }

  /// What zlib found wrong.
  private(set) var problem: String?

  /// Unpacks as much of `input` as fits into `output`; nothing where `problem` says why.
  func inflate(
    _ input: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>
  ) -> (read: Int, written: Int)? {
    if isAtMemberEnd, input.isEmpty { return (0, 0) }
    if isAtMemberEnd { inflateReset(&stream) }
    stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
    stream.avail_in = UInt32(input.count)
    stream.next_out = output.baseAddress
    stream.avail_out = UInt32(output.count)
    let status = CZlib.inflate(&stream, Z_NO_FLUSH)
    guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
      problem = stream.msg.map { String(cString: $0) } ?? "status \(status)"
      return nil
    }
    isAtMemberEnd = status == Z_STREAM_END
    return (input.count - Int(stream.avail_in), output.count - Int(stream.avail_out))
  }
}

/// Packs bytes into one gzip member.
public enum Gzip {
  public static func compress(_ bytes: [UInt8], level: Int32 = 6) throws(TextError) -> [UInt8] {
    var stream = z_stream()
    let status = mt_zlib_open_deflate(&stream, level)
    guard status == Z_OK else { throw .file(path: "zlib", problem: "cannot be opened (status \(status))") }
    defer { deflateEnd(&stream) }
    var result: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 1 << 16)
    var fed = 0
    var finished = false
    while !finished {
      let end = min(bytes.count, fed + 1 << 20)
      var status = Z_OK
      var written = 0
      bytes.withUnsafeBufferPointer { bytes in
        room.withUnsafeMutableBufferPointer { room in
          stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress.map { $0 + fed })
          stream.avail_in = UInt32(end - fed)
          stream.next_out = room.baseAddress
          stream.avail_out = UInt32(room.count)
          status = deflate(&stream, end == bytes.count ? Z_FINISH : Z_NO_FLUSH)
          written = room.count - Int(stream.avail_out)
        }
      }
      fed = end - Int(stream.avail_in)
      result.append(contentsOf: room[..<written])
      finished = status == Z_STREAM_END
      guard finished || status == Z_OK || status == Z_BUF_ERROR else {
        throw .file(path: "zlib", problem: "cannot pack (status \(status))")
      }
    }
    return result
  }
}
