import CZlib
import Foundation

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

/// Bare deflate data (RFC 1951) and the checksum of zip and gzip files.
public enum Deflate {
  /// Unpacks `data`, which must be one whole stream of exactly `count` bytes when unpacked; nil where it is not. Asks
  /// for memory as it goes, never for more than `count` bytes and what is really there.
  public static func inflate(_ data: Data, count: Int) -> Data? {
    var stream = z_stream()
    guard mt_zlib_open_raw_inflate(&stream) == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    var result = Data()
    var room = [UInt8](repeating: 0, count: 1 << 18)
    let isWhole = data.withUnsafeBytes { bytes in
      room.withUnsafeMutableBufferPointer { room in
        let input = bytes.bindMemory(to: UInt8.self)
        var fed = 0
        while true {
          let share = min(input.count - fed, 1 << 20)
          stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress.map { $0 + fed })
          stream.avail_in = UInt32(share)
          stream.next_out = room.baseAddress
          stream.avail_out = UInt32(room.count)
          let status = CZlib.inflate(&stream, Z_NO_FLUSH)
          fed += share - Int(stream.avail_in)
          let written = room.count - Int(stream.avail_out)
          guard result.count + written <= count else { return false }
          result.append(contentsOf: room[..<written])
          if status == Z_STREAM_END { return fed == input.count && result.count == count }
          // Without progress the data ends too early.
          guard status == Z_OK, written > 0 || share > Int(stream.avail_in) else { return false }
        }
      }
    }
    return isWhole ? result : nil
  }

  /// CRC-32.
  public static func checksum(_ data: Data) -> UInt32 {
    data.withUnsafeBytes { bytes in
      var sum: UInt = crc32(0, nil, 0)
      var rest = bytes.bindMemory(to: UInt8.self)[...]
      while !rest.isEmpty {
        let part = UnsafeBufferPointer(rebasing: rest.prefix(1 << 30))
        sum = crc32(sum, part.baseAddress, UInt32(part.count))
        rest = rest.dropFirst(part.count)
      }
      return UInt32(truncatingIfNeeded: sum)
    }
  }
}
