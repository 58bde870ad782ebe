@testable import Autograd
import Foundation
import Testing

@Suite struct KernelTests {
  func matrix(_ rows: Int, _ columns: Int, seed: UInt64) -> [Float] {
    var random = RandomGenerator(seed: seed)
    return (0..<rows * columns).map { _ in Float(random.gaussian()) }
  }

  func naive(_ a: [Float], _ b: [Float], _ m: Int, _ n: Int, _ k: Int) -> [Double] {
    var c = [Double](repeating: 0, count: m * n)
    for i in 0..<m { for p in 0..<k { for j in 0..<n { c[i * n + j] += Double(a[i * k + p]) * Double(b[p * n + j]) } } }
    return c
  }

  func transposed(_ a: [Float], _ rows: Int, _ columns: Int) -> [Float] {
    (0..<columns).flatMap { j in (0..<rows).map { i in a[i * columns + j] } }
  }

  @Test("Products agree with three loops in every transposition", arguments: [false, true], [false, true])
  func product(ta: Bool, tb: Bool) {
    let (m, n, k) = (7, 19, 33)
    let (a, b) = (matrix(m, k, seed: 1), matrix(k, n, seed: 2))
    let expected = naive(a, b, m, n, k)
    let (sa, sb) = (ta ? transposed(a, m, k) : a, tb ? transposed(b, k, n) : b)
    var c = [Float](repeating: 1, count: m * n)
    #expect(mt_matmul_f32(sa, ta, sb, tb, &c, Int64(m), Int64(n), Int64(k), true) == 0)
    for i in 0..<m * n { #expect(abs(Double(c[i]) - 1 - expected[i]) < 1e-4) }
  }

  @Test("An empty sum is zero, or adds nothing")
  func emptyProduct() {
    var c: [Float] = [5, 6]
    #expect(mt_matmul_f32([1], false, [1], false, &c, 1, 2, 0, true) == 0)
    #expect(c == [5, 6])
    #expect(mt_matmul_bf16([1], false, [1], false, &c, 1, 2, 0, false) == 0)
    #expect(c == [0, 0])
  }

  @Test("A row of a product is the same to the bit whatever the number of rows", arguments: Precision.allCases)
  func rowIndependence(precision: Precision) {
    let (k, n, most) = (48, 130, 101)
    let weights = matrix(k, n, seed: 3)
    let rows = matrix(most, k, seed: 4)
    let packed = PackedMatrix(mt_pack(weights, false, Int64(k), Int64(n), precision.supported.kernel), outputs: n)!
    func product(_ m: Int) -> [Float] {
      var c = [Float](repeating: 0, count: m * n)
      // Nothing is written past the room that was asked for.
      let room = Int(mt_packed_scratch(packed.matrix, Int64(m)))
      var scratch = [UInt8](repeating: 0xA5, count: room + 64)
      #expect(mt_matmul_packed(rows, packed.matrix, &c, Int64(m), &scratch) == 0)
      #expect(scratch[room...].allSatisfy { $0 == 0xA5 }, "\(m) rows")
      return c
    }
    let whole = product(most)
    for m in 1..<most {
      #expect(product(m) == Array(whole[..<(m * n)]), "\(m) rows")
    }
    let expected = naive(rows, weights, most, n, k)
    // Rows of 7 bits have larger steps than rows of 8.
    let tolerance = [.float32: 1e-4, .bfloat16: 0.15, .int8: mt_uses_tiles(MT_INT8) ? 0.6 : 0.4][precision]!
    for i in 0..<most * n { #expect(abs(Double(whole[i]) - expected[i]) < tolerance) }
  }

  @Test("Plain products in float32 and bfloat16 do not depend on the number of rows either")
  func plainRowIndependence() {
    let (k, n, most) = (64, 96, 70)
    let (a, b) = (matrix(most, k, seed: 5), matrix(k, n, seed: 6))
    var (a16, b16) = ([UInt16](repeating: 0, count: a.count), [UInt16](repeating: 0, count: b.count))
    mt_to_bfloat16(&a16, a, Int64(a.count))
    mt_to_bfloat16(&b16, b, Int64(b.count))
    var whole = [Float](repeating: 0, count: most * n)
    var whole16 = whole
    #expect(mt_matmul_f32(a, false, b, false, &whole, Int64(most), Int64(n), Int64(k), false) == 0)
    let has16 = mt_matmul_bf16(a16, false, b16, false, &whole16, Int64(most), Int64(n), Int64(k), false) == 0
    for m in [1, 2, 4, 7, 16, 32, 65] {
      var c = [Float](repeating: 0, count: m * n)
      #expect(mt_matmul_f32(a, false, b, false, &c, Int64(m), Int64(n), Int64(k), false) == 0)
      #expect(c == Array(whole[..<(m * n)]))
      guard has16 else { continue }
      #expect(mt_matmul_bf16(a16, false, b16, false, &c, Int64(m), Int64(n), Int64(k), false) == 0)
      #expect(c == Array(whole16[..<(m * n)]))
    }
  }

  @Test("bfloat16 rounds to nearest even and keeps NaN and infinity")
  func bfloat16() {
    let values: [Float] = [1, -0.0, 1.00390625, 1.01171875, .infinity, .nan, 3.3895314e38, 1e-38]
    var halves = [UInt16](repeating: 0, count: values.count)
    mt_to_bfloat16(&halves, values, Int64(values.count))
    var back = [Float](repeating: 0, count: values.count)
    mt_from_bfloat16(&back, halves, Int64(values.count))
    #expect(back[0] == 1 && back[1].sign == .minus)
    #expect(back[2] == 1.0, "a tie goes to the even neighbour below")
    #expect(back[3] == 1.015625, "a tie goes to the even neighbour above")
    #expect(back[4] == .infinity && back[5].isNaN && back[6].isFinite)
    #expect(abs(back[7] - 1e-38) < 1e-38 * 0.01)
  }

  /// What `mt_choose` finds in logits [rows, columns], or the product that makes them.
  struct Found: Equatable {
    var ids: [Int32]
    var values: [Float]
    var wanted: [Float]
  }

  func find(
    rows: Int, k: Int, banned: [[Int32]], wanted: [Int32], columns: [Int32]? = nil,
    _ body: (UnsafePointer<mt_choice>) -> Void
  ) -> Found {
    var found = Found(
      ids: Array(repeating: 0, count: rows * k), values: Array(repeating: 0, count: rows * k),
      wanted: Array(repeating: 0, count: rows))
    var offsets: [Int32] = [0]
    for row in banned { offsets.append(offsets.last! + Int32(row.count)) }
    let all: [Int32] = banned.flatMap { $0 } + [0]
    var work = [Float](repeating: 0, count: 2 * rows)
    found.ids.withUnsafeMutableBufferPointer { ids in
      found.values.withUnsafeMutableBufferPointer { values in
        found.wanted.withUnsafeMutableBufferPointer { wantedValues in
          work.withUnsafeMutableBufferPointer { work in
            all.withUnsafeBufferPointer { all in
              offsets.withUnsafeBufferPointer { offsets in
                wanted.withUnsafeBufferPointer { wanted in
                  var choice = mt_choice(
                    k: Int64(k), banned: all.baseAddress, banned_offsets: offsets.baseAddress, wanted: wanted.baseAddress,
                    ids: ids.baseAddress, values: values.baseAddress, wanted_values: wantedValues.baseAddress,
                    most: work.baseAddress, sums: work.baseAddress! + rows, columns: nil, column_count: 0)
                  guard let columns else { return body(&choice) }
                  columns.withUnsafeBufferPointer {
                    (choice.columns, choice.column_count) = ($0.baseAddress, Int64($0.count))
                    body(&choice)
                  }
                }
              }
            }
          }
        }
      }
    }
    return found
  }

  @Test("The choice from a log-softmax agrees with sorting, and passes over what is banned", arguments: [517, 2600], [9, 15, 20])
  func choice(columns: Int, k: Int) {
    let rows = 3
    let x = matrix(rows, columns, seed: 8)
    let best = (0..<columns).max { x[columns + $0] < x[columns + $1] }!
    let found = find(rows: rows, k: k, banned: [[], [Int32(best), 5], [0]], wanted: [-1, Int32(best), 3]) {
      mt_choose(x, Int64(rows), Int64(columns), $0)
    }
    for r in 0..<rows {
      let row = (0..<columns).map { Double(x[r * columns + $0]) }
      let total = log(row.reduce(0) { $0 + exp($1) })
      let order = row.indices.sorted { row[$0] > row[$1] }
        .filter { r == 0 || (r == 1 ? $0 != best && $0 != 5 : $0 != 0) }
      for i in 0..<k {
        #expect(Int(found.ids[r * k + i]) == order[i])
        #expect(abs(Double(found.values[r * k + i]) - (row[order[i]] - total)) < 1e-5)
      }
      if r > 0 { #expect(abs(Double(found.wanted[r]) - (row[r == 1 ? best : 3] - total)) < 1e-5) }
    }
  }

  @Test("Ties of a choice go to the lower id, and scarce rows end in −1")
  func choiceTies() {
    let x: [Float] = [1, 2, 2, -.infinity, 2]
    let found = find(rows: 1, k: 5, banned: [[]], wanted: [-1]) { mt_choose(x, 1, 5, $0) }
    #expect(found.ids == [1, 2, 4, 0, -1])
    #expect(found.values[4] == -.infinity)
  }

  @Test("The choice from a product is that from its logits, to the bit", arguments: Precision.allCases)
  func choiceOfProduct(precision: Precision) {
    let (k, n, m) = (40, 2100, 37)
    let (x, w, bias) = (matrix(m, k, seed: 31), matrix(n, k, seed: 32), matrix(1, n, seed: 33))
    let packed = PackedMatrix(mt_pack(w, true, Int64(k), Int64(n), precision.supported.kernel), outputs: n)!
    var logits = [Float](repeating: 0, count: m * n)
    var scratch = [UInt8](repeating: 0, count: Int(mt_choose_packed_scratch(packed.matrix, Int64(m))) + 64)
    let linear = mt_linear_packed(x, packed.matrix, bias, MT_IDENTITY, &logits, Int64(m), &scratch)
    #expect(linear == 0)
    let (banned, wanted) = ((0..<m).map { [Int32($0)] }, (0..<m).map { Int32($0 * 50) })
    let expected = find(rows: m, k: 6, banned: banned, wanted: wanted) { mt_choose(logits, Int64(m), Int64(n), $0) }
    let found = find(rows: m, k: 6, banned: banned, wanted: wanted) {
      _ = mt_choose_packed(x, packed.matrix, bias, Int64(m), $0, &scratch)
    }
    #expect(found == expected)
    #expect(found.ids.allSatisfy { $0 >= 0 })
  }

  @Test("Some columns, packed by themselves, are chosen among by their own numbers", arguments: Precision.allCases)
  func choiceOfColumns(precision: Precision) {
    // Rows of more than a tile, columns of more than a panel, and a last group of k that is not full.
    let (k, n, m, most) = (43, 3100, 7, 5)
    // Integers of 7 and 8 bits, with both ends of their ranges in each row: no precision loses any of them.
    func integers(_ rows: Int, _ range: ClosedRange<Int>, scale: Float, seed: UInt64) -> [Float] {
      var random = RandomGenerator(seed: seed)
      return (0..<rows * k).map { i in
        scale * Float(i % k == 3 ? range.lowerBound : i % k == 8 ? range.upperBound : Int.random(in: range, using: &random))
      }
    }
    let x = integers(m, -63...64, scale: 1 / 64, seed: 51)
    let (w, bias) = (integers(n, -127...127, scale: 1 / 512, seed: 52), matrix(1, n, seed: 53))
    let packed = PackedMatrix(mt_pack(w, true, Int64(k), Int64(n), precision.supported.kernel), outputs: n)!
    let ids = (0..<Int32(n)).filter { $0 % 3 == 1 || $0 > 3000 }
    let subset = PackedMatrix(mt_pack_columns(packed.matrix, ids, Int64(ids.count)), outputs: ids.count)!
    let offsets = ids.map { bias[Int($0)] }
    // What is banned or wanted is one of the columns, or none.
    let banned: [[Int32]] = (0..<m).map { $0 == 2 ? [] : [ids[$0 * 11], 0, 3099] }
    let wanted: [Int32] = [-1, ids[0], 0, 3099, ids[500], 2, 1]
    var scratch = [UInt8](repeating: 0, count: Int(mt_choose_packed_scratch(subset.matrix, Int64(m))) + 64)
    let found = find(rows: m, k: most, banned: banned, wanted: wanted, columns: ids) {
      _ = mt_choose_packed(x, subset.matrix, offsets, Int64(m), $0, &scratch)
    }
    let tolerance = 1e-4
    for r in 0..<m {
      let logits = ids.map { id in
        (0..<k).reduce(Double(bias[Int(id)])) { $0 + Double(x[r * k + $1]) * Double(w[Int(id) * k + $1]) }
      }
      let total = log(logits.reduce(0) { $0 + exp($1) })
      let logProbability = Dictionary(uniqueKeysWithValues: zip(ids, logits.map { $0 - total }))
      let allowed = ids.filter { !banned[r].contains($0) }.map { logProbability[$0]! }.sorted(by: >)
      for i in 0..<most {
        let id = found.ids[r * most + i]
        #expect(!banned[r].contains(id))
        #expect(abs(Double(found.values[r * most + i]) - (logProbability[id] ?? .infinity)) < tolerance)
        #expect(abs(Double(found.values[r * most + i]) - allowed[i]) < tolerance)
      }
      guard wanted[r] >= 0 else { continue }
      if let expected = logProbability[wanted[r]] {
        #expect(abs(Double(found.wanted[r]) - expected) < tolerance)
      } else {
        #expect(found.wanted[r] == -.infinity)
      }
    }
  }

  @Test("A packed product adds its bias and applies its activation", arguments: Precision.allCases, ActivationKind.allCases)
  func packedLinear(precision: Precision, activation: ActivationKind) {
    let (k, n, m) = (24, 50, 35)
    let (x, w, bias) = (matrix(m, k, seed: 41), matrix(k, n, seed: 42), matrix(1, n, seed: 43))
    let packed = PackedMatrix(mt_pack(w, false, Int64(k), Int64(n), precision.supported.kernel), outputs: n)!
    var scratch = [UInt8](repeating: 0, count: Int(mt_packed_scratch(packed.matrix, Int64(m))) + 64)
    var (plain, y) = ([Float](repeating: 0, count: m * n), [Float](repeating: 0, count: m * n))
    #expect(mt_matmul_packed(x, packed.matrix, &plain, Int64(m), &scratch) == 0)
    #expect(mt_linear_packed(x, packed.matrix, bias, activation.kernel, &y, Int64(m), &scratch) == 0)
    for i in 0..<m {
      for j in 0..<n { plain[i * n + j] += bias[j] }
    }
    var expected = plain
    mt_bias_activation(&plain, nil, &expected, Int64(m), Int64(n), activation.kernel)
    for i in 0..<m * n { #expect(abs(y[i] - expected[i]) < 1e-5) }
  }

  @Test("Vector exponentials stay within a few units in the last place")
  func exponentials() {
    for x in stride(from: Float(-80), through: 20, by: 0.37) {
      var pair: [Float] = [x, 0]
      mt_log_softmax(&pair, nil, 1, 2)
      let expected = Double(x) - (Double(max(x, 0)) + log1p(exp(-abs(Double(x)))))
      #expect(abs(Double(pair[0]) - expected) < 4e-6 * (1 + abs(expected)), "at \(x)")
    }
  }

  @Test("Dropout keeps about 1 − p of the elements, scaled, and its mask repeats with its seed")
  func dropout() {
    let ones = [Float](repeating: 1, count: 100_000)
    var (a, b, c) = (ones, ones, ones)
    mt_dropout(&a, ones, 100_000, 0.3, 42, false)
    mt_dropout(&b, ones, 100_000, 0.3, 42, false)
    mt_dropout(&c, ones, 100_000, 0.3, 43, false)
    #expect(a == b && a != c)
    #expect(Set(a) == [0, 1 / 0.7])
    let kept = a.filter { $0 > 0 }.count
    #expect(abs(kept - 70_000) < 600, "\(kept), four standard deviations are 580")
    // Two masks agree by chance only: 0.49 + 0.09.
    let agree = zip(a, c).filter { $0 == $1 }.count
    #expect(abs(agree - 58_000) < 650)
  }

  @Test(
    "One query over slots gives what whole-sentence attention gives for its last row",
    arguments: [(2, 6), (3, 12), (8, 256), (8, 512), (16, 1024)])
  func stepAttention(heads: Int, size: Int) {
    let length = 5
    let q = matrix(length, size, seed: 21), k = matrix(length, size, seed: 22), v = matrix(length, size, seed: 23)
    let arena = Arena()
    let graph = Graph(arena: arena)
    let whole = graph.attention(
      queries: .init(graph.makeTensor(length, size, q)), keys: .init(graph.makeTensor(length, size, k)),
      values: .init(graph.makeTensor(length, size, v)), queryOffsets: [0, 5], keyOffsets: [0, 5], size: size,
      heads: heads, causal: false)
    // The same rows in another order, found through an index.
    let order: [Int32] = [3, 0, 4, 1, 2]
    func scattered(_ x: [Float]) -> [Float] {
      var out = x
      for (j, slot) in order.enumerated() { for c in 0..<size { out[Int(slot) * size + c] = x[j * size + c] } }
      return out
    }
    var y = [Float](repeating: 0, count: size)
    let stride = mt_attention_step_weights(Int64(length), Int64(heads))
    var weights = [Float](repeating: 0, count: Int(stride))
    let last = Array(q[(4 * size)...])
    mt_attention_step(
      &y, last, Int64(size), scattered(k), scattered(v), Int64(size), order, 5, [5], 1, Int64(heads),
      Int64(size / heads), &weights, stride)
    for c in 0..<size { #expect(abs(y[c] - whole.data[4 * size + c]) < 1e-5) }
    for h in 0..<heads {
      #expect(abs((0..<length).reduce(0) { $0 + weights[$1 * heads + h] } - 1) < 1e-5)
    }
  }

  @Test(
    "Rows made together, of which some begin alike, get the bits that each gets by itself",
    arguments: [(2, 6), (8, 256), (8, 512)])
  func stepAttentionTogether(heads: Int, size: Int) {
    // More keys than a block, more rows than are made together, and a second group of another length.
    let (slots, counts) = (50, Array(repeating: Int32(37), count: 11) + [19, 19, 5])
    let q = matrix(counts.count, size, seed: 31), k = matrix(slots, size, seed: 32), v = matrix(slots, size, seed: 33)
    var random = RandomGenerator(seed: 34)
    let index = counts.indices.flatMap { r in
      (0..<37).map { j in j < 9 ? Int32(r < 11 ? j : 40 + j) : Int32(random.next() % UInt64(slots)) }
    }
    let stride = mt_attention_step_weights(37, Int64(heads))
    func attention(_ rows: Range<Int>) -> [Float] {
      var y = [Float](repeating: 0, count: rows.count * size)
      var weights = [Float](repeating: 0, count: rows.count * Int(stride))
      mt_attention_step(
        &y, Array(q[(rows.lowerBound * size)...]), Int64(size), k, v, Int64(size),
        Array(index[(rows.lowerBound * 37)...]), 37, Array(counts[rows]), Int64(rows.count), Int64(heads),
        Int64(size / heads), &weights, stride)
      return y + weights
    }
    let all = attention(counts.indices)
    for r in counts.indices {
      let alone = attention(r..<r + 1)
      #expect(Array(alone[..<size]) == Array(all[(r * size)..<(r + 1) * size]))
      let first = counts.count * size + r * Int(stride)
      let used = Int(counts[r]) * heads
      #expect(Array(alone[size..<size + used]) == Array(all[first..<first + used]))
    }
  }

  @Test(
    "Attention over a shared source gives each row what whole-sentence attention gives it, in the same bits whoever stands beside it",
    arguments: [(2, 6), (3, 12), (8, 256), (4, 80), (8, 512)])
  func sourceAttention(heads: Int, size: Int) {
    // Seven, one and five hypotheses of sentences of 37, 1 and 16 tokens.
    let (lengths, owners) = ([37, 1, 16], [0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2])
    let starts = [0, 37, 38], keyCount = 54, headSize = Int64(size / heads)
    let q = matrix(owners.count, size, seed: 41), kv = matrix(keyCount, 2 * size, seed: 42)
    var packed: [Float] = [], offsets: [Int64] = []
    for (length, start) in zip(lengths, starts) {
      offsets.append(Int64(packed.count))
      var one = [Float](repeating: .nan, count: Int(mt_packed_source(Int64(length), Int64(heads), headSize)))
      mt_pack_source(
        &one, Array(kv[(start * 2 * size)...]), Array(kv[((start * 2 + 1) * size)...]), Int64(2 * size), Int64(length),
        Int64(heads), headSize)
      packed += one
    }
    let stride = mt_source_attention_weights(37, Int64(heads))
    func attention(_ rows: Range<Int>) -> (y: [Float], weights: [Float]) {
      var y = [Float](repeating: 0, count: rows.count * size)
      var weights = [Float](repeating: 0, count: rows.count * Int(stride))
      mt_source_attention(
        &y, Array(q[(rows.lowerBound * size)...]), packed, owners[rows].map { offsets[$0] },
        owners[rows].map { Int32(lengths[$0]) }, Int64(rows.count), Int64(heads), headSize, &weights, stride)
      return (y, weights)
    }
    let all = attention(owners.indices)
    let graph = Graph(arena: Arena())
    let pairs = graph.makeTensor(keyCount, 2 * size, kv)
    let whole = graph.attention(
      queries: .init(graph.makeTensor(owners.count, size, q)), keys: .init(pairs), values: .init(pairs, from: size),
      queryOffsets: [0, 7, 8, 13], keyOffsets: [0, 37, 38, 54], size: size, heads: heads, causal: false)
    for r in owners.indices {
      let alone = attention(r..<r + 1)
      #expect(alone.y == Array(all.y[(r * size)..<(r + 1) * size]))
      for c in 0..<size { #expect(abs(alone.y[c] - whole.data[r * size + c]) < 1e-5) }
      let width = Int(mt_source_attention_weights(Int64(lengths[owners[r]]), 1))
      for h in 0..<heads {
        let weights = alone.weights[(h * width)..<h * width + lengths[owners[r]]]
        #expect(abs(weights.reduce(0, +) - 1) < 1e-5)
        // By hand: one output of the head.
        let c = h * Int(headSize)
        let sum = weights.enumerated().reduce(Float(0)) {
          $0 + $1.element * kv[(starts[owners[r]] + $1.offset) * 2 * size + size + c]
        }
        #expect(abs(sum - alone.y[c]) < 1e-5)
      }
    }
  }
}
