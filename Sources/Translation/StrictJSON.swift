import Foundation

/// JSON that must mean exactly what the type says: an unknown key is an error, as a missing or mistyped one is.
public enum StrictJSON {
  public static func decode<T: Codable>(_ type: T.Type, from data: Data, file: String) throws -> T {
    let value: T
    do {
      value = try JSONDecoder().decode(type, from: data)
    } catch let error as DecodingError {
      throw describe(error, of: type, data, file: file)
    }
    let given = try JSONSerialization.jsonObject(with: data)
    let understood = try JSONSerialization.jsonObject(with: JSONEncoder().encode(value))
    if let key = surplusKey(given, understood, path: []) {
      throw ModelError(file: file, item: key, problem: "is not a known key")
    }
    return value
  }

  /// The same for files of other systems, whose unknown keys are passed over.
  public static func decodeKnown<T: Decodable>(_ type: T.Type, from data: Data, file: String) throws -> T {
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch let error as DecodingError {
      throw describe(error, of: type, data, file: file)
    }
  }

  private static func surplusKey(_ given: Any, _ understood: Any, path: [String]) -> String? {
    guard let given = given as? [String: Any], let understood = understood as? [String: Any] else { return nil }
    for (key, value) in given.sorted(by: { $0.key < $1.key }) where !(value is NSNull) {
      guard let counterpart = understood[key] else { return (path + [key]).joined(separator: ".") }
      if let surplus = surplusKey(value, counterpart, path: path + [key]) { return surplus }
    }
    return nil
  }

  private static func describe<T: Decodable>(_ error: DecodingError, of type: T.Type, _ data: Data, file: String) -> ModelError {
    func name(_ path: [any CodingKey]) -> String? {
      path.isEmpty ? nil : path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    }
    switch error {
    case .keyNotFound(let key, let context):
      return ModelError(file: file, item: name(context.codingPath + [key]), problem: "is missing")
    case .typeMismatch(let wanted, let context):
      return ModelError(file: file, item: name(context.codingPath), problem: "is not of type \(wanted)")
    case .valueNotFound(let wanted, let context):
      return ModelError(file: file, item: name(context.codingPath), problem: "is null; \(wanted) expected")
    case .dataCorrupted(let context):
      guard let item = name(context.codingPath) else {
        if let item = misfit(type, data) {
          return ModelError(file: file, item: item, problem: "is not a whole number, or out of range")
        }
        return ModelError(file: file, problem: "is not JSON, or a number in it is out of range")
      }
      return ModelError(file: file, item: item, problem: context.debugDescription)
    @unknown default: return ModelError(file: file, problem: "cannot be understood: \(error)")
    }
  }

  /// The key of a number of another kind than is wanted, which Foundation does not name: numbers become 1, one after
  /// another, until the file can be decoded or something else is wrong with it. Nil if none is to blame.
  private static func misfit<T: Decodable>(_ type: T.Type, _ data: Data) -> String? {
    guard data.count < 1 << 16, var tree = try? JSONSerialization.jsonObject(with: data) else { return nil }
    for path in numbers(tree) {
      tree = replaced(tree, path[...])
      do {
        _ = try JSONDecoder().decode(type, from: JSONSerialization.data(withJSONObject: tree))
      } catch DecodingError.dataCorrupted(let context) where context.codingPath.isEmpty {
        continue
      } catch {
        // What is wrong after it.
      }
      return path.joined(separator: ".")
    }
    return nil
  }

  /// The paths to all numbers but 0 and 1, which fit everywhere and may be truth values; an array's indices are steps too.
  private static func numbers(_ tree: Any) -> [[String]] {
    switch tree {
    case let object as [String: Any]:
      object.sorted { $0.key < $1.key }.flatMap { key, value in numbers(value).map { [key] + $0 } }
    case let array as [Any]: array.enumerated().flatMap { i, value in numbers(value).map { ["\(i)"] + $0 } }
    case is Bool: []
    case is NSNumber: [[]]
    default: []
    }
  }

  private static func replaced(_ tree: Any, _ path: ArraySlice<String>) -> Any {
    guard let step = path.first else { return 1 }
    if var object = tree as? [String: Any], let value = object[step] {
      object[step] = replaced(value, path.dropFirst())
      return object
    }
    guard var array = tree as? [Any], let i = Int(step) else { return tree }
    array[i] = replaced(array[i], path.dropFirst())
    return array
  }
}
