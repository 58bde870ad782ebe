import ArgumentParser
import Foundation
import Interchange
import Translation

/// `mt export`
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Turn a model of ours into one of another system.",
    subcommands: [HuggingFaceMarianExport.self, MarianExport.self])
}

/// `mt export hf-marian`
struct HuggingFaceMarianExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hf-marian",
    abstract: "A Hugging Face MarianMT directory, for transformers and CTranslate2.",
    discussion: """
      For transformers with normalization: post, without final_normalization and with self-attention in the decoder. \
      Weights are written as float32. The SentencePiece models are written for models trained with tokenizer: marks or \
      whitespace, byte_fallback: true, lowercase: false and normal_form: nfc or none, and for imported ones; else a \
      warning says what is missing. They cut text alike but for marks typed out of their canonical order (three in Hebrew or Arabic, two \
      elsewhere) and characters above U+3000 that are not in it.

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

/// `mt export marian`
struct MarianExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "marian",
    abstract: "A directory for Marian: model, vocabularies and decoder.yml.",
    discussion: """
      For transformers of either normalization and either decoder_cell, and for attention RNNs of the cells gru and lstm \
      with one bidirectional encoder layer and additive attention. Weights are written as float32. Marian computes a \
      transformer's positions and norms its own way: log-probabilities are equal where the model was trained with \
      positions: marian and layer_norm_epsilon: 1e-6, and a warning says where they are not. Vocabularies are \
      SentencePiece models, or lists of words where the text was trained otherwise than `mt help export hf-marian` says.

      Example:  mt export marian Models/fr-en fr-en-marian
      """)

  @Argument(help: "The model to read.", completion: .directory)
  var model: String

  @Argument(help: "The directory to make.", completion: .directory)
  var output: String

  @Option(help: "The model file's format: npz or bin.")
  var format = Marian.Format.npz

  func run() throws {
    let report = try Marian.exportModel(
      from: URL(fileURLWithPath: model), to: URL(fileURLWithPath: output), format: format)
    for warning in report.warnings { warn("warning: \(warning)") }
    try StandardOutput.shared.write(line: "\(output): \(report.summary)")
  }
}

extension Marian.Format: ExpressibleByArgument {}
