/// Going round in circles: the same few tokens again and again in a row.
enum Loop {
  /// So often in a row is no way to say anything.
  static let turns = 4
  /// Longer circles are not looked for.
  static let longestPeriod = 24
  /// As many of the last tokens as decide which token would close a loop.
  static let memory = turns * longestPeriod - 1

  /// Adds the tokens that would, after `tokens`, make a sequence of at most `longestPeriod` stand `turns` times in a row.
  /// Only the last `memory` tokens count. Cost: about `longestPeriod` comparisons.
  static func forbid(after tokens: ArraySlice<Int32>, _ forbid: (Int32) -> Void) {
    for period in 1...longestPeriod where tokens.count >= turns * period - 1 {
      let matches = (turns - 1) * period - 1
      var i = tokens.endIndex - 1
      while i >= tokens.endIndex - matches, tokens[i] == tokens[i - period] { i -= 1 }
      if i < tokens.endIndex - matches { forbid(tokens[tokens.endIndex - period]) }
    }
  }

  static func occurs(in tokens: [Int32]) -> Bool {
    for period in 1...longestPeriod where tokens.count >= turns * period {
      var matches = 0
      for i in period..<tokens.count {
        matches = tokens[i] == tokens[i - period] ? matches + 1 : 0
        if matches == (turns - 1) * period { return true }
      }
    }
    return false
  }
}
