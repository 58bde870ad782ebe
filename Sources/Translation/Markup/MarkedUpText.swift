import Foundation
import TextProcessing

/// A fragment of HTML whose sentences can be translated apart from it, and which takes their translations back: tags
/// stand around the words that translate what they stood around. Every tag comes out once, as it went in, and what was
/// properly nested is so again.
///
/// Not translated are scripts, styles, code and other elements of no language, attributes, comments, and what is marked
/// by `translate="no"` or the class `notranslate`.
public struct MarkedUpText: Sendable {
  enum Part: Sendable {
    case verbatim(String)
    /// A run and its sentences, as places in `sentences`.
    case run(MarkupRun, SplitText, Range<Int>)
  }

  let parts: [Part]
  /// What to translate, in order: plain text.
  public let sentences: [String]

  /// `usesPlaceholders`: whether codes stand for what is not translated within a sentence, for a translator that carries
  /// codes over; else its own text does.
  init(_ html: String, splitter: SentenceSplitter, usesPlaceholders: Bool) {
    var code = "X_"
    while usesPlaceholders, html.contains(code) { code = "X" + code }
    let placeholder = usesPlaceholders ? code : nil
    var parts: [Part] = []
    var sentences: [String] = []
    var builder = MarkupRunBuilder(placeholder: placeholder)
    func finish() {
      if let run = builder.finished() {
        let split = splitter.split(run.text)
        parts.append(.run(run, split, sentences.count..<sentences.count + split.sentences.count))
        sentences += split.sentences.map(\.text)
      } else if !builder.isEmpty {
        parts.append(.verbatim(builder.raw))
      }
      builder = MarkupRunBuilder(placeholder: placeholder)
    }
    func block(_ raw: Substring) {
      finish()
      parts.append(.verbatim(String(raw)))
    }
    var tokens = Array(MarkupTokens(html))[...]
    while let token = tokens.popFirst() {
      switch token {
      case .text(let text): builder.add(text: text)
      case .open("sup", let raw) where builder.endsWithWord:
        guard let (rest, count) = Self.footnote(tokens) else {
          builder.add(open: "sup", raw)
          continue
        }
        builder.add(mark: raw + rest)
        tokens.removeFirst(count)
      case .open(let name, let raw):
        if MarkupElements.blocks.contains(name) { block(raw) } else { builder.add(open: name, raw) }
      case .close(let name, let raw):
        if MarkupElements.blocks.contains(name) { block(raw) } else { builder.add(close: name, raw) }
      case .mark(let raw, true), .frozen(let raw, true): block(raw)
      case .mark(let raw, false): builder.add(mark: raw)
      case .frozen(let raw, false): builder.add(frozen: raw)
      }
    }
    finish()
    (self.parts, self.sentences) = (parts, sentences)
  }
}

extension MarkedUpText {
  /// What is left of a footnote's mark when <sup> has been read: numbers, stars and brackets up to its end, with how many
  /// tokens that is; nil if it is something else. Behind a word it belongs to none: word², but m² and 1er.
  private static func footnote(_ tokens: ArraySlice<MarkupTokens.Token>) -> (Substring, Int)? {
    var (raw, text, count) = ("", "", 0)
    for token in tokens {
      count += 1
      switch token {
      case .close("sup", let tag): return text.isEmpty ? nil : (Substring(raw + tag), count)
      case .text(let part) where part.unicodeScalars.allSatisfy { isOfFootnotes($0) }:
        raw += part
        text += part
      case .open(let name, let tag) where !MarkupElements.blocks.contains(name) && name != "sup": raw += tag
      case .close(let name, let tag) where !MarkupElements.blocks.contains(name): raw += tag
      default: return nil
      }
    }
    return nil
  }

  private static func isOfFootnotes(_ scalar: Unicode.Scalar) -> Bool {
    (0x30...0x39).contains(scalar.value) || "[]()*, -†‡–".unicodeScalars.contains(scalar)
  }

  /// Where a translation is to be cut between words: where it has a word of the source, tags within it, as it was, and
  /// around codes that it grew together with.
  static func cuts(in translation: String, of source: String, at places: Set<Int>, codes: [String] = []) -> Set<Int> {
    cuts(in: translation, of: source, at: places).union(codes.flatMap { cuts(in: translation, around: $0) })
  }

  private static func cuts(in translation: String, around code: String) -> [Int] {
    guard let range = translation.range(of: code), translation[range.upperBound...].first?.isNumber != true else { return [] }
    return [range.lowerBound, range.upperBound].map {
      translation.unicodeScalars.distance(from: translation.startIndex, to: $0)
    }
  }

  private static func cuts(in translation: String, of source: String, at places: Set<Int>) -> Set<Int> {
    let words = TextUnits(source)
    var inner: [String: [Int]] = [:]
    for (unit, range) in words.ranges.enumerated() {
      let offsets = range.dropFirst().filter(places.contains).map { $0 - range.lowerBound }
      if !offsets.isEmpty { inner[words.text(unit)] = offsets }
    }
    guard !inner.isEmpty else { return [] }
    let written = TextUnits(translation)
    return written.ranges.indices.reduce(into: []) { cuts, unit in
      for offset in inner[written.text(unit)] ?? [] { cuts.insert(written.ranges[unit].lowerBound + offset) }
    }
  }
}

extension MarkedUpText {
  /// What there is to read in a fragment: what tells its language.
  public static func text(of html: String, splitter: SentenceSplitter) -> String {
    MarkedUpText(html, splitter: splitter, usesPlaceholders: true).sentences.joined(separator: "\n")
  }
}

extension MarkupRun {
  /// What stands in `text` for its frozen elements.
  var codes: [String] {
    let scalars = Array(text.unicodeScalars)
    return nodes.compactMap { node in
      guard case .frozen = node.kind else { return nil }
      return String(scalars: scalars[node.range])
    }
  }
}

extension Translator {
  /// Takes a fragment of HTML apart. Never fails: what is no markup is text. Linear time.
  public func markedUp(_ html: String, options: TranslationOptions? = nil) -> MarkedUpText {
    MarkedUpText(
      html, splitter: splitter, usesPlaceholders: masksSpans && (options ?? defaultOptions).protectsSpans)
  }

  /// The fragment with its sentences' translations, which this translator made with `options`, one for each. Cost: that of
  /// aligning the sentences that have tags in them.
  public func html(
    _ text: MarkedUpText, _ lines: [TranslatedLine], options: TranslationOptions? = nil
  ) -> String {
    precondition(lines.count == text.sentences.count, "\(lines.count) lines for \(text.sentences.count) sentences")
    let masks = masksSpans && (options ?? defaultOptions).protectsSpans
    var pairs: [AlignmentPair] = []
    for case .run(let run, let split, let places) in text.parts where !run.nodes.isEmpty {
      let cuts = run.nodes.flatMap { [$0.range.lowerBound, $0.range.upperBound] }
      let codes = masks ? run.codes : []
      var start = split.leadingGap.unicodeScalars.count
      for (sentence, place) in zip(split.sentences, places) {
        let (candidate, places) = (lines[place].candidates[0], Set(cuts.map { $0 - start }))
        pairs.append(AlignmentPair(
          source: TextUnits(sentence.text, cuts: places), sourceText: sentence.text, candidate: candidate, masksSpans: masks,
          targetCuts: MarkedUpText.cuts(in: candidate.text, of: sentence.text, at: places, codes: codes)))
        start += sentence.text.unicodeScalars.count + sentence.gap.unicodeScalars.count
      }
    }
    var alignments = align(pairs)[...]
    return text.parts.map { part in
      switch part {
      case .verbatim(let raw): return raw
      case .run(let run, let split, let places):
        guard !run.nodes.isEmpty else {
          let sentences = zip(split.sentences, places).map { lines[$1].text + $0.gap }.joined()
          return run.lead + HTMLEntities.encode(sentences) + run.trail
        }
        let own = Array(alignments.prefix(places.count))
        alignments = alignments.dropFirst(places.count)
        return run.lead + MarkupPlacement(run, split, own).html() + run.trail
      }
    }.joined()
  }

  /// Translates fragments of HTML. Blocks until done.
  public func translate(html fragments: [String], options: TranslationOptions? = nil) -> [String] {
    let texts = fragments.map { markedUp($0, options: options) }
    var lines = translate(texts.flatMap(\.sentences), options: options)[...]
    return texts.map { text in
      let own = Array(lines.prefix(text.sentences.count))
      lines = lines.dropFirst(text.sentences.count)
      return html(text, own, options: options)
    }
  }
}
