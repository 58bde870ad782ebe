#include "Math.h"

enum { lane = 16 };
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

// y += factor·x, two rows that never overlap.
MT_INLINE void add_scaled(float *restrict y, const float *restrict x, float factor, int64_t count) {
  for (int64_t c = 0; c < count; c++) y[c] += factor * x[c];
}

MT_INLINE void softmax(float *out, const float *x, int64_t count, float scale) {
  MT_REASSOCIATE
  float most = -INFINITY, sum = 0;
  for (int64_t j = 0; j < count; j++) most = x[j] > most ? x[j] : most;
  for (int64_t j = 0; j < count; j++) {
    float e = mt_exp((x[j] - most) * scale);
    out[j] = e;
    sum += e;
  }
  float factor = 1.0f / sum;
  for (int64_t j = 0; j < count; j++) out[j] *= factor;
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
    float *row = scratch, *probability = scratch + width, *transposed = scratch + 2 * width;
    for (int64_t h = 0; h < heads; h++) {
      const float *kh = k + s_start * kv_stride + h * head_size, *vh = v + s_start * kv_stride + h * head_size;
      transpose(transposed, kh, kv_stride, s_count, width, head_size);
      for (int64_t i = 0; i < t_count; i++) {
        int64_t seen = causal ? i + 1 : s_count;
        int64_t at = weights ? weights_offsets[b] + (h * t_count + i) * s_count : 0;
        float *w = weights ? weights + at : probability;
        scores(row, q + (t_start + i) * q_stride + h * head_size, transposed, padded(seen), width, head_size);
        softmax(w, row, seen, scale);
        for (int64_t j = seen; weights && j < s_count; j++) w[j] = 0;
        float *out = y + (t_start + i) * y_stride + h * head_size;
        for (int64_t c = 0; c < head_size; c++) out[c] = 0;
        for (int64_t j = 0; j < seen; j++) {
          float wj = p > 0 ? w[j] * mt_keep(threshold, factor, low, high, (uint32_t)(at + j)) : w[j];
          add_scaled(out, vh + j * kv_stride, wj, head_size);
        }
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
          add_scaled(dvh + j * dkv_stride, d, wj, head_size);
          add_scaled(dqi, kh + j * kv_stride, ds, head_size);
          add_scaled(dkh + j * dkv_stride, qi, ds, head_size);
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

MT_INLINE void attention_step_of(float *y, const float *q, int64_t q_stride, const float *keys, const float *values,
                                 int64_t kv_stride, const int32_t *index, int64_t index_stride, const int32_t *first,
                                 const int32_t *counts, int64_t rows, int64_t heads, int64_t head_size, float *weights,
                                 int64_t weights_stride) {
  MT_REASSOCIATE
  float scale = 1.0f / __builtin_sqrtf((float)head_size);
  for (int64_t r = 0; r < rows; r++) {
    const float *qr = q + r * q_stride;
    float *w = weights + r * heads * weights_stride, *out = y + r * heads * head_size;
    const int32_t *rows_of = index ? index + r * index_stride : 0;
    for (int64_t j = 0; j < counts[r]; j++) {
      const float *kj = keys + (int64_t)(rows_of ? rows_of[j] : first[r] + j) * kv_stride;
      for (int64_t h = 0; h < heads; h++) {
        float sum = 0;
        for (int64_t c = 0; c < head_size; c++) sum += qr[h * head_size + c] * kj[h * head_size + c];
        w[h * weights_stride + j] = sum;
      }
    }
    for (int64_t h = 0; h < heads; h++) softmax(w + h * weights_stride, w + h * weights_stride, counts[r], scale);
    for (int64_t c = 0; c < heads * head_size; c++) out[c] = 0;
    for (int64_t j = 0; j < counts[r]; j++) {
      const float *vj = values + (int64_t)(rows_of ? rows_of[j] : first[r] + j) * kv_stride;
      for (int64_t h = 0; h < heads; h++) {
        float wj = w[h * weights_stride + j];
        for (int64_t c = 0; c < head_size; c++) out[h * head_size + c] += wj * vj[h * head_size + c];
      }
    }
  }
}

MT_CLONES void mt_attention_step(float *y, const float *q, int64_t q_stride, const float *keys, const float *values,
                                 int64_t kv_stride, const int32_t *index, int64_t index_stride, const int32_t *first,
                                 const int32_t *counts, int64_t rows, int64_t heads, int64_t head_size, float *weights,
                                 int64_t weights_stride) {
#define CALL(size) attention_step_of(y, q, q_stride, keys, values, kv_stride, index, index_stride, first, counts, rows, \
                                     heads, size, weights, weights_stride)
  BY_HEAD_SIZE(CALL)
#undef CALL
}

MT_CLONES void mt_additive_attention(float *context, float *weights, const int64_t *weights_offsets, const float *query,
                                     const float *keys, const float *values, const float *v, const int32_t *first,
                                     const int32_t *counts, int64_t rows, int64_t attention_size, int64_t value_size) {
  MT_REASSOCIATE
  for (int64_t r = 0; r < rows; r++) {
    const float *qr = query + r * attention_size;
    float *w = weights + weights_offsets[r], *out = context + r * value_size;
    for (int64_t j = 0; j < counts[r]; j++) {
      const float *kj = keys + (first[r] + j) * attention_size;
      float sum = 0;
      for (int64_t c = 0; c < attention_size; c++) sum += v[c] * mt_tanh_of(qr[c] + kj[c]);
      w[j] = sum;
    }
    softmax(w, w, counts[r], 1.0f);
    for (int64_t c = 0; c < value_size; c++) out[c] = 0;
    for (int64_t j = 0; j < counts[r]; j++) {
      const float *vj = values + (first[r] + j) * value_size;
      add_scaled(out, vj, w[j], value_size);
    }
  }
}

MT_CLONES void mt_additive_attention_backward(float *dquery, float *dkeys, float *dvalues, float *dv,
                                              const float *dcontext, const float *weights,
                                              const int64_t *weights_offsets, const float *query, const float *keys,
                                              const float *values, const float *v, const int32_t *first,
                                              const int32_t *counts, int64_t rows, int64_t attention_size,
                                              int64_t value_size, float *scratch) {
  MT_REASSOCIATE
  for (int64_t r = 0; r < rows; r++) {
    const float *w = weights + weights_offsets[r], *d = dcontext + r * value_size, *qr = query + r * attention_size;
    float *dq = dquery + r * attention_size;
    float inner = 0;
    for (int64_t j = 0; j < counts[r]; j++) {
      const float *vj = values + (first[r] + j) * value_size;
      float *dvj = dvalues + (first[r] + j) * value_size;
      float sum = 0;
      for (int64_t c = 0; c < value_size; c++) {
        sum += d[c] * vj[c];
        dvj[c] += w[j] * d[c];
      }
      scratch[j] = sum;
      inner += sum * w[j];
    }
    for (int64_t j = 0; j < counts[r]; j++) {
      float ds = w[j] * (scratch[j] - inner);
      const float *kj = keys + (first[r] + j) * attention_size;
      float *dkj = dkeys + (first[r] + j) * attention_size;
      for (int64_t c = 0; c < attention_size; c++) {
        float t = mt_tanh_of(qr[c] + kj[c]);
        float g = ds * v[c] * (1.0f - t * t);
        dv[c] += ds * t;
        dq[c] += g;
        dkj[c] += g;
      }
    }
  }
}

MT_CLONES void mt_dot_attention(float *context, float *weights, const int64_t *weights_offsets, const float *query,
                                const float *keys, const float *values, const int32_t *first, const int32_t *counts,
                                int64_t rows, int64_t attention_size, int64_t value_size) {
  MT_REASSOCIATE
  float scale = 1.0f / __builtin_sqrtf((float)attention_size);
  for (int64_t r = 0; r < rows; r++) {
    const float *qr = query + r * attention_size;
    float *w = weights + weights_offsets[r], *out = context + r * value_size;
    for (int64_t j = 0; j < counts[r]; j++) {
      const float *kj = keys + (first[r] + j) * attention_size;
      float sum = 0;
      for (int64_t c = 0; c < attention_size; c++) sum += qr[c] * kj[c];
      w[j] = sum;
    }
    softmax(w, w, counts[r], scale);
    for (int64_t c = 0; c < value_size; c++) out[c] = 0;
    for (int64_t j = 0; j < counts[r]; j++) add_scaled(out, values + (first[r] + j) * value_size, w[j], value_size);
  }
}

MT_CLONES void mt_dot_attention_backward(float *dquery, float *dkeys, float *dvalues, const float *dcontext,
                                         const float *weights, const int64_t *weights_offsets, const float *query,
                                         const float *keys, const float *values, const int32_t *first,
                                         const int32_t *counts, int64_t rows, int64_t attention_size,
                                         int64_t value_size, float *scratch) {
  MT_REASSOCIATE
  float scale = 1.0f / __builtin_sqrtf((float)attention_size);
  for (int64_t r = 0; r < rows; r++) {
    const float *w = weights + weights_offsets[r], *d = dcontext + r * value_size, *qr = query + r * attention_size;
    float inner = 0;
    for (int64_t j = 0; j < counts[r]; j++) {
      const float *vj = values + (first[r] + j) * value_size;
      float sum = 0;
      for (int64_t c = 0; c < value_size; c++) sum += d[c] * vj[c];
      add_scaled(dvalues + (first[r] + j) * value_size, d, w[j], value_size);
      scratch[j] = sum;
      inner += sum * w[j];
    }
    for (int64_t j = 0; j < counts[r]; j++) {
      float ds = w[j] * (scratch[j] - inner) * scale;
      add_scaled(dquery + r * attention_size, keys + (first[r] + j) * attention_size, ds, attention_size);
      add_scaled(dkeys + (first[r] + j) * attention_size, qr, ds, attention_size);
    }
  }
}
