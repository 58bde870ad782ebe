import ArgumentParser
import Foundation
import Interchange
import Translation

/// `mt import`
struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Turn another system's model into one of ours.",
    discussion: """
      Every other command then works on it. Its tokens, log-probabilities and search settings stay what they were.
      """,
    subcommands: [HuggingFaceMarianImport.self, MarianImport.self])
}

/// `mt import hf-marian`
struct HuggingFaceMarianImport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hf-marian",
    abstract: "A Hugging Face MarianMT directory, such as an OPUS-MT model.",
    discussion: """
      Reads config.json, model.safetensors or pytorch_model.bin (none of whose code is run), vocab.json, source.spm and \
      target.spm, and generation_config.json and tokenizer_config.json where they are.

      Example:  mt import hf-marian opus-mt-fr-en Models/opus-fr-en
      """)

  @Argument(help: "The directory to read.", completion: .directory)
  var directory: String

  @Argument(help: "The model directory to make.", completion: .directory)
  var output: String

  @Option(
    help: ArgumentHelp(
      "Which language a multilingual model shall translate into: xxx of its codes >>xxx<<, or none.", valueName: "code"))
  var targetLanguage: String?

  func run() throws {
    let report = try HuggingFaceMarian.importModel(
      from: URL(fileURLWithPath: directory), to: URL(fileURLWithPath: output), targetLanguage: targetLanguage)
    for warning in report.warnings { warn("warning: \(warning)") }
    try StandardOutput.shared.write(line: "\(output): \(report.summary)")
  }
}

/// `mt import marian`
struct MarianImport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "marian",
    abstract: "A model file of Marian's own, .npz or .bin.",
    discussion: """
      Reads transformers, with self-attention or SSRU in the decoder, and the recurrent models s2s and amun; the \
      configuration embedded in the file says which. Numbers may be float32 or intgemm's 8 or 16 bits. A vocabulary is a \
      SentencePiece model (.spm), a map (.yml, .json) or a word a line. The latter two may list SentencePiece's pieces: \
      then give the models that cut text too. Else lines must be cut into words as they were for training.

      Example:  mt import marian model.npz vocab.spm vocab.spm Models/marian-fr-en --source-language fr
      """)

  @Argument(help: "The model file.", completion: .file())
  var model: String

  @Argument(help: "The source's vocabulary.", completion: .file())
  var sourceVocabulary: String

  @Argument(help: "The target's vocabulary, which may be the same file.", completion: .file())
  var targetVocabulary: String

  @Argument(help: "The model directory to make.", completion: .directory)
  var output: String

  @Option(help: ArgumentHelp("The language read, as fr or en-GB.", valueName: "tag"))
  var sourceLanguage = "und"

  @Option(help: ArgumentHelp("The language written.", valueName: "tag"))
  var targetLanguage = "und"

  @Option(
    help: ArgumentHelp(
      "A decoder.yml of Marian's, whose beam-size and normalize become the model's own.", valueName: "file"),
    completion: .file())
  var decoder: String?

  @Option(
    help: ArgumentHelp("The SentencePiece model whose pieces the vocabularies list.", valueName: "file"),
    completion: .file())
  var sentencePiece: String?

  @Option(
    help: ArgumentHelp("The target's, where it is another. (default: the same)", valueName: "file"), completion: .file())
  var targetSentencePiece: String?

  @Option(
    help: ArgumentHelp(
      "Which language a multilingual model shall translate into: xxx of its codes >>xxx<<, or none.", valueName: "code"))
  var targetCode: String?

  func validate() throws {
    if targetSentencePiece != nil, sentencePiece == nil {
      throw ValidationError("--target-sentence-piece goes with --sentence-piece.")
    }
    for (name, tag) in [("--source-language", sourceLanguage), ("--target-language", targetLanguage)] {
      guard ModelDescription.isLanguageTag(tag) else {
        throw ValidationError("\(name): \"\(tag)\" is not a language tag (BCP 47) such as \"fr\".")
      }
    }
  }

  func run() throws {
    func url(_ path: String) -> URL { URL(fileURLWithPath: path) }
    var options = Marian.ImportOptions()
    (options.sourceLanguage, options.targetLanguage) = (sourceLanguage, targetLanguage)
    options.decoderConfiguration = decoder.map(url)
    (options.sourceSentencePiece, options.targetSentencePiece) = (sentencePiece.map(url), targetSentencePiece.map(url))
    options.targetCode = targetCode
    let report = try Marian.importModel(
      url(model), sourceVocabulary: url(sourceVocabulary), targetVocabulary: url(targetVocabulary), to: url(output),
      options: options)
    for warning in report.warnings { warn("warning: \(warning)") }
    try StandardOutput.shared.write(line: "\(output): \(report.summary)")
  }
}

extension HuggingFaceMarian.Report {
  /// Languages and size in a line.
  var summary: String {
    let pieces = description.model.sourceVocabularySize
    return "\(description.sourceLanguage) → \(description.targetLanguage), \(parameterCount) parameters, \(pieces) pieces"
  }
}
