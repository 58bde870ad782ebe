import Foundation

/// A test set found in a folder, with the translations of it that lie beside.
///
/// The files are `NAME.SRC` and `NAME.TGT`, by language; `NAME.refX.TGT` are further references; every other
/// `NAME.SYSTEM.TGT` is a system's translation, also as `NAME-SRC-TGT.SYSTEM.TGT` where a folder holds both directions.
/// All may be gzipped and then end in `.gz`.
struct FolderTestSet {
  var name: String
  var source: String
  var references: [String]
  var systems: [(name: String, file: String)]

  /// The sets of a folder, by name; or the one that `path` names, as `FOLDER/NAME`.
  /// - Throws: `TestSetError` where there is none.
  static func find(_ path: String, source: String, target: String) throws -> [FolderTestSet] {
    var isDirectory: ObjCBool = false
    let isFolder = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    let url = URL(fileURLWithPath: path)
    let folder = isFolder ? url : url.deletingLastPathComponent()
    guard let entries = try? FileManager.default.contentsOfDirectory(atPath: folder.path) else {
      throw TestSetError(description: "\(path): there is no such folder, nor a folder that a test set could lie in")
    }
    var files: [String: String] = [:]
    // A plain file stands before a gzipped one of the same name.
    for entry in entries.sorted(by: >) {
      let name = entry.hasSuffix(".gz") ? String(entry.dropLast(3)) : entry
      files[name] = folder.appendingPathComponent(entry).relativePath
    }
    let sets = sets(files, source, target)
    let wanted = isFolder ? sets : sets.filter { $0.name == url.lastPathComponent }
    guard !wanted.isEmpty else {
      let name = isFolder ? "NAME" : url.lastPathComponent
      let found = sets.isEmpty ? "" : "; it holds " + sets.map(\.name).joined(separator: ", ")
      throw TestSetError(
        description: "\(folder.relativePath): holds no test set \(name).\(source) with \(name).\(target)\(found)")
    }
    return wanted
  }

  /// - Parameter files: paths by name without `.gz`.
  private static func sets(_ files: [String: String], _ source: String, _ target: String) -> [FolderTestSet] {
    var sets: [FolderTestSet] = []
    for (file, path) in files where file.hasSuffix(".\(source)") {
      let name = String(file.dropLast(source.count + 1))
      guard !name.isEmpty, let reference = files["\(name).\(target)"] else { continue }
      sets.append(FolderTestSet(name: name, source: path, references: [reference], systems: []))
    }
    sets.sort { $0.name < $1.name }
    let names = Set(sets.map(\.name))
    for (file, path) in files.sorted(by: { $0.key < $1.key }) where file.hasSuffix(".\(target)") {
      let stem = String(file.dropLast(target.count + 1))
      guard !names.contains(stem), let (owner, rest) = owner(of: stem, sets, "-\(source)-\(target)") else { continue }
      if rest.hasPrefix("ref") {
        sets[owner].references.append(path)
      } else {
        sets[owner].systems.append((rest, path))
      }
    }
    for index in sets.indices { sets[index].systems.sort { $0.name < $1.name } }
    return sets
  }

  /// The set with the longest name that the stem of a file begins with, and what follows it.
  private static func owner(
    of stem: String, _ sets: [FolderTestSet], _ direction: String
  ) -> (set: Int, rest: String)? {
    var best: (set: Int, rest: String)?
    for (index, set) in sets.enumerated() {
      for prefix in ["\(set.name).", "\(set.name)\(direction)."] where stem.hasPrefix(prefix) {
        let rest = String(stem.dropFirst(prefix.count))
        if !rest.isEmpty && set.name.count >= best.map({ sets[$0.set].name.count }) ?? 0 { best = (index, rest) }
      }
    }
    return best
  }
}
