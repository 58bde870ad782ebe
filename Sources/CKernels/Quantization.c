#include "Math.h"

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

// 127 over the largest of a row, 0 if all are 0; and the inverse.
MT_INLINE float row_multiplier(const float *restrict x, int64_t columns, float *restrict scale) {
  uint32_t bits = 0;
  for (int64_t j = 0; j < columns; j++) {
    uint32_t b = magnitude_bits(x[j]);
    bits = b > bits ? b : bits;
  }
  float most = from_bits(bits);
  *scale = most / 127.0f;
  return most > 0 ? 127.0f / most : 0.0f;
}

MT_CLONES void mt_quantize_rows(uint8_t *restrict out, float *restrict scales, const float *restrict x, int64_t rows,
                                int64_t columns) {
  for (int64_t i = 0; i < rows; i++) {
    const float *xi = x + i * columns;
    uint8_t *to = out + i * columns;
    float multiplier = row_multiplier(xi, columns, scales + i);
    for (int64_t j = 0; j < columns; j++) to[j] = (uint8_t)((int32_t)__builtin_rintf(xi[j] * multiplier) + 128);
  }
}

MT_CLONES void mt_quantize_rows_wide(int16_t *restrict out, float *restrict scales, const float *restrict x, int64_t rows,
                                     int64_t columns) {
  int64_t stride = (columns + 1) / 2 * 2;
  for (int64_t i = 0; i < rows; i++) {
    const float *xi = x + i * columns;
    int16_t *to = out + i * stride;
    float multiplier = row_multiplier(xi, columns, scales + i);
    for (int64_t j = 0; j < columns; j++) to[j] = (int16_t)(int32_t)__builtin_rintf(xi[j] * multiplier);
    if (columns < stride) to[columns] = 0;
  }
}

enum { lane = 16, group = 4 };
typedef float vector __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t integers __attribute__((vector_size(64), aligned(4), may_alias));

// A few rows at once, so that what belongs to a column is read once for all of them.
MT_INLINE void dequantize_group(float *restrict y, int64_t stride, const int32_t *restrict sums,
                                const float *restrict row_scales, const float *restrict scales,
                                const int32_t *restrict shifts, const float *restrict bias, int64_t rows,
                                int64_t columns, bool relu) {
#pragma clang fp contract(fast)
  int64_t j = 0;
  for (; j + lane <= columns; j += lane) {
    vector scale = *(const vector *)(scales + j), offset = {0};
    integers shift = *(const integers *)(shifts + j);
    if (bias) offset = *(const vector *)(bias + j);
#pragma clang loop unroll(full)
    for (int64_t i = 0; i < rows; i++) {
      integers whole = *(const integers *)(sums + i * columns + j) - shift;
      vector v = __builtin_convertvector(whole, vector) * (scale * row_scales[i]) + offset;
      if (relu) v = (vector)((integers)v & (v > 0));
      *(vector *)(y + i * stride + j) = v;
    }
  }
  for (; j < columns; j++)
    for (int64_t i = 0; i < rows; i++) {
      float v = (float)(sums[i * columns + j] - shifts[j]) * (scales[j] * row_scales[i]) + (bias ? bias[j] : 0.0f);
      y[i * stride + j] = relu && !(v > 0) ? 0 : v;
    }
}

MT_INLINE void dequantize_of(float *restrict y, int64_t stride, const int32_t *restrict sums,
                             const float *restrict row_scales, const float *restrict scales,
                             const int32_t *restrict shifts, const float *restrict bias, int64_t rows, int64_t columns,
                             bool relu) {
  int64_t i = 0;
  for (; i + group <= rows; i += group)
    dequantize_group(y + i * stride, stride, sums + i * columns, row_scales + i, scales, shifts, bias, group, columns, relu);
  for (; i < rows; i++)
    dequantize_group(y + i * stride, stride, sums + i * columns, row_scales + i, scales, shifts, bias, 1, columns, relu);
}

MT_CLONES void mt_dequantize_rows(float *restrict y, int64_t stride, const int32_t *restrict sums,
                                  const float *restrict row_scales, const float *restrict scales,
                                  const int32_t *restrict shifts, const float *restrict bias, int64_t rows,
                                  int64_t columns, bool relu) {
  if (relu) dequantize_of(y, stride, sums, row_scales, scales, shifts, bias, rows, columns, true);
  else dequantize_of(y, stride, sums, row_scales, scales, shifts, bias, rows, columns, false);
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
