// Lets Swift call libsentencepiece, which is C++: load, look at the pieces, encode, learn. No exception leaves.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mt_sentencepiece mt_sentencepiece;

/// Reads a serialised ModelProto. Null if it cannot be used; `message` then says why, cut to `capacity` bytes with its
/// final zero.
mt_sentencepiece *mt_sentencepiece_load(const void *bytes, int64_t length, char *message, int64_t capacity);
void mt_sentencepiece_free(mt_sentencepiece *model);

int32_t mt_sentencepiece_count(const mt_sentencepiece *model);
/// The piece of an id below the count: bytes that stay the model's, and their number.
const char *mt_sentencepiece_piece(const mt_sentencepiece *model, int32_t id, int64_t *length);
bool mt_sentencepiece_is_unknown(const mt_sentencepiece *model, int32_t id);
bool mt_sentencepiece_is_control(const mt_sentencepiece *model, int32_t id);
bool mt_sentencepiece_is_byte(const mt_sentencepiece *model, int32_t id);

/// Called with each piece of a text in order: its id, and its own bytes, valid during the call.
typedef void (*mt_sentencepiece_visitor)(void *context, int32_t id, const char *piece, int64_t length);
/// Encodes UTF-8. Any number of threads may do so with one model. False if the library refused.
bool mt_sentencepiece_encode(
    const mt_sentencepiece *model, const char *text, int64_t length, void *context, mt_sentencepiece_visitor visit);

/// How a model is learnt: pieces in all, with the end symbol 0 and the unknown piece 1, and the share of characters that
/// become pieces.
typedef struct {
  bool is_bpe;
  int32_t vocabulary_size;
  double character_coverage;
  bool byte_fallback;
  bool split_digits;
} mt_sentencepiece_training;

/// Gives the next line, UTF-8, valid until the next call; false where there is none.
typedef bool (*mt_sentencepiece_source)(void *context, const char **text, int64_t *length);
/// Is given the learnt model, a serialised ModelProto, valid during the call.
typedef void (*mt_sentencepiece_sink)(void *context, const void *bytes, int64_t length);
/// Learns a unigram or BPE model from lines; the same from the same. False if the library refused; `message` then says
/// why, as in `mt_sentencepiece_load`.
bool mt_sentencepiece_train(
    mt_sentencepiece_training options, void *context, mt_sentencepiece_source next, mt_sentencepiece_sink done,
    char *message, int64_t capacity);

#ifdef __cplusplus
}
#endif
