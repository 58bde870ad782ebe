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
    subcommands: [HuggingFaceMarianImport.self])
}

/// `mt import hf-marian`
struct HuggingFaceMarianImport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hf-marian",
    abstract: "A Hugging Face MarianMT directory, such as an OPUS-MT model.",
    discussion: """
      Reads config.json, model.safetensors, vocab.json, source.spm and target.spm, and generation_config.json and \
      tokenizer_config.json where they are.

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

extension HuggingFaceMarian.Report {
  /// Languages and size in a line.
  var summary: String {
    let pieces = description.model.sourceVocabularySize
    return "\(description.sourceLanguage) → \(description.targetLanguage), \(parameterCount) parameters, \(pieces) pieces"
  }
}
