import Foundation
import TestSupport
import Testing

@Suite struct BenchCommandTests {
  @Test("bench measures each setting asked for and recommends the widest beam's fastest")
  func rows() throws {
    let files = try TemporaryDirectory()
    let lines = try files.write(Array("Le chat\n\nOù est la gare ?\n".utf8), to: "lines")
    let result = try Program.run([
      "bench", "--model", SharedModel.path, "--precisions", "int8", "float32", "--beams", "2", "1", "--threads", "1", "2",
      "--seconds", "0.01", lines.path,
    ])
    #expect(result.status == 0, "\(result.error)")
    let rows = result.lines.map { $0.split(separator: " ").map(String.init) }
    let measured = rows.filter { ["float32", "int8"].contains($0.first) }
    // A processor without int8 has float32's rows only.
    let precisions = Set(measured.map { $0[0] })
    #expect(precisions.contains("float32"))
    #expect(measured.count == 4 * precisions.count)
    for row in measured {
      #expect(try #require(Double(row[3])) > 0 && #require(Double(row[4])) > 0)
      // Latencies with one thread, the share of like lines, and its sign.
      #expect(row.count == (row[2] == "1" ? 9 : 7))
    }
    let first = try #require(measured.first { $0[0] == "float32" && $0[2] == "2" })
    #expect(first[5] == "100", "float32 is compared with itself")
    let advice = try #require(result.lines.first { $0.hasPrefix("Many lines:") })
    #expect(advice.contains("--beam 2"))
    #expect(result.lines.contains { $0.hasPrefix("Line by line:") && $0.contains("--threads 1 --batch-sentences 1") })
  }

  @Test("the file of lines may follow any option", arguments: [
    ["--beams", "1", "2"], ["--threads", "1"], ["--precisions", "float32"],
  ])
  func order(options: [String]) throws {
    let files = try TemporaryDirectory()
    let lines = try files.write(Array("Le chat\n".utf8), to: "lines")
    let others = [["--beams", "1"], ["--threads", "1"], ["--precisions", "float32"]].filter { $0[0] != options[0] }
    let result = try Program.run(
      ["bench", "--model", SharedModel.path, "--seconds", "0.01"] + others.joined() + options + [lines.path])
    #expect(result.status == 0, "\(result.error)")
    #expect(result.lines.first?.contains(", 1 lines, ") == true)
    #expect(result.lines.filter { $0.hasPrefix("float32") }.count == (options[0] == "--beams" ? 2 : 1))
  }

  @Test("bench refuses wrong numbers and a file without lines", arguments: [
    ["--beams", "0"], ["--threads", "0"], ["--seconds", "0"], ["--precisions", "int4"],
  ])
  func mistakes(arguments: [String]) throws {
    let files = try TemporaryDirectory()
    let lines = try files.write(Array("Le chat\n".utf8), to: "lines")
    #expect(try Program.run(["bench", "--model", SharedModel.path, lines.path] + arguments).status == 64)
    let empty = try files.write([], to: "empty")
    #expect(try Program.run(["bench", "--model", SharedModel.path, empty.path]).status == 64)
  }
}
