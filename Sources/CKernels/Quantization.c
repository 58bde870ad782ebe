#include "Vector.h"

// The bits of non-negative floats are ordered as the floats are, and a maximum of integers vectorises.
MT_INLINE uint32_t magnitude_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return bits & 0x7FFFFFFF;
}

MT_INLINE float from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

MT_CLONES void mt_quantize_rows(uint8_t *restrict out, float *restrict scales, int32_t *restrict zeros,
                                const float *restrict x, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; i++) {
    const float *xi = x + i * columns;
    uint8_t *to = out + i * columns;
    uint32_t bits = 0;
    for (int64_t j = 0; j < columns; j++) {
      uint32_t b = magnitude_bits(xi[j]);
      bits = b > bits ? b : bits;
    }
    float most = from_bits(bits);
    float multiplier = most > 0 ? 127.0f / most : 0.0f;
    scales[i] = most / 127.0f;
    zeros[i] = 128;
    for (int64_t j = 0; j < columns; j++) to[j] = (uint8_t)((int32_t)__builtin_rintf(xi[j] * multiplier) + 128);
  }
}

// The bytes of a row, its scale and what stands for zero.
MT_INLINE void quantize_row_7(uint8_t *restrict to, float *scale, int32_t *zero, const float *restrict x, int64_t columns) {
  vector high = {0}, low = {0};
  int64_t j = 0;
  for (; j + lane <= columns; j += lane) {
    high = larger(LOAD(x + j), high);
    low = larger(-LOAD(x + j), low);
  }
  float above = 0, below = 0;
  for (int64_t l = 0; l < lane; l++) {
    above = high[l] > above ? high[l] : above;
    below = low[l] > below ? low[l] : below;
  }
  for (; j < columns; j++) {
    above = x[j] > above ? x[j] : above;
    below = -x[j] > below ? -x[j] : below;
  }
  float range = above + below, multiplier = range > 0 ? 127.0f / range : 0.0f;
  int32_t none = (int32_t)__builtin_rintf(below * multiplier);
  *scale = range / 127.0f;
  *zero = none;
  for (int64_t l = 0; l < columns; l++) {
    int32_t v = (int32_t)__builtin_rintf(x[l] * multiplier) + none;
    // Both ends may have been rounded outwards.
    to[l] = (uint8_t)(v < 127 ? v : 127);
  }
}

MT_CLONES void mt_quantize_rows_7(uint8_t *restrict out, float *restrict scales, int32_t *restrict zeros,
                                  const float *restrict x, int64_t rows, int64_t columns) {
  int64_t stride = (columns + 3) / 4 * 4;
  for (int64_t i = 0; i < rows; i++) {
    quantize_row_7(out + i * stride, scales + i, zeros + i, x + i * columns, columns);
    for (int64_t j = columns; j < stride; j++) out[i * stride + j] = 0;
  }
}

enum { group = 4 };

// A few rows at once, so that what belongs to a column is read once for all of them.
MT_INLINE void dequantize_group(float *restrict y, int64_t stride, const int32_t *restrict sums,
                                const float *restrict row_scales, const int32_t *restrict row_zeros,
                                const float *restrict scales, const int32_t *restrict column_sums,
                                const float *restrict bias, int64_t rows, int64_t columns, bool relu) {
#pragma clang fp contract(on)
  int64_t j = 0;
  for (; j + lane <= columns; j += lane) {
    vector scale = *(const vector *)(scales + j), offset = {0};
    integers column_sum = *(const integers *)(column_sums + j);
    if (bias) offset = *(const vector *)(bias + j);
#pragma clang loop unroll(full)
    for (int64_t i = 0; i < rows; i++) {
      integers whole = *(const integers *)(sums + i * columns + j) - column_sum * row_zeros[i];
      vector v = __builtin_convertvector(whole, vector) * (scale * row_scales[i]) + offset;
      if (relu) v = (vector)((integers)v & (v > 0));
      *(vector *)(y + i * stride + j) = v;
    }
  }
  for (; j < columns; j++)
    for (int64_t i = 0; i < rows; i++) {
      int32_t whole = sums[i * columns + j] - column_sums[j] * row_zeros[i];
      float v = (float)whole * (scales[j] * row_scales[i]) + (bias ? bias[j] : 0.0f);
      y[i * stride + j] = relu && !(v > 0) ? 0 : v;
    }
}

MT_INLINE void dequantize_of(float *restrict y, int64_t stride, const int32_t *restrict sums,
                             const float *restrict row_scales, const int32_t *restrict row_zeros,
                             const float *restrict scales, const int32_t *restrict column_sums,
                             const float *restrict bias, int64_t rows, int64_t columns, bool relu) {
  int64_t i = 0;
  for (; i + group <= rows; i += group)
    dequantize_group(y + i * stride, stride, sums + i * columns, row_scales + i, row_zeros + i, scales, column_sums, bias, group,
                     columns, relu);
  for (; i < rows; i++)
    dequantize_group(y + i * stride, stride, sums + i * columns, row_scales + i, row_zeros + i, scales, column_sums, bias, 1,
                     columns, relu);
}

MT_CLONES void mt_dequantize_rows(float *restrict y, int64_t stride, const int32_t *restrict sums,
                                  const float *restrict row_scales, const int32_t *restrict row_zeros,
                                  const float *restrict scales, const int32_t *restrict column_sums,
                                  const float *restrict bias, int64_t rows, int64_t columns, bool relu) {
  if (relu) dequantize_of(y, stride, sums, row_scales, row_zeros, scales, column_sums, bias, rows, columns, true);
  else dequantize_of(y, stride, sums, row_scales, row_zeros, scales, column_sums, bias, rows, columns, false);
}

// Row by row in both layouts, so that memory is read in order.
MT_CLONES void mt_quantize_weights(int8_t *restrict out, float *restrict scales, const float *restrict w, bool transposed,
                                   int64_t inputs, int64_t outputs, float *restrict multipliers) {
  uint32_t *most = (uint32_t *)multipliers;
  int64_t rows = transposed ? outputs : inputs, columns = transposed ? inputs : outputs;
  memset(most, 0, (size_t)outputs * sizeof(uint32_t));
  for (int64_t i = 0; i < rows; i++) {
    const float *row = w + i * columns;
    if (transposed) {
      uint32_t bits = 0;
      for (int64_t j = 0; j < columns; j++) {
        uint32_t b = magnitude_bits(row[j]);
        bits = b > bits ? b : bits;
      }
      most[i] = bits;
    } else {
      for (int64_t j = 0; j < columns; j++) {
        uint32_t b = magnitude_bits(row[j]);
        most[j] = b > most[j] ? b : most[j];
      }
    }
  }
  for (int64_t j = 0; j < outputs; j++) {
    float largest = from_bits(most[j]);
    scales[j] = largest / 127.0f;
    multipliers[j] = largest > 0 ? 127.0f / largest : 0.0f;
  }
  for (int64_t i = 0; i < rows; i++) {
    const float *row = w + i * columns;
    int8_t *to = out + i * columns;
    if (transposed) {
      float factor = multipliers[i];
      for (int64_t j = 0; j < columns; j++) to[j] = (int8_t)(int32_t)__builtin_rintf(row[j] * factor);
    } else {
      for (int64_t j = 0; j < columns; j++) to[j] = (int8_t)(int32_t)__builtin_rintf(row[j] * multipliers[j]);
    }
  }
}

MT_CLONES void mt_sum_weights(int32_t *restrict sums, const int8_t *restrict w, bool transposed, int64_t inputs,
                              int64_t outputs) {
  memset(sums, 0, (size_t)outputs * sizeof(int32_t));
  if (transposed) {
    for (int64_t j = 0; j < outputs; j++) {
      int32_t sum = 0;
      for (int64_t i = 0; i < inputs; i++) sum += w[j * inputs + i];
      sums[j] = sum;
    }
  } else {
    for (int64_t i = 0; i < inputs; i++)
      for (int64_t j = 0; j < outputs; j++) sums[j] += w[i * outputs + j];
  }
}
