#include "AttentionTile.h"

int64_t mt_attention_scratch(int64_t longest, int64_t head_size) { return padded(longest) * (head_size + most_in_tile); }

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
