extension Score {
  /// sacreBLEU's text line: `BLEU|signature = 48.5 (μ = … ± …) 66.7/… (BP = …)`.
  /// - Parameter width: decimals of the score.
  public func textLine(width: Int = 2, short: Bool = false, scoreOnly: Bool = false) -> String {
    var number = formatFixed(score, width)
    if let text = confidenceText(width) { number += " (\(text))" }
    if scoreOnly { return number }
    let line = "\(name)|\(signature.format(short: short)) = \(number)"
    return verbose.isEmpty ? line : line + " " + verbose
  }

  /// sacreBLEU's JSON object, byte for byte but for the version.
  public func sacreBLEUJSON(width: Int = 1) -> String {
    var members: [(String, String)] = [
      ("name", jsonString(name)),
      ("score", pythonNumber(formatFixed(score, width))),
      ("signature", jsonString(signature.format())),
    ]
    if let confidence, let text = confidenceText(width) {
      members.append(("confidence_mean", pythonNumber(formatFixed(confidence.mean, width))))
      members.append(("confidence_var", pythonNumber(formatFixed(confidence.halfWidth, width))))
      members.append(("confidence", jsonString(text)))
    }
    if !verbose.isEmpty { members.append(("verbose_score", jsonString(verbose))) }
    members += signature.fields.map { ($0.key, jsonString($0.value)) }
    return jsonObject(members)
  }

  /// The score and its parts at full double precision.
  public func json() -> String {
    var members: [(String, String)] = [("name", jsonString(name)), ("score", jsonNumber(score))]
    if let confidence {
      members.append(("confidence_mean", jsonNumber(confidence.mean)))
      members.append(("confidence_half_width", jsonNumber(confidence.halfWidth)))
    }
    switch details {
    case .bleu(let precisions, let correct, let total, let penalty, let hypothesisLength, let referenceLength):
      members.append(("precisions", jsonArray(precisions)))
      members.append(("correct", jsonArray(correct)))
      members.append(("total", jsonArray(total)))
      members.append(("brevity_penalty", jsonNumber(penalty)))
      members.append(("hypothesis_length", "\(hypothesisLength)"))
      members.append(("reference_length", "\(referenceLength)"))
    case .chrF(let characterOrder, let wordOrder, let beta):
      members.append(("character_order", "\(characterOrder)"))
      members.append(("word_order", "\(wordOrder)"))
      members.append(("beta", "\(beta)"))
    case .ter(let edits, let referenceLength):
      members.append(("edits", "\(edits)"))
      members.append(("reference_length", jsonNumber(referenceLength)))
    }
    members.append(("signature", jsonString(signature.format())))
    return jsonObject(members)
  }

  /// sacreBLEU prints an interval only around a mean above 0.
  private func confidenceText(_ width: Int) -> String? {
    guard let confidence, confidence.mean > 0 else { return nil }
    return "μ = \(formatFixed(confidence.mean, width)) ± \(formatFixed(confidence.halfWidth, width))"
  }
}

/// Several scores of one system.
public enum ScoreList {
  /// sacreBLEU's JSON: one object, or several in brackets.
  public static func sacreBLEUJSON(_ scores: [Score], width: Int = 1) -> String {
    joined(scores.map { $0.sacreBLEUJSON(width: width) })
  }

  /// JSON at full precision, in the same outer form.
  public static func json(_ scores: [Score]) -> String { joined(scores.map { $0.json() }) }

  /// sacreBLEU's text: one line for each score, aligned at the `=`.
  public static func text(
    _ scores: [Score], width: Int = 2, short: Bool = false, scoreOnly: Bool = false
  ) -> String {
    let lines = scores.map { $0.textLine(width: width, short: short, scoreOnly: scoreOnly) }
    guard lines.count > 1, !scoreOnly else { return lines.joined(separator: "\n") }
    let heads = scores.map { "\($0.name)|\($0.signature.format(short: short))".count }
    let widest = heads.max() ?? 0
    return zip(lines, heads).map { String(repeating: " ", count: widest - $1) + $0 }.joined(separator: "\n")
  }

  private static func joined(_ objects: [String]) -> String {
    objects.count == 1 ? objects[0] : "[\n" + objects.joined(separator: ",\n") + "\n]"
  }
}

private func jsonObject(_ members: [(String, String)]) -> String {
  "{\n" + members.map { " \(jsonString($0)): \($1)" }.joined(separator: ",\n") + "\n}"
}

private func jsonArray(_ numbers: [Double]) -> String {
  "[" + numbers.map(jsonNumber).joined(separator: ", ") + "]"
}

/// The shortest decimal that reads back as the same number.
func jsonNumber(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }

/// A decimal string as Python prints the number that it denotes.
private func pythonNumber(_ text: String) -> String { Double(text).map { "\($0)" } ?? text }

/// A JSON string with non-ASCII characters as they are.
func jsonString(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    case "\r": result += "\\r"
    case "\t": result += "\\t"
    case "\u{8}": result += "\\b"
    case "\u{C}": result += "\\f"
    default:
      if scalar.value < 0x20 {
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
  }
  return result + "\""
}
