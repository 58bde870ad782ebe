import Foundation
import Seq2Seq
import TestSupport
import Testing
import TextProcessing
import Translation

@testable import Interchange

@Suite struct HuggingFaceImportTests {
  let directory: TemporaryDirectory
  let golden: TinyMarian
  var theirs: URL { directory.url }
  var ours: URL { directory.url.appendingPathComponent("ours") }

  init() throws {
    directory = try TemporaryDirectory()
    golden = try TinyMarian.load()
  }

  func load() throws -> LoadedModel {
    _ = try HuggingFaceMarian.importModel(from: theirs, to: ours)
    return try ModelDirectory(ours).load()
  }

  @Test("lines become the ids that sentencepiece and vocab.json give, and come back")
  func tokens() throws {
    try golden.write(to: theirs)
    let text = try load().text
    #expect(text.sourceVocabulary.count == golden.pieces.count - 1)
    for record in golden.records {
      #expect(text.encodeSource(record.source) + [0] == record.source_ids, "\(record.source)")
      #expect(text.encodeTarget(record.target) + [0] == record.target_ids, "\(record.target)")
    }
    #expect(text.normalize("  L’œuvre\u{A0}ﬁne ") == "L'œuvre fine")
    let euro = text.encodeTarget("42 €!")
    #expect(text.decodeTarget(euro) == "42 €!")
    #expect(text.detokenize(pieces: euro.map(text.targetVocabulary.piece)) == "42 €!")
    // The names of special symbols are text like any other.
    #expect(!text.encodeTarget("</s>").contains(0))
    #expect(text.encodeSource("") == [] && text.encodeSource(" \u{A0}") == [])
  }

  @Test("log-probabilities and greedy search are those of transformers")
  func numbers() throws {
    try golden.write(to: theirs)
    let loaded = try load()
    let scores = ForcedScoring(loaded.model, workspace: Workspace()).logProbabilities(
      sources: golden.records.map { $0.source_ids.dropLast() }, targets: golden.records.map { $0.target_ids.dropLast() })
    for (score, record) in zip(scores, golden.records) {
      #expect(score.count == record.log_probabilities.count)
      for (ours, theirs) in zip(score, record.log_probabilities) { #expect(abs(Double(ours) - theirs) < 1e-4) }
    }
    var options = loaded.description.search?.options ?? SearchOptions()
    options.beamSize = 1
    let found = options.makeSearch().run(
      loaded.model.startDecoding(SequenceBatch(golden.records.map(\.source_ids)), workspace: Workspace()),
      golden.records.map { _ in SearchSentence(maximumLength: 12) })
    for (hypotheses, record) in zip(found, golden.records) { #expect(hypotheses[0].tokens == record.greedy) }
  }

  @Test("search settings are kept in our words")
  func search() throws {
    // Piece 0 there is not the end symbol; 2 here.
    try golden.write(
      to: theirs, changes: ["num_beams": 6, "max_length": 40],
      generation: [
        "num_beams": 4, "length_penalty": 0.8, "early_stopping": true, "max_length": 20,
        "bad_words_ids": [[golden.pad], [0], [1, 2]],
      ])
    let report = try HuggingFaceMarian.importModel(from: theirs, to: ours)
    let search = try #require(report.description.search)
    #expect(search.beamSize == 4 && search.lengthPenalty == 0.8 && search.maximumLength == 18)
    #expect(search.stopping == .beamFull && search.lengthNormalization == .power)
    #expect(search.forbiddenTokens == [1, 2])
    #expect(report.warnings.count == 1)
    #expect(try ModelDirectory(ours).readDescription() == report.description)
    #expect(report.description.sourceLanguage == "fr" && report.description.targetLanguage == "en")
  }

  @Test("a beam that no search has is refused with its file and key, and nothing is written", arguments: [0, -1, 1025])
  func wrongBeams(beams: Int) throws {
    for isNewer in [true, false] {
      try golden.write(
        to: theirs, changes: ["num_beams": isNewer ? 4 : beams], generation: isNewer ? ["num_beams": beams] : [:])
      let error = #expect(throws: ModelError.self) { try HuggingFaceMarian.importModel(from: theirs, to: ours) }
      #expect(error?.file.hasSuffix(isNewer ? "/generation_config.json" : "/config.json") == true && error?.item == "num_beams")
      #expect(!ModelDirectory(ours).exists)
    }
  }

  @Test("a multilingual model needs a language and begins every source with its code")
  func languages() throws {
    var golden = golden
    let unused = golden.pieces.indices.filter { ["<0x01>", "<0x02>"].contains(golden.pieces[$0]) }
    golden.pieces[unused[0]] = ">>fra<<"
    golden.pieces[unused[1]] = ">>deu<<"
    try golden.write(to: theirs)
    #expect(throws: ModelError.self) { try HuggingFaceMarian.importModel(from: theirs, to: ours) }
    do {
      _ = try HuggingFaceMarian.importModel(from: theirs, to: ours, targetLanguage: "spa")
      Issue.record("accepted a language that the model lacks")
    } catch let error as ModelError {
      #expect(error.problem.contains("deu, fra"))
    }
    _ = try HuggingFaceMarian.importModel(from: theirs, to: ours, targetLanguage: "fra")
    let loaded = try ModelDirectory(ours).load()
    let ids = loaded.text.encodeSource("Le chien")
    #expect(loaded.text.sourceVocabulary.piece(ids[0]) == ">>fra<<")
    #expect(loaded.text.sourcePieces("Le chien").dropFirst().joined() == "▁Le▁chien")
    #expect(loaded.description.targetLanguage == "fra")
    #expect(loaded.text.encodeSource(" ") == [])
  }

  @Test("forced_bos_token_id begins every output as in transformers' generate, which its text does not show")
  func forcedBeginning() throws {
    let answers = try JSONDecoder().decode(ForcedAnswers.self, from: TinyMarian.resource("marian-forced.json"))
    let settings: [String: Any] = [
      "num_beams": 4, "length_penalty": 1.0, "early_stopping": false, "max_length": answers.longest,
      "forced_bos_token_id": answers.forced, "bad_words_ids": [[golden.pad]],
    ]
    func write(_ generation: [String: Any], to directory: URL) throws {
      try golden.write(to: directory, generation: generation) { tensors in
        let bias = tensors.firstIndex { $0.name == "final_logits_bias" }!
        tensors[bias].values[golden.end] += answers.end_bias
      }
    }
    try write(settings, to: theirs)
    let loaded = try load()
    let first = try #require(answers.records.first?.greedy.first)
    #expect(loaded.description.model.forcedFirstToken == first && loaded.text.targetBegin == first)
    let translator = try Translator(model: ours)
    for beam in [1, 4] {
      var options = loaded.description.search?.options ?? SearchOptions()
      options.beamSize = beam
      let found = options.makeSearch().run(
        loaded.model.startDecoding(SequenceBatch(golden.records.map(\.source_ids)), workspace: Workspace()),
        golden.records.map { _ in SearchSentence(maximumLength: answers.longest - 2) })
      for (hypotheses, answer) in zip(found, answers.records) {
        #expect(hypotheses[0].tokens == (beam == 1 ? answer.greedy : answer.beam))
        if beam > 1 { #expect(abs(hypotheses[0].score - answer.score) < 1e-4) }
      }
    }
    let lines = translator.translate(golden.records.map(\.source))
    for (line, answer) in zip(lines, answers.records) {
      #expect(line.text == loaded.text.decodeTarget(Array(answer.beam.dropFirst())))
      #expect(line.text == loaded.text.decodeTarget(answer.beam))
    }
    // A given target begins with it too, at no cost.
    let score = try PairScorer(loaded, threads: 1).score([(golden.records[0].source, "The dog")])[0]
    #expect(score.tokens.first == first && score.tokenLogProbabilities[0] == 0 && score.logProbability.isFinite)

    // It goes out as it came in.
    _ = try HuggingFaceMarian.exportModel(from: ours, to: directory.url.appendingPathComponent("again"))
    let back = directory.url.appendingPathComponent("back")
    let report = try HuggingFaceMarian.importModel(from: directory.url.appendingPathComponent("again"), to: back)
    #expect(report.description.model.forcedFirstToken == first)
    #expect(try ModelDirectory(back).load().text.targetBegin == first)
    // The text and the model must agree.
    var description = try ModelDirectory(ours).readDescription()
    description.model.forcedFirstToken = nil
    try description.write(to: ModelDirectory(ours).configuration)
    let error = #expect(throws: ModelError.self) { try ModelDirectory(ours).load() }
    #expect(error?.item == "target_begin")

    for wrong in [golden.end, golden.pad, golden.pieces.firstIndex(of: "<unk>")!, golden.pieces.count, -1] {
      let other = try TemporaryDirectory()
      try write(settings.merging(["forced_bos_token_id": wrong]) { $1 }, to: other.url)
      let error = #expect(throws: ModelError.self) {
        try HuggingFaceMarian.importModel(from: other.url, to: other.url.appendingPathComponent("ours"))
      }
      #expect(error?.item == "forced_bos_token_id")
    }
    let forbidden = try TemporaryDirectory()
    try write(settings.merging(["bad_words_ids": [[golden.pad], [answers.forced]]]) { $1 }, to: forbidden.url)
    #expect(throws: ModelError.self) {
      try HuggingFaceMarian.importModel(from: forbidden.url, to: forbidden.url.appendingPathComponent("ours"))
    }
  }

  /// What `Scripts/golden-models/marian-forced.py` wrote.
  private struct ForcedAnswers: Decodable {
    struct Record: Decodable {
      var greedy: [Int32]
      var beam: [Int32]
      var score: Double
    }

    var forced: Int
    var end_bias: Float
    var longest: Int
    var records: [Record]
  }

  @Test("an encoder with its own table and an output of its own are told apart")
  func separateTables() throws {
    try golden.write(
      to: theirs, changes: ["share_encoder_decoder_embeddings": false, "tie_word_embeddings": false]
    ) { tensors in
      let shared = tensors.remove(at: tensors.firstIndex { $0.name == "model.shared.weight" }!)
      for (name, factor) in [("model.encoder.embed_tokens.weight", 1), ("model.decoder.embed_tokens.weight", 2),
        ("lm_head.weight", 3)] as [(String, Float)] {
        tensors.append((name, shared.shape, shared.values.map { $0 * factor }))
      }
    }
    _ = try load()
    // The weights as they stand in the file: a model that translates keeps packed forms alone.
    let model = try ModelDirectory(ours).readModel(ModelDirectory(ours).readDescription())
    let tables = ["encoder.embeddings", "decoder.embeddings", "output.weight"].compactMap { model.parameters[$0] }
    #expect(tables.count == 3)
    // Row 0 here is the end symbol's.
    let p = golden.tensors.firstIndex { $0.name == "model.shared.weight" }!
    let end = golden.values(p)[golden.end * 16 + 5]
    #expect(tables.map { $0.data[5] } == [end, 2 * end, 3 * end])
  }

  @Test("what would be computed otherwise is refused, naming the key, the tensor or the piece")
  func refusals() throws {
    func refusal(
      _ changes: [String: Any] = [:], vocabulary: Data? = nil,
      tensors: (inout [(name: String, shape: [Int], values: [Float])]) -> Void = { _ in }
    ) throws -> String {
      let directory = try TemporaryDirectory()
      try golden.write(to: directory.url, changes: changes, vocabulary: vocabulary, tensors: tensors)
      do {
        _ = try HuggingFaceMarian.importModel(from: directory.url, to: directory.url.appendingPathComponent("ours"))
        return "accepted"
      } catch let error as ModelError {
        return "\(URL(fileURLWithPath: error.file).lastPathComponent) \(error.item ?? "")"
      }
    }
    let wrong: [(String, Any)] = [
      ("model_type", "bart"), ("vocab_size", 7), ("decoder_start_token_id", 0), ("decoder_attention_heads", 2),
      ("decoder_ffn_dim", 25), ("normalize_before", true), ("add_final_layer_norm", true),
      ("static_position_embeddings", false), ("activation_function", "gelu_new"), ("d_model", "16"),
      ("encoder_layers", NSNull()), ("pad_token_id", 100_000),
    ]
    for (key, value) in wrong {
      let item = key == "pad_token_id" ? "decoder_start_token_id" : key
      #expect(try refusal([key: value]) == "config.json \(item)", "\(key)")
    }
    #expect(try refusal(["encoder_layers": 3]) == "model.safetensors tensor model.encoder.layers.2.self_attn.q_proj.weight")
    #expect(try refusal(["encoder_layers": 1]) == "model.safetensors tensor model.encoder.layers.1.fc1.bias")
    #expect(try refusal(["encoder_layers": 1000]) == "config.json transformer.encoder_layers")
    #expect(try refusal { $0[0].shape.append(1) } == "model.safetensors tensor \(golden.tensors[0].name)")
    #expect(try refusal { $0[3].values[2] = .nan } == "model.safetensors tensor \(golden.tensors[3].name)")
    #expect(try refusal { tensors in
      let shared = tensors.firstIndex { $0.name == "model.shared.weight" }!
      tensors[shared].values[golden.pad * 16 + 3] = 0.5
    } == "model.safetensors tensor model.shared.weight")
    #expect(try refusal(vocabulary: Data("{\"a\": 0, \"b\": 0}".utf8)) == "vocab.json b")
    #expect(try refusal(vocabulary: Data("{\"a\": 5}".utf8)) == "vocab.json a")
    #expect(try refusal(vocabulary: Data("{\"a\": \"x\"}".utf8)) == "vocab.json ")
  }

  @Test("pieces that Unicode calls equivalent stay apart, and every form of JSON string is read")
  func pieceTable() throws {
    let pieces = ["</s>", "é", "e\u{301}", "\u{1D11E}\"\\", "\u{1}"]
    let url = try directory.write(PieceTable.json(pieces), to: "vocab.json")
    #expect(try PieceTable.read(url).map { Array($0.utf8) } == pieces.map { Array($0.utf8) })
    let escaped = try directory.write(Data(#" {"\ud834\udd1e\n\u00e9" : 1,"\/":0 } "#.utf8), to: "escaped.json")
    #expect(try PieceTable.read(escaped) == ["/", "\u{1D11E}\né"])
    let bytes = Array(#"{"\ud834\udd1e": 0, "b": 1}"#.utf8)
    for length in 0..<bytes.count {
      let cut = try directory.write(bytes[..<length], to: "cut.json")
      #expect(throws: ModelError.self) { try PieceTable.read(cut) }
    }
  }

  @Test("a truncated or spoilt SentencePiece model is refused, naming the file")
  func brokenModels() throws {
    let bytes = try Array(TinyMarian.resource("source.spm"))
    for length in stride(from: 0, to: bytes.count, by: 97) {
      try golden.write(to: theirs)
      try directory.write(bytes[..<length], to: "source.spm")
      do {
        _ = try HuggingFaceMarian.importModel(from: theirs, to: ours)
        // A cut between two fields leaves a smaller model.
        try FileManager.default.removeItem(at: ours)
      } catch let error as TextError {
        #expect(error.description.contains("source.spm"))
      }
    }
  }
}
