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
  var jsonMembers: [(String, String)] {
    var members: [(String, String)] = [
      ("name", jsonString(name)), ("score", jsonNumber(score)), ("signature", jsonString(signature.format())),
    ]
    if let confidence {
      members.append(("confidence_mean", jsonNumber(confidence.mean)))
      members.append(("confidence_half_width", jsonNumber(confidence.halfWidth)))
    }
    if !verbose.isEmpty { members.append(("verbose", jsonString(verbose))) }
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
    return members
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
    let objects = scores.map { $0.sacreBLEUJSON(width: width) }
    return objects.count == 1 ? objects[0] : "[\n" + objects.joined(separator: ",\n") + "\n]"
  }

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
}

extension ScoreTable {
  /// sacreBLEU's JSON, byte for byte but for the version: of one system its scores, of several an array with scores
  /// as text, or after a paired test with numbers at full precision.
  ///
  /// sacreBLEU itself fails where a paired bootstrap of chrF or TER is to be written as JSON; here that is in the
  /// form of BLEU's. Of two tests only the bootstrap has a place.
  public func sacreBLEUJSON(width: Int = 1) -> String {
    if systems.count == 1 { return ScoreList.sacreBLEUJSON(cells[0].map(\.score), width: width) }
    let paired = cells.joined().contains { $0.bootstrapPValue != nil || $0.randomizationPValue != nil }
    func number(_ value: Double?) -> String { value.map(jsonNumber) ?? "null" }
    let objects = zip(systems, cells).enumerated().map { row, system in
      let name = paired && row == 0 ? "Baseline: \(system.0)" : system.0
      let members = system.1.map { cell in
        let score = cell.score
        guard paired else { return "\(jsonASCIIString(score.name)): \"\(formatFixed(score.score, width))\"" }
        return """
          \(jsonASCIIString(score.name)): {
                      "score": \(jsonNumber(score.score)),
                      "p_value": \(number(cell.bootstrapPValue ?? cell.randomizationPValue)),
                      "mean": \(number(score.confidence?.mean)),
                      "ci": \(number(score.confidence?.halfWidth))
                  }
          """
      }
      return "    {\n"
        + (["\"system\": \(jsonASCIIString(name))"] + members).map { "        \($0)" }.joined(separator: ",\n")
        + "\n    }"
    }
    return "[\n" + objects.joined(separator: ",\n") + "\n]"
  }
}

func jsonObject(_ members: [(String, String)]) -> String {
  "{\n" + members.map { " \(jsonString($0)): \($1)" }.joined(separator: ",\n") + "\n}"
}

private func jsonArray(_ numbers: [Double]) -> String {
  "[" + numbers.map(jsonNumber).joined(separator: ", ") + "]"
}

/// The shortest decimal that reads back as the same number.
func jsonNumber(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }

/// A decimal string as Python prints the number that it denotes.
private func pythonNumber(_ text: String) -> String { Double(text).map { "\($0)" } ?? text }

/// A JSON string in which every character outside of ASCII is escaped, as Python writes it.
private func jsonASCIIString(_ text: String) -> String {
  jsonString(text).utf16.map { unit in
    if unit < 0x7F { return String(UnicodeScalar(UInt8(unit))) }
    let digits = String(unit, radix: 16)
    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
  }.joined()
}

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
