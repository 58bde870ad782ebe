// Attention of rows, one head each: that of recurrent decoders.
#include "Math.h"

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
    mt_softmax_of(w, w, counts[r], 1.0f);
    for (int64_t c = 0; c < value_size; c++) out[c] = 0;
    for (int64_t j = 0; j < counts[r]; j++) {
      const float *vj = values + (first[r] + j) * value_size;
      mt_add_scaled_of(out, vj, w[j], value_size);
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
    mt_softmax_of(w, w, counts[r], scale);
    for (int64_t c = 0; c < value_size; c++) out[c] = 0;
    for (int64_t j = 0; j < counts[r]; j++) mt_add_scaled_of(out, values + (first[r] + j) * value_size, w[j], value_size);
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
      mt_add_scaled_of(dvalues + (first[r] + j) * value_size, d, w[j], value_size);
      scratch[j] = sum;
      inner += sum * w[j];
    }
    for (int64_t j = 0; j < counts[r]; j++) {
      float ds = w[j] * (scratch[j] - inner) * scale;
      mt_add_scaled_of(dquery + r * attention_size, keys + (first[r] + j) * attention_size, ds, attention_size);
      mt_add_scaled_of(dkeys + (first[r] + j) * attention_size, qr, ds, attention_size);
    }
  }
}
