import ArgumentParser
import Foundation
import Interchange
import Translation

/// `mt export`
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Turn a model of ours into one of another system.",
    subcommands: [HuggingFaceMarianExport.self])
}

/// `mt export hf-marian`
struct HuggingFaceMarianExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hf-marian",
    abstract: "A Hugging Face MarianMT directory, for transformers and CTranslate2.",
    discussion: """
      For transformers with normalization: post and without final_normalization. Weights are written as float32. The \
      SentencePiece models are written for models trained with tokenizer: marks or whitespace, byte_fallback: true, \
      lowercase: false and normal_form: nfc, and for imported ones; else a warning says what is missing.

      Example:  mt export hf-marian Models/fr-en fr-en-hf
      """)

  @Argument(help: "The model to read.", completion: .directory)
  var model: String

  @Argument(help: "The directory to make.", completion: .directory)
  var output: String

  func run() throws {
    let report = try HuggingFaceMarian.exportModel(
      from: URL(fileURLWithPath: model), to: URL(fileURLWithPath: output))
    for warning in report.warnings { warn("warning: \(warning)") }
    try StandardOutput.shared.write(line: "\(output): \(report.summary)")
  }
}
