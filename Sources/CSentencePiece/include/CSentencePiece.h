// Lets Swift call libsentencepiece, which is C++: load, look at the pieces, encode. No exception leaves.
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

#ifdef __cplusplus
}
#endif
