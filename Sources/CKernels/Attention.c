#include "AttentionTile.h"

int64_t mt_attention_scratch(int64_t longest, int64_t head_size) { return padded(longest) * (head_size + 2 * most_in_tile); }

MT_INLINE void attention_of(float *y, int64_t y_stride, const float *q, int64_t q_stride, const float *k, const float *v,
                            int64_t kv_stride, const int32_t *q_offsets, const int32_t *kv_offsets, int64_t sentences,
                            int64_t heads, int64_t head_size, bool causal, float *weights, const int64_t *weights_offsets,
                            float p, uint64_t seed, float *scratch) {
  for (int64_t b = 0; b < sentences; b++) {
    int64_t queries = q_offsets[b + 1] - q_offsets[b], keys = kv_offsets[b + 1] - kv_offsets[b], width = padded(keys);
    float *transposed = scratch + most_in_tile * width;
    for (int64_t h = 0; h < heads; h++) {
      int64_t at = kv_offsets[b] * kv_stride + h * head_size;
      transpose(transposed, k + at, kv_stride, keys, width, head_size);
      for (int64_t i = 0, rows; i < queries; i += rows) {
        int64_t counts[most_in_tile], row = q_offsets[b] + i;
        rows = rows_of_tile(queries - i);
        for (int64_t r = 0; r < rows; r++) counts[r] = causal ? i + r + 1 : keys;
        int64_t first = weights_offsets[b] + (h * queries + i) * keys;
        kept training = {weights ? weights + first : NULL, keys, first, p, seed};
        tile_of(y + row * y_stride + h * head_size, y_stride, q + row * q_stride + h * head_size, q_stride, transposed, width,
                v + at, kv_stride, counts, rows, head_size, scratch, width, &training);
      }
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
#define CALL(size) attention_of(y, y_stride, q, q_stride, k, v, kv_stride, q_offsets, kv_offsets, sentences, heads, size, \
                                causal, weights, weights_offsets, p, seed, scratch)
  BY_HEAD_SIZE(CALL)
#undef CALL
}

// out[j, 0 ..< 16] += Σ_r w[r, j]·a[r, 0 ..< 16] for `count` rows of out; `rows` is a constant.
MT_INLINE void spread(float *out, int64_t out_stride, int64_t count, const float *w, int64_t w_stride, const float *a,
                      int64_t a_stride, int64_t rows) {
#pragma clang fp contract(fast)
  vector x[most_in_tile];
#pragma clang loop unroll(full)
  for (int64_t r = 0; r < rows; r++) x[r] = LOAD(a + r * a_stride);
  for (int64_t j = 0; j < count; j++) {
    vector sum = LOAD(out + j * out_stride);
#pragma clang loop unroll(full)
    for (int64_t r = 0; r < rows; r++) sum += x[r] * w[r * w_stride + j];
    *(vector *)(out + j * out_stride) = sum;
  }
}

// One head of `rows` queries, of which row r saw the first counts[r] of `keys` keys: gradients are added to theirs, the
// keys' and the values'. `transposed` has the values as `transpose` leaves them, `k` their weights.
MT_INLINE void tile_backward(float *dq, int64_t dq_stride, float *dk, float *dv, int64_t dkv_stride, const float *dy,
                             int64_t y_stride, const float *q, int64_t q_stride, const float *k, int64_t kv_stride,
                             const float *transposed, int64_t width, const int64_t *counts, int64_t rows,
                             int64_t head_size, const kept *weights, float *scratch) {
  // The gradients of scores, and the weights that were not dropped.
  float *ds = scratch, *used = scratch + most_in_tile * width;
  float scale = 1.0f / __builtin_sqrtf((float)head_size), p = weights->p;
  uint32_t threshold = mt_drop_threshold(p), low = (uint32_t)weights->seed, high = (uint32_t)(weights->seed >> 32);
  float factor = 1.0f / (1.0f - p);
  int64_t longest = 0, whole = head_size / lane * lane;
  for (int64_t r = 0; r < rows; r++) longest = counts[r] > longest ? counts[r] : longest;
  for (int64_t j = 0; j < longest; j += lane)
    portion(ds + j, width, dy, y_stride, transposed + j, width, head_size, rows, false);
  for (int64_t r = 0; r < rows; r++) {
    MT_REASSOCIATE
    float *d = ds + r * width, *u = used + r * width, inner = 0;
    const float *w = weights->weights + r * weights->stride;
    uint32_t first = (uint32_t)(weights->index + r * weights->stride);
    for (int64_t j = 0; j < counts[r]; j++) {
      float m = p > 0 ? mt_keep(threshold, factor, low, high, first + (uint32_t)j) : 1.0f;
      d[j] *= m;
      u[j] = w[j] * m;
      inner += d[j] * w[j];
    }
    for (int64_t j = 0; j < counts[r]; j++) d[j] = w[j] * (d[j] - inner) * scale;
    for (int64_t j = counts[r]; j < longest; j++) d[j] = u[j] = 0;
  }
  for (int64_t c = 0; c < whole; c += lane) {
    portion(dq + c, dq_stride, ds, width, k + c, kv_stride, longest, rows, true);
    spread(dk + c, dkv_stride, longest, ds, width, q + c, q_stride, rows);
    spread(dv + c, dkv_stride, longest, used, width, dy + c, y_stride, rows);
  }
  for (int64_t r = 0; r < rows; r++)
    for (int64_t j = 0; j < counts[r]; j++)
      for (int64_t c = whole; c < head_size; c++) {
        dq[r * dq_stride + c] += ds[r * width + j] * k[j * kv_stride + c];
        dk[j * dkv_stride + c] += ds[r * width + j] * q[r * q_stride + c];
        dv[j * dkv_stride + c] += used[r * width + j] * dy[r * y_stride + c];
      }
}

MT_INLINE void attention_backward_of(float *dq, int64_t dq_stride, float *dk, float *dv, int64_t dkv_stride,
                                     const float *dy, int64_t y_stride, const float *q, int64_t q_stride, const float *k,
                                     const float *v, int64_t kv_stride, const int32_t *q_offsets,
                                     const int32_t *kv_offsets, int64_t sentences, int64_t heads, int64_t head_size,
                                     bool causal, const float *weights, const int64_t *weights_offsets, float p,
                                     uint64_t seed, float *scratch) {
  for (int64_t b = 0; b < sentences; b++) {
    int64_t queries = q_offsets[b + 1] - q_offsets[b], keys = kv_offsets[b + 1] - kv_offsets[b], width = padded(keys);
    float *transposed = scratch + 2 * most_in_tile * width;
    for (int64_t h = 0; h < heads; h++) {
      int64_t feature = h * head_size, at = kv_offsets[b] * kv_stride + feature, d_at = kv_offsets[b] * dkv_stride + feature;
      transpose(transposed, v + at, kv_stride, keys, width, head_size);
      for (int64_t i = 0, rows; i < queries; i += rows) {
        int64_t counts[most_in_tile], row = q_offsets[b] + i;
        rows = rows_of_tile(queries - i);
        for (int64_t r = 0; r < rows; r++) counts[r] = causal ? i + r + 1 : keys;
        int64_t first = weights_offsets[b] + (h * queries + i) * keys;
        kept training = {(float *)weights + first, keys, first, p, seed};
#define CALL(n) tile_backward(dq + row * dq_stride + feature, dq_stride, dk + d_at, dv + d_at, dkv_stride, \
                              dy + row * y_stride + feature, y_stride, q + row * q_stride + feature, q_stride, k + at, \
                              kv_stride, transposed, width, counts, n, head_size, &training, scratch)
        BY_ROWS(CALL, rows)
#undef CALL
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
