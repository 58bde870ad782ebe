import Foundation
import Translation

/// What `config.json` and `generation_config.json` of a Hugging Face MarianMT directory say, as far as it matters here.
/// Keys and defaults: transformers, `models/marian/configuration_marian.py`.
struct HuggingFaceConfiguration: Codable, Equatable {
  var architectures: [String]? = ["MarianMTModel"]
  var modelType = "marian"
  var vocabularySize = 0
  var decoderVocabularySize: Int?
  var modelSize = 0
  var encoderLayers = 0
  var decoderLayers = 0
  var encoderHeads = 0
  var decoderHeads = 0
  var encoderFeedForwardSize = 0
  var decoderFeedForwardSize = 0
  var activation = ""
  var dropout: Float?
  var attentionDropout: Float?
  var activationDropout: Float?
  var scaleEmbedding: Bool?
  var staticPositionEmbeddings: Bool?
  var normalizeBefore: Bool?
  var normalizeEmbedding: Bool?
  var addFinalLayerNorm: Bool?
  var maximumPositions: Int?
  var shareEncoderDecoderEmbeddings: Bool?
  var tieWordEmbeddings: Bool?
  var isEncoderDecoder: Bool? = true
  var padToken = 0
  var endToken: Int?
  var beginToken: Int?
  var decoderStartToken = 0

  enum CodingKeys: String, CodingKey {
    case architectures
    case modelType = "model_type"
    case vocabularySize = "vocab_size"
    case decoderVocabularySize = "decoder_vocab_size"
    case modelSize = "d_model"
    case encoderLayers = "encoder_layers"
    case decoderLayers = "decoder_layers"
    case encoderHeads = "encoder_attention_heads"
    case decoderHeads = "decoder_attention_heads"
    case encoderFeedForwardSize = "encoder_ffn_dim"
    case decoderFeedForwardSize = "decoder_ffn_dim"
    case activation = "activation_function"
    case dropout
    case attentionDropout = "attention_dropout"
    case activationDropout = "activation_dropout"
    case scaleEmbedding = "scale_embedding"
    case staticPositionEmbeddings = "static_position_embeddings"
    case normalizeBefore = "normalize_before"
    case normalizeEmbedding = "normalize_embedding"
    case addFinalLayerNorm = "add_final_layer_norm"
    case maximumPositions = "max_position_embeddings"
    case shareEncoderDecoderEmbeddings = "share_encoder_decoder_embeddings"
    case tieWordEmbeddings = "tie_word_embeddings"
    case isEncoderDecoder = "is_encoder_decoder"
    case padToken = "pad_token_id"
    case endToken = "eos_token_id"
    case beginToken = "bos_token_id"
    case decoderStartToken = "decoder_start_token_id"
  }
}

/// How transformers search with a model; `generation_config.json` goes before `config.json`, which older models have.
struct HuggingFaceGeneration: Codable, Equatable {
  var beams: Int?
  var lengthPenalty: Double?
  var earlyStopping: EarlyStopping?
  var maximumLength: Int?
  var forbiddenSequences: [[Int]]?
  var forcedBeginToken: Int?
  var forcedEndToken: Int?
  var padToken: Int?
  var endToken: Int?
  var beginToken: Int?
  var decoderStartToken: Int?

  enum CodingKeys: String, CodingKey {
    case beams = "num_beams"
    case lengthPenalty = "length_penalty"
    case earlyStopping = "early_stopping"
    case maximumLength = "max_length"
    case forbiddenSequences = "bad_words_ids"
    case forcedBeginToken = "forced_bos_token_id"
    case forcedEndToken = "forced_eos_token_id"
    case padToken = "pad_token_id"
    case endToken = "eos_token_id"
    case beginToken = "bos_token_id"
    case decoderStartToken = "decoder_start_token_id"
  }

  /// true, false or "never".
  enum EarlyStopping: Codable, Equatable {
    case whenFull, heuristic, never

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      if let flag = try? value.decode(Bool.self) {
        self = flag ? .whenFull : .heuristic
        return
      }
      guard try value.decode(String.self) == "never" else {
        throw DecodingError.dataCorruptedError(in: value, debugDescription: "expected true, false or \"never\"")
      }
      self = .never
    }

    func encode(to encoder: any Encoder) throws {
      var value = encoder.singleValueContainer()
      switch self {
      case .whenFull: try value.encode(true)
      case .heuristic: try value.encode(false)
      case .never: try value.encode("never")
      }
    }
  }

  /// What this says, and where it is silent what `other` says.
  func over(_ other: HuggingFaceGeneration) -> HuggingFaceGeneration {
    var result = self
    result.beams = beams ?? other.beams
    result.lengthPenalty = lengthPenalty ?? other.lengthPenalty
    result.earlyStopping = earlyStopping ?? other.earlyStopping
    result.maximumLength = maximumLength ?? other.maximumLength
    result.forbiddenSequences = forbiddenSequences ?? other.forbiddenSequences
    result.forcedBeginToken = forcedBeginToken ?? other.forcedBeginToken
    result.forcedEndToken = forcedEndToken ?? other.forcedEndToken
    return result
  }
}

/// `tokenizer_config.json`.
struct HuggingFaceTokenizerConfiguration: Codable, Equatable {
  var sourceLanguage: String?
  var targetLanguage: String?
  var separateVocabularies: Bool?
  var maximumLength: Int?
  var tokenizerClass: String? = "MarianTokenizer"

  enum CodingKeys: String, CodingKey {
    case sourceLanguage = "source_lang"
    case targetLanguage = "target_lang"
    case separateVocabularies = "separate_vocabs"
    case maximumLength = "model_max_length"
    case tokenizerClass = "tokenizer_class"
  }
}
