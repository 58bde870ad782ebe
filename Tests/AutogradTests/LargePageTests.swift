import Foundation
import Testing

@testable import Autograd

@Suite struct LargePageTests {
  @Test("Large pages begin where one does, hold zeros, and give back what lies whole within")
  func pages() throws {
    let count = 5 << 20
    let start = try #require(mt_map_large(Int64(count)))
    defer { mt_unmap_large(start, Int64(count)) }
    #expect(UInt(bitPattern: start) % (2 << 20) == 0)
    let bytes = UnsafeMutableRawBufferPointer(start: start, count: count)
    #expect(bytes.allSatisfy { $0 == 0 })
    for i in bytes.indices { bytes[i] = UInt8(truncatingIfNeeded: i % 251 + 1) }
    let page = Int(getpagesize())
    let (first, end) = (3 * page - 7, 2_000 * page / 4 + 5)
    mt_discard(start + first, Int64(end - first))
    let zeros = (3 * page)..<(end / page * page)
    for i in bytes.indices {
      let expected = zeros.contains(i) ? 0 : UInt8(truncatingIfNeeded: i % 251 + 1)
      if bytes[i] != expected { Issue.record("byte \(i) is \(bytes[i]), not \(expected)"); break }
    }
    // Less than a page is not whole.
    mt_discard(start + 1, Int64(page))
    #expect(bytes[1] == 2 && bytes[page] == UInt8(page % 251 + 1))
  }

  @Test("A packed matrix that goes leaves those beside it as they are", arguments: Precision.allCases)
  func neighbours(precision: Precision) throws {
    guard precision.supported == precision else { return }
    // Sizes that are no multiple of a page: neighbours share one.
    let (rows, inner, outputs) = (3, 67, 131)
    var random = RandomGenerator(seed: 11)
    let weights = (0..<5).map { _ in (0..<inner * outputs).map { _ in Float(random.gaussian()) } }
    let a = (0..<rows * inner).map { _ in Float(random.gaussian()) }
    func pack(_ i: Int) throws -> PackedMatrix {
      try #require(PackedMatrix(mt_pack(weights[i], false, Int64(inner), Int64(outputs), precision.kernel), outputs: outputs))
    }
    func product(_ matrix: PackedMatrix) -> [Float] {
      var c = [Float](repeating: .nan, count: rows * outputs)
      var scratch = [UInt8](repeating: 0, count: Int(mt_packed_scratch(matrix.matrix, Int64(rows))) + 64)
      #expect(mt_matmul_packed(a, matrix.matrix, &c, Int64(rows), &scratch) == 0)
      return c
    }
    var kept: [PackedMatrix?] = try (0..<4).map(pack)
    let before = kept.map { product($0!) }
    (kept[0], kept[2]) = (nil, nil)
    let another = try pack(4)
    #expect(product(kept[1]!) == before[1] && product(kept[3]!) == before[3])
    #expect(product(another) != before[0])
    #expect(product(try pack(0)) == before[0])
  }
}
