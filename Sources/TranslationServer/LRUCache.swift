/// Keeps what was used last, up to a sum of costs. Every operation takes constant time.
struct LRUCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private struct Node {
    var key: Key
    var value: Value
    var cost: Int
    /// Places of the one used before this one, and of the one used after; −1 where there is none.
    var older: Int
    var newer: Int
  }

  /// What all that is kept may cost.
  let capacity: Int
  private(set) var cost = 0
  private var nodes: [Node?] = []
  private var free: [Int] = []
  private var places: [Key: Int] = [:]
  private var oldest = -1
  private var newest = -1

  init(capacity: Int) { self.capacity = capacity }

  var count: Int { places.count }

  /// What is kept for the key, which counts as a use.
  mutating func find(_ key: Key) -> Value? {
    guard let place = places[key], let node = nodes[place] else { return nil }
    unlink(place)
    link(place)
    return node.value
  }

  /// Keeps a value in place of what was kept for the key, and lets the least recently used go until there is room. What
  /// costs more than all may is not kept.
  mutating func insert(_ key: Key, _ value: Value, cost: Int) {
    remove(key)
    guard cost <= capacity else { return }
    while self.cost + cost > capacity, oldest >= 0, let key = nodes[oldest]?.key { remove(key) }
    let place = free.popLast() ?? nodes.count
    let node = Node(key: key, value: value, cost: cost, older: -1, newer: -1)
    if place == nodes.count { nodes.append(node) } else { nodes[place] = node }
    places[key] = place
    self.cost += cost
    link(place)
  }

  mutating func remove(_ key: Key) {
    guard let place = places.removeValue(forKey: key) else { return }
    unlink(place)
    cost -= nodes[place]?.cost ?? 0
    nodes[place] = nil
    free.append(place)
  }

  mutating func removeAll() { self = LRUCache(capacity: capacity) }

  private mutating func link(_ place: Int) {
    nodes[place]?.older = newest
    nodes[place]?.newer = -1
    if newest >= 0 { nodes[newest]?.newer = place } else { oldest = place }
    newest = place
  }

  private mutating func unlink(_ place: Int) {
    guard let node = nodes[place] else { return }
    if node.older >= 0 { nodes[node.older]?.newer = node.newer } else { oldest = node.newer }
    if node.newer >= 0 { nodes[node.newer]?.older = node.older } else { newest = node.older }
  }
}
