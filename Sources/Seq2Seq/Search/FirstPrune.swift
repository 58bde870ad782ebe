/// Where a beam search loses a given output, such as the reference: the first step after which its beginning is no longer
/// among the live hypotheses.
public struct FirstPrune: Sendable, Equatable, Codable {
  public enum Reason: String, Sendable, Codable, CaseIterable {
    /// K other beginnings were more probable.
    case beam
    /// However it had gone on, it could not have scored more than an output already found.
    case score
    /// The search had ended before: the longest length, or as many outputs as the beam is wide.
    case ended
  }

  /// Place of the token that was lost, from 0; the output's length where it is the end symbol.
  public var step: Int
  /// Of the beginning with that token among all continuations of all live hypotheses, from 1.
  public var rank: Int
  /// How much log P it lacked to stay: that of the last that stayed, less its own; for `score`, how much score.
  public var gap: Double
  public var reason: Reason
}

/// Follows one output through the search that `BeamSearch` makes.
public struct PruneTrace: Sendable {
  public let options: SearchOptions

  public init(_ options: SearchOptions) { self.options = options }

  private struct Live {
    var tokens: [Int32]
    var logProbability: Double
  }

  private struct Candidate {
    var place: Int
    var token: Int32
    var logProbability: Double
  }

  /// Where the search of `sentence` loses `output`; nil if the output is among those it completes. `state` is before its
  /// first token and has one row. Coverage is not looked at. Cost: a beam search that stops at the loss.
  public func run(_ state: any DecoderState, _ sentence: SearchSentence, output: [Int32]) -> FirstPrune? {
    precondition(state.rowCount == 1, "\(state.rowCount) rows for one sentence")
    let (beamSize, vocabulary) = (options.beamSize, state.vocabularySize)
    let normalization = options.lengthNormalization
    let next = NextTokens(options, count: 2 * beamSize)
    var live = [Live(tokens: [], logProbability: 0)]
    var (followed, finished, bestScore) = (0, 0, -Double.infinity)
    for step in 0...output.count {
      let target = step < output.count ? output[step] : SpecialToken.end
      let logits = state.step(step == 0 ? nil : live.map { $0.tokens[step - 1] })
      let row = logits.baseAddress! + followed * vocabulary
      let own = live[followed].logProbability + Double(logProbability(of: target, in: row, vocabulary: vocabulary))
      next.find(
        in: logits, vocabulary: vocabulary, rows: live.count, step: step, sentence: { _ in sentence },
        tokens: { live[$0].tokens })
      if step >= sentence.maximumLength {
        return target == SpecialToken.end ? nil : FirstPrune(step: step, rank: 1, gap: 0, reason: .ended)
      }
      let candidates = best(live, next)
      func lost(_ reason: FirstPrune.Reason, gap: Double) -> FirstPrune {
        let rank = rank(of: own, place: followed, token: target, live: live, logits, vocabulary, next)
        return FirstPrune(step: step, rank: rank, gap: gap, reason: reason)
      }
      var survivors: [(live: Live, place: Int)] = []
      for (rank, candidate) in candidates.enumerated() {
        if candidate.token == SpecialToken.end {
          guard rank < beamSize else { continue }
          if target == SpecialToken.end, candidate.place == followed { return nil }
          finished += 1
          let score = normalization.score(logProbability: candidate.logProbability, length: step + 1)
          bestScore = max(bestScore, score)
        } else if survivors.count < beamSize {
          let tokens = live[candidate.place].tokens + [candidate.token]
          survivors.append((Live(tokens: tokens, logProbability: candidate.logProbability), candidate.place))
        }
      }
      // A beam of one has one place, which its first ended hypothesis takes.
      if finished > 0, beamSize == 1 { return lost(.beam, gap: max(0, (candidates.first?.logProbability ?? own) - own)) }
      let place = survivors.firstIndex { $0.place == followed && $0.live.tokens.last == target }
      guard target != SpecialToken.end, let place else {
        let last = target == SpecialToken.end
          ? candidates.prefix(beamSize).last?.logProbability : survivors.last?.live.logProbability
        return lost(.beam, gap: max(0, (last ?? own) - own))
      }
      if options.stopping == .beamFull, finished >= beamSize { return lost(.ended, gap: 0) }
      let lengths = (step + 2)...(max(sentence.maximumLength, step + 1) + 1)
      let bound = normalization.bound(logProbability: own, lengths: lengths)
      if options.stopping == .noneCanWin, bound <= bestScore { return lost(.score, gap: bestScore - bound) }
      survivors.removeAll {
        options.stopping == .noneCanWin
          && normalization.bound(logProbability: $0.live.logProbability, lengths: lengths) <= bestScore
      }
      state.reorder(survivors.map(\.place))
      live = survivors.map(\.live)
      followed = place
    }
    return nil
  }

  /// The 2K best continuations, best first; of equals the one from the better hypothesis.
  private func best(_ live: [Live], _ next: NextTokens) -> [Candidate] {
    var candidates: [Candidate] = []
    for place in live.indices {
      for i in place * next.count..<(place + 1) * next.count where next.ids[i] >= 0 {
        candidates.append(
          Candidate(
            place: place, token: next.ids[i], logProbability: live[place].logProbability + Double(next.values[i])))
      }
    }
    let order = candidates.indices.sorted {
      (-candidates[$0].logProbability, $0) < (-candidates[$1].logProbability, $1)
    }
    return order.prefix(next.count).map { candidates[$0] }
  }

  /// One more than the continuations that are more probable than `own`, which is the token's from `place`.
  private func rank(
    of own: Double, place: Int, token: Int32, live: [Live], _ logits: UnsafeMutableBufferPointer<Float>,
    _ vocabulary: Int, _ next: NextTokens
  ) -> Int {
    var rank = 1
    for row in live.indices {
      let top = next.ids[row * next.count]
      guard top >= 0 else { continue }
      // What was added to each logit to make it the log-probability of the whole hypothesis.
      let shift = live[row].logProbability + Double(next.values[row * next.count])
        - Double(logits[row * vocabulary + Int(top)])
      for id in 0..<vocabulary where !(row == place && id == Int(token)) {
        if Double(logits[row * vocabulary + id]) + shift > own { rank += 1 }
      }
    }
    return rank
  }
}
