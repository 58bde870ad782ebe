#include "Math.h"

enum { lane = 16, ahead = 2 };
MT_INLINE int64_t padded(int64_t n) { return (n + lane - 1) / lane * lane; }

int64_t mt_attention_scratch(int64_t longest, int64_t head_size) { return padded(longest) * (head_size + 2); }

// Keys are transposed once per head, so that one query's scores are computed along the keys, a vector at a time;
// the padding of the last vector is zero and never read back.
MT_INLINE void transpose(float *out, const float *in, int64_t stride, int64_t count, int64_t width, int64_t head_size) {
  for (int64_t c = 0; c < head_size; c++) {
    float *row = out + c * width;
    for (int64_t j = 0; j < count; j++) row[j] = in[j * stride + c];
    for (int64_t j = count; j < width; j++) row[j] = 0;
  }
}

// out[j] = Σ_c x[c]·transposed[c, j] for the first `count` keys, a whole number of vectors.
MT_INLINE void scores(float *out, const float *x, const float *transposed, int64_t count, int64_t width,
                      int64_t head_size) {
  for (int64_t start = 0; start < count; start += lane) {
    float sums[lane] = {0};
    for (int64_t c = 0; c < head_size; c++)
      for (int64_t j = 0; j < lane; j++) sums[j] += x[c] * transposed[c * width + start + j];
    for (int64_t j = 0; j < lane; j++) out[start + j] = sums[j];
  }
}

// Softmax of a row that is followed by room to a whole number of vectors, which becomes zero: short rows are then as fast
// as long ones.
MT_INLINE void padded_softmax(float *x, int64_t count, float scale) {
  MT_REASSOCIATE
  int64_t width = padded(count);
  for (int64_t j = count; j < width; j++) x[j] = -INFINITY;
  float lanes[lane], most = -INFINITY, sum = 0;
  for (int64_t l = 0; l < lane; l++) lanes[l] = -INFINITY;
  for (int64_t j = 0; j < width; j += lane)
    for (int64_t l = 0; l < lane; l++) lanes[l] = x[j + l] > lanes[l] ? x[j + l] : lanes[l];
  for (int64_t l = 0; l < lane; l++) most = lanes[l] > most ? lanes[l] : most;
  for (int64_t j = 0; j < width; j++) {
    float e = mt_exp((x[j] - most) * scale);
    x[j] = e;
    sum += e;
  }
  float factor = 1.0f / sum;
  for (int64_t j = 0; j < width; j++) x[j] *= factor;
}

MT_INLINE void attention_of(float *y, int64_t y_stride, const float *q, int64_t q_stride, const float *k, const float *v,
                            int64_t kv_stride, const int32_t *q_offsets, const int32_t *kv_offsets, int64_t sentences,
                            int64_t heads, int64_t head_size, bool causal, float *weights, const int64_t *weights_offsets,
                            float p, uint64_t seed, float *scratch) {
  float scale = 1.0f / __builtin_sqrtf((float)head_size);
  uint32_t threshold = mt_drop_threshold(p), low = (uint32_t)seed, high = (uint32_t)(seed >> 32);
  float factor = 1.0f / (1.0f - p);
  for (int64_t b = 0; b < sentences; b++) {
    int64_t t_start = q_offsets[b], t_count = q_offsets[b + 1] - t_start;
    int64_t s_start = kv_offsets[b], s_count = kv_offsets[b + 1] - s_start, width = padded(s_count);
    float *row = scratch, *transposed = scratch + 2 * width;
    for (int64_t h = 0; h < heads; h++) {
      const float *kh = k + s_start * kv_stride + h * head_size, *vh = v + s_start * kv_stride + h * head_size;
      transpose(transposed, kh, kv_stride, s_count, width, head_size);
      for (int64_t i = 0; i < t_count; i++) {
        int64_t seen = causal ? i + 1 : s_count;
        int64_t at = weights ? weights_offsets[b] + (h * t_count + i) * s_count : 0;
        float *w = weights ? weights + at : row;
        scores(row, q + (t_start + i) * q_stride + h * head_size, transposed, padded(seen), width, head_size);
        padded_softmax(row, seen, scale);
        if (weights) {
          memcpy(w, row, (size_t)seen * sizeof(float));
          for (int64_t j = seen; j < s_count; j++) w[j] = 0;
        }
        float *out = y + (t_start + i) * y_stride + h * head_size;
        for (int64_t c = 0; c < head_size; c++) out[c] = 0;
        for (int64_t j = 0; j < seen; j++) {
          float wj = p > 0 ? w[j] * mt_keep(threshold, factor, low, high, (uint32_t)(at + j)) : w[j];
          mt_add_scaled_of(out, vh + j * kv_stride, wj, head_size);
        }
      }
    }
  }
}

// ---- One query at a time, all heads together -------------------------------------------------------

typedef float vector __attribute__((vector_size(64), aligned(4), may_alias));
#define LOAD(x) (*(const vector *)(x))

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
  int64_t stride, first;
  const int32_t *index;
} row_list;

MT_INLINE const float *row_of(const row_list *rows, int64_t j) {
  return rows->base + (rows->index ? rows->index[j] : rows->first + j) * rows->stride;
}

// Rows lie anywhere in a cache too large for the processor's nearest, so they are asked for before their turn.
MT_INLINE void ask_for(const float *row, int64_t count) {
  for (int64_t c = 0; c < count; c += lane) __builtin_prefetch(row + c);
}

// w[j·heads + h] = q·key_j in head h. Heads whose features fill whole vectors are summed eight at a time.
MT_INLINE void step_scores(float *w, const float *q, const row_list *keys, int64_t count, int64_t heads,
                           int64_t head_size, bool is_known) {
  MT_REASSOCIATE
  if (is_known && head_size % lane == 0 && heads % 8 == 0) {
    for (int64_t h = 0; h < heads; h += 8) {
      for (int64_t j = 0; j < count; j++) {
        if (j + ahead < count) ask_for(row_of(keys, j + ahead) + h * head_size, 8 * head_size);
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
    for (int64_t j = 0; j < count; j++) {
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

// out[h] = Σ_j w[j, h]·value_j[h] for `group` heads at a time, whose sums stay in registers.
MT_INLINE void step_values(float *restrict out, const float *w, const row_list *values, int64_t count, int64_t heads,
                           int64_t head_size, int64_t group) {
  vector sums[8];
  int64_t parts = head_size / lane;
  for (int64_t h = 0; h < heads; h += group) {
#pragma clang loop unroll(full)
    for (int64_t i = 0; i < group * parts; i++) sums[i] = (vector){0};
    for (int64_t j = 0; j < count; j++) {
      if (j + ahead < count) ask_for(row_of(values, j + ahead) + h * head_size, group * head_size);
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

// Attention of one query in all heads; `keys` says where the keys lie, `values` is the values' first row.
MT_INLINE void step_row(float *out, const float *q, row_list *keys, const float *values, int64_t count, int64_t heads,
                        int64_t head_size, float *w, bool is_known) {
#pragma clang fp contract(fast)
  step_scores(w, q, keys, count, heads, head_size, is_known);
  step_softmax(w, count, heads, 1.0f / __builtin_sqrtf((float)head_size));
  row_list list = *keys;
  list.base = values;
  if (is_known) {
    step_values(out, w, &list, count, heads, head_size, 128 / head_size);
  } else {
    for (int64_t c = 0; c < heads * head_size; c++) out[c] = 0;
    for (int64_t j = 0; j < count; j++)
      for (int64_t h = 0; h < heads; h++)
        mt_add_scaled_of(out + h * head_size, row_of(&list, j) + h * head_size, w[j * heads + h], head_size);
  }
}

MT_INLINE void attention_step_of(float *y, const float *q, int64_t q_stride, const float *keys, const float *values,
                                 int64_t kv_stride, const int32_t *index, int64_t index_stride, const int32_t *first,
                                 const int32_t *counts, int64_t rows, int64_t heads, int64_t head_size, float *weights,
                                 int64_t weights_stride, bool is_known) {
  for (int64_t r = 0; r < rows; r++) {
    row_list list = {keys, kv_stride, first ? first[r] : 0, index ? index + r * index_stride : 0};
    step_row(y + r * heads * head_size, q + r * q_stride, &list, values, counts[r], heads, head_size,
             weights + r * weights_stride, is_known);
  }
}

int64_t mt_attention_step_weights(int64_t longest, int64_t heads) { return padded(longest * heads); }

MT_CLONES void mt_attention_step(float *y, const float *q, int64_t q_stride, const float *keys, const float *values,
                                 int64_t kv_stride, const int32_t *index, int64_t index_stride, const int32_t *first,
                                 const int32_t *counts, int64_t rows, int64_t heads, int64_t head_size, float *weights,
                                 int64_t weights_stride) {
#define CALL(heads, size, is_known) attention_step_of(y, q, q_stride, keys, values, kv_stride, index, index_stride, first, \
                                                      counts, rows, heads, size, weights, weights_stride, is_known)
  // Constants for the usual shapes, so that the compiler unrolls the loops over heads and their features.
  if (heads == 8 && head_size == 32) CALL(8, 32, true);
  else if (heads == 8 && head_size == 64) CALL(8, 64, true);
  else if (heads == 16 && head_size == 64) CALL(16, 64, true);
  else CALL(heads, head_size, false);
#undef CALL
}

// Whole sentences, where nobody asks for the weights and heads have a usual shape.
MT_INLINE void attention_by_rows(float *y, int64_t y_stride, const float *q, int64_t q_stride, const float *k,
                                 const float *v, int64_t kv_stride, const int32_t *q_offsets, const int32_t *kv_offsets,
                                 int64_t sentences, int64_t heads, int64_t head_size, bool causal, float *scratch) {
  for (int64_t b = 0; b < sentences; b++) {
    row_list list = {k, kv_stride, kv_offsets[b], 0};
    for (int64_t i = q_offsets[b]; i < q_offsets[b + 1]; i++) {
      int64_t seen = causal ? i - q_offsets[b] + 1 : kv_offsets[b + 1] - kv_offsets[b];
      step_row(y + i * y_stride, q + i * q_stride, &list, v, seen, heads, head_size, scratch, true);
    }
  }
}

// Loops over a head's features have a length the compiler knows for the usual head sizes.
#define BY_HEAD_SIZE(call)        \
  switch (head_size) {            \
    case 32: call(32); break;     \
    case 64: call(64); break;     \
    default: call(head_size); break; \
  }

MT_CLONES void mt_attention(float *y, int64_t y_stride, const float *q, int64_t q_stride, const float *k, const float *v,
                            int64_t kv_stride, const int32_t *q_offsets, const int32_t *kv_offsets, int64_t sentences,
                            int64_t heads, int64_t head_size, bool causal, float *weights, const int64_t *weights_offsets,
                            float p, uint64_t seed, float *scratch) {
  if (!weights && p == 0 && heads == 8 && head_size == 32) {
    attention_by_rows(y, y_stride, q, q_stride, k, v, kv_stride, q_offsets, kv_offsets, sentences, 8, 32, causal, scratch);
    return;
  }
  if (!weights && p == 0 && heads == 8 && head_size == 64) {
    attention_by_rows(y, y_stride, q, q_stride, k, v, kv_stride, q_offsets, kv_offsets, sentences, 8, 64, causal, scratch);
    return;
  }
#define CALL(size) attention_of(y, y_stride, q, q_stride, k, v, kv_stride, q_offsets, kv_offsets, sentences, heads, size, \
                                causal, weights, weights_offsets, p, seed, scratch)
  BY_HEAD_SIZE(CALL)
#undef CALL
}

MT_INLINE void attention_backward_of(float *dq, int64_t dq_stride, float *dk, float *dv, int64_t dkv_stride,
                                     const float *dy, int64_t y_stride, const float *q, int64_t q_stride, const float *k,
                                     const float *v, int64_t kv_stride, const int32_t *q_offsets,
                                     const int32_t *kv_offsets, int64_t sentences, int64_t heads, int64_t head_size,
                                     bool causal, const float *weights, const int64_t *weights_offsets, float p,
                                     uint64_t seed, float *scratch) {
  MT_REASSOCIATE
  float scale = 1.0f / __builtin_sqrtf((float)head_size);
  uint32_t threshold = mt_drop_threshold(p), low = (uint32_t)seed, high = (uint32_t)(seed >> 32);
  float factor = 1.0f / (1.0f - p);
  for (int64_t b = 0; b < sentences; b++) {
    int64_t t_start = q_offsets[b], t_count = q_offsets[b + 1] - t_start;
    int64_t s_start = kv_offsets[b], s_count = kv_offsets[b + 1] - s_start, width = padded(s_count);
    float *dw = scratch, *transposed = scratch + 2 * width;
    for (int64_t h = 0; h < heads; h++) {
      const float *kh = k + s_start * kv_stride + h * head_size, *vh = v + s_start * kv_stride + h * head_size;
      float *dkh = dk + s_start * dkv_stride + h * head_size, *dvh = dv + s_start * dkv_stride + h * head_size;
      transpose(transposed, vh, kv_stride, s_count, width, head_size);
      for (int64_t i = 0; i < t_count; i++) {
        int64_t seen = causal ? i + 1 : s_count;
        int64_t at = weights_offsets[b] + (h * t_count + i) * s_count;
        const float *w = weights + at, *d = dy + (t_start + i) * y_stride + h * head_size;
        const float *qi = q + (t_start + i) * q_stride + h * head_size;
        float *dqi = dq + (t_start + i) * dq_stride + h * head_size;
        scores(dw, d, transposed, padded(seen), width, head_size);
        float inner = 0;
        if (p > 0) {
          for (int64_t j = 0; j < seen; j++) {
            float m = mt_keep(threshold, factor, low, high, (uint32_t)(at + j));
            dw[j] *= m;
            dw[width + j] = m;
          }
        }
        for (int64_t j = 0; j < seen; j++) inner += dw[j] * w[j];
        for (int64_t j = 0; j < seen; j++) {
          float wj = p > 0 ? w[j] * dw[width + j] : w[j];
          float ds = w[j] * (dw[j] - inner) * scale;
          mt_add_scaled_of(dvh + j * dkv_stride, d, wj, head_size);
          mt_add_scaled_of(dqi, kh + j * kv_stride, ds, head_size);
          mt_add_scaled_of(dkh + j * dkv_stride, qi, ds, head_size);
        }
      }
    }
  }
}

MT_CLONES void mt_attention_backward(float *dq, int64_t dq_stride, float *dk, float *dv, int64_t dkv_stride,
                                     const float *dy, int64_t y_stride, const float *q, int64_t q_stride, const float *k,
                                     const float *v, int64_t kv_stride, const int32_t *q_offsets,
                                     const int32_t *kv_offsets, int64_t sentences, int64_t heads, int64_t head_size,
                                     bool causal, const float *weights, const int64_t *weights_offsets, float p,
                                     uint64_t seed, float *scratch) {
#define CALL(size) attention_backward_of(dq, dq_stride, dk, dv, dkv_stride, dy, y_stride, q, q_stride, k, v, kv_stride, \
                                         q_offsets, kv_offsets, sentences, heads, size, causal, weights, weights_offsets, \
                                         p, seed, scratch)
  BY_HEAD_SIZE(CALL)
#undef CALL
}
