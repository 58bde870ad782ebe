import Autograd
import Foundation
import NeuralNet
import Seq2Seq
import TextProcessing

/// A recipe: everything that decides what a run learns, and from what. Keys are explained in
/// `Models/recipes/tutorial.yaml`.
public struct Recipe: Sendable {
  /// The file's name without its extension.
  public var name: String
  /// Where the recipe lies: corpora may lie beside it.
  public var directory: URL
  /// BCP 47.
  public var sourceLanguage: String
  public var targetLanguage: String
  public var train: [CorpusFiles]
  /// A model directory to begin from, with its text and its shape.
  public var startFrom: String?
  /// The kind of model whose dropouts the recipe gives beside `startFrom`; nil if it gives none.
  public var startArchitecture: ArchitectureKind?
  /// Beginnings of the names of parameters that stay as they are.
  public var frozen: [String]
  public var temperature: Double
  public var valid: CorpusFiles?
  public var cleaning: CleaningOptions
  /// In subwords with end symbol; longer pairs are not learnt from.
  public var maximumLength: Int
  public var text: TextConfiguration
  /// In place of our own subwords.
  public var sentencePiece: SentencePieceChoice?
  /// Of merges left out while training (Provilkov et al. 2020).
  public var bpeDropout: Double
  /// Pairs from which the vocabulary is learnt, spread evenly over all corpora; 0 takes all.
  public var learningLines: Int
  public var augmentation: Augmentation
  /// Vocabulary sizes are filled in when the vocabulary has been learnt.
  public var model: ModelConfiguration
  public var training: TrainingSettings
  public var validation: ValidationSettings
  /// The recipe with `--set` applied, as YAML: what a run was made with.
  public var canonicalText: String
  /// The part of it that must not change when a run is continued: what decides the learning, but not for how long.
  public var identity: String
}

/// Where a SentencePiece model comes from.
public enum SentencePieceChoice: Sendable, Equatable {
  case learnt(SentencePieceKind)
  /// Files; one for both sides where they are the same.
  case given(source: String, target: String)
}

/// Two aligned files.
public struct CorpusFiles: Sendable, Equatable {
  public var source: String
  public var target: String
  /// How often an epoch sees the corpus, before `temperature`.
  public var weight: Double = 1
}

public struct TrainingSettings: Sendable, Equatable {
  public var batchTokens = 4000
  public var shards = 4
  public var lengthWindow = 1
  /// nil: as many as `epochs` take.
  public var updates: Int?
  public var epochs: Double?
  public var maximumSeconds: Double?
  public var objective = Objective()
  public var learningRate = 1e-3
  public var warmup = 1000
  public var schedule = ScheduleKind.inverseSquareRoot
  public var optimizer = Optimizer.Options()
  public var clipNorm = 1.0
  public var averageDecay = 0.0
  public var precision = Precision.float32
  public var seed: UInt64 = 1
  /// Starting weights of a transformer's layer l times 1/√l.
  public var depthScaling = false
  public var checkpointEvery = 1000
  public var keepCheckpoints = 3
  /// Checkpoints averaged into the model at the end; 0: the best validation's parameters.
  public var averageLast = 0
  /// Of the model file.
  public var savedPrecision = Precision.float32
}

public struct ValidationSettings: Sendable, Equatable {
  public var every = 500
  public var metric = ValidationMetric.bleu
  /// Lines that are translated for BLEU and chrF; perplexity sees all.
  public var maximumLines = 500
  public var beamSize = 1
  public var patience = 0
}
