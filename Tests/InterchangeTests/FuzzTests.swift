import Autograd
import Foundation
import Seq2Seq
import TestSupport
import Testing
import TextProcessing

@testable import Interchange
@testable import Translation

/// Files of every format, spoilt at random: each is read, or refused by a typed error that names it. Some hundreds of each
/// are always tried; for longer,
///
///     MT_FUZZ_SECONDS=3600 MT_FUZZ_SEED=1 MT_FUZZ_LOG=fuzz.log swift test -c release -Xswiftc -enable-testing --filter Fuzz
///
/// tries each format for its share of the time, or one alone with MT_FUZZ_FORMAT, cuts every file at every byte, and keeps
/// the process within half a gibibyte more memory than it had. Where it crashes, the log names the case, and
/// MT_FUZZ_CASE=number, with the same seed and format, tries that one again.
@Suite(.serialized) struct FuzzTests {
  enum Format: String, CaseIterable {
    case safetensors, npz, bin, torch, pickle, sentencePiece = "spm"
  }

  /// Valid files, and how one that was spoilt is read.
  struct Target {
    var files: [[UInt8]]
    var read: ([UInt8], _ name: String) throws -> Void
    /// Nil where bytes are all there is to change.
    var spoil: ((inout Mutation, _ file: Int) -> [UInt8])?
  }

  static let settings = ProcessInfo.processInfo.environment
  static let seconds = settings["MT_FUZZ_SECONDS"].flatMap(Double.init)
  static let formats = settings["MT_FUZZ_FORMAT"].map { name in Format.allCases.filter { $0.rawValue == name } } ?? Format.allCases
  static let seed = settings["MT_FUZZ_SEED"].flatMap(UInt64.init) ?? 1

  @Test("a spoilt file is read or refused by an error that names it", arguments: formats)
  func spoilt(_ format: Format) throws {
    let target = try target(format)
    for (i, file) in target.files.enumerated() { try target.read(file, "file \(i)") }
    if Self.seconds != nil { limitMemory() }
    var count = (cases: 0, refused: 0)
    var slowest = 0.0
    let log = Self.settings["MT_FUZZ_LOG"].map { FileHandle(forUpdatingAtPath: $0) ?? Self.create($0) } ?? nil
    func attempt(_ bytes: [UInt8], _ name: String) {
      if let log {
        try? log.seek(toOffset: 0)
        try? log.write(contentsOf: Data("\(format.rawValue), seed \(Self.seed): \(name)          \n".utf8))
      }
      let start = ContinuousClock.now
      count.cases += 1
      if refuses(target, bytes, "\(format.rawValue) \(name)") { count.refused += 1 }
      slowest = max(slowest, (ContinuousClock.now - start).seconds)
    }

    if let only = Self.settings["MT_FUZZ_CASE"].flatMap(Int.init) {
      return attempt(self.case(only, target), "case \(only)")
    }
    for (i, file) in target.files.enumerated() {
      for length in stride(from: 0, to: file.count, by: Self.seconds == nil ? 211 : 1) {
        attempt(Array(file[..<length]), "file \(i) cut at \(length)")
      }
    }
    let end = ContinuousClock.now + .seconds((Self.seconds ?? 0) / Double(Self.formats.count))
    var number = 0
    while number < 400 || ContinuousClock.now < end {
      attempt(self.case(number, target), "case \(number)")
      number += 1
    }
    if Self.seconds != nil {
      print(
        "fuzz \(format.rawValue): \(count.cases) files, \(count.refused) refused, the slowest took "
          + String(format: "%.0f ms", slowest * 1000))
    }
    #expect(count.refused > count.cases / 4, "\(count)")
    #expect(slowest < 20)
  }

  private func `case`(_ number: Int, _ target: Target) -> [UInt8] {
    var mutation = Mutation(seed: Self.seed, number)
    let file = mutation.number(target.files.count)
    if let spoil = target.spoil, mutation.number(4) > 0 { return spoil(&mutation, file) }
    return mutation.spoil(target.files[file], with: target.files[mutation.number(target.files.count)])
  }

  private func refuses(_ target: Target, _ bytes: [UInt8], _ name: String) -> Bool {
    do {
      try target.read(bytes, name)
      return false
    } catch let error as ModelError {
      #expect(error.file.hasPrefix(name), "\(error)")
    } catch let error as TextError {
      #expect(error.description.hasPrefix(name), "\(error)")
    } catch {
      Issue.record("\(name): \(error)")
    }
    return true
  }

  private static func create(_ path: String) -> FileHandle? {
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    return FileHandle(forUpdatingAtPath: path)
  }

  /// Files here have some ten thousand bytes: whoever believes what they claim runs into this.
  private func limitMemory() {
    let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ").first.flatMap { UInt($0) }
    guard let pages else { return }
    var limit = rlimit(rlim_cur: rlim_t(pages * 4096 + 512 << 20), rlim_max: rlim_t.max)
    setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
  }

  // MARK: Formats

  private func target(_ format: Format) throws -> Target {
    switch format {
    case .safetensors: try safetensors()
    case .npz:
      try marian(["marian-gru.npz", "marian-deep.npz", "marian-pre.npz"]) { mutation, bytes in
        let archive = try? ZipArchive(Data(bytes), file: "")
        return mutation.spoilMember(archive.map(Self.members) ?? [])
      }
    case .bin: try marian(["marian-post.float32.bin", "marian-post.intgemm8.bin"])
    case .torch:
      try torch("torch.bin") { mutation, bytes in
        let archive = try? ZipArchive(Data(bytes), file: "")
        return mutation.spoilMember(archive.map(Self.members) ?? [])
      }
    case .pickle: try torch("torch-old.bin")
    case .sentencePiece: try sentencePiece()
    }
  }

  private static func members(_ archive: ZipArchive) -> [(name: String, bytes: [UInt8])] {
    // What describes the others stands first.
    archive.members.sorted { $0.name.hasSuffix(".pkl") && !$1.name.hasSuffix(".pkl") }.map { member in
      (member.name, (try? archive.contents(member)).map(Array.init) ?? [])
    }
  }

  /// A model's own weights, in each precision.
  private func safetensors() throws -> Target {
    let directory = try TemporaryDirectory()
    var files: [[UInt8]] = []
    for precision in [.float32, .bfloat16, .int8] as [Precision] {
      let url = directory.url.appendingPathComponent(precision.rawValue)
      try TinyModel.save(to: url, precision: precision)
      files.append(try Array(Data(contentsOf: ModelDirectory(url).weights)))
    }
    let description = try ModelDirectory(directory.url.appendingPathComponent("int8")).readDescription()
    return Target(files: files) { bytes, name in
      let file = try Safetensors(Data(bytes), file: name)
      for (tensor, entry) in file.entries { _ = try? file.values(tensor, shape: entry.shape) }
      try ModelWeights.load(file, into: description.model.makeModel(), packed: bytes.count % 2 == 0 ? .int8 : nil)
    } spoil: { mutation, file in
      mutation.spoilHeader(files[file])
    }
  }

  private func marian(
    _ names: [String], spoil: ((inout Mutation, [UInt8]) -> [UInt8])? = nil
  ) throws -> Target {
    let files = try names.map { try Array(TinyMarian.resource($0)) }
    return Target(files: files) { bytes, name in
      let file = try MarianFile(Data(bytes), file: name)
      _ = try MarianReader.read(file, MarianConfiguration(yaml: file.configuration, file: name))
    } spoil: { mutation, file in
      spoil?(&mutation, files[file]) ?? mutation.spoil(files[file], with: files[0])
    }
  }

  private func torch(_ name: String, spoil: ((inout Mutation, [UInt8]) -> [UInt8])? = nil) throws -> Target {
    let files = try [Array(TinyMarian.resource(name))]
    return Target(files: files) { bytes, name in
      let file = try TorchFile(Data(bytes), file: name)
      for name in file.names { _ = try file.values(name, shape: file.shape(of: name) ?? []) }
    } spoil: { mutation, _ in
      spoil?(&mutation, files[0]) ?? mutation.spoil(files[0], with: [])
    }
  }

  private func sentencePiece() throws -> Target {
    let files = try ["source.spm", "target.spm"].map { try Array(TinyMarian.resource($0)) }
    let lines = ["Le chien court dans le jardin.", " L’œuvre\u{A0}ﬁne, 42 € \u{1F600}", "", "\u{0}\u{7F}e\u{301}" + HuggingFaceExportTests.lines.joined()]
    return Target(files: files) { bytes, name in
      let pieces = try TextPipeline.pieces(ofSentencePieceModel: Data(bytes), path: name)
      let text = try TextPipeline(
        sourceModel: Data(bytes), targetModel: Data(bytes), sourcePieces: pieces, targetPieces: nil,
        directory: URL(fileURLWithPath: "/" + name), path: name)
      for line in lines {
        let ids = text.encodeSource(line)
        guard ids.allSatisfy({ $0 >= 0 && $0 < pieces.count }) else {
          Issue.record("\(name): ids beyond the vocabulary")
          return
        }
        _ = text.decodeTarget(ids)
      }
    }
  }
}
