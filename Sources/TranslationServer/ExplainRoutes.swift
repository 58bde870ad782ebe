import HTTPTypes
import Hummingbird
import Translation

/// `POST /explain`: how a translation came about, which the page draws. An addition to LibreTranslate's interface.
struct ExplainRoutes {
  let service: TranslationService
  let access: AccessControl
  let connections: Connections

  /// Characters of a text at most: an answer says much about each.
  static let characterLimit = 5000
  static let largestBeam = 16

  func add(to router: Router<ServerContext>) {
    router.only(.post, "/explain") { request, context in
      let parameters = try await RequestParameters.read(request, service.options)
      try access.admit(parameters, from: context.caller(trustingProxy: service.options.trustsProxy, request))
      let job = try read(parameters)
      return try await connections.whileConnected(context.channel) {
        try await withDeadline(service.options.deadline) { try JSONAnswer.response(await explain(job)) }
      }
    }
  }

  // MARK: Request

  private struct Job: Sendable {
    var text: String
    var source: String
    var target: String
    var beamSize: Int?
    var alternatives: Int
    var wantsTree: Bool
  }

  private func read(_ parameters: RequestParameters) throws -> Job {
    let text = try parameters.requiredTexts("q")
    guard !text.isList else { throw APIError(.badRequest, "Invalid request: q is one text here") }
    let (source, target) = (try parameters.requiredText("source"), try parameters.requiredText("target"))
    let size = text.texts[0].unicodeScalars.count
    let limit = min(service.options.characterLimit ?? .max, Self.characterLimit)
    guard size <= limit else {
      throw APIError(.badRequest, "Invalid request: request (\(size)) exceeds text limit (\(limit))")
    }
    let beamSize = try number(parameters, "beam", in: 1...Self.largestBeam)
    let alternatives = try number(parameters, "alternatives", in: 0...service.options.alternativesLimit) ?? 0
    guard let target = service.language(target) else { throw APIError(.badRequest, "\(target) is not supported") }
    let language = source.lowercased() == "auto" ? service.detect(text.texts[0]).first?.language : service.language(source)
    guard let language else { throw APIError(.badRequest, "\(source) is not supported") }
    service.metrics.count(characters: size)
    return Job(
      text: text.texts[0], source: language, target: target, beamSize: beamSize, alternatives: alternatives,
      wantsTree: isTrue(parameters["tree"]))
  }

  private func number(
    _ parameters: RequestParameters, _ name: String, in range: ClosedRange<Int>
  ) throws -> Int? {
    let value: Double?
    switch parameters[name] {
    case nil: return nil
    case .number(let number): value = number
    case .text(let text): value = Double(text)
    default: value = nil
    }
    guard let value, value == value.rounded(), value >= Double(range.lowerBound), value <= Double(range.upperBound) else {
      throw APIError(
        .badRequest, "Invalid request: \(name) parameter must be a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return Int(value)
  }

  /// JSON's `true` reads as the number 1.
  private func isTrue(_ value: RequestParameters.Value?) -> Bool {
    switch value {
    case .number(let number): number != 0
    case .text(let text): ["1", "true"].contains(text.lowercased())
    default: false
    }
  }

  // MARK: Answer

  private func explain(_ job: Job) async throws -> Answer {
    let document = DocumentText(job.text, service.splitter)
    guard job.source != job.target else {
      throw APIError(.badRequest, "there is nothing to explain from \(job.source) to \(job.target)")
    }
    let translator = try await service.translator(from: job.source, to: job.target)
    var options = translator.defaultOptions
    if let beamSize = job.beamSize { options.search.beamSize = beamSize }
    options.search.beamSize = max(options.search.beamSize, job.alternatives + 1)
    options.search.hypothesisCount = job.alternatives + 1
    let lines = try await service.translate(document.sentences, with: translator, options)
    return try await service.background.run { [options] in
      let explained = translator.explain(
        document.sentences, lines, options: options, ExplanationOptions(keepsTree: job.wantsTree))
      return Answer(
        source: job.source, target: job.target, lead: document.gaps[0],
        sentences: zip(explained, document.gaps.dropFirst()).map { Answer.Sentence($0, gap: $1) })
    }
  }

  struct Answer: Encodable, Sendable {
    var source: String
    var target: String
    /// White space before the first sentence.
    var lead: String
    var sentences: [Sentence]

    struct Sentence: Encodable, Sendable {
      var text: String
      /// What stands behind it.
      var gap: String
      var lead: String
      var words: [WordAlignment.Word]
      var pieces: [String]
      /// The best first.
      var hypotheses: [Hypothesis]
      var tree: Tree?
      var warnings: [String]
    }

    struct Hypothesis: Encodable, Sendable {
      var text: String
      var score: Double
      var logProbability: Double
      var lead: String
      var words: [Word]
      /// [word][word of the source]
      var attention: [[Double]]
      var pieces: [Piece]
      /// [piece][piece of the source and its end]
      var pieceAttention: [[Double]]
    }

    struct Word: Encodable, Sendable {
      var text: String
      var gap: String
      /// Null where no model was asked.
      var logProbability: Double?

      enum CodingKeys: String, CodingKey { case text, gap, logProbability }

      func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(text, forKey: .text)
        try container.encode(gap, forKey: .gap)
        try container.encode(logProbability, forKey: .logProbability)
      }
    }

    struct Piece: Encodable, Sendable {
      var text: String
      var logProbability: Double
    }

    struct Tree: Encodable, Sendable {
      var beam: Int
      /// The node with which the translation ends, or null.
      var chosen: Int?
      /// Those of all returned hypotheses, best first.
      var results: [Int]
      var nodes: [Node]

      enum CodingKeys: String, CodingKey { case beam, chosen, results, nodes }

      func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(beam, forKey: .beam)
        try container.encode(chosen, forKey: .chosen)
        try container.encode(results, forKey: .results)
        try container.encode(nodes, forKey: .nodes)
      }
    }

    struct Node: Encodable, Sendable {
      var parent: Int?
      var step: Int
      var rank: Int
      var text: String
      var tokenLogProbability: Double
      var logProbability: Double
      var score: Double?
      var fate: String

      enum CodingKeys: String, CodingKey {
        case parent, step, rank, text, tokenLogProbability, logProbability, score, fate
      }

      func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(parent, forKey: .parent)
        try container.encode(step, forKey: .step)
        try container.encode(rank, forKey: .rank)
        try container.encode(text, forKey: .text)
        try container.encode(tokenLogProbability, forKey: .tokenLogProbability)
        try container.encode(logProbability, forKey: .logProbability)
        try container.encode(score, forKey: .score)
        try container.encode(fate, forKey: .fate)
      }
    }
  }
}

extension ExplainRoutes.Answer.Sentence {
  init(_ explanation: Explanation, gap: String) {
    let source = explanation.hypotheses.first?.alignment
    self.init(
      text: explanation.source, gap: gap, lead: source?.sourceLead ?? "", words: source?.source ?? [],
      pieces: source?.sourcePieces ?? [], hypotheses: explanation.hypotheses.map(ExplainRoutes.Answer.Hypothesis.init),
      tree: explanation.tree.map(ExplainRoutes.Answer.Tree.init), warnings: explanation.warnings)
  }
}

extension ExplainRoutes.Answer.Hypothesis {
  init(_ hypothesis: Explanation.Hypothesis) {
    let (candidate, alignment) = (hypothesis.candidate, hypothesis.alignment)
    self.init(
      text: candidate.text, score: rounded(candidate.score), logProbability: rounded(candidate.logProbability),
      lead: alignment.targetLead,
      words: alignment.target.enumerated().map { place, word in
        let known = place < alignment.logProbabilities.count
        return .init(text: word.text, gap: word.gap, logProbability: known ? rounded(alignment.logProbabilities[place]) : nil)
      },
      attention: alignment.weights.map { $0.map { rounded(Double($0)) } },
      pieces: zip(alignment.targetPieces, alignment.pieceLogProbabilities).map {
        .init(text: $0, logProbability: rounded(Double($1)))
      },
      pieceAttention: alignment.pieceWeights.map { $0.map { rounded(Double($0)) } })
  }
}

extension ExplainRoutes.Answer.Tree {
  init(_ tree: Explanation.Tree) {
    self.init(
      beam: tree.beamSize, chosen: tree.chosen, results: tree.tree.results,
      nodes: zip(tree.tree.nodes, tree.pieces).map { node, text in
        .init(
          parent: node.parent, step: node.step, rank: node.rank, text: text,
          tokenLogProbability: rounded(Double(node.tokenLogProbability)), logProbability: rounded(node.logProbability),
          score: node.score.map(rounded), fate: node.fate.rawValue)
      })
  }
}

/// Four digits behind the point are enough to draw, and JSON has no infinity.
private func rounded(_ value: Double) -> Double { (max(-1e6, min(value, 1e6)) * 1e4).rounded() / 1e4 }
