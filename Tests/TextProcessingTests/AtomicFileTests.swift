import Foundation
import TestSupport
import Testing

@testable import TextProcessing

@Suite struct AtomicFileTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test("a file that cannot be written leaves the old one and no litter")
  func atomicReplacement() throws {
    let url = try directory.write(Array("old".utf8), to: "file")
    do {
      let file = try AtomicFile(url)
      try Array("new, but never finished".utf8).withUnsafeBytes { try file.append($0) }
    }
    #expect(try String(contentsOf: url, encoding: .utf8) == "old")
    try AtomicFile.write(Data("new".utf8), to: url)
    #expect(try String(contentsOf: url, encoding: .utf8) == "new")
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.url.path) == ["file"])
    #expect(throws: TextError.self) { try AtomicFile(URL(fileURLWithPath: "/nowhere/x")) }
    #expect(throws: TextError.self) { try AtomicFile(directory.url) }
  }

  @Test("a link stays one and its target is replaced; a pipe is written to")
  func linksAndPipes() throws {
    let (file, link, pipe) = (try directory.write(Array("old".utf8), to: "file"),
      directory.url.appendingPathComponent("link"), directory.url.appendingPathComponent("pipe"))
    try FileManager.default.createSymbolicLink(at: link, withDestinationURL: file)
    try AtomicFile.write(Data("new".utf8), to: link)
    #expect(try String(contentsOf: file, encoding: .utf8) == "new")
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == file.path)
    #expect(mkfifo(pipe.path, 0o600) == 0)
    // A reader that waits for no writer.
    let reader = open(pipe.path, O_RDWR | O_NONBLOCK)
    defer { close(reader) }
    try AtomicFile.write(Data("through".utf8), to: pipe)
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = read(reader, &bytes, bytes.count)
    #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == "through")
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.url.path).sorted() == ["file", "link", "pipe"])
  }

  @Test("a folder is made with those above it, and a file in its place is an error that names it")
  func folders() throws {
    let deep = directory.url.appendingPathComponent("a/b/c")
    try OutputDirectory.make(deep)
    try OutputDirectory.make(deep)
    try AtomicFile.write(Data("x".utf8), to: deep.appendingPathComponent("file"))
    let place = deep.appendingPathComponent("file/d")
    let error = #expect(throws: TextError.self) { try OutputDirectory.make(place) }
    #expect(error?.description == "\(place.path): cannot be made: Not a directory")
  }
}
