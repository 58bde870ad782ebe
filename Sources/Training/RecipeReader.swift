import Autograd
import Foundation
import NeuralNet
import Seq2Seq
import TextProcessing
import Translation
import Yams

extension Recipe {
  /// Reads a recipe and puts `overrides` (`a.b=value`) into it. Throws `RecipeError`.
  public init(contentsOf url: URL, overrides: [String] = []) throws {
    let data: Data
    do {
      data = try Data(contentsOf: url)
    } catch {
      throw RecipeError.unreadable(file: url.path, problem: "no such file, or no right to read it")
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw RecipeError.unreadable(file: url.path, problem: "it is not UTF-8")
    }
    try self.init(
      text: text, file: url.relativePath, name: url.deletingPathExtension().lastPathComponent,
      directory: url.deletingLastPathComponent(), overrides: overrides)
  }

  /// The same from a text.
  public init(text: String, file: String? = nil, name: String, directory: URL, overrides: [String] = []) throws {
    let file = file ?? name
    var root: Node
    do {
      guard let node = try Yams.compose(yaml: text) else {
        throw RecipeError.syntax(file: file, problem: "it is empty")
      }
      root = node
    } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
      throw RecipeError.repeatedKeys(keys.sorted(), line: context.mark.line)
    } catch let error as YamlError {
      throw RecipeError.syntax(file: file, problem: "\(error)")
    }
    for argument in overrides { root = try overriding(root, with: argument) }
    let top = try RecipeSection(root)
    self.name = name
    self.directory = directory
    sourceLanguage = try top.required("source_language", "a language tag (BCP 47) such as fr")
    targetLanguage = try top.required("target_language", "a language tag (BCP 47) such as en")
    for (key, tag) in [("source_language", sourceLanguage), ("target_language", targetLanguage)]
    where !ModelDescription.isLanguageTag(tag) {
      throw top.wrong(key, top.node(key) ?? Node(tag), "a language tag (BCP 47) such as fr or pt-BR")
    }
    startFrom = try top.string("start_from")
    frozen = try (top.list("freeze") ?? []).map { node in
      guard case .scalar(let scalar) = node, !scalar.string.isEmpty else {
        throw top.wrong("freeze", node, "the beginning of parameters' names, such as encoder.")
      }
      return scalar.string
    }
    let corpora = try top.section("corpora")
    guard let list = try corpora.list("train"), !list.isEmpty else {
      throw RecipeError.missingKey(key: "corpora.train", expected: "a list of {source: FILE, target: FILE}")
    }
    train = try list.enumerated().map {
      try CorpusFiles(RecipeSection($0.element, path: "corpora.train.\($0.offset)"), weighted: true)
    }
    let validNode = corpora.node("valid")
    valid = try validNode.map { try CorpusFiles(RecipeSection($0, path: "corpora.valid"), weighted: false) }
    temperature = try corpora.double("temperature", 1, in: 1...1000)
    try corpora.finish()
    let cleaningSection = try top.section("cleaning")
    cleaning = try CleaningOptions(cleaningSection)
    maximumLength = try cleaningSection.int("maximum_length", 200, in: 2...65536)
    try cleaningSection.finish()
    let textSection = try RecipeSection(Recipe.textNode(top.node("text")), path: "text")
    if startFrom != nil {
      try textSection.allow(only: ["bpe_dropout"], because: "with start_from, the text is the model's own")
      try Recipe.allowDropoutsOnly(top.section("model"))
    }
    sentencePiece = try SentencePieceChoice(textSection)
    self.text = try TextConfiguration(textSection)
    bpeDropout = try textSection.double("bpe_dropout", 0, in: 0...0.9)
    learningLines = try textSection.int("learning_lines", 0, in: 0...1_000_000_000)
    try textSection.finish()
    augmentation = try Augmentation(top.section("augmentation"))
    let modelSection = try top.section("model")
    let given = ArchitectureKind.allCases.filter { modelSection.has($0.rawValue) }
    if startFrom != nil {
      guard given.count < 2 else {
        throw RecipeError.wrongType(
          key: "model", line: nil, value: "both of transformer and rnn", expected: "what one model can be; give one")
      }
      startArchitecture = given.first
    }
    model = try ModelConfiguration(
      modelSection, vocabularySize: self.text.vocabularySize, architecture: startArchitecture ?? .transformer)
    training = try TrainingSettings(top.section("training"))
    if startFrom != nil, training.depthScaling {
      throw RecipeError.wrongType(
        key: "training.depth_scaling", line: nil, value: "true",
        expected: "possible here: with start_from, the parameters are the model's own")
    }
    validation = try ValidationSettings(top.section("validation"))
    try top.finish()
    var isJoint = self.text.vocabulary == .joint
    if case .given(let source, let target)? = sentencePiece { isJoint = source == target }
    guard startFrom != nil || isJoint || model.embeddings != .all else {
      throw RecipeError.wrongType(
        key: "model.embeddings", line: nil, value: "all",
        expected: "possible where each side has its own vocabulary (use target or none)")
    }
    do {
      canonicalText = try Yams.serialize(node: root, sortKeys: true)
      identity = try Yams.serialize(node: Recipe.learningPart(root), sortKeys: true)
    } catch {
      throw RecipeError.syntax(file: file, problem: "\(error)")
    }
  }
}

extension Recipe {
  /// The tree without what only says how long to train, when to look and what to keep.
  private static func learningPart(_ root: Node) -> Node {
    guard case .mapping(var top) = root else { return root }
    top["validation"] = nil
    if case .mapping(var training)? = top["training"] {
      for key in [
        "updates", "epochs", "max_seconds", "checkpoint_every", "keep_checkpoints", "average_last", "saved_precision",
      ] {
        training[Node(key)] = nil
      }
      top["training"] = .mapping(training)
    }
    return .mapping(top)
  }
}

extension Recipe {
  /// `text: sentencepiece` is short for a model that is learnt.
  private static func textNode(_ node: Node?) -> Node? {
    guard case .scalar(let scalar)? = node, scalar.string == "sentencepiece" else { return node }
    return .mapping(Node.Mapping([(Node("sentencepiece"), Node(SentencePieceKind.unigram.rawValue))]))
  }

  /// Where a run begins from a model, its shape is given; how it is learnt from is not.
  private static func allowDropoutsOnly(_ model: RecipeSection) throws {
    let reason = "with start_from, the shape is the model's own"
    try model.allow(only: ["transformer", "rnn"], because: reason)
    try model.section("transformer").allow(
      only: ["dropout", "attention_dropout", "activation_dropout"], because: reason)
    try model.section("rnn").allow(
      only: ["embedding_dropout", "hidden_dropout", "output_dropout", "word_dropout"], because: reason)
  }
}

extension CorpusFiles {
  init(_ section: RecipeSection, weighted: Bool) throws {
    source = try section.required("source", "a file of source lines, plain or .gz")
    target = try section.required("target", "a file of target lines, plain or .gz")
    if weighted { weight = try section.double("weight", weight, in: 0...1000) }
    try section.finish()
  }
}

extension CleaningOptions {
  /// Milder than `mt data clean`: a recipe's corpora are taken as they are unless it says otherwise.
  init(_ section: RecipeSection) throws {
    self.init()
    maximumWords = try section.optionalInt("maximum_words", in: 1...1_000_000)
    maximumLengthRatio = try section.double("maximum_ratio", 3, in: 1...1000)
    longestWord = try section.optionalInt("longest_word", in: 1...1_000_000)
    dropsDuplicates = try section.bool("remove_duplicates", false)
    dropsIdentical = try section.bool("remove_identical", false)
  }
}

extension SentencePieceChoice {
  /// A kind to learn, a file, or a file for each side; nil without the key.
  init?(_ section: RecipeSection) throws {
    guard let node = section.node("sentencepiece") else { return nil }
    let reason: String
    var keys: Set = ["sentencepiece"]
    switch node {
    case .scalar(let scalar):
      guard let kind = SentencePieceKind(rawValue: scalar.string) else {
        self = .given(source: scalar.string, target: scalar.string)
        reason = "a given SentencePiece model says all about the text"
        break
      }
      self = .learnt(kind)
      keys.formUnion([
        "vocabulary", "vocabulary_size", "character_coverage", "byte_fallback", "split_digits", "learning_lines",
      ])
      reason = "SentencePiece normalises and cuts by itself"
    case .mapping:
      let files = try RecipeSection(node, path: section.full("sentencepiece"))
      self = .given(
        source: try files.required("source", "a .spm file"), target: try files.required("target", "a .spm file"))
      try files.finish()
      reason = "a given SentencePiece model says all about the text"
    case .sequence, .alias:
      throw section.wrong("sentencepiece", node, "unigram, bpe, a .spm file, or {source: FILE, target: FILE}")
    }
    try section.allow(only: keys, because: reason)
  }
}

extension TextConfiguration {
  init(_ section: RecipeSection) throws {
    self.init()
    controlCharacters = try section.choice("control_characters", controlCharacters)
    formatCharacters = try section.choice("format_characters", formatCharacters)
    normalForm = try section.choice("normal_form", normalForm)
    lowercase = try section.bool("lowercase", lowercase)
    quotes = try section.choice("quotes", quotes)
    tokenizer = try section.choice("tokenizer", tokenizer)
    vocabulary = try section.choice("vocabulary", vocabulary)
    vocabularySize = try section.int("vocabulary_size", vocabularySize, in: 4...1_000_000)
    byteFallback = try section.bool("byte_fallback", byteFallback)
    characterCoverage = try section.double("character_coverage", characterCoverage, in: 0.5...1)
    splitDigits = try section.bool("split_digits", splitDigits)
    longestPiece = try section.int("longest_piece", longestPiece, in: 1...256)
  }
}

extension Augmentation {
  init(_ section: RecipeSection) throws {
    self.init()
    lowercase = try section.double("lowercase", 0, in: 0...1)
    uppercase = try section.double("uppercase", 0, in: 0...1)
    stripAccents = try section.double("strip_accents", 0, in: 0...1)
    dropFinalPunctuation = try section.double("drop_final_punctuation", 0, in: 0...1)
    copiedItems = try section.double("copied_items", 0, in: 0...1)
    try section.finish()
  }
}

extension ModelConfiguration {
  /// `architecture` is what it is unless the section says.
  init(_ section: RecipeSection, vocabularySize: Int, architecture: ArchitectureKind) throws {
    let architecture = try section.choice("architecture", architecture)
    let embeddings = try section.choice("embeddings", EmbeddingTying.all)
    let transformer = try TransformerConfiguration(section.section("transformer"))
    let rnn = try RNNConfiguration(section.section("rnn"))
    try section.finish()
    switch architecture {
    case .transformer:
      self.init(
        transformer: transformer, sourceVocabularySize: vocabularySize, targetVocabularySize: vocabularySize,
        embeddings: embeddings)
    case .rnn:
      self.init(
        rnn: rnn, sourceVocabularySize: vocabularySize, targetVocabularySize: vocabularySize, embeddings: embeddings)
    }
    do {
      try validate()
    } catch let error as ConfigurationError {
      throw RecipeError.wrongType(
        key: "model.\(error.key)", line: nil, value: "this value", expected: "possible: \(error.problem)")
    }
  }
}

extension TransformerConfiguration {
  init(_ section: RecipeSection) throws {
    self.init()
    modelSize = try section.int("model_size", modelSize, in: 4...16384)
    feedForwardSize = try section.int("feed_forward_size", feedForwardSize, in: 1...131072)
    heads = try section.int("heads", heads, in: 1...256)
    encoderLayers = try section.int("encoder_layers", encoderLayers, in: 1...128)
    decoderLayers = try section.int("decoder_layers", decoderLayers, in: 1...128)
    let cell = try section.choice("decoder_cell", DecoderCellKind.selfAttention)
    decoderCell = cell == .selfAttention ? nil : cell
    dropout = try section.rate("dropout", dropout)
    attentionDropout = try section.rate("attention_dropout", attentionDropout)
    activationDropout = try section.rate("activation_dropout", activationDropout)
    activation = try section.choice("activation", activation)
    normalization = try section.choice("normalization", normalization)
    positions = try section.choice("positions", positions)
    layerNormEpsilon = Float(try section.double("layer_norm_epsilon", Double(layerNormEpsilon), in: 1e-12...0.5))
    scaleEmbeddings = try section.bool("scale_embeddings", scaleEmbeddings)
    finalNormalization = try section.bool("final_normalization", finalNormalization)
    maximumLength = try section.int("maximum_length", maximumLength, in: 2...65536)
    try section.finish()
  }
}

extension RNNConfiguration {
  init(_ section: RecipeSection) throws {
    self.init()
    cell = try section.choice("cell", cell)
    attention = try section.choice("attention", attention)
    embeddingSize = try section.int("embedding_size", embeddingSize, in: 1...16384)
    hiddenSize = try section.int("hidden_size", hiddenSize, in: 1...16384)
    attentionSize = try section.int("attention_size", attentionSize, in: 1...16384)
    encoderLayers = try section.int("encoder_layers", encoderLayers, in: 1...64)
    decoderLayers = try section.int("decoder_layers", decoderLayers, in: 1...64)
    bidirectional = try section.bool("bidirectional", bidirectional)
    residual = try section.bool("residual", residual)
    embeddingDropout = try section.rate("embedding_dropout", embeddingDropout)
    hiddenDropout = try section.rate("hidden_dropout", hiddenDropout)
    outputDropout = try section.rate("output_dropout", outputDropout)
    wordDropout = try section.rate("word_dropout", wordDropout)
    maximumLength = try section.int("maximum_length", maximumLength, in: 2...65536)
    try section.finish()
  }
}

extension TrainingSettings {
  init(_ section: RecipeSection) throws {
    batchTokens = try section.int("batch_tokens", batchTokens, in: 1...10_000_000)
    shards = try section.int("shards", shards, in: 1...256)
    lengthWindow = try section.int("length_window", lengthWindow, in: 1...1000)
    updates = try section.optionalInt("updates", in: 1...1_000_000_000)
    epochs = try section.optionalDouble("epochs", in: 0.001...1_000_000)
    maximumSeconds = try section.optionalDouble("max_seconds", in: 0...1e9)
    objective.smoothing = try section.rate("label_smoothing", objective.smoothing)
    objective.consistency = try section.choice("consistency", objective.consistency)
    objective.consistencyWeight = Float(
      try section.double("consistency_weight", Double(objective.consistencyWeight), in: 0...1000))
    objective.tokenCutoff = try section.rate("token_cutoff", objective.tokenCutoff)
    learningRate = try section.double("learning_rate", learningRate, in: 0...100)
    warmup = try section.int("warmup", warmup, in: 0...1_000_000_000)
    schedule = try section.choice("schedule", schedule)
    optimizer.method = try section.choice("optimizer", optimizer.method)
    optimizer.momentum = try section.rate("muon_momentum", optimizer.momentum)
    optimizer.beta1 = try section.rate("adam_beta1", optimizer.beta1)
    optimizer.beta2 = Float(try section.double("adam_beta2", Double(optimizer.beta2), in: 0...0.999999))
    optimizer.epsilon = Float(try section.double("adam_epsilon", Double(optimizer.epsilon), in: 1e-20...1))
    optimizer.weightDecay = Float(try section.double("weight_decay", 0, in: 0...1))
    clipNorm = try section.double("clip_norm", clipNorm, in: 0...1e9)
    averageDecay = try section.double("ema_decay", averageDecay, in: 0...0.999999)
    precision = try section.choice("precision", precision)
    seed = UInt64(try section.int("seed", Int(seed), in: 0...Int.max))
    depthScaling = try section.bool("depth_scaling", depthScaling)
    checkpointEvery = try section.int("checkpoint_every", checkpointEvery, in: 0...1_000_000_000)
    keepCheckpoints = try section.int("keep_checkpoints", keepCheckpoints, in: 1...10_000)
    averageLast = try section.int("average_last", averageLast, in: 0...10_000)
    savedPrecision = try section.choice("saved_precision", savedPrecision)
    try section.finish()
    guard precision != .int8 else {
      throw RecipeError.wrongType(
        key: section.full("precision"), line: nil, value: "int8", expected: "for training; use float32 or bfloat16")
    }
    guard updates != nil || epochs != nil else {
      throw RecipeError.missingKey(key: section.full("updates"), expected: "a number of updates (or training.epochs)")
    }
  }
}

extension ValidationSettings {
  init(_ section: RecipeSection) throws {
    every = try section.int("every", every, in: 0...1_000_000_000)
    metric = try section.choice("metric", metric)
    maximumLines = try section.int("maximum_lines", maximumLines, in: 1...1_000_000)
    beamSize = try section.int("beam_size", beamSize, in: 1...256)
    patience = try section.int("patience", patience, in: 0...1_000_000)
    try section.finish()
  }
}
