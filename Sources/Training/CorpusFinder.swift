import Foundation

/// Finds the files that a recipe names: absolute paths as they are, others in `--data`, else in `$MT_DATA`, else beside
/// the recipe; each as named, else with `.gz` added or taken away.
struct CorpusFinder {
  let folders: [URL]

  init(data: URL?, environment: [String: String] = ProcessInfo.processInfo.environment, recipe: URL) {
    folders = [data, environment["MT_DATA"].flatMap { $0.isEmpty ? nil : URL(fileURLWithPath: $0) }, recipe]
      .compactMap { $0 }
  }

  /// - Throws: `TrainingError.corpusMissing` with every place that was looked at.
  func find(_ name: String) throws -> URL {
    let places = name.hasPrefix("/") ? [URL(fileURLWithPath: name)] : folders.map { $0.appendingPathComponent(name) }
    for place in places {
      let other = place.pathExtension == "gz" ? place.deletingPathExtension() : place.appendingPathExtension("gz")
      for candidate in [place, other] {
        var isDirectory: ObjCBool = false
        if FileManager.default.fileExists(atPath: candidate.path, isDirectory: &isDirectory), !isDirectory.boolValue {
          return candidate
        }
      }
    }
    throw TrainingError.corpusMissing(file: name, searched: places.map(\.standardizedFileURL.path))
  }
}
