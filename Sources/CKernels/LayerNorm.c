#include "Math.h"

enum { lane = 16, parts = 4, block = lane * parts };
typedef float vector __attribute__((vector_size(64), aligned(4), may_alias));
#define LOAD(x) (*(const vector *)(x))

MT_INLINE float total_of(const vector *x) {
  MT_REASSOCIATE
  vector all = (x[0] + x[1]) + (x[2] + x[3]);
  float sum = 0;
  for (int64_t l = 0; l < lane; l++) sum += all[l];
  return sum;
}

// y and s may be one.
MT_INLINE void normalize(float *y, const float *s, float total, float *mean_rstd, const float *scale, const float *bias,
                         int64_t columns, float epsilon) {
  MT_REASSOCIATE
  int64_t whole = columns / block * block;
  float mean = total / (float)columns, squares = 0;
  vector sums[parts] = {{0}};
  for (int64_t j = 0; j < whole; j += block)
#pragma clang loop unroll(full)
    for (int64_t i = 0; i < parts; i++) {
      vector d = LOAD(s + j + i * lane) - mean;
      sums[i] += d * d;
    }
  for (int64_t j = whole; j < columns; j++) squares += (s[j] - mean) * (s[j] - mean);
  squares += total_of(sums);
  float rstd = 1.0f / __builtin_sqrtf(squares / (float)columns + epsilon);
  for (int64_t j = 0; j < whole; j += lane)
    *(vector *)(y + j) = (LOAD(s + j) - mean) * rstd * LOAD(scale + j) + LOAD(bias + j);
  for (int64_t j = whole; j < columns; j++) y[j] = (s[j] - mean) * rstd * scale[j] + bias[j];
  if (mean_rstd) {
    mean_rstd[0] = mean;
    mean_rstd[1] = rstd;
  }
}

// Where a loop stored and summed, the compiler would sum in another order if rows lay close together: no sum is made
// while storing, but for whole vectors, whose order is written down.
MT_INLINE float sum_of(const float *s, int64_t from, int64_t columns) {
  MT_REASSOCIATE
  float total = 0;
  for (int64_t j = from; j < columns; j++) total += s[j];
  return total;
}

// s = x + e; returns the sum of the sum.
MT_INLINE float add(float *s, const float *x, const float *e, int64_t columns, bool adds) {
  int64_t whole = columns / block * block;
  vector sums[parts] = {{0}};
  for (int64_t j = 0; j < whole; j += block)
#pragma clang loop unroll(full)
    for (int64_t i = 0; i < parts; i++) {
      vector v = LOAD(x + j + i * lane);
      if (adds) v += LOAD(e + j + i * lane);
      *(vector *)(s + j + i * lane) = v;
      sums[i] += v;
    }
  for (int64_t j = whole; j < columns; j++) s[j] = adds ? x[j] + e[j] : x[j];
  return sum_of(s, whole, columns) + total_of(sums);
}

MT_CLONES void mt_layer_norm(float *y, float *sum, float *mean_rstd, const float *x, const float *residual,
                             const float *scale, const float *bias, int64_t rows, int64_t columns, float epsilon, float p,
                             uint64_t seed) {
  MT_REASSOCIATE
  uint32_t threshold = mt_drop_threshold(p), low = (uint32_t)seed, high = (uint32_t)(seed >> 32);
  float factor = 1.0f / (1.0f - p);
  for (int64_t r = 0; r < rows; r++) {
    const float *xr = x + r * columns, *e = residual ? residual + r * columns : NULL;
    float *yr = y + r * columns;
    float *s = sum ? sum + r * columns : yr;
    float total;
    if (p > 0) {
      for (int64_t j = 0; j < columns; j++)
        s[j] = xr[j] * mt_keep(threshold, factor, low, high, (uint32_t)(r * columns + j));
      if (e)
        for (int64_t j = 0; j < columns; j++) s[j] += e[j];
      total = sum_of(s, 0, columns);
    } else {
      total = e ? add(s, xr, e, columns, true) : add(s, xr, NULL, columns, false);
    }
    normalize(yr, s, total, mean_rstd ? mean_rstd + 2 * r : NULL, scale, bias, columns, epsilon);
  }
}

MT_CLONES void mt_layer_norm_backward(float *ds, float *dscale, float *dbias, const float *dy, const float *sum,
                                      const float *mean_rstd, const float *scale, int64_t rows, int64_t columns) {
  MT_REASSOCIATE
  for (int64_t r = 0; r < rows; r++) {
    const float *d = dy + r * columns, *s = sum + r * columns;
    float *out = ds + r * columns;
    float mean = mean_rstd[2 * r], rstd = mean_rstd[2 * r + 1];
    // With x̂ = (s − mean)·rstd and g = dy·scale: ds = rstd·(g − mean(g) − x̂·mean(g·x̂)).
    // Sums and stores in loops of their own: where memory is written, the order of a sum may depend on addresses.
    float sum_g = 0, sum_gx = 0;
    for (int64_t j = 0; j < columns; j++) {
      float g = d[j] * scale[j];
      sum_g += g;
      sum_gx += g * ((s[j] - mean) * rstd);
    }
    for (int64_t j = 0; j < columns; j++) {
      dscale[j] += d[j] * ((s[j] - mean) * rstd);
      dbias[j] += d[j];
    }
    float mean_g = sum_g / (float)columns, mean_gx = sum_gx / (float)columns;
    for (int64_t j = 0; j < columns; j++) {
      float normal = (s[j] - mean) * rstd;
      out[j] = rstd * (d[j] * scale[j] - mean_g - normal * mean_gx);
    }
  }
}
