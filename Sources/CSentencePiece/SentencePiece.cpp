#include "CSentencePiece.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include <sentencepiece_processor.h>

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
