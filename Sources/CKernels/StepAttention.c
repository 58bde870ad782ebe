// Attention of the newest token of each hypothesis: over its own tokens, which lie anywhere in the pool of keys and values,
// and over the source, which the hypotheses of a sentence share.
#include "AttentionTile.h"

enum { ahead = 2 };
// Rows whose attention is made together, and keys that they all look at before the next: those of one block stay in the
// processor's nearest cache.
enum { most_together = 8, block = 16 };

#define LEFT(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
// The sums of the lanes of eight vectors, one after the other: each step adds halves and puts two vectors into one.
MT_INLINE void sum_eight(float *out, const vector *x) {
  vector y[4], z[2], w;
  for (int i = 0; i < 4; i++)
    y[i] = LEFT(x[2 * i], x[2 * i + 1], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
           LEFT(x[2 * i], x[2 * i + 1], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  for (int i = 0; i < 2; i++)
    z[i] = LEFT(y[2 * i], y[2 * i + 1], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
           LEFT(y[2 * i], y[2 * i + 1], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  w = LEFT(z[0], z[1], 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29) +
      LEFT(z[0], z[1], 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
  w = LEFT(w, w, 0, 2, 4, 6, 8, 10, 12, 14, 0, 2, 4, 6, 8, 10, 12, 14) +
      LEFT(w, w, 1, 3, 5, 7, 9, 11, 13, 15, 1, 3, 5, 7, 9, 11, 13, 15);
  memcpy(out, &w, 8 * sizeof(float));
}
#undef LEFT

// Where a row of keys or values lies.
typedef struct {
  const float *base;
  int64_t stride;
  const int32_t *index;
} row_list;

MT_INLINE const float *row_of(const row_list *rows, int64_t j) {
  return rows->base + rows->index[j] * rows->stride;
}

// Rows lie anywhere in a cache too large for the processor's nearest, so they are asked for before their turn.
MT_INLINE void ask_for(const float *row, int64_t count) {
  for (int64_t c = 0; c < count; c += lane) __builtin_prefetch(row + c);
}

// w[j·heads + h] = q·key_j in head h, for the keys from `start` to `end` of `count`. Heads whose features fill whole
// vectors are summed eight at a time.
MT_INLINE void step_scores(float *w, const float *q, const row_list *keys, int64_t start, int64_t end, int64_t count,
                           bool asks, int64_t heads, int64_t head_size, bool is_known) {
  MT_REASSOCIATE
  if (is_known && head_size % lane == 0 && heads % 8 == 0) {
    for (int64_t h = 0; h < heads; h += 8) {
      for (int64_t j = start; j < end; j++) {
        if (asks && j + ahead < count) ask_for(row_of(keys, j + ahead) + h * head_size, 8 * head_size);
        const float *x = row_of(keys, j) + h * head_size, *y = q + h * head_size;
        vector sums[8];
#pragma clang loop unroll(full)
        for (int64_t i = 0; i < 8; i++) {
          sums[i] = LOAD(y + i * head_size) * LOAD(x + i * head_size);
#pragma clang loop unroll(full)
          for (int64_t c = lane; c < head_size; c += lane)
            sums[i] += LOAD(y + i * head_size + c) * LOAD(x + i * head_size + c);
        }
        sum_eight(w + j * heads + h, sums);
      }
    }
  } else {
    for (int64_t j = start; j < end; j++) {
      const float *x = row_of(keys, j);
      for (int64_t h = 0; h < heads; h++) {
        float sum = 0;
        for (int64_t c = 0; c < head_size; c++) sum += q[h * head_size + c] * x[h * head_size + c];
        w[j * heads + h] = sum;
      }
    }
  }
}

// The softmax of each head over `count` keys. Where heads divide a vector, a vector holds the same heads at every
// place, so that all is done lane by lane; the last one is filled up with nothing.
MT_INLINE void step_softmax(float *w, int64_t count, int64_t heads, float scale) {
  MT_REASSOCIATE
  if (lane % heads == 0) {
    int64_t size = count * heads, width = padded(size);
    float most[lane], sums[lane];
    for (int64_t i = size; i < width; i++) w[i] = -INFINITY;
    for (int64_t l = 0; l < lane; l++) most[l] = -INFINITY;
    for (int64_t i = 0; i < width; i += lane)
      for (int64_t l = 0; l < lane; l++) most[l] = w[i + l] > most[l] ? w[i + l] : most[l];
    for (int64_t h = 0; h < heads; h++) {
      float m = most[h];
      for (int64_t l = h; l < lane; l += heads) m = most[l] > m ? most[l] : m;
      for (int64_t l = h; l < lane; l += heads) most[l] = m;
    }
    for (int64_t l = 0; l < lane; l++) sums[l] = 0;
    for (int64_t i = 0; i < width; i += lane)
      for (int64_t l = 0; l < lane; l++) {
        float e = mt_exp((w[i + l] - most[l]) * scale);
        w[i + l] = e;
        sums[l] += e;
      }
    for (int64_t h = 0; h < heads; h++) {
      float s = 0;
      for (int64_t l = h; l < lane; l += heads) s += sums[l];
      for (int64_t l = h; l < lane; l += heads) sums[l] = 1.0f / s;
    }
    for (int64_t i = 0; i < width; i += lane)
      for (int64_t l = 0; l < lane; l++) w[i + l] *= sums[l];
  } else {
    for (int64_t h = 0; h < heads; h++) {
      float most = -INFINITY, sum = 0;
      for (int64_t j = 0; j < count; j++) most = w[j * heads + h] > most ? w[j * heads + h] : most;
      for (int64_t j = 0; j < count; j++) {
        float e = mt_exp((w[j * heads + h] - most) * scale);
        w[j * heads + h] = e;
        sum += e;
      }
      float factor = 1.0f / sum;
      for (int64_t j = 0; j < count; j++) w[j * heads + h] *= factor;
    }
  }
}

// out[h] += Σ_j w[j, h]·value_j[h] over the keys from `start` to `end`, the first of which begin the sum. `group` heads at
// a time have their sums in registers.
MT_INLINE void step_values(float *restrict out, const float *w, const row_list *values, int64_t start, int64_t end,
                           int64_t count, bool asks, int64_t heads, int64_t head_size, int64_t group) {
  vector sums[8];
  int64_t parts = head_size / lane;
  for (int64_t h = 0; h < heads; h += group) {
#pragma clang loop unroll(full)
    for (int64_t i = 0; i < group * parts; i++) sums[i] = start ? LOAD(out + h * head_size + i * lane) : (vector){0};
    for (int64_t j = start; j < end; j++) {
      if (asks && j + ahead < count) ask_for(row_of(values, j + ahead) + h * head_size, group * head_size);
      const float *x = row_of(values, j) + h * head_size;
#pragma clang loop unroll(full)
      for (int64_t g = 0; g < group; g++)
#pragma clang loop unroll(full)
        for (int64_t c = 0; c < parts; c++)
          sums[g * parts + c] += LOAD(x + g * head_size + c * lane) * w[j * heads + h + g];
    }
#pragma clang loop unroll(full)
    for (int64_t i = 0; i < group * parts; i++) memcpy(out + h * head_size + i * lane, &sums[i], sizeof(vector));
  }
}

// Attention in all heads of a few rows that look at much the same keys; `lists` says where each row's keys lie, `values` is
// the values' first row. What a row gets does not depend on the others.
MT_INLINE void step_rows(float *y, int64_t y_stride, const float *q, int64_t q_stride, const row_list *lists,
                         const float *values, const int64_t *counts, int64_t rows, int64_t heads, int64_t head_size,
                         float *weights, int64_t weights_stride, bool is_known) {
#pragma clang fp contract(fast)
  int64_t longest = 0;
  for (int64_t r = 0; r < rows; r++) longest = counts[r] > longest ? counts[r] : longest;
  for (int64_t start = 0; start < longest; start += block)
    for (int64_t r = 0; r < rows; r++)
      step_scores(weights + r * weights_stride, q + r * q_stride, &lists[r], start,
                  start + block < counts[r] ? start + block : counts[r], counts[r], r == 0, heads, head_size, is_known);
  for (int64_t r = 0; r < rows; r++)
    step_softmax(weights + r * weights_stride, counts[r], heads, 1.0f / __builtin_sqrtf((float)head_size));
  for (int64_t start = 0; start < longest; start += block) {
    for (int64_t r = 0; r < rows; r++) {
      row_list list = lists[r];
      list.base = values;
      float *out = y + r * y_stride;
      const float *w = weights + r * weights_stride;
      int64_t end = start + block < counts[r] ? start + block : counts[r];
      if (is_known) {
        if (start < end)
          step_values(out, w, &list, start, end, counts[r], r == 0, heads, head_size, 128 / head_size);
      } else {
        for (int64_t c = 0; start == 0 && c < heads * head_size; c++) out[c] = 0;
        for (int64_t j = start; j < end; j++)
          for (int64_t h = 0; h < heads; h++)
            mt_add_scaled_of(out + h * head_size, row_of(&list, j) + h * head_size, w[j * heads + h], head_size);
      }
    }
  }
}

MT_INLINE void attention_step_of(float *y, const float *q, int64_t q_stride, const float *keys, const float *values,
                                 int64_t kv_stride, const int32_t *index, int64_t index_stride,
                                 const int32_t *counts, int64_t rows, int64_t heads, int64_t head_size, float *weights,
                                 int64_t weights_stride, bool is_known) {
  for (int64_t r = 0, together; r < rows; r += together) {
    row_list lists[most_together];
    int64_t lengths[most_together];
    // The hypotheses of a sentence follow one another and begin with the same key.
    for (together = 0; together < most_together && r + together < rows; together++) {
      int64_t at = r + together;
      lists[together] = (row_list){keys, kv_stride, index + at * index_stride};
      lengths[together] = counts[at];
      if (together > 0 && row_of(&lists[together], 0) != row_of(&lists[0], 0)) break;
    }
    step_rows(y + r * heads * head_size, heads * head_size, q + r * q_stride, q_stride, lists, values, lengths,
              together, heads, head_size, weights + r * weights_stride, weights_stride, is_known);
  }
}

int64_t mt_attention_step_weights(int64_t longest, int64_t heads) { return padded(longest * heads); }

MT_CLONES void mt_attention_step(float *y, const float *q, int64_t q_stride, const float *keys, const float *values,
                                 int64_t kv_stride, const int32_t *index, int64_t index_stride,
                                 const int32_t *counts, int64_t rows, int64_t heads, int64_t head_size, float *weights,
                                 int64_t weights_stride) {
#define CALL(heads, size, is_known) attention_step_of(y, q, q_stride, keys, values, kv_stride, index, index_stride, counts, \
                                                      rows, heads, size, weights, weights_stride, is_known)
  // Constants for the usual shapes, so that the compiler unrolls the loops over heads and their features.
  if (heads == 8 && head_size == 32) CALL(8, 32, true);
  else if (heads == 8 && head_size == 64) CALL(8, 64, true);
  else if (heads == 16 && head_size == 64) CALL(16, 64, true);
  else CALL(heads, head_size, false);
#undef CALL
}

// ---- Over the source -------------------------------------------------------------------------------

// A head's keys, transposed, and then its values: what a step reads lies in the order in which it is read.
MT_INLINE int64_t packed_head(int64_t count, int64_t head_size) { return (padded(count) + count) * head_size; }

int64_t mt_packed_source(int64_t count, int64_t heads, int64_t head_size) { return packed_head(count, head_size) * heads; }

MT_CLONES void mt_pack_source(float *out, const float *keys, const float *values, int64_t stride, int64_t count,
                              int64_t heads, int64_t head_size) {
  for (int64_t h = 0; h < heads; h++, out += packed_head(count, head_size)) {
    transpose(out, keys + h * head_size, stride, count, padded(count), head_size);
    for (int64_t j = 0; j < count; j++)
      memcpy(out + (padded(count) + j) * head_size, values + j * stride + h * head_size, (size_t)head_size * sizeof(float));
  }
}

int64_t mt_source_attention_weights(int64_t longest, int64_t heads) { return padded(longest) * heads; }

MT_INLINE void source_attention_of(float *y, const float *q, const float *packed, const int64_t *offsets,
                                   const int32_t *counts, int64_t rows, int64_t heads, int64_t head_size, float *weights,
                                   int64_t weights_stride) {
  int64_t size = heads * head_size;
  for (int64_t r = 0, together; r < rows; r += together) {
    int64_t same = 1, lengths[most_in_tile], count = counts[r], width = padded(count);
    while (r + same < rows && offsets[r + same] == offsets[r]) same++;
    together = rows_of_tile(same);
    for (int64_t i = 0; i < together; i++) lengths[i] = count;
    for (int64_t h = 0; h < heads; h++) {
      const float *keys = packed + offsets[r] + h * packed_head(count, head_size);
      tile_of(y + r * size + h * head_size, size, q + r * size + h * head_size, size, keys, width, keys + width * head_size,
              head_size, lengths, together, head_size, weights + r * weights_stride + h * width, weights_stride, NULL);
    }
  }
}

MT_CLONES void mt_source_attention(float *y, const float *q, const float *packed, const int64_t *offsets,
                                   const int32_t *counts, int64_t rows, int64_t heads, int64_t head_size, float *weights,
                                   int64_t weights_stride) {
#define CALL(size) source_attention_of(y, q, packed, offsets, counts, rows, heads, size, weights, weights_stride)
  // Loops over a head's features have a length the compiler knows for the usual head sizes.
  switch (head_size) {
    case 32: CALL(32); break;
    case 64: CALL(64); break;
    default: CALL(head_size); break;
  }
#undef CALL
}
