#include "CSentencePiece.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

struct mt_sentencepiece {
  sentencepiece::SentencePieceProcessor processor;
};

static void tell(const std::string &reason, char *message, int64_t capacity) {
  if (capacity <= 0) return;
  const size_t length = std::min(reason.size(), static_cast<size_t>(capacity - 1));
  std::memcpy(message, reason.data(), length);
  message[length] = 0;
}

mt_sentencepiece *mt_sentencepiece_load(const void *bytes, int64_t length, char *message, int64_t capacity) {
  try {
    auto model = std::make_unique<mt_sentencepiece>();
    const auto status = model->processor.LoadFromSerializedProto(
        std::string_view(static_cast<const char *>(bytes), static_cast<size_t>(length)));
    if (status.ok()) return model.release();
    tell(status.ToString(), message, capacity);
  } catch (const std::exception &error) {
    tell(error.what(), message, capacity);
  } catch (...) {
    tell("unknown exception", message, capacity);
  }
  return nullptr;
}

void mt_sentencepiece_free(mt_sentencepiece *model) { delete model; }

int32_t mt_sentencepiece_count(const mt_sentencepiece *model) { return model->processor.GetPieceSize(); }

const char *mt_sentencepiece_piece(const mt_sentencepiece *model, int32_t id, int64_t *length) {
  const std::string &piece = model->processor.IdToPiece(id);
  *length = static_cast<int64_t>(piece.size());
  return piece.data();
}

bool mt_sentencepiece_is_unknown(const mt_sentencepiece *model, int32_t id) { return model->processor.IsUnknown(id); }
bool mt_sentencepiece_is_control(const mt_sentencepiece *model, int32_t id) { return model->processor.IsControl(id); }
bool mt_sentencepiece_is_byte(const mt_sentencepiece *model, int32_t id) { return model->processor.IsByte(id); }

bool mt_sentencepiece_encode(
    const mt_sentencepiece *model, const char *text, int64_t length, void *context, mt_sentencepiece_visitor visit) {
  try {
    sentencepiece::ImmutableSentencePieceText result;
    const auto status =
        model->processor.Encode(std::string_view(text, static_cast<size_t>(length)), result.mutable_proto());
    if (!status.ok()) return false;
    for (size_t i = 0; i < result.pieces_size(); ++i) {
      const auto piece = result.pieces(static_cast<int>(i));
      const std::string &bytes = piece.piece();
      visit(context, static_cast<int32_t>(piece.id()), bytes.data(), static_cast<int64_t>(bytes.size()));
    }
    return true;
  } catch (...) {
    return false;
  }
}

namespace {

/// Lines from a function.
class Lines : public sentencepiece::SentenceIterator {
 public:
  Lines(void *context, mt_sentencepiece_source next) : context_(context), next_(next) { Next(); }
  bool done() const override { return done_; }
  void Next() override {
    const char *text = nullptr;
    int64_t length = 0;
    done_ = !next_(context_, &text, &length);
    line_.assign(done_ ? "" : text, done_ ? 0 : static_cast<size_t>(length));
  }
  const std::string &value() const override { return line_; }
  sentencepiece::util::Status status() const override { return sentencepiece::util::Status(); }

 private:
  void *context_;
  mt_sentencepiece_source next_;
  bool done_ = false;
  std::string line_;
};

}  // namespace

bool mt_sentencepiece_train(
    mt_sentencepiece_training options, void *context, mt_sentencepiece_source next, mt_sentencepiece_sink done,
    char *message, int64_t capacity) {
  try {
    Lines lines(context, next);
    std::string model;
    const auto flag = [](bool value) { return std::string(value ? "true" : "false"); };
    // The number of threads decides the order of sums, and so is not the machine's.
    const auto status = sentencepiece::SentencePieceTrainer::Train(
        {{"model_type", options.is_bpe ? "bpe" : "unigram"},
         {"vocab_size", std::to_string(options.vocabulary_size)},
         {"character_coverage", std::to_string(options.character_coverage)},
         {"byte_fallback", flag(options.byte_fallback)},
         {"split_digits", flag(options.split_digits)},
         {"hard_vocab_limit", "false"},
         {"eos_id", "0"}, {"unk_id", "1"}, {"bos_id", "-1"}, {"pad_id", "-1"},
         {"num_threads", "4"}, {"minloglevel", "2"}, {"max_sentence_length", "65536"}},
        &lines, &model);
    if (!status.ok()) {
      tell(status.ToString(), message, capacity);
      return false;
    }
    done(context, model.data(), static_cast<int64_t>(model.size()));
    return true;
  } catch (const std::exception &error) {
    tell(error.what(), message, capacity);
  } catch (...) {
    tell("unknown exception", message, capacity);
  }
  return false;
}
