import Synchronization

/// What was translated lately, sentence by sentence, in bounded memory.
final class SentenceCache: Sendable {
  struct Key: Hashable, Sendable {
    /// Of which model: no two loads of a directory have one number.
    var model: Int
    var sentence: String
    /// How many candidates were asked for.
    var candidates: Int
  }

  struct Candidate: Sendable, Equatable {
    var text: String
    /// What the search ranked it by.
    var score: Double
  }

  struct Statistics: Sendable, Equatable {
    var hits = 0
    var misses = 0
    var entries = 0
    var bytes = 0
  }

  private struct State {
    var cache: LRUCache<Key, [Candidate]>
    var hits = 0
    var misses = 0
  }

  private let state: Mutex<State>

  /// `bytes`: about what it may take in memory; 0 keeps nothing.
  init(bytes: Int) { state = Mutex(State(cache: LRUCache(capacity: bytes))) }

  func find(_ key: Key) -> [Candidate]? {
    state.withLock { state in
      let found = state.cache.find(key)
      if found == nil { state.misses += 1 } else { state.hits += 1 }
      return found
    }
  }

  func insert(_ key: Key, _ candidates: [Candidate]) {
    // The key is held twice; strings of more than fifteen bytes have a block of their own.
    let bytes = 200 + 2 * key.sentence.utf8.count + candidates.reduce(0) { $0 + 64 + $1.text.utf8.count }
    state.withLock { $0.cache.insert(key, candidates, cost: bytes) }
  }

  var statistics: Statistics {
    state.withLock {
      Statistics(hits: $0.hits, misses: $0.misses, entries: $0.cache.count, bytes: $0.cache.cost)
    }
  }
}
