#include "Math.h"

MT_CLONES void mt_layer_norm(float *y, float *sum, float *mean_rstd, const float *x, const float *residual,
                             const float *scale, const float *bias, int64_t rows, int64_t columns, float epsilon, float p,
                             uint64_t seed) {
  MT_REASSOCIATE
  uint32_t threshold = mt_drop_threshold(p), low = (uint32_t)seed, high = (uint32_t)(seed >> 32);
  float factor = 1.0f / (1.0f - p);
  for (int64_t r = 0; r < rows; r++) {
    const float *xr = x + r * columns;
    float *yr = y + r * columns;
    float *s = sum ? sum + r * columns : yr;
    if (p > 0) {
      for (int64_t j = 0; j < columns; j++)
        s[j] = xr[j] * mt_keep(threshold, factor, low, high, (uint32_t)(r * columns + j));
    } else {
      for (int64_t j = 0; j < columns; j++) s[j] = xr[j];
    }
    if (residual) {
      const float *e = residual + r * columns;
      for (int64_t j = 0; j < columns; j++) s[j] += e[j];
    }
    float total = 0;
    for (int64_t j = 0; j < columns; j++) total += s[j];
    float mean = total / (float)columns;
    float squares = 0;
    for (int64_t j = 0; j < columns; j++) squares += (s[j] - mean) * (s[j] - mean);
    float rstd = 1.0f / __builtin_sqrtf(squares / (float)columns + epsilon);
    for (int64_t j = 0; j < columns; j++) yr[j] = (s[j] - mean) * rstd * scale[j] + bias[j];
    if (mean_rstd) {
      mean_rstd[2 * r] = mean;
      mean_rstd[2 * r + 1] = rstd;
    }
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
    float sum_g = 0, sum_gx = 0;
    for (int64_t j = 0; j < columns; j++) {
      float normal = (s[j] - mean) * rstd;
      float g = d[j] * scale[j];
      sum_g += g;
      sum_gx += g * normal;
      dscale[j] += d[j] * normal;
      dbias[j] += d[j];
    }
    float mean_g = sum_g / (float)columns, mean_gx = sum_gx / (float)columns;
    for (int64_t j = 0; j < columns; j++) {
      float normal = (s[j] - mean) * rstd;
      out[j] = rstd * (d[j] * scale[j] - mean_g - normal * mean_gx);
    }
  }
}
