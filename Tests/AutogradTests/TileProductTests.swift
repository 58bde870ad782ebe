@testable import Autograd
import Testing

/// The loops that multiply where oneDNN is not asked: checked on every processor, whichever of the two it uses.
@Suite struct TileProductTests {
  func numbers(_ count: Int, seed: UInt64) -> [Float] {
    var random = RandomGenerator(seed: seed)
    return (0..<count).map { _ in Float(random.gaussian()) }
  }

  func strips(_ b: [Float], transposed: Bool = false, k: Int, n: Int) -> [Float] {
    var strips = [Float](repeating: .nan, count: Int(mt_strip_values(Int64(k), Int64(n), MT_FLOAT32)))
    mt_strips_f32(&strips, b, transposed, Int64(transposed ? k : n), Int64(k), Int64(n))
    return strips
  }

  @Test("Tiles of every height agree with three loops, rows apart, the last strip narrow or not", arguments: [16, 33, 81])
  func floats(n: Int) {
    let (k, most, between) = (37, 14, 5)
    let (a, b) = (numbers(most * (k + 2), seed: 1), numbers(k * n, seed: 2))
    let packed = strips(b, k: k, n: n)
    let turned = (0..<n).flatMap { j in (0..<k).map { p in b[p * n + j] } }
    #expect(packed == strips(turned, transposed: true, k: k, n: n))
    for m in 1...most {
      var c = [Float](repeating: 7, count: m * (n + between))
      mt_tiles_f32(a, Int64(k + 2), packed, &c, Int64(n + between), Int64(m), Int64(n), Int64(k), true)
      for i in 0..<m {
        for j in 0..<n {
          let sum = (0..<k).reduce(7.0) { $0 + Double(a[i * (k + 2) + $1]) * Double(b[$1 * n + j]) }
          #expect(abs(Double(c[i * (n + between) + j]) - sum) < 3e-5, "row \(i) of \(m), column \(j)")
        }
        // What lies between rows is left alone.
        #expect(c[(i * (n + between) + n)..<((i + 1) * (n + between))].allSatisfy { $0 == 7 })
      }
    }
  }

  @Test("A row is the same to the bit whatever the number of rows, and through k at once or in portions")
  func sameBits() {
    let (k, n, most) = (300, 1100, 15)
    let (a, b) = (numbers(most * k, seed: 3), numbers(k * n, seed: 4))
    let packed = strips(b, k: k, n: n)
    var whole = [Float](repeating: 0, count: most * n)
    mt_tiles_f32(a, Int64(k), packed, &whole, Int64(n), Int64(most), Int64(n), Int64(k), false)
    for m in 1..<most {
      var c = [Float](repeating: 0, count: m * n)
      mt_tiles_f32(a, Int64(k), packed, &c, Int64(n), Int64(m), Int64(n), Int64(k), false)
      #expect(c == Array(whole[..<(m * n)]), "\(m) rows")
    }
    // More than one portion of k and of n.
    let turned = (0..<n).flatMap { j in (0..<k).map { p in b[p * n + j] } }
    for (matrix, transposed) in [(b, false), (turned, true)] {
      var c = [Float](repeating: .nan, count: most * n)
      var scratch = [Float](repeating: .nan, count: Int(mt_plain_tiles_scratch(Int64(n), Int64(k))))
      mt_plain_tiles_f32(a, matrix, transposed, &c, Int64(most), Int64(n), Int64(k), false, &scratch)
      #expect(c == whole)
    }
  }

  @Test("Bytes are summed exactly, the largest too", arguments: [16, 40, 67], [48, 51])
  func integers(n: Int, k: Int) {
    guard !mt_uses_tiles(MT_FLOAT32) || mt_uses_tiles(MT_INT8) else { return }
    var random = RandomGenerator(seed: UInt64(n * k))
    let filled = (k + 3) / 4 * 4
    for m in 1...13 {
      // Zeros fill up the weights too, so what fills up a row does not count.
      var a = [UInt8](repeating: 1, count: m * filled)
      for i in 0..<m { for p in 0..<k { a[i * filled + p] = i == 0 ? 127 : [0, 1, 64, 126, 127][Int(random.next() % 5)] } }
      let b = (0..<n * k).map { Int8($0 < k ? 127 : [-127, 127, 126, -1, 0][Int(random.next() % 5)]) }  // [n, k]
      var packed = [Int8](repeating: 99, count: Int(mt_strip_values(Int64(k), Int64(n), MT_INT8)))
      mt_strips_int8(&packed, b, true, Int64(k), Int64(k), Int64(n))
      var turned = packed.map { _ in Int8(99) }
      mt_strips_int8(&turned, (0..<k).flatMap { p in (0..<n).map { b[$0 * k + p] } }, false, Int64(n), Int64(k), Int64(n))
      #expect(packed == turned)
      var c = [Int32](repeating: -1, count: m * n)
      mt_tiles_int8(a, packed, &c, Int64(m), Int64(n), Int64(k))
      var expected = [Int32](repeating: 0, count: m * n)
      for i in 0..<m {
        for j in 0..<n {
          for p in 0..<k { expected[i * n + j] += Int32(a[i * filled + p]) * Int32(b[j * k + p]) }
        }
      }
      #expect(c == expected, "\(m) rows")
      #expect(c[0] == Int32(127 * 127 * k))
    }
  }

  @Test("Rows of 7 bits come back within half a step, the range of a row in 127 steps, zero as zero", arguments: [16, 21, 35])
  func sevenBits(columns: Int) {
    let rows = 5, stride = (columns + 3) / 4 * 4
    var x = numbers(rows * columns, seed: 5)
    for j in 0..<columns {
      x[columns + j] = 0
      x[2 * columns + j] = abs(x[2 * columns + j])
      x[3 * columns + j] = -abs(x[3 * columns + j]) - 1
    }
    // Ends that both lie half a step outwards.
    for j in 0..<columns { x[4 * columns + j] = j == 0 ? 1 : j == columns - 1 ? -1 : 0.25 }
    var bytes = [UInt8](repeating: 200, count: rows * stride)
    var (scales, zeros) = ([Float](repeating: -1, count: rows), [Int32](repeating: -1, count: rows))
    mt_quantize_rows_7(&bytes, &scales, &zeros, x, Int64(rows), Int64(columns))
    #expect(bytes.allSatisfy { $0 < 128 })
    #expect(scales[1] == 0 && zeros[2] == 0 && zeros[3] == 127)
    for i in 0..<rows {
      let row = x[(i * columns)..<((i + 1) * columns)]
      let range = max(0, row.max()!) - min(0, row.min()!)
      #expect(abs(scales[i] - range / 127) <= range * 1e-6)
      for j in 0..<columns {
        let back = Float(Int32(bytes[i * stride + j]) - zeros[i]) * scales[i]
        #expect(abs(back - x[i * columns + j]) <= scales[i] * (i == 4 ? 1.01 : 0.51), "row \(i), column \(j)")
      }
      #expect(bytes[(i * stride + columns)..<((i + 1) * stride)].allSatisfy { $0 == 0 })
    }
  }
}
