import Foundation
import TestSupport
import Testing

@testable import Translation

@Suite struct SafetensorsTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  func file(header: String, data: [UInt8], length: UInt64? = nil) throws -> URL {
    var bytes = withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { Array($0) }
    bytes += Array(header.utf8) + data
    return try directory.write(bytes, to: "model.safetensors")
  }

  func problem(_ header: String, _ data: [UInt8] = [], length: UInt64? = nil) throws -> String {
    let url = try file(header: header, data: data, length: length)
    do {
      _ = try Safetensors(contentsOf: url)
      return "accepted"
    } catch let error as ModelError {
      #expect(error.file == url.path)
      return error.description.replacingOccurrences(of: url.path, with: "F")
    }
  }

  @Test("what was written is read back, from the middle of the file too")
  func roundTrip() throws {
    let url = directory.url.appendingPathComponent("model.safetensors")
    let floats: [Float] = [1, -2.5, 3e-20, 4, 5, 6.125]
    var writer = SafetensorsWriter(metadata: ["format": "mt"])
    writer.add("odd", .int8, [3]) { Data([1, 255, 127]) }
    writer.add("b.é", .float32, [2, 3]) { floats.withUnsafeBytes { Data($0) } }
    // 0x3FC0 = 1.5, 0xC110 = −9 in bfloat16; 0x3E00 = 1.5, 0x0001 = 2⁻²⁴, 0xFBFF = −65504 in float16.
    writer.add("bf", .bfloat16, [1, 2]) { Data([0xC0, 0x3F, 0x10, 0xC1]) }
    writer.add("half", .float16, [3]) { Data([0x00, 0x3E, 0x01, 0x00, 0xFF, 0xFB]) }
    try writer.write(to: url)

    let read = try Safetensors(contentsOf: url)
    #expect(read.metadata == ["format": "mt"])
    func values(_ name: String, _ shape: [Int]) throws -> [Float] {
      let entry = try read.entry(name, shape: shape)
      var result = [Float](repeating: .nan, count: entry.count)
      try result.withUnsafeMutableBufferPointer { try read.read(name, entry, into: $0) }
      return result
    }
    #expect(try values("b.é", [2, 3]) == floats)
    #expect(try values("odd", [3]) == [1, -1, 127])
    #expect(try values("bf", [1, 2]) == [1.5, -9])
    #expect(try values("half", [3]) == [1.5, 0x1p-24, -65504])
    #expect(throws: ModelError.self) { try read.entry("b.é", shape: [3, 2]) }
    #expect(throws: ModelError.self) { try read.entry("c", shape: [1]) }
  }

  @Test("every broken header is refused, naming the tensor and what is wrong")
  func brokenHeaders() throws {
    let good = #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"I8","shape":[2],"data_offsets":[4,6]}}"#
    let six: [UInt8] = [0, 0, 0, 0, 0, 0]
    #expect(try problem(good, six) == "accepted")
    #expect(try problem(good, Array(six.prefix(5))).contains("F: tensor b: ends at byte 6 of 5"))
    #expect(try problem(good, six + [0]).contains("1 bytes that belong to no tensor"))
    #expect(try problem(good, six, length: 1 << 60).contains("truncated or not a safetensors file"))
    #expect(try problem("{]", []).contains("its header is not JSON"))
    #expect(try problem("[1]", []).contains("its header is no object"))
    func one(_ fields: String) throws -> String { try problem("{\"a\":{\(fields)}}", [0, 0, 0, 0]) }
    #expect(try one(#""shape":[1],"data_offsets":[0,4]"#).contains("tensor a: has no dtype"))
    #expect(try one(#""dtype":"F64","shape":[1],"data_offsets":[0,4]"#).contains("has dtype F64; expected one of F32"))
    #expect(try one(#""dtype":"F32","shape":[-1],"data_offsets":[0,4]"#).contains("no shape of whole numbers"))
    #expect(try one(#""dtype":"F32","shape":[1.5],"data_offsets":[0,4]"#).contains("no shape of whole numbers"))
    #expect(try one(#""dtype":"F32","shape":[2],"data_offsets":[0,4]"#).contains("has 4 bytes; shape [2] of F32 needs 8"))
    #expect(
      try one(#""dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]"#).contains("impossible shape"))
    #expect(try one(#""dtype":"F32","shape":[1],"data_offsets":[4,0]"#).contains("ascending"))
    let overlapping = #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"I8","shape":[2],"data_offsets":[2,4]}}"#
    #expect(try problem(overlapping, [0, 0, 0, 0]).contains("tensor b: overlaps"))
    let gap = #"{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"I8","shape":[1],"data_offsets":[2,3]}}"#
    #expect(try problem(gap, [0, 0, 0]).contains("tensor b: leaves a gap"))
    let short = try directory.write([1, 2, 3], to: "short")
    #expect(throws: ModelError.self) { try Safetensors(contentsOf: short) }
    #expect(throws: ModelError(file: "/nowhere/x", problem: "cannot be read: no such file")) {
      try Safetensors(contentsOf: URL(fileURLWithPath: "/nowhere/x"))
    }
  }

  @Test("any truncation and any changed header byte is refused or read, never worse")
  func damagedFiles() throws {
    let url = directory.url.appendingPathComponent("model.safetensors")
    var writer = SafetensorsWriter()
    writer.add("weight", .float32, [2, 2]) { Data(repeating: 0, count: 16) }
    writer.add("bias", .bfloat16, [1, 3]) { Data(repeating: 0, count: 6) }
    try writer.write(to: url)
    let whole = Array(try Data(contentsOf: url))
    for length in 0..<whole.count {
      #expect(throws: ModelError.self) { try Safetensors(Data(whole[..<length]), file: "cut") }
    }
    for place in 0..<whole.count - 22 {
      for change: UInt8 in [1, 2, 16, 128] {
        var bytes = whole
        bytes[place] ^= change
        _ = try? Safetensors(Data(bytes), file: "changed")
      }
    }
  }
}
