import Foundation
import Synchronization
import Translation

/// The models of a server: what they translate is known from the start, they themselves are loaded when first needed, and
/// those not used for longest go when they would take more memory than they may.
public final class ModelRegistry: Sendable {
  /// A model that can be had.
  struct Entry: Sendable {
    /// No two entries have one, not even of one directory before and after a reload.
    let id: Int
    let directory: ModelDirectory
    let description: ModelDescription
    /// The size of its weights' file, which is about what it takes in memory.
    let bytes: Int

    var source: String { description.sourceLanguage }
    var target: String { description.targetLanguage }
  }

  private struct Loaded {
    var task: Task<Translator, any Error>
    var lastUse: Int
  }

  private struct State {
    var entries: [Entry]
    var loaded: [Int: Loaded] = [:]
    var uses = 0
    var nextID: Int
    var loads = 0
  }

  private let find: @Sendable () throws -> [URL]
  /// Bytes that loaded models may take; one may always be there.
  private let memoryLimit: Int
  private let usesShortlists: Bool
  private let state: Mutex<State>

  /// `find` says where the models are, now and at each reload. Throws what it throws, and `ModelError` where a
  /// `config.json` cannot be used.
  public init(
    memoryLimit: Int = .max, usesShortlists: Bool = false, _ find: @escaping @Sendable () throws -> [URL]
  ) throws {
    (self.find, self.memoryLimit, self.usesShortlists) = (find, memoryLimit, usesShortlists)
    let entries = try Self.read(find(), firstID: 0, usesShortlists)
    state = Mutex(State(entries: entries, nextID: entries.count))
  }

  private static func read(_ models: [URL], firstID: Int, _ usesShortlists: Bool) throws -> [Entry] {
    try models.enumerated().map { number, url in
      let directory = ModelDirectory(url)
      let description = try directory.readDescription()
      if usesShortlists { try directory.requireShortlist() }
      let size = try? FileManager.default.attributesOfItem(atPath: directory.weights.path)[.size] as? Int
      return Entry(id: firstID + number, directory: directory, description: description, bytes: size ?? 0)
    }
  }

  /// Looks for models again. Requests under way go on with those they have in hand. Throws like `init`, and then all stays.
  func reload() throws {
    let found = try find()
    let firstID = state.withLock { state in
      defer { state.nextID += found.count }
      return state.nextID
    }
    let entries = try Self.read(found, firstID: firstID, usesShortlists)
    state.withLock { state in
      state.entries = entries
      state.loaded = [:]
    }
  }

  var entries: [Entry] { state.withLock { $0.entries } }

  /// How many models are in memory, how large they are together, and how often one was loaded.
  var statistics: (loaded: Int, bytes: Int, loads: Int) {
    state.withLock { state in
      let bytes = state.entries.filter { state.loaded[$0.id] != nil }.reduce(0) { $0 + $1.bytes }
      return (state.loaded.count, bytes, state.loads)
    }
  }

  /// Codes of the languages some model reads or writes, in order.
  var languages: [String] { Set(entries.flatMap { [$0.source, $0.target] }).sorted() }

  /// The same, those that the first models read first, and those that none reads last.
  var languagesByUse: [String] {
    let entries = entries
    return (entries.map(\.source) + entries.map(\.target)).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// What can be made of a language, in order: what models make of it, directly or through a third language, and itself.
  func targets(from source: String) -> [String] {
    languages.filter { $0 == source || route(from: source, to: $0) != nil }
  }

  /// The models that lead from one language to another: one, or two that chain. None for a language to itself. Nil where
  /// there is no way.
  func route(from source: String, to target: String) -> [Entry]? {
    if source == target { return [] }
    let entries = entries
    if let direct = entries.first(where: { $0.source == source && $0.target == target }) { return [direct] }
    for first in entries where first.source == source {
      if let second = entries.first(where: { $0.source == first.target && $0.target == target }) {
        return [first, second]
      }
    }
    return nil
  }

  /// The model in memory, loaded if need be: once, however many ask at a time. Throws `ModelError`, or
  /// `TextError` of its text pipeline or shortlist.
  func translator(_ entry: Entry) async throws -> Translator {
    let task = state.withLock { state -> Task<Translator, any Error> in
      state.uses += 1
      // Replaced since it was asked for: it is not kept for anybody else.
      guard state.entries.contains(where: { $0.id == entry.id }) else {
        state.loads += 1
        return load(entry)
      }
      if state.loaded[entry.id] == nil {
        makeRoom(for: entry, &state)
        state.loads += 1
        state.loaded[entry.id] = Loaded(task: load(entry), lastUse: state.uses)
      }
      state.loaded[entry.id]?.lastUse = state.uses
      return state.loaded[entry.id]!.task
    }
    do {
      return try await task.value
    } catch {
      // The next request tries again.
      state.withLock { $0.loaded[entry.id] = nil }
      throw error
    }
  }

  private func load(_ entry: Entry) -> Task<Translator, any Error> {
    Task.detached { [usesShortlists] in try Translator(model: entry.directory.url, withShortlist: usesShortlists) }
  }

  /// Lets models go. Who works with one keeps it in memory until done.
  private func makeRoom(for entry: Entry, _ state: inout State) {
    let sizes = Dictionary(uniqueKeysWithValues: state.entries.map { ($0.id, $0.bytes) })
    var total = state.loaded.keys.reduce(entry.bytes) { $0 + (sizes[$1] ?? 0) }
    while total > memoryLimit, let oldest = state.loaded.min(by: { $0.value.lastUse < $1.value.lastUse })?.key {
      state.loaded[oldest] = nil
      total -= sizes[oldest] ?? 0
    }
  }
}

/// Languages' names.
enum LanguageName {
  /// In English; the code where there is none.
  static func of(_ code: String) -> String { Locale(identifier: "en").localizedString(forIdentifier: code) ?? code }
}
