import Autograd
import Foundation
import Seq2Seq

/// How a model's parameters lie in `model.safetensors`.
///
/// float32: every parameter as it is. bfloat16: matrices in BF16, vectors in F32. int8: matrices in I8 with one row per
/// output of the product (so the matrix of x·W is stored transposed) and beside each `<name>.scale`, F32 [outputs],
/// with value = integer · scale; vectors in F32.
enum ModelWeights {
  /// Reads all parameters. Throws `ModelError` naming the tensor where one is missing, unknown, or of another shape.
  /// With a precision to pack in, the model can afterwards only translate and score; its weights are read one by one and
  /// most of them kept in their packed form alone, so that there is never much more in memory than is needed later.
  static func load(_ file: Safetensors, into model: any EncoderDecoder, packed precision: Precision? = nil) throws {
    var expected = Set<String>()
    // All names and shapes first, so that a foreign file is refused before any weight is touched.
    let entries = try model.parameters.parameters.map { parameter in
      expected.insert(parameter.name)
      guard file.entries[parameter.name]?.type == .int8 else {
        return try file.entry(parameter.name, shape: [parameter.rows, parameter.columns])
      }
      let scale = try file.entry(scaleName(parameter), shape: [outputs(parameter, of: model)])
      guard scale.type == .float32 else {
        throw ModelError(
          file: file.file, item: "tensor \(scaleName(parameter))", problem: "has dtype \(scale.type.rawValue); expected F32")
      }
      expected.insert(scaleName(parameter))
      return try file.entry(
        parameter.name,
        shape: isTable(parameter, of: model)
          ? [parameter.rows, parameter.columns] : [parameter.columns, parameter.rows])
    }
    if let surplus = file.entries.keys.filter({ !expected.contains($0) }).min() {
      throw ModelError(
        file: file.file, item: "tensor \(surplus)", problem: "does not belong to the model that config.json describes")
    }
    if let precision {
      try loadPacked(file, zip(model.parameters.parameters, entries), into: model, precision: precision)
    } else {
      for (parameter, entry) in zip(model.parameters.parameters, entries) {
        try read(file, parameter, entry, of: model, into: parameter.buffer)
      }
    }
    model.parameters.refreshBFloat16()
  }

  /// Tables and weights of which only a packed form is kept go through a buffer, so that their own memory is never touched:
  /// the system hands out memory page by page, which takes longer than to fill it.
  private static func loadPacked(
    _ file: Safetensors, _ weights: some Sequence<(Parameter, Safetensors.Entry)>, into model: any EncoderDecoder,
    precision: Precision
  ) throws {
    let store = model.parameters
    let packedOnly = Set(model.packedOnly.map(\.name))
    let layers = LargePages(count: model.packedOnly.filter { !isTable($0, of: model) }.map(\.count).max() ?? 0)
    for (parameter, entry) in weights {
      let table = isTable(parameter, of: model)
      let onlyPacked = packedOnly.contains(parameter.name)
      // A table is far larger than a layer's weights: its buffer goes with it.
      let buffer = table ? LargePages(count: parameter.count) : layers
      let values = table || onlyPacked ? buffer.values(parameter.count) : parameter.buffer
      // Tables that are only looked up take part in no product.
      let multiplied = parameter.rows > 1 && (!table || parameter.name == outputTable(of: model))
      let integers = multiplied && precision.supported == .int8 && entry.type == .int8
      if !integers || !onlyPacked {
        try read(file, parameter, entry, of: model, into: values)
      }
      if integers {
        // What the file holds as integers is used as it is.
        let scales = try readScales(file, parameter, of: model)
        file.withBytes(entry) {
          store.pack(parameter, transposed: table, integers: $0.bindMemory(to: Int8.self).baseAddress!, scales: scales)
        }
      } else if multiplied {
        store.pack(parameter, transposed: table, precision: precision, values: values.baseAddress!)
      }
      if table, !onlyPacked { store.keepRows(of: parameter, values: values.baseAddress!) }
      file.release(entry)
    }
  }

  static func write(_ model: any EncoderDecoder, precision: Precision, to url: URL) throws {
    var writer = SafetensorsWriter(metadata: ["format": "mt"])
    for parameter in model.parameters.parameters {
      let shape = [parameter.rows, parameter.columns]
      switch parameter.rows == 1 ? .float32 : precision {
      case .float32:
        writer.add(parameter.name, .float32, shape) { Data(buffer: parameter.buffer) }
      case .bfloat16:
        writer.add(parameter.name, .bfloat16, shape) {
          var bits = [UInt16](repeating: 0, count: parameter.count)
          mt_to_bfloat16(&bits, parameter.data, Int64(parameter.count))
          return bits.withUnsafeBytes { Data($0) }
        }
      case .int8:
        let table = isTable(parameter, of: model)
        let (integers, scales) = quantize(parameter, byRow: table)
        writer.add(parameter.name, .int8, table ? shape : shape.reversed()) { integers.withUnsafeBytes { Data($0) } }
        writer.add(scaleName(parameter), .float32, [scales.count]) { scales.withUnsafeBytes { Data($0) } }
      }
    }
    try writer.write(to: url)
  }

  /// Integers [outputs, inputs] and scales [outputs]: scale = max|w| / 127 over an output's weights.
  static func quantize(_ parameter: Parameter, byRow: Bool) -> (integers: [Int8], scales: [Float]) {
    let (outputs, inputs) = byRow ? (parameter.rows, parameter.columns) : (parameter.columns, parameter.rows)
    let (outputStride, inputStride) = byRow ? (parameter.columns, 1) : (1, parameter.columns)
    var integers = [Int8](repeating: 0, count: parameter.count)
    var scales = [Float](repeating: 0, count: outputs)
    for output in 0..<outputs {
      let weights = parameter.data + output * outputStride
      var largest: Float = 0
      for i in 0..<inputs { largest = max(largest, abs(weights[i * inputStride])) }
      scales[output] = largest > 0 ? largest / 127 : 1
      for i in 0..<inputs {
        let scaled = (weights[i * inputStride] / scales[output]).rounded(.toNearestOrEven)
        integers[output * inputs + i] = Int8(max(-127, min(127, scaled)))
      }
    }
    return (integers, scales)
  }

  /// The values [rows, columns] of a parameter.
  private static func read(
    _ file: Safetensors, _ parameter: Parameter, _ entry: Safetensors.Entry, of model: any EncoderDecoder,
    into values: UnsafeMutableBufferPointer<Float>
  ) throws {
    guard entry.type == .int8 else { return try file.read(parameter.name, entry, into: values) }
    let scales = try readScales(file, parameter, of: model)
    let table = isTable(parameter, of: model)
    file.withBytes(entry) { bytes in
      for row in 0..<parameter.rows {
        for column in 0..<parameter.columns {
          let place = table ? row * parameter.columns + column : column * parameter.rows + row
          values[row * parameter.columns + column] =
            Float(Int8(bitPattern: bytes[place])) * scales[table ? row : column]
        }
      }
    }
  }

  /// One scale per output of a weight of integers.
  private static func readScales(_ file: Safetensors, _ parameter: Parameter, of model: any EncoderDecoder) throws -> [Float] {
    let count = outputs(parameter, of: model)
    var scales = [Float](repeating: 0, count: count)
    try scales.withUnsafeMutableBufferPointer { target in
      try file.read(scaleName(parameter), file.entry(scaleName(parameter), shape: [count]), into: target)
    }
    return scales
  }

  private static func scaleName(_ parameter: Parameter) -> String { parameter.name + ".scale" }

  /// Tables are [V, D]: looked up by row, and multiplied transposed where they serve as output layer.
  private static func isTable(_ parameter: Parameter, of model: any EncoderDecoder) -> Bool {
    parameter.name == outputTable(of: model) || parameter.name == "embeddings"
      || parameter.name.hasSuffix(".embeddings")
  }

  private static func outputs(_ parameter: Parameter, of model: any EncoderDecoder) -> Int {
    isTable(parameter, of: model) ? parameter.rows : parameter.columns
  }

  private static func outputTable(of model: any EncoderDecoder) -> String {
    switch model.configuration.embeddings {
    case .all: "embeddings"
    case .target: "decoder.embeddings"
    case .none: "output.weight"
    }
  }
}

/// Memory that is needed for a while.
private final class LargePages {
  private let start: UnsafeMutableRawPointer
  private let bytes: Int64

  init(count: Int) {
    bytes = Int64(count * MemoryLayout<Float>.stride)
    guard let memory = mt_map_large(bytes) else { preconditionFailure("no memory for \(count) values") }
    start = memory
  }

  deinit { mt_unmap_large(start, bytes) }

  /// The first values of it.
  func values(_ count: Int) -> UnsafeMutableBufferPointer<Float> {
    precondition(count * MemoryLayout<Float>.stride <= bytes, "\(count) values in \(bytes) bytes")
    return .init(start: start.bindMemory(to: Float.self, capacity: count), count: count)
  }
}
