import Foundation
import TextProcessing
import Translation

/// The members of a zip file, as NumPy's `.npz` and PyTorch's files are. The file is mapped; stored members are looked
/// at where they lie. Every offset and size is checked against the file before use.
///
/// Source: PKWARE, APPNOTE.TXT 6.3, sections 4.3 and 4.5.3 (sizes of 64 bits).
struct ZipArchive {
  struct Member {
    let name: String
    fileprivate let isDeflated: Bool
    /// Bytes of the file, as they are stored.
    fileprivate let range: Range<Int>
    /// Bytes when unpacked.
    let count: Int
    fileprivate let checksum: UInt32
  }

  let file: String
  let members: [Member]
  private let data: Data

  /// What a zip file begins with.
  static func isZip(_ data: Data) -> Bool { data.starts(with: [0x50, 0x4B, 3, 4]) || data.starts(with: [0x50, 0x4B, 5, 6]) }

  /// Throws `ModelError` naming the file and the member.
  init(_ data: Data, file: String) throws {
    (self.data, self.file) = (data, file)
    var reader = ByteReader(data, file: file)
    let directory = try Self.directory(&reader)
    reader.place = directory.offset
    var members: [Member] = []
    var names = Set<[UInt8]>()
    for _ in 0..<directory.count {
      let (member, bytes) = try Self.member(&reader)
      guard names.insert(bytes).inserted else {
        throw ModelError(file: file, item: member.name, problem: "stands twice in the zip file's directory")
      }
      members.append(member)
    }
    // Members that share bytes could unpack to far more than the file holds.
    let ordered = members.sorted { $0.range.lowerBound < $1.range.lowerBound }
    for (one, next) in zip(ordered, ordered.dropFirst()) where next.range.lowerBound < one.range.upperBound {
      throw ModelError(file: file, item: next.name, problem: "overlaps \(one.name)")
    }
    self.members = members
  }

  /// Where the directory begins and how many members it has.
  private static func directory(_ reader: inout ByteReader) throws -> (offset: Int, count: Int) {
    // It ends with 22 bytes and a comment of up to 65,535.
    let last = reader.data.count - 22
    var place = last
    while place >= max(0, last - 0xFFFF), reader.unchecked32(place) != 0x0605_4B50 { place -= 1 }
    guard place >= max(0, last - 0xFFFF), last >= 0 else {
      throw ModelError(file: reader.file, problem: "is not a zip file, or truncated: it has no directory")
    }
    reader.place = place + 10
    var count = try Int(reader.u16())
    var size = try Int(reader.u32())
    var offset = try Int(reader.u32())
    if count == 0xFFFF || size == 0xFFFF_FFFF || offset == 0xFFFF_FFFF {
      reader.place = place - 20
      guard place >= 20, try reader.u32() == 0x0706_4B50 else {
        throw ModelError(file: reader.file, problem: "is a damaged zip file: its 64-bit directory is missing")
      }
      reader.place += 4
      reader.place = try reader.size("the directory's place")
      guard try reader.u32() == 0x0606_4B50 else {
        throw ModelError(file: reader.file, problem: "is a damaged zip file: its 64-bit directory is missing")
      }
      reader.place += 28
      count = try reader.size("the number of members")
      size = try reader.size("the directory's size")
      offset = try reader.size("the directory's offset")
    }
    // A member takes 46 bytes there at least.
    guard offset <= place, size <= place - offset, count <= size / 46 else {
      throw ModelError(
        file: reader.file, problem: "is a damaged zip file: a directory of \(count) members, \(size) bytes at \(offset)")
    }
    return (offset, count)
  }

  /// The next entry of the directory.
  private static func member(_ reader: inout ByteReader) throws -> (Member, name: [UInt8]) {
    func fail(_ problem: String, _ item: String? = nil) -> ModelError {
      ModelError(file: reader.file, item: item, problem: problem)
    }
    guard try reader.u32() == 0x0201_4B50 else { throw fail("is a damaged zip file: its directory ends early") }
    reader.place += 4
    let (flags, method) = try (reader.u16(), reader.u16())
    reader.place += 4
    let checksum = try reader.u32()
    var (packed, count) = try (Int(reader.u32()), Int(reader.u32()))
    let (nameLength, extraLength, commentLength) = try (Int(reader.u16()), Int(reader.u16()), Int(reader.u16()))
    reader.place += 8
    var offset = try Int(reader.u32())
    let bytes = try Array(reader.bytes(nameLength))
    let name = String(decoding: bytes, as: UTF8.self)
    let end = reader.place + extraLength
    while reader.place + 4 <= end {
      let (kind, length) = try (reader.u16(), Int(reader.u16()))
      let next = reader.place + length
      if kind == 1, next <= end {
        if count == 0xFFFF_FFFF { count = try reader.size("the size of \(name)") }
        if packed == 0xFFFF_FFFF { packed = try reader.size("the size of \(name)") }
        if offset == 0xFFFF_FFFF { offset = try reader.size("the place of \(name)") }
      }
      reader.place = next
    }
    reader.place = end + commentLength
    guard flags & 1 == 0 else { throw fail("is encrypted", name) }
    guard method == 0 || method == 8 else {
      throw fail("is packed by method \(method); 0 (stored) or 8 (deflate) expected", name)
    }
    // Deflate packs at most 1,032 bytes into one.
    guard method == 0 ? packed == count : count / 1032 <= packed else {
      throw fail("claims \(count) bytes from \(packed)", name)
    }
    var local = reader
    local.place = offset
    guard try local.u32() == 0x0403_4B50 else { throw fail("is not where the zip file's directory says", name) }
    local.place += 22
    let lengths = try (Int(local.u16()), Int(local.u16()))
    let start = local.place + lengths.0 + lengths.1
    guard start <= reader.data.count, packed <= reader.data.count - start else {
      throw fail("has \(packed) bytes at \(start) of \(reader.data.count): the file is truncated", name)
    }
    let member = Member(
      name: name, isDeflated: method == 8, range: start..<start + packed, count: count, checksum: checksum)
    return (member, bytes)
  }

  /// The bytes of a member. Throws where they are damaged.
  func contents(_ member: Member) throws -> Data {
    let stored = data[data.startIndex + member.range.lowerBound..<data.startIndex + member.range.upperBound]
    guard let contents = member.isDeflated ? Deflate.inflate(stored, count: member.count) : stored else {
      throw ModelError(file: file, item: member.name, problem: "cannot be unpacked: its deflate data is damaged")
    }
    guard Deflate.checksum(contents) == member.checksum else {
      throw ModelError(file: file, item: member.name, problem: "is damaged: its checksum is not the one recorded")
    }
    return contents
  }
}

/// Little-endian numbers of a file, none of them beyond its end.
struct ByteReader {
  let data: Data
  let file: String
  /// From the beginning of the data.
  var place = 0

  init(_ data: Data, file: String) { (self.data, self.file) = (data, file) }

  private mutating func take(_ count: Int) throws -> Int {
    guard place >= 0, count >= 0, place <= data.count, count <= data.count - place else {
      throw ModelError(file: file, problem: "is truncated or damaged: \(count) bytes expected at byte \(place) of \(data.count)")
    }
    defer { place += count }
    return place
  }

  mutating func bytes(_ count: Int) throws -> Data {
    let start = try data.startIndex + take(count)
    return data[start..<start + count]
  }

  private mutating func number<T: FixedWidthInteger>(_ type: T.Type) throws -> T {
    let start = try take(T.bitWidth / 8)
    return data.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: start, as: T.self)) }
  }

  mutating func u8() throws -> UInt8 { try number(UInt8.self) }
  mutating func u16() throws -> UInt16 { try number(UInt16.self) }
  mutating func u32() throws -> UInt32 { try number(UInt32.self) }
  mutating func u64() throws -> UInt64 { try number(UInt64.self) }

  /// 64 bits that count bytes or things of the file, of which there are no more than it has bytes.
  mutating func size(_ what: String) throws -> Int {
    let at = place
    let value = try u64()
    guard value <= UInt64(data.count) else {
      throw ModelError(file: file, problem: "is damaged: \(what) at byte \(at) is \(value), in a file of \(data.count) bytes")
    }
    return Int(value)
  }

  /// Four bytes at a place known to have them.
  func unchecked32(_ place: Int) -> UInt32 {
    data.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: UInt32.self)) }
  }
}

/// Writes a zip file of stored members.
struct ZipWriter {
  private let file: AtomicFile
  private let path: String
  private var directory = Data()
  private var count: UInt16 = 0
  private var offset = 0

  init(_ url: URL) throws {
    path = url.path
    file = try AtomicFile(url)
  }

  mutating func add(_ name: String, _ contents: Data) throws {
    let end = offset + 30 + name.utf8.count + contents.count
    guard end + directory.count + 100 + name.utf8.count < 0xFFFF_FFFF, count < 0xFFFE else {
      throw ModelError(file: path, item: name, problem: "does not fit: the file would have more than 4 GiB")
    }
    // Version 2.0, no flags, stored, 1 January 1980.
    var common = Data()
    for value in [20, 0, 0, 0, 0x21] as [UInt16] { common.append(little: value) }
    common.append(little: Deflate.checksum(contents))
    for _ in 0..<2 { common.append(little: UInt32(contents.count)) }
    common.append(little: UInt16(name.utf8.count))
    common.append(little: UInt16(0))
    var local = Data()
    local.append(little: UInt32(0x0403_4B50))
    local.append(common)
    local.append(contentsOf: name.utf8)
    try write(local)
    try write(contents)
    directory.append(little: UInt32(0x0201_4B50))
    directory.append(little: UInt16(20))
    directory.append(common)
    // No comment, disk 0, attributes 0.
    for _ in 0..<5 { directory.append(little: UInt16(0)) }
    directory.append(little: UInt32(offset))
    directory.append(contentsOf: name.utf8)
    offset = end
    count += 1
  }

  mutating func finish() throws {
    var end = directory
    end.append(little: UInt32(0x0605_4B50))
    for value in [0, 0, count, count] as [UInt16] { end.append(little: value) }
    end.append(little: UInt32(directory.count))
    end.append(little: UInt32(offset))
    end.append(little: UInt16(0))
    try write(end)
    try file.commit()
  }

  private func write(_ data: Data) throws { try data.withUnsafeBytes { try file.append($0) } }
}

extension Data {
  mutating func append<T: FixedWidthInteger>(little value: T) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }
}
