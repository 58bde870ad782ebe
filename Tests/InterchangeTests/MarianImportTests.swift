import Foundation
import Seq2Seq
import TestSupport
import Testing
import TextProcessing
import Translation

@testable import Interchange

@Suite struct MarianImportTests {
  let directory: TemporaryDirectory
  let golden: MarianModels

  init() throws {
    directory = try TemporaryDirectory()
    golden = try MarianModels.load()
  }

  func url(_ name: String) -> URL { directory.url.appendingPathComponent(name) }

  func load(_ file: URL, as name: String) throws -> LoadedModel {
    guard let model = golden.models[name] else { throw ModelError(file: name, problem: "is not among the models made") }
    let output = url(UUID().uuidString)
    _ = try Marian.importModel(
      file, sourceVocabulary: MarianModels.url(model.source_vocabulary),
      targetVocabulary: MarianModels.url(model.target_vocabulary), to: output)
    return try ModelDirectory(output).load(precision: .float32)
  }

  func scores(_ loaded: LoadedModel) throws -> [[Float]] {
    try PairScorer(loaded, threads: 1).score(golden.pairs.map { ($0[0], $0[1]) }).map(\.tokenLogProbabilities)
  }

  /// The largest difference of two lists of log-probabilities; infinite where they have different lengths.
  func distance(_ ours: [[Float]], _ theirs: [[Double]]) -> Double {
    guard ours.map(\.count) == theirs.map(\.count) else { return .infinity }
    return zip(ours.joined(), theirs.joined()).map { abs(Double($0) - $1) }.max() ?? .infinity
  }

  static let names = [
    "post", "pre", "untied", "tied-source", "tied-layers", "ssru", "ssru-pre", "gru", "deep", "lstm", "amun",
  ]

  @Test("every kind of model gives Marian's log-probabilities and greedy outputs", arguments: names)
  func numbers(_ name: String) throws {
    let model = try #require(golden.models[name])
    let loaded = try load(MarianModels.url("marian-\(name).npz"), as: name)
    // Marian prints five digits.
    #expect(try distance(scores(loaded), model.scores) < 1e-4)
    // Of a pre-norm model Marian's decoder says something else than its scorer, so there is nothing to compare with.
    #expect(model.greedy.isEmpty == (name == "pre"))
    guard !model.greedy.isEmpty else { return }
    var options = loaded.description.search?.options ?? SearchOptions()
    options.beamSize = 1
    let sources = golden.pairs.map { loaded.text.encodeSource($0[0]) + [0] }
    let found = options.makeSearch().run(
      loaded.model.startDecoding(SequenceBatch(sources), workspace: Workspace()),
      model.greedy.map { SearchSentence(maximumLength: $0.pieces.count) })
    for (hypotheses, theirs) in zip(found, model.greedy) {
      #expect(hypotheses[0].tokens.map(loaded.text.targetVocabulary.piece) == theirs.pieces)
    }
  }

  @Test(".bin files hold what the .npz file holds, intgemm8 as near as eight bits are", arguments: ["post", "ssru"])
  func binary(_ name: String) throws {
    let model = try #require(golden.models[name])
    #expect(try distance(scores(load(MarianModels.url("marian-\(name).float32.bin"), as: name)), model.scores) < 1e-4)
    let (exact, rounded) = try (
      MarianFile(contentsOf: MarianModels.url("marian-\(name).npz")),
      MarianFile(contentsOf: MarianModels.url("marian-\(name).intgemm8.bin"))
    )
    var quantized = 0
    for tensor in try MarianModels.tensors(exact) {
      let values = try rounded.values(tensor.name, shape: tensor.shape)
      let largest = tensor.values.map(abs).max() ?? 0
      let error = zip(values, tensor.values).map { abs($0 - $1) }.max() ?? 1
      // 8 bits step by largest/127.
      #expect(error <= largest / 253, "\(tensor.name): \(error)")
      if error > 0 { quantized += 1 }
    }
    #expect(quantized >= 20)
    #expect(try distance(scores(load(MarianModels.url("marian-\(name).intgemm8.bin"), as: name)), model.scores) < 0.2)
  }

  @Test("multipliers of activations are passed over, any other surplus tensor is refused by name")
  func surplus() throws {
    let file = try MarianFile(contentsOf: MarianModels.url("marian-post.npz"))
    var tensors = try MarianModels.tensors(file)
    tensors.append(("encoder_l1_self_Wq_QuantMultA", [1, 1], [17]))
    tensors.append(("none_QuantMultA", [1, 1], [17]))
    try MarianModels.write(tensors, configuration: file.configuration, to: url("alphas.bin"), binary: true)
    let model = try #require(golden.models["post"])
    #expect(try distance(scores(load(url("alphas.bin"), as: "post")), model.scores) < 1e-4)
    tensors.append(("decoder_l1_rnn_W", [8, 8], Array(repeating: 0, count: 64)))
    try MarianModels.write(tensors, configuration: file.configuration, to: url("surplus.npz"))
    #expect(throws: ModelError.self) { try load(url("surplus.npz"), as: "post") }
    do { _ = try load(url("surplus.npz"), as: "post") } catch let error as ModelError {
      #expect(error.item == "tensor decoder_l1_rnn_W")
    }
  }

  @Test(
    "what Marian would compute otherwise is refused, naming the key",
    arguments: [
      ("transformer-decoder-autoreg: self-attention", "transformer-decoder-autoreg: rnn", "dec-cell"),
      ("transformer-decoder-autoreg: self-attention", "transformer-decoder-autoreg: fsmn", "SSRU"),
      ("transformer-decoder-autoreg: self-attention", "transformer-decoder-autoreg: average-attention", "AAN"),
      ("lemma-dim-emb: 0", "lemma-dim-emb: 64", "factored"),
      ("transformer-postprocess: dan", "transformer-postprocess: dhn", "dan"),
      ("transformer-postprocess: dan", "transformer-postprocess: dar", "dan"),
      ("transformer-postprocess-emb: d", "transformer-postprocess-emb: nd", "transformer-postprocess-emb"),
      ("transformer-no-projection: false", "transformer-no-projection: true", "transformer-no-projection"),
      (
        "transformer-train-position-embeddings: false", "transformer-train-position-embeddings: true",
        "transformer-train-position-embeddings"
      ),
      ("transformer-ffn-depth: 2", "transformer-ffn-depth: 3", "transformer-ffn-depth"),
      ("transformer-ffn-activation: swish", "transformer-ffn-activation: tanh", "swish, relu, gelu"),
      ("right-left: false", "right-left: true", "right-left"),
      ("type: transformer", "type: bert", "transformer, s2s, amun"),
      ("type: transformer", "type: s2s", "enc-depth"),
      ("dim-emb: 16", "dim-emb: 32", "has shape"),
      ("dim-emb: 16", "dim-emb: 17", "heads"),
      ("dim-emb: 16", "dim-emb: -16", "dim-emb"),
      ("enc-depth: 2", "enc-depth: 3", "encoder_l3"),
      ("enc-depth: 2", "enc-depth: 1", "encoder_l2"),
      ("enc-depth: 2", "enc-depth: 2000000000", "encoder_layers"),
      ("dec-depth: 1", "dec-depth: 2000000000", "dec-depth"),
      ("transformer-heads: 2", "transformer-heads: [", "YAML"),
    ])
  func refusals(_ old: String, _ new: String, _ word: String) throws {
    let file = try MarianFile(contentsOf: MarianModels.url("marian-post.npz"))
    let changed = file.configuration.replacing(old, with: new)
    #expect(changed != file.configuration)
    try MarianModels.write(MarianModels.tensors(file), configuration: changed, to: url("model.npz"))
    do {
      _ = try load(url("model.npz"), as: "post")
      Issue.record("\(new) was accepted")
    } catch let error as ModelError {
      #expect(error.description.contains(word), "\(error)")
      #expect(error.file.hasSuffix("model.npz"))
    }
  }

  @Test("a file that holds another kind of model than it says is refused by the tensor it lacks")
  func anotherKind() throws {
    let file = try MarianFile(contentsOf: MarianModels.url("marian-post.npz"))
    let changed = file.configuration.replacing("type: transformer", with: "type: s2s")
      .replacing("enc-depth: 2", with: "enc-depth: 1")
    try MarianModels.write(MarianModels.tensors(file), configuration: changed, to: url("model.npz"))
    let error = #expect(throws: ModelError.self) { try load(url("model.npz"), as: "post") }
    #expect(error?.item == "tensor decoder_Wc_att")
  }

  @Test("a pre-norm model of a Marian that took keys and values as they were is refused")
  func oldPreNorm() throws {
    let file = try MarianFile(contentsOf: MarianModels.url("marian-pre.npz"))
    let changed = file.configuration.replacing("transformer-postprocess-top: n\n", with: "")
    #expect(changed != file.configuration)
    let tensors = try MarianModels.tensors(file).filter { !$0.name.contains("_top_") }
    try MarianModels.write(tensors, configuration: changed, to: url("model.npz"))
    let error = #expect(throws: ModelError.self) { try load(url("model.npz"), as: "pre") }
    #expect(error?.item == "special:model.yml: transformer-preprocess")
  }

  @Test("recurrent models with layer normalisation or deeper cells are refused")
  func recurrentRefusals() throws {
    let file = try MarianFile(contentsOf: MarianModels.url("marian-gru.npz"))
    for (old, new) in [
      ("layer-normalization: false", "layer-normalization: true"), ("enc-cell-depth: 1", "enc-cell-depth: 4"),
      ("dec-cell: gru", "dec-cell: lstm"), ("enc-cell: gru", "enc-cell: ssru"),
    ] {
      try MarianModels.write(
        MarianModels.tensors(file), configuration: file.configuration.replacing(old, with: new), to: url("model.npz"))
      do {
        _ = try load(url("model.npz"), as: "gru")
        Issue.record("\(new) was accepted")
      } catch let error as ModelError {
        #expect(error.item?.hasPrefix("special:model.yml: ") == true, "\(error)")
      }
    }
  }

  @Test("vocabularies as maps and as lists of words number words alike")
  func wordVocabularies() throws {
    let yaml = """
      </s>: 0
      <unk>: 1
      "le": 2
      'l''eau': 3
      ? "a: b\\x21"
      : 4
      null: 5
      "\\u00e9": 6
      a:b: 7

      """
    // é in two characters is another word.
    try directory.write((yaml + "\"e\u{301}\": 8\n").utf8, to: "v.yml")
    let words = ["le", "l'eau", "a:\u{A0}b!", "null", "é", "a:b", "e\u{301}"]
    let map = yaml.replacing("a: b", with: "a:\u{A0}b")
    try directory.write((map + "\"e\u{301}\": 8\n").utf8, to: "v.yml")
    try directory.write("</s>\n<unk>\n\(words.joined(separator: "\n"))\n".utf8, to: "v.txt")
    let (one, two) = try (MarianVocabulary(contentsOf: url("v.yml")), MarianVocabulary(contentsOf: url("v.txt")))
    #expect(one.isWords && one.model == two.model)
    #expect(one.pieces.map { Array($0.utf8) } == (["</s>", "<unk>"] + words.map { "▁\($0)" }).map { Array($0.utf8) })
    let text = try TextPipeline(
      sourceModel: one.model, targetModel: one.model, sourcePieces: one.pieces(count: 12, file: "v.yml"), targetPieces: nil,
      directory: directory.url)
    #expect(text.encodeSource("  le e\u{301}  l'eau? null ") == [2, 8, 1, 5])
    #expect(text.decodeTarget([2, 3, 6]) == "le l'eau é")
    #expect(throws: ModelError.self) { try one.pieces(count: 8, file: "v.yml") }
    for wrong in ["a: 0\n", "</s>: 0\n<unk>: 2\n", "</s>: 0\n<unk>: 1\n\"x: 2\n", "</s>: 0\n<unk>: 1\nx: 1\n", "", "- a\n"] {
      try directory.write(wrong.utf8, to: "v.yml")
      #expect(throws: ModelError.self, "\(wrong)") { try MarianVocabulary(contentsOf: url("v.yml")) }
    }
    try directory.write("".utf8, to: "v.fsv")
    #expect(throws: ModelError.self) { try MarianVocabulary(contentsOf: url("v.fsv")) }
  }

  @Test("an SSRU decoder with a layer norm in its cell or a projection behind it is refused")
  func ssruRefusals() throws {
    let file = try MarianFile(contentsOf: MarianModels.url("marian-ssru.npz"))
    for (old, new, key) in [
      ("layer-normalization: false", "layer-normalization: true", "layer-normalization"),
      ("transformer-rnn-projection: false", "transformer-rnn-projection: true", "transformer-rnn-projection"),
      ("dec-cell: ssru", "dec-cell: sru", "dec-cell"), ("dec-depth: 2", "dec-depth: 1", "decoder_l2"),
    ] {
      let changed = file.configuration.replacing(old, with: new)
      #expect(changed != file.configuration, "\(old)")
      try MarianModels.write(MarianModels.tensors(file), configuration: changed, to: url("model.npz"))
      do {
        _ = try load(url("model.npz"), as: "ssru")
        Issue.record("\(new) was accepted")
      } catch let error as ModelError {
        #expect(error.description.contains(key), "\(error)")
      }
    }
  }

  @Test("vocabularies that list SentencePiece's pieces go with the models that cut them, in whatever order they stand")
  func pieceVocabularies() throws {
    func model(_ name: String) throws -> Data { try Data(contentsOf: MarianModels.url("\(name).spm")) }
    func shuffled(_ name: String) throws -> [String] {
      let pieces = try TextPipeline.pieces(ofSentencePieceModel: model(name), path: name)
      return Array(pieces[..<2]) + pieces[2...].reversed()
    }
    let (source, target) = try (shuffled("source"), shuffled("target"))
    try directory.write(
      source.enumerated().map { "\(PieceTable.quoted($1)): \($0)\n" }.joined().utf8, to: "source.yml")
    try directory.write((target.joined(separator: "\n") + "\n").utf8, to: "target.txt")
    // Without the models, and with one too many, the file is named.
    let error = #expect(throws: ModelError.self) { try MarianVocabulary(contentsOf: url("source.yml")) }
    #expect(error?.file.hasSuffix("source.yml") == true && error?.problem.contains(".spm") == true)
    let (spm, other) = (MarianModels.url("source.spm"), MarianModels.url("target.spm"))
    #expect(throws: ModelError.self) { try MarianVocabulary(contentsOf: spm, sentencePiece: other) }

    var options = Marian.ImportOptions()
    (options.sourceSentencePiece, options.targetSentencePiece) = (spm, other)
    let report = try Marian.importModel(
      MarianModels.url("marian-untied.npz"), sourceVocabulary: url("source.yml"), targetVocabulary: url("target.txt"),
      to: url("ours"), options: options)
    #expect(report.warnings == [])
    let text = try ModelDirectory(url("ours")).load().text
    let direct = try TextPipeline(
      sourceModel: model("source"), targetModel: model("target"),
      sourcePieces: TextPipeline.pieces(ofSentencePieceModel: model("source"), path: ""),
      targetPieces: TextPipeline.pieces(ofSentencePieceModel: model("target"), path: ""), directory: directory.url)
    for pair in golden.pairs {
      #expect(text.sourcePieces(pair[0]) == direct.sourcePieces(pair[0]))
      #expect(text.targetPieces(pair[1]) == direct.targetPieces(pair[1]))
      #expect(text.encodeSource(pair[0]).allSatisfy { $0 == 1 || source[Int($0)] == text.sourceVocabulary.piece($0) })
      #expect(text.decodeTarget(text.encodeTarget(pair[1])) == direct.decodeTarget(direct.encodeTarget(pair[1])))
    }
    #expect(text.encodeSource(golden.pairs[0][0]) != direct.encodeSource(golden.pairs[0][0]))
    // It goes out as lists of pieces with the models beside them, and comes back the same.
    let out = try Marian.exportModel(from: url("ours"), to: url("theirs"))
    #expect(out.warnings.contains { $0.contains("lists of pieces") })
    (options.sourceSentencePiece, options.targetSentencePiece) = (url("theirs/source.spm"), url("theirs/target.spm"))
    _ = try Marian.importModel(
      url("theirs/model.npz"), sourceVocabulary: url("theirs/source.yml"), targetVocabulary: url("theirs/target.yml"),
      to: url("back"), options: options)
    let back = try ModelDirectory(url("back")).load().text
    for pair in golden.pairs { #expect(back.encodeSource(pair[0]) == text.encodeSource(pair[0])) }
  }

  @Test("a multilingual Marian model needs a language and begins every source with its code")
  func languages() throws {
    var pieces = try TextPipeline.pieces(
      ofSentencePieceModel: Data(contentsOf: MarianModels.url("source.spm")), path: "source.spm")
    (pieces[40], pieces[50]) = (">>fra<<", ">>deu<<")
    try directory.write(pieces.enumerated().map { "\(PieceTable.quoted($1)): \($0)\n" }.joined().utf8, to: "v.yml")
    func importing(_ code: String?) throws -> TextPipeline {
      var options = Marian.ImportOptions()
      options.targetCode = code
      (options.sourceSentencePiece, options.targetSentencePiece) = (
        MarianModels.url("source.spm"), MarianModels.url("target.spm")
      )
      let target = try TextPipeline.pieces(
        ofSentencePieceModel: Data(contentsOf: MarianModels.url("target.spm")), path: "target.spm")
      try directory.write((target.joined(separator: "\n") + "\n").utf8, to: "t.txt")
      let ours = url(UUID().uuidString)
      _ = try Marian.importModel(
        MarianModels.url("marian-untied.npz"), sourceVocabulary: url("v.yml"), targetVocabulary: url("t.txt"), to: ours,
        options: options)
      return try ModelDirectory(ours).load().text
    }
    for code in [nil, "spa"] {
      let error = #expect(throws: ModelError.self) { try importing(code) }
      #expect(error?.problem.contains("deu, fra") == true)
    }
    #expect(try importing("fra").encodeSource("Le chien").first == 40)
    #expect(try importing("deu").encodeSource("Le chien").first == 50)
    #expect(try !importing("none").encodeSource("Le chien").contains { $0 == 40 || $0 == 50 })
  }

  @Test("decoder.yml gives search settings")
  func decoder() throws {
    var options = Marian.ImportOptions()
    options.decoderConfiguration = try directory.write("beam-size: 7\nnormalize: 0.6\nword-penalty: 0\n".utf8, to: "d.yml")
    let report = try Marian.importModel(
      MarianModels.url("marian-gru.npz"), sourceVocabulary: MarianModels.url("source.spm"),
      targetVocabulary: MarianModels.url("target.spm"), to: url("ours"), options: options)
    #expect(report.description.search?.beamSize == 7 && report.description.search?.lengthPenalty == 0.6)
    #expect(report.description.search?.forbiddenTokens == [1])
    #expect(try ModelDirectory(url("ours")).readDescription() == report.description)
  }

  // MARK: Damage

  @Test("a file cut or changed anywhere is refused or read, never more", arguments: ["marian-gru.npz", "marian-deep.npz", "marian-post.intgemm8.bin"])
  func damage(_ name: String) throws {
    let bytes = try Array(Data(contentsOf: MarianModels.url(name)))
    func read(_ bytes: some Collection<UInt8>) -> Bool {
      do {
        let file = try MarianFile(Data(bytes), file: name)
        _ = try MarianReader.read(file, MarianConfiguration(yaml: file.configuration, file: name))
        return true
      } catch let error as ModelError {
        #expect(error.file.hasPrefix(name))
        return false
      } catch {
        Issue.record("\(error)")
        return false
      }
    }
    #expect(read(bytes))
    for length in stride(from: 0, to: bytes.count, by: 61) { #expect(!read(bytes[..<length]), "\(length)") }
    // Headers lie at the beginning of .bin files and at the end of zip files; here every place gets its turn.
    var accepted = 0
    let places = Array(stride(from: 0, to: bytes.count, by: name.hasSuffix("bin") ? 37 : 53))
    for place in places {
      for value in [0, 0xFF, bytes[place] ^ 0x10] as [UInt8] where value != bytes[place] {
        var changed = bytes
        changed[place] = value
        if read(changed) { accepted += 1 }
      }
    }
    // Numbers have no checksum in .bin files; in zip files all is checked but dates and what is said twice.
    if name.hasSuffix("npz") { #expect(accepted < places.count, "\(accepted)") }
  }

  @Test("zip files of 64 bits are read, and a member that claims too much is refused")
  func zip64() throws {
    let url = url("a.zip")
    var writer = try ZipWriter(url)
    try writer.add("one", Data("first".utf8))
    try writer.add("two", Data())
    try writer.finish()
    var bytes = try Array(Data(contentsOf: url))
    let archive = try ZipArchive(Data(bytes), file: "a.zip")
    #expect(try archive.members.map { String(decoding: try archive.contents($0), as: UTF8.self) } == ["first", ""])
    // The same directory, said by the 64-bit end.
    let directory = bytes.count - 22 - 2 * (46 + 3)
    let place = bytes.count - 22
    var end = Data()
    end.append(little: UInt32(0x0606_4B50))
    end.append(little: UInt64(44))
    // Versions and disks.
    for _ in 0..<3 { end.append(little: UInt32(0)) }
    for value in [2, 2, 98, UInt64(directory)] { end.append(little: value) }
    end.append(little: UInt32(0x0706_4B50))
    end.append(little: UInt32(0))
    end.append(little: UInt64(place))
    end.append(little: UInt32(1))
    let old = Array(bytes[place...])
    bytes.replaceSubrange(place..., with: Array(end) + old)
    for i in 8..<20 { bytes[bytes.count - 22 + i] = 0xFF }
    #expect(try ZipArchive(Data(bytes), file: "a.zip").members.map(\.name) == ["one", "two"])
  }
}
