#include "Math.h"

MT_CLONES void mt_fill(float *x, float value, int64_t count) {
  for (int64_t i = 0; i < count; i++) x[i] = value;
}

MT_CLONES void mt_add(float *y, const float *x, int64_t count) {
  for (int64_t i = 0; i < count; i++) y[i] += x[i];
}

MT_CLONES void mt_add_scaled(float *y, const float *x, float scale, int64_t count) {
  for (int64_t i = 0; i < count; i++) y[i] += scale * x[i];
}

MT_CLONES void mt_scale(float *y, const float *x, float scale, int64_t count, bool accumulate) {
  if (accumulate) {
    for (int64_t i = 0; i < count; i++) y[i] += scale * x[i];
  } else {
    for (int64_t i = 0; i < count; i++) y[i] = scale * x[i];
  }
}

MT_CLONES void mt_multiply(float *y, const float *a, const float *b, int64_t count, bool accumulate) {
  if (accumulate) {
    for (int64_t i = 0; i < count; i++) y[i] += a[i] * b[i];
  } else {
    for (int64_t i = 0; i < count; i++) y[i] = a[i] * b[i];
  }
}

MT_CLONES void mt_to_bfloat16(uint16_t *y, const float *x, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, 4);
    uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    // A NaN must stay one: rounding could carry it into infinity.
    y[i] = (uint16_t)((bits & 0x7FFFFFFF) > 0x7F800000 ? (bits >> 16) | 0x40 : rounded);
  }
}

MT_CLONES void mt_from_bfloat16(float *y, const uint16_t *x, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits = (uint32_t)x[i] << 16;
    memcpy(y + i, &bits, 4);
  }
}

// GELU by the error function's definition costs a call per element; Abramowitz & Stegun 7.1.26 (|error| < 1.5e-7)
// vectorises.
MT_INLINE float mt_erf(float x) {
  float a = __builtin_fabsf(x);
  float t = 1.0f / (1.0f + 0.3275911f * a);
  float p = ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t + 0.254829592f) * t;
  float r = 1.0f - p * mt_exp(-a * a);
  return x < 0 ? -r : r;
}

MT_INLINE float activate(float x, mt_activation kind) {
  switch (kind) {
    case MT_RELU: return x > 0 ? x : 0;
    case MT_GELU: return 0.5f * x * (1.0f + mt_erf(x * 0.70710678f));
    case MT_SILU: return x * mt_sigmoid_of(x);
    case MT_TANH: return mt_tanh_of(x);
    case MT_SIGMOID: return mt_sigmoid_of(x);
    default: return x;
  }
}

MT_INLINE float slope(float x, mt_activation kind) {
  switch (kind) {
    case MT_RELU: return x > 0 ? 1.0f : 0.0f;
    case MT_GELU: return 0.5f * (1.0f + mt_erf(x * 0.70710678f)) + x * 0.39894228f * mt_exp(-0.5f * x * x);
    case MT_SILU: {
      float s = mt_sigmoid_of(x);
      return s * (1.0f + x * (1.0f - s));
    }
    case MT_TANH: {
      float t = mt_tanh_of(x);
      return 1.0f - t * t;
    }
    case MT_SIGMOID: {
      float s = mt_sigmoid_of(x);
      return s * (1.0f - s);
    }
    default: return 1.0f;
  }
}

MT_INLINE void bias_activation_of(float *x, const float *bias, float *y, int64_t rows, int64_t columns, mt_activation kind) {
  for (int64_t i = 0; i < rows; i++) {
    float *xi = x + i * columns, *yi = y + i * columns;
    // One pointer where the result replaces its argument: two that are equal would not be taken for vectors.
    if (x == y && bias) {
      for (int64_t j = 0; j < columns; j++) xi[j] = activate(xi[j] + bias[j], kind);
    } else if (x == y) {
      for (int64_t j = 0; j < columns; j++) xi[j] = activate(xi[j], kind);
    } else if (bias) {
      for (int64_t j = 0; j < columns; j++) {
        float v = xi[j] + bias[j];
        xi[j] = v;
        yi[j] = activate(v, kind);
      }
    } else {
      for (int64_t j = 0; j < columns; j++) yi[j] = activate(xi[j], kind);
    }
  }
}

// One loop for each activation, so that the choice is made outside of it.
MT_CLONES void mt_bias_activation(float *x, const float *bias, float *y, int64_t rows, int64_t columns, mt_activation kind) {
  switch (kind) {
    case MT_RELU: bias_activation_of(x, bias, y, rows, columns, MT_RELU); break;
    case MT_GELU: bias_activation_of(x, bias, y, rows, columns, MT_GELU); break;
    case MT_SILU: bias_activation_of(x, bias, y, rows, columns, MT_SILU); break;
    case MT_TANH: bias_activation_of(x, bias, y, rows, columns, MT_TANH); break;
    case MT_SIGMOID: bias_activation_of(x, bias, y, rows, columns, MT_SIGMOID); break;
    default: bias_activation_of(x, bias, y, rows, columns, MT_IDENTITY); break;
  }
}

MT_INLINE void activation_backward_of(const float *x, const float *dy, float *dx, int64_t count, mt_activation kind,
                                      bool accumulate) {
  if (accumulate) {
    for (int64_t i = 0; i < count; i++) dx[i] += dy[i] * slope(x[i], kind);
  } else if (dx == dy) {
    for (int64_t i = 0; i < count; i++) dx[i] *= slope(x[i], kind);
  } else {
    for (int64_t i = 0; i < count; i++) dx[i] = dy[i] * slope(x[i], kind);
  }
}

MT_CLONES void mt_activation_backward(const float *x, const float *dy, float *dx, int64_t count, mt_activation kind,
                                      bool accumulate) {
  switch (kind) {
    case MT_RELU: activation_backward_of(x, dy, dx, count, MT_RELU, accumulate); break;
    case MT_GELU: activation_backward_of(x, dy, dx, count, MT_GELU, accumulate); break;
    case MT_SILU: activation_backward_of(x, dy, dx, count, MT_SILU, accumulate); break;
    case MT_TANH: activation_backward_of(x, dy, dx, count, MT_TANH, accumulate); break;
    case MT_SIGMOID: activation_backward_of(x, dy, dx, count, MT_SIGMOID, accumulate); break;
    default: activation_backward_of(x, dy, dx, count, MT_IDENTITY, accumulate); break;
  }
}

MT_CLONES void mt_column_sum(const float *x, float *sum, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) sum[j] += x[i * columns + j];
}

MT_CLONES void mt_dropout(float *y, const float *x, int64_t count, float p, uint64_t seed, bool accumulate) {
  uint32_t threshold = mt_drop_threshold(p), low = (uint32_t)seed, high = (uint32_t)(seed >> 32);
  float factor = 1.0f / (1.0f - p);
  if (accumulate) {
    for (int64_t i = 0; i < count; i++) y[i] += x[i] * mt_keep(threshold, factor, low, high, (uint32_t)i);
  } else {
    for (int64_t i = 0; i < count; i++) y[i] = x[i] * mt_keep(threshold, factor, low, high, (uint32_t)i);
  }
}

MT_CLONES void mt_group_dropout(float *y, const float *x, const int32_t *group, int64_t rows, int64_t columns, float p,
                                uint64_t seed, bool accumulate) {
  uint32_t threshold = mt_drop_threshold(p), low = (uint32_t)seed, high = (uint32_t)(seed >> 32);
  float factor = 1.0f / (1.0f - p);
  for (int64_t r = 0; r < rows; r++) {
    uint32_t start = (uint32_t)(group[r] * columns);
    const float *xr = x + r * columns;
    float *yr = y + r * columns;
    for (int64_t j = 0; j < columns; j++) {
      float v = xr[j] * mt_keep(threshold, factor, low, high, start + (uint32_t)j);
      yr[j] = accumulate ? yr[j] + v : v;
    }
  }
}

MT_CLONES double mt_sum_of_squares(const float *x, int64_t count) {
  MT_REASSOCIATE
  // Short blocks in float, their sums in double: exact enough for a norm and still vectorised.
  double total = 0;
  for (int64_t start = 0; start < count; start += 1024) {
    int64_t end = start + 1024 < count ? start + 1024 : count;
    float sum = 0;
    for (int64_t i = start; i < end; i++) sum += x[i] * x[i];
    total += sum;
  }
  return total;
}

MT_CLONES bool mt_all_finite(const float *x, int64_t count) {
  uint32_t bad = 0;
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, 4);
    bad |= (bits & 0x7F800000) == 0x7F800000;
  }
  return !bad;
}
