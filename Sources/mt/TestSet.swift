import ArgumentParser
import Foundation
import TextProcessing
import Translation

/// Sides of a test with different line counts, or no test where one would be.
struct TestSetError: Error, CustomStringConvertible {
  let description: String
}

/// Source and reference lines: those named, else the set that comes with `mt`.
struct TestSet {
  var sourceFile: String
  var sources: [String]
  /// [stream][line]
  var references: [[String]]

  /// Names of the source file, where there is one, and of the reference files: those given, or those of `Eval/` in the
  /// working directory or the installation, for the model's languages.
  static func locate(
    source: String?, references: [String], languages: @autoclosure () throws -> (source: String, target: String),
    needsSource: Bool
  ) throws -> (source: String?, references: [String]) {
    if !references.isEmpty && (source != nil || !needsSource) { return (source, references) }
    let (from, to) = try languages()
    guard source == nil, references.isEmpty, let folder = defaultFolder(from, to) else {
      guard source == nil, references.isEmpty else { throw ValidationError("--source and --references go together.") }
      throw TestSetError(
        description: "no test set: give --source and --references; there is no Eval/test.\(from) with test.\(to) here")
    }
    return (folder.appendingPathComponent("test.\(from)").path, [folder.appendingPathComponent("test.\(to)").path])
  }

  /// The reference files, and the source file if `needsSource`, by name or from `Eval/` of the working directory or of the
  /// installation, for the model's languages.
  static func read(
    source: String?, references: [String], languages: @autoclosure () throws -> (source: String, target: String),
    needsSource: Bool, replacingInvalid: Bool
  ) throws -> TestSet {
    let (sourceFile, referenceFiles) = try locate(
      source: source, references: references, languages: languages(), needsSource: needsSource)
    let streams = try referenceFiles.map { try lines($0, replacingInvalid: replacingInvalid) }
    let sources = try sourceFile.map { try lines($0, replacingInvalid: replacingInvalid) } ?? []
    for (file, stream) in zip(referenceFiles, streams) {
      let (other, count) = sources.isEmpty && !needsSource
        ? (referenceFiles[0], streams[0].count) : (sourceFile ?? "", sources.count)
      guard stream.count == count else {
        throw TextError.lineCounts(source: other, sourceCount: count, target: file, targetCount: stream.count)
      }
    }
    guard !streams[0].isEmpty else { throw TestSetError(description: "\(referenceFiles[0]): has no line to score") }
    return TestSet(sourceFile: sourceFile ?? "", sources: sources, references: streams)
  }

  private static func defaultFolder(_ source: String, _ target: String) -> URL? {
    [URL(fileURLWithPath: "Eval"), DefaultModel.share.appendingPathComponent("eval")].first { folder in
      [source, target].allSatisfy {
        FileManager.default.fileExists(atPath: folder.appendingPathComponent("test.\($0)").path)
      }
    }
  }

  static func lines(_ file: String, replacingInvalid: Bool) throws -> [String] {
    let input = try LineInput([file], replacingInvalid: replacingInvalid)
    var lines: [String] = []
    while let line = try input.next() { lines.append(line) }
    return lines
  }
}
