import Autograd

/// Self-attention with its four projections; query, key and value are one product (Vaswani et al. 2017, §3.2).
public struct SelfAttention {
  /// [D, 3D]: query, key, value side by side.
  public let projection: Linear
  public let output: Linear
  public let heads: Int
  let dropout: Float

  public init(_ store: ParameterStore, _ name: String, size: Int, heads: Int, dropout: Float) {
    projection = Linear(store, "\(name).qkv", size, 3 * size, parts: 3, gain: sublayerGain)
    output = Linear(store, "\(name).output", size, size, gain: sublayerGain)
    self.heads = heads
    self.dropout = dropout
  }

  /// x [N, D], sentences at `offsets` [B+1] → [N, D].
  public func callAsFunction(_ x: Tensor, offsets: [Int32], causal: Bool, _ graph: Graph) -> Tensor {
    let size = x.columns
    let qkv = projection(x, graph)
    let mixed = graph.attention(
      queries: .init(qkv), keys: .init(qkv, from: size), values: .init(qkv, from: 2 * size), queryOffsets: offsets,
      keyOffsets: offsets, size: size, heads: heads, causal: causal, dropout: dropout)
    return output(mixed, graph)
  }
}

/// Attention from target to source; key and value of the memory are one product, made once a source.
public struct CrossAttention {
  public let query: Linear
  /// [D, 2D]: key, value side by side.
  public let memoryProjection: Linear
  public let output: Linear
  public let heads: Int
  let dropout: Float

  public init(_ store: ParameterStore, _ name: String, size: Int, heads: Int, dropout: Float) {
    query = Linear(store, "\(name).query", size, size, gain: sublayerGain)
    memoryProjection = Linear(store, "\(name).key_value", size, 2 * size, parts: 2, gain: sublayerGain)
    output = Linear(store, "\(name).output", size, size, gain: sublayerGain)
    self.heads = heads
    self.dropout = dropout
  }

  /// x [N, D] with `offsets` [B+1], memory [M, D] with `memoryOffsets` [B+1] → [N, D].
  public func callAsFunction(
    _ x: Tensor, offsets: [Int32], memory: Tensor, memoryOffsets: [Int32], _ graph: Graph
  ) -> Tensor {
    let size = x.columns
    let keyValue = memoryProjection(memory, graph)
    let mixed = graph.attention(
      queries: .init(query(x, graph)), keys: .init(keyValue), values: .init(keyValue, from: size),
      queryOffsets: offsets, keyOffsets: memoryOffsets, size: size, heads: heads, causal: false, dropout: dropout)
    return output(mixed, graph)
  }
}
