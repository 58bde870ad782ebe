import Foundation
import TextProcessing

/// Collects tensors and writes them as one safetensors file, in the order given.
public struct SafetensorsWriter {
  private var entries: [(name: String, type: TensorType, shape: [Int], bytes: () -> Data)] = []
  private var metadata: [String: String]

  public init(metadata: [String: String] = [:]) { self.metadata = metadata }

  /// Adds a tensor; `bytes`, little-endian, are asked for while writing, one tensor after the other.
  public mutating func add(_ name: String, _ type: TensorType, _ shape: [Int], bytes: @escaping () -> Data) {
    precondition(!entries.contains { $0.name == name }, "\(name) added twice")
    entries.append((name, type, shape, bytes))
  }

  /// Replaces the file by the tensors added. Throws `TextError.file`; the old file stands then.
  public func write(to url: URL) throws {
    var header: [String: Any] = metadata.isEmpty ? [:] : ["__metadata__": metadata]
    var offset = 0
    for entry in entries {
      let end = offset + entry.shape.reduce(entry.type.bytes, *)
      header[entry.name] = ["dtype": entry.type.rawValue, "shape": entry.shape, "data_offsets": [offset, end]]
      offset = end
    }
    var json = try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys, .withoutEscapingSlashes])
    // Numbers begin at a multiple of 64 bytes.
    while (8 + json.count) % 64 != 0 { json.append(0x20) }
    let file = try AtomicFile(url)
    try withUnsafeBytes(of: UInt64(json.count).littleEndian) { try file.append($0) }
    try json.withUnsafeBytes { try file.append($0) }
    for entry in entries {
      let bytes = entry.bytes()
      precondition(
        bytes.count == entry.shape.reduce(entry.type.bytes, *), "\(entry.name): \(bytes.count) bytes for \(entry.shape)")
      try bytes.withUnsafeBytes { try file.append($0) }
    }
    try file.commit()
  }
}
