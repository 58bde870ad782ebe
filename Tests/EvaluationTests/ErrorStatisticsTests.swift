import Foundation
import Testing

@testable import Evaluation

@Suite("Statistics of errors")
struct ErrorStatisticsTests {
  @Test("word F1 falls into the bucket of the word's training count")
  func frequencyBuckets() {
    let training = ["the": 5000, "cat": 12, "dog": 3, "purrs": 0]
    var buckets = FrequencyBuckets { training[$0] ?? 0 }
    buckets.add(hypothesis: words("the the cat barks"), reference: words("the cat purrs the dog the"))
    buckets.add(hypothesis: words("dog"), reference: words("dog dog"))
    #expect(buckets.labels == ["0", "1", "2", "3", "4", "5–9", "10–99", "100–999", "1000+"])
    #expect(buckets.accuracies[8] == WordAccuracy(matched: 2, inHypothesis: 2, inReference: 3))
    #expect(buckets.accuracies[6] == WordAccuracy(matched: 1, inHypothesis: 1, inReference: 1))
    #expect(buckets.accuracies[3] == WordAccuracy(matched: 1, inHypothesis: 1, inReference: 3))
    #expect(buckets.accuracies[0] == WordAccuracy(matched: 0, inHypothesis: 1, inReference: 1))
    #expect(buckets.accuracies[8].precision == 1)
    #expect(abs(buckets.accuracies[8].recall - 2.0 / 3) < 1e-15)
    #expect(abs(buckets.accuracies[8].f1 - 0.8) < 1e-15)
    #expect(buckets.accuracies[0].f1 == 0)
  }

  @Test("n-grams are over- and under-produced with clipping, with the segments that show it")
  func ngramDifferences() {
    var differences = NGramDifferences()
    differences.add(hypothesis: words("a b a b a b"), reference: words("a b c"), segment: 0)
    differences.add(hypothesis: words("x"), reference: words("c c"), segment: 1)
    let unigrams = differences.mostOver(10, order: 1)
    #expect(unigrams.map(\.text) == ["a", "b", "x"])
    #expect(unigrams[0].over == 2 && unigrams[0].matched == 1 && unigrams[0].under == 0)
    #expect(unigrams[0].overExamples == [0])
    #expect(abs(unigrams[0].salience - 0.75) < 1e-15)
    let missing = differences.mostUnder(1)[0]
    #expect(missing.text == "c" && missing.under == 3 && missing.underExamples == [0, 1])
    #expect(differences.mostOver(5, order: 2).map(\.text) == ["a b", "b a"])
  }

  @Test("each class of word error is told from the others")
  func errorClasses() {
    func classify(_ hypothesis: String, _ reference: String) -> ErrorClasses {
      ErrorClasses(hypothesis: words(hypothesis), reference: words(reference))
    }
    #expect(classify("he walked home", "he walks home").counts == [.inflection: 1, .missing: 0])
    #expect(classify("he ran home", "he walks home").counts == [.lexical: 1, .missing: 0])
    #expect(classify("he walks quickly home", "he walks home").counts == [.extra: 1, .missing: 0])
    #expect(classify("he home", "he walks home").counts == [.missing: 1])
    #expect(classify("home he walks", "he walks home").counts == [.order: 1, .missing: 0])
    // Of two equal words the one in the wrong place is the surplus, and it is no error of order.
    #expect(classify("the the cat", "the cat").counts == [.extra: 1, .missing: 0])
    #expect(classify("same words", "same words").counts == [.missing: 0])

    let both = classify("he home", "he walks home") + classify("a b c d", "a b")
    #expect(both.counts == [.missing: 1, .extra: 2])
    #expect(abs(both.rate(.missing) - 1.0 / 5) < 1e-15)
    #expect(abs(both.rate(.extra) - 2.0 / 6) < 1e-15)
  }

  @Test("word alignment has the fewest edits")
  func wordAlignment() {
    #expect(WordAlignment(words("a b c d"), words("a x c")).edits == 2)
    #expect(WordAlignment([], words("a x c")).edits == 3)
    #expect(WordAlignment(words("a b"), []).hypothesis == [.alone, .alone])
    let alignment = WordAlignment(words("a b c d"), words("a x c"))
    #expect(alignment.hypothesis == [.correct, .substituted, .correct, .alone])
    #expect(alignment.reference == [.correct, .substituted, .correct])
  }

  @Test("OTEM and UTEM follow their formulas")
  func overUnderTranslation() {
    var over = OverUnderTranslation()
    // Unigrams: a 3 against 1 → 2, z 2 against none → 1; 3 of 6. Bigrams: `a a` twice, 1 too many; (1+1)/(5+1).
    over.add(hypothesis: words("a a a z b z"), reference: words("a b c"))
    #expect(abs(over.otem - exp(1 - 0.5) * (0.5 * 2 / 6).squareRoot()) < 1e-12)
    // c is missing: 1/3; bigrams a b and b c: (2+1)/(2+1); trigram (1+1)/(1+1); no 4-gram: (0+1)/(0+1).
    #expect(abs(over.utem - pow(1.0 / 3, 0.25)) < 1e-12)
    var perfect = OverUnderTranslation()
    perfect.add(hypothesis: words("a b c d e"), reference: words("a b c d e"))
    #expect(perfect.otem == 0 && perfect.utem == 0)
    #expect(OverUnderTranslation().otem == 0 && OverUnderTranslation().utem == 0)
  }

  @Test("repetition, copying, wrong numbers and wrong length are flagged, honest repeats are not")
  func pathologies() {
    func look(_ source: String, _ hypothesis: String, _ reference: String) -> Pathologies {
      Pathologies(source: words(source), hypothesis: words(hypothesis), reference: words(reference))
    }
    let loop = look("il pleut ce soir", "it rains it rains it rains it rains", "it rains tonight")
    #expect(loop.repeatedNGrams.contains("it rains") && loop.isTooLong && loop.oscillates)
    #expect(loop.repeatedWords == [])
    #expect(look("très très bien", "very very good", "really good").repeatedWords == ["very"])
    #expect(look("bien", "very very good", "very very good").repeatedWords == [])
    let copy = look("le petit chat dort", "le petit chat sleeps", "the little cat sleeps")
    #expect(copy.copiedWords == ["le", "petit", "chat"] && copy.isCopy)
    #expect(look("Paris 1850", "Paris 1850", "Paris 1850").copiedWords == [])
    #expect(look("un", "", "one").isEmpty && look("un", "", "one").isTooShort)
    #expect(!look("", "", "").isEmpty)
    #expect(!look("x", "1,250.75 euros", "1 250,75 euros").hasNumberMismatch)
    let numbers = look("x", "in 1986 we had 3", "in 1968 we had 3")
    #expect(numbers.missingNumbers == ["1968"] && numbers.inventedNumbers == ["1986"])
  }

  @Test("Wilson's interval is the textbook's")
  func wilson() {
    let interval = Proportion(8, of: 10).wilsonInterval()
    #expect(abs(interval.lowerBound - 0.4901625) < 1e-6)
    #expect(abs(interval.upperBound - 0.9433178) < 1e-6)
    #expect(Proportion(0, of: 20).wilsonInterval().lowerBound == 0)
    #expect(abs(Proportion(0, of: 20).wilsonInterval().upperBound - 0.1611252) < 1e-6)
    #expect(Proportion(0, of: 0).wilsonInterval() == 0...1)
  }

  @Test("buckets of length score as corpora of their own")
  func lengthBuckets() throws {
    #expect(LengthBuckets.short.labels == ["0–5", "6–10", "11–15", "16–20", "21–30", "31+"])
    #expect([0, 5, 6, 10, 30, 31].map(LengthBuckets.short.bucket) == [0, 0, 1, 1, 4, 5])
    let hypotheses = ["the cat sat down here", "a b c d e f g", "no match at all"]
    let references = [["the cat sat down there", "a b c d e f g", "nothing in common there"]]
    let metric = BLEU()
    let statistics = try metric.segmentStatistics(hypotheses: hypotheses, references: references)
    let scores = LengthBuckets.short.scores(of: statistics, lengths: [5, 7, 5], metric: metric)
    let first = try metric.corpusScore(
      hypotheses: [hypotheses[0], hypotheses[2]], references: [[references[0][0], references[0][2]]])
    #expect(scores[0]?.score == first.score)
    #expect(abs((scores[1]?.score ?? 0) - 100) < 1e-9)
    #expect(scores[2] == nil)
  }

  @Test("the word splitter follows 13a, and lower-cases when asked")
  func splitter() {
    #expect(WordSplitter().words("Don't stop, at 3.5 %!") == ["Don't", "stop", ",", "at", "3.5", "%", "!"])
    #expect(WordSplitter(lowercase: true).words("ÉTÉ Σας ΑΣ") == ["été", "σας", "ας"])
    // Of scripts without spaces every character is a word.
    #expect(WordSplitter().words("Où 今天3点ใช่ ?") == ["Où", "今", "天", "3", "点", "ใ", "ช่", "?"])
  }

  private func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }
}
