import Foundation

/// Character references of HTML: all that HTML 4 names, accented letters and signs of HTML 5, and numbers.
enum HTMLEntities {
  /// Text with its references replaced; what is none stays as it is.
  static func decode(_ text: Substring) -> String {
    guard text.utf8.contains(UInt8(ascii: "&")) else { return String(text) }
    var result = ""
    var rest = text
    while let sign = rest.firstIndex(of: "&") {
      result += rest[..<sign]
      rest = rest[sign...]
      if let (value, end) = reference(rest) {
        result += value
        rest = rest[end...]
      } else {
        result.append("&")
        rest = rest.dropFirst()
      }
    }
    return result + rest
  }

  /// Text that a browser shows as `text`.
  static func encode(_ text: some StringProtocol) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\u{A0}": result += "&nbsp;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// The reference at the beginning, which is an ampersand. None is longer than 32 characters. Numbers and the names of
  /// Latin 1 need no semicolon, as in browsers.
  private static func reference(_ text: Substring) -> (value: String, end: String.Index)? {
    let body = text.dropFirst().prefix(32)
    let isNumber = body.first == "#"
    let end = body.dropFirst(isNumber ? 1 : 0).firstIndex { !($0.isASCII && ($0.isLetter || $0.isNumber)) } ?? body.endIndex
    var name = body[..<end]
    if end < body.endIndex, body[end] == ";",
      let value = isNumber ? number(name.dropFirst()) : named[String(name)] ?? accented(name)
    {
      return (value, text.index(after: end))
    }
    if isNumber { return number(name.dropFirst()).map { ($0, end) } }
    // The longest name that it begins with.
    while !name.isEmpty, !legacy.contains(String(name)) { name.removeLast() }
    return named[String(name)].map { ($0, name.endIndex) }
  }

  /// The first reference that names a character which is not known here: letters and digits, and a semicolon.
  static func unknownName(in text: Substring) -> Range<String.Index>? {
    var rest = text
    while let sign = rest.firstIndex(of: "&") {
      rest = rest[sign...]
      if let (_, end) = reference(rest) {
        rest = rest[end...]
        continue
      }
      rest = rest.dropFirst()
      let name = rest.prefix(32).prefix { $0.isASCII && ($0.isLetter || $0.isNumber) }
      if name.count > 1, name.first?.isLetter == true, name.endIndex < rest.endIndex, rest[name.endIndex] == ";" {
        return sign..<rest.index(after: name.endIndex)
      }
    }
    return nil
  }

  private static func number(_ digits: Substring) -> String? {
    let isHexadecimal = digits.first == "x" || digits.first == "X"
    let digits = isHexadecimal ? digits.dropFirst() : digits
    // A sign is no digit.
    guard digits.allSatisfy({ $0.isASCII && $0.isHexDigit }), let value = UInt32(digits, radix: isHexadecimal ? 16 : 10)
    else { return nil }
    // Control characters are none of text; the second row of them are Windows' characters, as in browsers.
    guard value >= 0x20 || value == 9 || value == 10 || value == 13 else { return nil }
    if (0x80...0x9F).contains(value) {
      return String(bytes: [UInt8(value)], encoding: .windowsCP1252)
    }
    return Unicode.Scalar(value).map { String(Character($0)) }
  }

  /// A letter of HTML 5 with its accent: &zacute; &Lstrok;.
  private static func accented(_ name: Substring) -> String? {
    guard let letter = name.first, let accent = accents[String(name.dropFirst())] else { return nil }
    if accent == 0x335 {
      return ["L": "Ł", "l": "ł", "D": "Đ", "d": "đ", "H": "Ħ", "h": "ħ", "T": "Ŧ", "t": "ŧ"][letter]
    }
    let composed = Unicode.Scalar(accent).map { "\(letter)\($0)" }?.precomposedStringWithCanonicalMapping
    return composed?.unicodeScalars.count == 1 ? composed : nil
  }

  private static let accents: [String: UInt32] = [
    "grave": 0x300, "acute": 0x301, "circ": 0x302, "tilde": 0x303, "macr": 0x304, "breve": 0x306, "dot": 0x307,
    "uml": 0x308, "ring": 0x30A, "dblac": 0x30B, "caron": 0x30C, "cedil": 0x327, "ogon": 0x328, "strok": 0x335,
  ]

  /// Names that stand for a character without a semicolon too: those of Latin 1, and of the signs that HTML itself uses.
  private static let legacy = Set(
    ["amp", "lt", "gt", "quot"] + named.filter { $0.value.unicodeScalars.allSatisfy { (0xA0...0xFF).contains($0.value) } }.keys)

  private static let named: [String: String] = {
    var table = ["amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'"]
    for entry in names.split(whereSeparator: \.isWhitespace) {
      let parts = entry.split(separator: ":")
      guard parts.count == 2, let value = UInt32(parts[1], radix: 16), let scalar = Unicode.Scalar(value) else { continue }
      table[String(parts[0])] = String(Character(scalar))
    }
    return table
  }()

  /// Section 24 of the HTML 4.01 recommendation, and HTML 5's signs of ASCII and of lists, in hexadecimal.
  private static let names = """
    nbsp:A0 iexcl:A1 cent:A2 pound:A3 curren:A4 yen:A5 brvbar:A6 sect:A7 uml:A8 copy:A9 ordf:AA laquo:AB
    not:AC shy:AD reg:AE macr:AF deg:B0 plusmn:B1 sup2:B2 sup3:B3 acute:B4 micro:B5 para:B6 middot:B7 cedil:B8
    sup1:B9 ordm:BA raquo:BB frac14:BC frac12:BD frac34:BE iquest:BF Agrave:C0 Aacute:C1 Acirc:C2 Atilde:C3
    Auml:C4 Aring:C5 AElig:C6 Ccedil:C7 Egrave:C8 Eacute:C9 Ecirc:CA Euml:CB Igrave:CC Iacute:CD Icirc:CE
    Iuml:CF ETH:D0 Ntilde:D1 Ograve:D2 Oacute:D3 Ocirc:D4 Otilde:D5 Ouml:D6 times:D7 Oslash:D8 Ugrave:D9
    Uacute:DA Ucirc:DB Uuml:DC Yacute:DD THORN:DE szlig:DF agrave:E0 aacute:E1 acirc:E2 atilde:E3 auml:E4
    aring:E5 aelig:E6 ccedil:E7 egrave:E8 eacute:E9 ecirc:EA euml:EB igrave:EC iacute:ED icirc:EE iuml:EF
    eth:F0 ntilde:F1 ograve:F2 oacute:F3 ocirc:F4 otilde:F5 ouml:F6 divide:F7 oslash:F8 ugrave:F9 uacute:FA
    ucirc:FB uuml:FC yacute:FD thorn:FE yuml:FF OElig:152 oelig:153 Scaron:160 scaron:161 Yuml:178 fnof:192
    circ:2C6 tilde:2DC Alpha:391 Beta:392 Gamma:393 Delta:394 Epsilon:395 Zeta:396 Eta:397 Theta:398 Iota:399
    Kappa:39A Lambda:39B Mu:39C Nu:39D Xi:39E Omicron:39F Pi:3A0 Rho:3A1 Sigma:3A3 Tau:3A4 Upsilon:3A5 Phi:3A6
    Chi:3A7 Psi:3A8 Omega:3A9 alpha:3B1 beta:3B2 gamma:3B3 delta:3B4 epsilon:3B5 zeta:3B6 eta:3B7 theta:3B8
    iota:3B9 kappa:3BA lambda:3BB mu:3BC nu:3BD xi:3BE omicron:3BF pi:3C0 rho:3C1 sigmaf:3C2 sigma:3C3 tau:3C4
    upsilon:3C5 phi:3C6 chi:3C7 psi:3C8 omega:3C9 thetasym:3D1 upsih:3D2 piv:3D6 ensp:2002 emsp:2003
    thinsp:2009 zwnj:200C zwj:200D lrm:200E rlm:200F ndash:2013 mdash:2014 lsquo:2018 rsquo:2019 sbquo:201A
    ldquo:201C rdquo:201D bdquo:201E dagger:2020 Dagger:2021 bull:2022 hellip:2026 permil:2030 prime:2032
    Prime:2033 lsaquo:2039 rsaquo:203A oline:203E frasl:2044 euro:20AC image:2111 weierp:2118 real:211C
    trade:2122 alefsym:2135 larr:2190 uarr:2191 rarr:2192 darr:2193 harr:2194 crarr:21B5 lArr:21D0 uArr:21D1
    rArr:21D2 dArr:21D3 hArr:21D4 forall:2200 part:2202 exist:2203 empty:2205 nabla:2207 isin:2208 notin:2209
    ni:220B prod:220F sum:2211 minus:2212 lowast:2217 radic:221A prop:221D infin:221E ang:2220 and:2227
    or:2228 cap:2229 cup:222A int:222B there4:2234 sim:223C cong:2245 asymp:2248 ne:2260 equiv:2261 le:2264
    ge:2265 sub:2282 sup:2283 nsub:2284 sube:2286 supe:2287 oplus:2295 otimes:2297 perp:22A5 sdot:22C5
    lceil:2308 rceil:2309 lfloor:230A rfloor:230B lang:2329 rang:232A loz:25CA spades:2660 clubs:2663
    hearts:2665 diams:2666
    Tab:9 NewLine:A excl:21 num:23 dollar:24 percnt:25 lpar:28 rpar:29 ast:2A plus:2B comma:2C period:2E sol:2F
    colon:3A semi:3B equals:3D quest:3F commat:40 lsqb:5B bsol:5C rsqb:5D Hat:5E lowbar:5F grave:60 lcub:7B
    verbar:7C rcub:7D hyphen:2010 horbar:2015 star:2606 starf:2605 phone:260E check:2713 cross:2717
    """
}

/// Text as it may stand between tags and in attributes.
package func escaped(_ text: String) -> String {
  text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
    .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
}
