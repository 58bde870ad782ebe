/// Memory for the tensors of one computation: taken in order, given back all at once. Chunks are kept for the next
/// computation, so a steady loop allocates nothing. Not thread-safe: one arena a worker.
public final class Arena {
  static let alignment = 64
  private var chunks: [UnsafeMutableRawBufferPointer] = []
  private var current = 0
  private var used = 0
  private let chunkSize: Int

  public init(chunkSize: Int = 8 << 20) {
    self.chunkSize = chunkSize
  }

  deinit {
    for chunk in chunks { chunk.deallocate() }
  }

  /// Bytes held, in use or not.
  public var capacity: Int { chunks.reduce(0) { $0 + $1.count } }

  /// Uninitialised memory for `count` elements, valid until `reset()`.
  public func allocate<Element>(_ type: Element.Type, _ count: Int) -> UnsafeMutablePointer<Element> {
    let bytes = (max(count, 1) * MemoryLayout<Element>.stride + Arena.alignment - 1) & ~(Arena.alignment - 1)
    while current < chunks.count, used + bytes > chunks[current].count {
      current += 1
      used = 0
    }
    if current == chunks.count {
      let size = max(bytes, chunkSize)
      chunks.append(.allocate(byteCount: size, alignment: Arena.alignment))
      used = 0
    }
    defer { used += bytes }
    return (chunks[current].baseAddress! + used).bindMemory(to: type, capacity: max(count, 1))
  }

  /// A place to come back to with `release(to:)`.
  public struct Mark {
    fileprivate let chunk: Int
    fileprivate let used: Int
  }

  public var mark: Mark { Mark(chunk: current, used: used) }

  /// Gives back everything taken since the mark.
  public func release(to mark: Mark) {
    current = mark.chunk
    used = mark.used
  }

  /// Gives back everything.
  public func reset() {
    current = 0
    used = 0
  }
}
