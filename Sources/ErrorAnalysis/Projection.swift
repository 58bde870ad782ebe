import Autograd
import Foundation

/// How points of many dimensions are laid on a plane.
public enum ProjectionMethod: String, CaseIterable, Codable, Sendable {
  /// The two directions of most variance: distances far apart are kept.
  case pca
  /// Neighbourhoods are kept (van der Maaten & Hinton 2008).
  case tsne

  /// [N, D] → N places. The same points always give the same places.
  public func project(_ points: [[Double]]) -> [(x: Double, y: Double)] {
    switch self {
    case .pca: PrincipalComponents(points).places
    case .tsne: NeighborEmbedding(points).places
    }
  }
}

/// The first two principal components, by orthogonal iteration on the covariance. Cost: N·D² once and 200·D² after.
struct PrincipalComponents {
  let places: [(x: Double, y: Double)]

  init(_ points: [[Double]]) {
    let size = points.first?.count ?? 0
    let count = Double(max(points.count, 1))
    let mean = (0..<size).map { i in points.reduce(0) { $0 + $1[i] } / count }
    let centred = points.map { zip($0, mean).map(-) }
    var covariance = [Double](repeating: 0, count: size * size)
    for point in centred {
      for i in 0..<size where point[i] != 0 {
        for j in 0..<size { covariance[i * size + j] += point[i] * point[j] / count }
      }
    }
    var random = RandomGenerator(seed: 1)
    var axes = (0..<2).map { _ in (0..<size).map { _ in random.gaussian() } }
    for _ in 0..<200 {
      for k in 0..<2 {
        let old = axes[k]
        axes[k] = (0..<size).map { i in (0..<size).reduce(0) { $0 + covariance[i * size + $1] * old[$1] } }
        if k == 1 {
          let shared = zip(axes[0], axes[1]).reduce(0) { $0 + $1.0 * $1.1 }
          axes[1] = zip(axes[1], axes[0]).map { $0 - shared * $1 }
        }
        let length = axes[k].reduce(0) { $0 + $1 * $1 }.squareRoot()
        if length > 0 { axes[k] = axes[k].map { $0 / length } }
      }
    }
    // An axis has no direction of its own: its largest part points up.
    for k in 0..<2 where (axes[k].max { abs($0) < abs($1) } ?? 0) < 0 { axes[k] = axes[k].map { -$0 } }
    places = centred.map { point in
      let coordinates = axes.map { zip(point, $0).reduce(0) { $0 + $1.0 * $1.1 } }
      return (coordinates[0], coordinates[1])
    }
  }
}

/// t-SNE with exact gradients, begun at the principal components. Cost: N² a step, 500 steps.
struct NeighborEmbedding {
  let places: [(x: Double, y: Double)]

  init(_ points: [[Double]], perplexity: Double = 20, steps: Int = 500) {
    let count = points.count
    guard count > 3 else {
      places = PrincipalComponents(points).places
      return
    }
    let joint = NeighborEmbedding.joint(points, perplexity: min(perplexity, Double(count - 1) / 3))
    let start = PrincipalComponents(points).places
    let spread = (start.reduce(0) { $0 + $1.x * $1.x } / Double(count)).squareRoot()
    let scale = spread > 0 ? 1e-2 / spread : 1
    // Points that are alike must not begin in one place.
    var random = RandomGenerator(seed: 2)
    var y = start.flatMap { [$0.x * scale + 1e-4 * random.gaussian(), $0.y * scale + 1e-4 * random.gaussian()] }
    var velocity = [Double](repeating: 0, count: 2 * count)
    var gains = [Double](repeating: 1, count: 2 * count)
    let rate = max(Double(count) / 12, 50)
    for step in 0..<steps {
      let gradient = NeighborEmbedding.gradient(y, joint, exaggeration: step < steps / 4 ? 12 : 1)
      let momentum = step < steps / 4 ? 0.5 : 0.8
      for i in y.indices {
        gains[i] = max(0.01, (gradient[i] > 0) != (velocity[i] > 0) ? gains[i] + 0.2 : gains[i] * 0.8)
        velocity[i] = momentum * velocity[i] - rate * gains[i] * gradient[i]
        y[i] += velocity[i]
      }
    }
    places = (0..<count).map { (y[2 * $0], y[2 * $0 + 1]) }
  }

  /// ∂KL/∂y with Student's t of one degree of freedom.
  private static func gradient(_ y: [Double], _ joint: [Double], exaggeration: Double) -> [Double] {
    let count = y.count / 2
    var near = [Double](repeating: 0, count: count * count)
    var total = 0.0
    for i in 0..<count {
      for j in 0..<i {
        let (dx, dy) = (y[2 * i] - y[2 * j], y[2 * i + 1] - y[2 * j + 1])
        let value = 1 / (1 + dx * dx + dy * dy)
        (near[i * count + j], near[j * count + i]) = (value, value)
        total += 2 * value
      }
    }
    var gradient = [Double](repeating: 0, count: y.count)
    for i in 0..<count {
      for j in 0..<count where j != i {
        let value = near[i * count + j]
        let pull = 4 * (exaggeration * joint[i * count + j] - value / total) * value
        gradient[2 * i] += pull * (y[2 * i] - y[2 * j])
        gradient[2 * i + 1] += pull * (y[2 * i + 1] - y[2 * j + 1])
      }
    }
    return gradient
  }

  /// Symmetric probabilities of neighbourhood [N, N], each point with so wide a Gaussian that its perplexity is as wanted.
  private static func joint(_ points: [[Double]], perplexity: Double) -> [Double] {
    let count = points.count
    var conditional = [Double](repeating: 0, count: count * count)
    for i in 0..<count {
      let distances = (0..<count).map { j in zip(points[i], points[j]).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } }
      var (low, high, precision) = (0.0, Double.infinity, 1.0)
      var row = [Double](repeating: 0, count: count)
      let nearest = (0..<count).filter { $0 != i }.map { distances[$0] }.min() ?? 0
      for _ in 0..<60 {
        // Measured from the nearest, so that no sum becomes zero.
        row = (0..<count).map { $0 == i ? 0 : exp(-precision * (distances[$0] - nearest)) }
        let sum = row.reduce(0, +)
        row = row.map { $0 / sum }
        let entropy = -row.reduce(0) { $1 > 0 ? $0 + $1 * log($1) : $0 }
        if abs(entropy - log(perplexity)) < 1e-6 { break }
        if entropy > log(perplexity) {
          low = precision
          precision = high == .infinity ? precision * 2 : (low + high) / 2
        } else {
          high = precision
          precision = (low + high) / 2
        }
      }
      for j in 0..<count { conditional[i * count + j] = row[j] }
    }
    return (0..<count * count).map { place in
      let (i, j) = (place / count, place % count)
      return max((conditional[i * count + j] + conditional[j * count + i]) / Double(2 * count), 1e-12)
    }
  }
}
