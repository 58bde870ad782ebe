/// Which writing system a text is in, by the Script property of its characters.
public enum ScriptDetector {
  /// The ISO 15924 code ("Latn") of the script with most characters; equals by code. Nothing where no character has one
  /// of its own: digits, punctuation, emoji.
  public static func dominantScript(of text: String) -> String? {
    let counts = count(text)
    return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
  }

  /// The share of the characters with a script that are in one of these; 1 where there is none.
  public static func share(of scripts: Set<String>, in text: String) -> Double {
    let counts = count(text)
    let total = counts.values.reduce(0, +)
    guard total > 0 else { return 1 }
    return Double(counts.reduce(0) { scripts.contains($1.key) ? $0 + $1.value : $0 }) / Double(total)
  }

  /// The scripts a language (BCP 47) is written in, or nothing where we do not know.
  public static func scripts(ofLanguage tag: String) -> Set<String>? {
    let parts = tag.split { $0 == "-" || $0 == "_" }.map(String.init)
    // A script subtag says it itself: sr-Latn. What follows a single letter is no subtag but an extension.
    let subtags = parts.dropFirst().prefix { $0.count > 1 }
    if let script = subtags.first(where: { $0.count == 4 && $0.allSatisfy(\.isLetter) }) {
      return scripts(ofCode: script.prefix(1).uppercased() + script.dropFirst().lowercased())
    }
    switch parts.first?.lowercased() {
    case "fr", "en", "de", "es", "it", "pt", "nl", "sv", "da", "no", "nb", "nn", "fi", "is", "et", "lv", "lt", "pl", "cs",
      "sk", "sl", "hr", "hu", "ro", "sq", "tr", "az", "vi", "id", "ms", "tl", "sw", "mt", "ga", "gd", "cy", "br", "eu",
      "ca", "gl", "oc", "co", "lb", "fo", "af", "eo", "la", "ht", "wo", "yo", "ig", "ha", "so", "mg", "mi", "sm":
      return ["Latn"]
    case "ru", "uk", "be", "bg", "mk", "ky", "mn", "tg", "ba": return ["Cyrl"]
    case "sr", "kk", "tt", "uz", "bs": return ["Cyrl", "Latn"]
    case "el": return ["Grek"]
    case "ar", "fa", "ur", "ps", "ckb", "ug": return ["Arab"]
    case "he", "yi": return ["Hebr"]
    case "hi", "mr", "ne", "sa": return ["Deva"]
    case "bn", "as": return ["Beng"]
    case "ta": return ["Taml"]
    case "te": return ["Telu"]
    case "kn": return ["Knda"]
    case "ml": return ["Mlym"]
    case "gu": return ["Gujr"]
    case "pa": return ["Guru", "Arab"]
    case "si": return ["Sinh"]
    case "th": return ["Thai"]
    case "lo": return ["Laoo"]
    case "km": return ["Khmr"]
    case "my": return ["Mymr"]
    case "ka": return ["Geor"]
    case "hy": return ["Armn"]
    case "am", "ti": return ["Ethi"]
    case "zh", "yue", "wuu": return scripts(ofCode: "Hans")
    case "ja": return scripts(ofCode: "Jpan")
    case "ko": return scripts(ofCode: "Kore")
    default: return nil
    }
  }

  /// The scripts that characters have where a text is said to be in one: a code may stand for several, or for a variant that no
  /// character is told by (ISO 15924).
  private static func scripts(ofCode code: String) -> Set<String> {
    switch code {
    case "Hans", "Hant", "Hanb": ["Hani", "Bopo"]
    case "Jpan", "Hrkt": ["Hani", "Hira", "Kana"]
    case "Kore": ["Hang", "Hani"]
    case "Jamo": ["Hang"]
    case "Aran": ["Arab"]
    case "Latf", "Latg": ["Latn"]
    case "Cyrs": ["Cyrl"]
    case "Geok": ["Geor"]
    case "Syre", "Syrj", "Syrn": ["Syrc"]
    default: [code]
    }
  }

  private static func count(_ text: String) -> [String: Int] {
    var latin = 0
    var counts: [Int32: Int] = [:]
    for scalar in text.unicodeScalars {
      if scalar.isASCII {
        if (0x41...0x5A).contains(scalar.value & 0xDF) { latin += 1 }
        continue
      }
      counts[ICU.script(of: scalar.value), default: 0] += 1
    }
    var named: [String: Int] = latin > 0 ? ["Latn": latin] : [:]
    for (script, count) in counts {
      let name = ICU.scriptName(script)
      if !["Zyyy", "Zinh", "Zzzz"].contains(name) { named[name, default: 0] += count }
    }
    return named
  }
}
