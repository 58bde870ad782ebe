import Autograd
import Seq2Seq

/// Sentences that one worker computes the loss and gradients of.
public struct Shard: Sendable, Equatable {
  public var source = SequenceBatch()
  public var target = SequenceBatch()
}

/// What one update learns from.
public struct UpdateBatch: Sendable {
  /// Always as many as the recipe says; some are empty if there are fewer sentences than shards.
  public var shards: [Shard]
  /// Target tokens with end symbols.
  public var targetTokens: Int
  /// From 0.
  public var epoch: Int
  /// Where the stream stands after this update.
  public var next: BatchPosition
}

/// A place in the endless row of updates, from which a `BatchStream` can go on.
public struct BatchPosition: Codable, Sendable, Equatable {
  public var epoch = 0
  /// The draw of the epoch at which the current window begins.
  public var draw = 0
  /// Updates of the window already taken.
  public var update = 0

  public init() {}
}

/// How updates are cut from the epochs' pairs.
public struct BatchOptions: Sendable, Equatable {
  /// Target tokens with end symbols that an update has at most (more only if a single sentence has).
  public var batchTokens = 4000
  public var shards = 4
  /// Updates among which sentences are sorted by length before they are cut: 1 leaves every update a fair sample of
  /// all lengths (only its shards are sorted); more gives recurrent models batches of like lengths.
  public var lengthWindow = 1
  public var seed: UInt64 = 1

  public init() {}
}

/// The endless row of updates over a `PairSource`. Which update comes when follows from the options and nothing else.
public final class BatchStream {
  public let options: BatchOptions
  private let pairs: any PairSource
  private let order: EpochOrder
  private var position: BatchPosition
  private var draws: [EpochOrder.Draw] = []
  private var drawsEpoch = -1
  /// Updates of the current window, and the draw after it.
  private var window: [UpdateBatch] = []
  private var windowEnd = 0

  public init(_ pairs: any PairSource, _ order: EpochOrder, _ options: BatchOptions, from position: BatchPosition = .init()) {
    (self.pairs, self.order, self.options, self.position) = (pairs, order, options, position)
  }

  /// The next update; nil if a whole epoch held no pair at all.
  public func next() -> UpdateBatch? {
    var emptyEpochs = 0
    while true {
      if drawsEpoch != position.epoch { startEpoch() }
      if window.isEmpty { fillWindow() }
      if position.update < window.count {
        var batch = window[position.update]
        position.update += 1
        if position.update == window.count { leaveWindow() }
        batch.next = position
        return batch
      }
      leaveWindow()
      if position.draw == 0 {
        emptyEpochs += 1
        if emptyEpochs > 1 { return nil }
      }
    }
  }

  private func startEpoch() {
    draws = order.draws(epoch: position.epoch)
    drawsEpoch = position.epoch
    window = []
    if position.epoch == 0 { bringLongestForward() }
  }

  private func leaveWindow() {
    position.draw = windowEnd
    position.update = 0
    window = []
    if position.draw >= draws.count {
      position.epoch += 1
      position.draw = 0
    }
  }

  /// The very first update gets the longest pairs, so that memory that does not suffice shows at once.
  private func bringLongestForward() {
    let lengths = draws.map { pairs.roughLength(corpus: Int($0.corpus), index: Int($0.index)) }
    let wanted = min(draws.count, max(1, options.batchTokens / 16))
    let longest = draws.indices.sorted { lengths[$0] == lengths[$1] ? $0 < $1 : lengths[$0] > lengths[$1] }
      .prefix(wanted)
    let chosen = Set(longest)
    draws = longest.map { draws[$0] } + draws.indices.filter { !chosen.contains($0) }.map { draws[$0] }
  }

  /// Takes pairs up to the window's budget and cuts them into updates.
  private func fillWindow() {
    let budget = options.batchTokens * options.lengthWindow
    var taken: [TokenPair] = []
    var tokens = 0
    var end = position.draw
    while end < draws.count {
      let draw = draws[end]
      let pair = pairs.pair(corpus: Int(draw.corpus), index: Int(draw.index), pass: Int(draw.pass))
      if !pair.source.isEmpty, !pair.target.isEmpty {
        if !taken.isEmpty, tokens + pair.target.count > budget { break }
        taken.append(pair)
        tokens += pair.target.count
      }
      end += 1
    }
    windowEnd = end
    let sorted = taken.indices.sorted {
      (taken[$0].target.count, taken[$0].source.count, $0) > (taken[$1].target.count, taken[$1].source.count, $1)
    }.map { taken[$0] }
    var updates: [[TokenPair]] = []
    var room = 0
    for pair in sorted {
      if updates.isEmpty || pair.target.count > room {
        updates.append([])
        room = options.batchTokens
      }
      updates[updates.count - 1].append(pair)
      room -= pair.target.count
    }
    if options.lengthWindow > 1, position.epoch > 0 || position.draw > 0 {
      var random = RandomGenerator(seed: options.seed, 103, position.epoch, position.draw)
      updates.shuffle(using: &random)
    }
    window = updates.map(cut)
  }

  /// Contiguous shards of about equal numbers of tokens.
  private func cut(_ pairs: [TokenPair]) -> UpdateBatch {
    var shards = [Shard](repeating: Shard(), count: options.shards)
    let total = pairs.reduce(0) { $0 + $1.length }
    var (before, targetTokens) = (0, 0)
    for pair in pairs {
      let shard = min(options.shards - 1, (before + pair.length / 2) * options.shards / max(total, 1))
      shards[shard].source.append(pair.source)
      shards[shard].target.append(pair.target)
      before += pair.length
      targetTokens += pair.target.count
    }
    return UpdateBatch(shards: shards, targetTokens: targetTokens, epoch: position.epoch, next: position)
  }
}
