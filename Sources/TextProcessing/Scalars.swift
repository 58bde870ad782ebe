extension String {
  package init(scalars: some Sequence<Unicode.Scalar>) {
    var view = UnicodeScalarView()
    view.append(contentsOf: scalars)
    self.init(view)
  }
}

extension Unicode.GeneralCategory {
  /// Any of Unicode's categories P.
  var isPunctuation: Bool {
    switch self {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      true
    default: false
    }
  }
}

extension Unicode.Scalar {
  /// Whether its script is written without spaces: Thai, Lao, Tibetan, Burmese, Khmer, Japanese, Chinese.
  var hasNoSpaces: Bool {
    switch value {
    case 0xE00...0xFFF, 0x1000...0x109F, 0x1780...0x17FF, 0x3000...0x30FF, 0x31F0...0x31FF: true
    default: isIdeograph
    }
  }

  /// How many letters of an alphabet say about as much: 3 for a Chinese character, 2 for a syllable of Japanese or Korean.
  var letterCount: Int {
    switch value {
    case 0x3040...0x30FF, 0x31F0...0x31FF, 0xAC00...0xD7A3: 2
    default: isIdeograph ? 3 : 1
    }
  }

  private var isIdeograph: Bool {
    switch value {
    case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x3FFFF: true
    default: false
    }
  }
}
