import Autograd
import Foundation
import TextProcessing

@testable import Interchange

/// Valid files spoilt at random, always alike for one seed.
struct Mutation {
  private var random: RandomGenerator

  init(seed: UInt64, _ number: Int) { random = RandomGenerator(seed: seed, number) }

  /// 0..<bound
  mutating func number(_ bound: Int) -> Int { bound <= 1 ? 0 : Int(random.next() % UInt64(bound)) }

  private mutating func chance(_ oneIn: Int) -> Bool { number(oneIn) == 0 }

  /// One to six changes; `other` is a file to take parts from.
  mutating func spoil(_ bytes: [UInt8], with other: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<1 + number(chance(4) ? 6 : 2) { change(&bytes, other) }
    return bytes
  }

  private mutating func change(_ bytes: inout [UInt8], _ other: [UInt8]) {
    guard !bytes.isEmpty else {
      bytes = [UInt8(number(256))]
      return
    }
    // Headers are at one of the ends.
    let place = chance(2) ? number(bytes.count)
      : chance(2) ? number(min(bytes.count, 512)) : bytes.count - 1 - number(min(bytes.count, 512))
    func range(_ length: Int) -> Range<Int> { place..<min(bytes.count, place + length) }
    switch number(10) {
    case 0: bytes.removeSubrange(place...)
    case 1: bytes[place] ^= 1 << UInt8(number(8))
    case 2: bytes[place] = [0, 0xFF, 0x7F, 0x80, UInt8(number(256))][number(5)]
    case 3:
      // A number of some width, in either order of bytes, of a kind that is often not thought of.
      let width = [2, 4, 8][number(3)]
      let kinds: [UInt64] = [
        0, 1, .max, 1 << 31, 1 << 63, 0x7FFF_FFFF, UInt64(bytes.count), UInt64(bytes.count) &- 1, UInt64(place), 1 << 40,
      ]
      let value = kinds[number(kinds.count)]
      for (i, at) in range(width).enumerated() { bytes[at] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i)) }
    case 4: bytes.removeSubrange(range(1 + number(40)))
    case 5: bytes.insert(contentsOf: Array(bytes[range(1 + number(40))]), at: number(bytes.count))
    case 6: bytes.insert(contentsOf: (0..<1 + number(8)).map { _ in UInt8(number(256)) }, at: place)
    case 7:
      guard !other.isEmpty else { return }
      let from = number(other.count)
      bytes.replaceSubrange(range(1 + number(64)), with: other[from..<min(other.count, from + 1 + number(64))])
    case 8: digits(&bytes, from: place)
    default: swap(&bytes, range(1 + number(16)), number(bytes.count))
    }
  }

  /// Another number in place of the next one that is written in digits.
  private mutating func digits(_ bytes: inout [UInt8], from place: Int) {
    let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
    guard let start = bytes[place...].firstIndex(where: isDigit) else { return }
    let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.endIndex
    let numbers = ["0", "-1", "1", "4294967296", "9223372036854775807", "18446744073709551616", "1e300", "2.5", "true", "[]"]
    bytes.replaceSubrange(start..<end, with: Array(numbers[number(numbers.count)].utf8))
  }

  private func swap(_ bytes: inout [UInt8], _ range: Range<Int>, _ to: Int) {
    for (i, at) in range.enumerated() where to + i < bytes.count { bytes.swapAt(at, to + i) }
  }

  // MARK: Files whose checksums and lengths are right

  /// One member spoilt, the zip file around it whole.
  mutating func spoilMember(_ members: [(name: String, bytes: [UInt8])]) -> [UInt8] {
    guard !members.isEmpty else { return [] }
    var members = members
    // The first, which describes the others in PyTorch's files, as often as all others.
    let chosen = chance(2) ? 0 : number(members.count)
    members[chosen].bytes = spoil(members[chosen].bytes, with: members[number(members.count)].bytes)
    if chance(16) { members[chosen].name = String(decoding: spoil(Array(members[chosen].name.utf8), with: []), as: UTF8.self) }
    if chance(16) { members.remove(at: number(members.count)) }
    return Mutation.zip(members)
  }

  static func zip(_ members: [(name: String, bytes: [UInt8])]) -> [UInt8] {
    var (file, directory) = (Data(), Data())
    for member in members {
      let name = Array(member.name.utf8.prefix(0xFFFF))
      var common = Data()
      for value in [20, 0, 0, 0, 0x21] as [UInt16] { common.append(little: value) }
      common.append(little: Deflate.checksum(Data(member.bytes)))
      for _ in 0..<2 { common.append(little: UInt32(member.bytes.count)) }
      common.append(little: UInt16(name.count))
      common.append(little: UInt16(0))
      directory.append(little: UInt32(0x0201_4B50))
      directory.append(little: UInt16(20))
      directory.append(common)
      for _ in 0..<5 { directory.append(little: UInt16(0)) }
      directory.append(little: UInt32(file.count))
      directory.append(contentsOf: name)
      file.append(little: UInt32(0x0403_4B50))
      file.append(common)
      file.append(contentsOf: name)
      file.append(contentsOf: member.bytes)
    }
    let offset = file.count
    file.append(directory)
    file.append(little: UInt32(0x0605_4B50))
    for value in [0, 0, members.count, members.count] { file.append(little: UInt16(truncatingIfNeeded: value)) }
    file.append(little: UInt32(directory.count))
    file.append(little: UInt32(offset))
    file.append(little: UInt16(0))
    return Array(file)
  }

  /// A header spoilt, its length written anew.
  mutating func spoilHeader(_ safetensors: [UInt8]) -> [UInt8] {
    guard safetensors.count > 8 else { return safetensors }
    let length = safetensors[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= safetensors.count - 8 else { return safetensors }
    var header = Array(safetensors[8..<8 + length])
    header = spoil(header, with: header)
    let count = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
    return count + header + safetensors[(8 + length)...]
  }
}
