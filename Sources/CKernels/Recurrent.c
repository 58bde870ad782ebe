#include "Math.h"

// GRU (Cho et al. 2014, with the reset gate after the product as in Chung et al. 2014 and Marian):
// r = σ(x_r + u_r), z = σ(x_z + u_z), n = tanh(x_n + r·u_n), h = (1 − z)·n + z·h_prev. Without a reset gate r = 1.
// gates keeps r, z, n for the backward pass: [rows, 3·hidden].
MT_CLONES void mt_gru(float *h, float *gates, const float *x, const float *u, const float *previous, int64_t rows,
                      int64_t hidden, bool has_reset) {
  for (int64_t row = 0; row < rows; row++) {
    const float *xr = x + row * 3 * hidden, *ur = u + row * 3 * hidden, *p = previous + row * hidden;
    float *g = gates + row * 3 * hidden, *out = h + row * hidden;
    for (int64_t j = 0; j < hidden; j++) {
      float r = has_reset ? mt_sigmoid_of(xr[j] + ur[j]) : 1.0f;
      float z = mt_sigmoid_of(xr[hidden + j] + ur[hidden + j]);
      float n = mt_tanh_of(xr[2 * hidden + j] + r * ur[2 * hidden + j]);
      g[j] = r;
      g[hidden + j] = z;
      g[2 * hidden + j] = n;
      out[j] = (1.0f - z) * n + z * p[j];
    }
  }
}

// dx and du overwrite; dprevious receives only the direct path z·dh (the path through U is the caller's product).
MT_CLONES void mt_gru_backward(float *dx, float *du, float *dprevious, const float *dh, const float *gates,
                               const float *u, const float *previous, int64_t rows, int64_t hidden, bool has_reset) {
  for (int64_t row = 0; row < rows; row++) {
    const float *g = gates + row * 3 * hidden, *d = dh + row * hidden, *p = previous + row * hidden;
    const float *ur = u + row * 3 * hidden;
    float *dxr = dx + row * 3 * hidden, *dur = du + row * 3 * hidden, *dp = dprevious + row * hidden;
    for (int64_t j = 0; j < hidden; j++) {
      float r = g[j], z = g[hidden + j], n = g[2 * hidden + j];
      float dn = d[j] * (1.0f - z) * (1.0f - n * n);
      float dz = d[j] * (p[j] - n) * z * (1.0f - z);
      float dr = has_reset ? dn * ur[2 * hidden + j] * r * (1.0f - r) : 0.0f;
      dxr[j] = dr;
      dxr[hidden + j] = dz;
      dxr[2 * hidden + j] = dn;
      dur[j] = dr;
      dur[hidden + j] = dz;
      dur[2 * hidden + j] = dn * r;
      dp[j] = d[j] * z;
    }
  }
}

// LSTM (Hochreiter & Schmidhuber 1997; forget gate Gers et al. 2000). gates keeps f, i, g, o.
MT_CLONES void mt_lstm(float *h, float *c, float *gates, const float *x, const float *u, const float *previous_c,
                       int64_t rows, int64_t hidden) {
  for (int64_t row = 0; row < rows; row++) {
    const float *xr = x + row * 4 * hidden, *ur = u + row * 4 * hidden, *pc = previous_c + row * hidden;
    float *g = gates + row * 4 * hidden;
    for (int64_t j = 0; j < hidden; j++) {
      float f = mt_sigmoid_of(xr[j] + ur[j]);
      float i = mt_sigmoid_of(xr[hidden + j] + ur[hidden + j]);
      float n = mt_tanh_of(xr[2 * hidden + j] + ur[2 * hidden + j]);
      float o = mt_sigmoid_of(xr[3 * hidden + j] + ur[3 * hidden + j]);
      float cell = f * pc[j] + i * n;
      g[j] = f;
      g[hidden + j] = i;
      g[2 * hidden + j] = n;
      g[3 * hidden + j] = o;
      c[row * hidden + j] = cell;
      h[row * hidden + j] = o * mt_tanh_of(cell);
    }
  }
}

// dx (= du) and dprevious_c overwrite; dc is the gradient that reaches this step's cell from later ones.
MT_CLONES void mt_lstm_backward(float *dx, float *dprevious_c, const float *dh, const float *dc, const float *gates,
                                const float *c, const float *previous_c, int64_t rows, int64_t hidden) {
  for (int64_t row = 0; row < rows; row++) {
    const float *g = gates + row * 4 * hidden;
    float *d = dx + row * 4 * hidden;
    for (int64_t j = 0; j < hidden; j++) {
      int64_t at = row * hidden + j;
      float f = g[j], i = g[hidden + j], n = g[2 * hidden + j], o = g[3 * hidden + j];
      float t = mt_tanh_of(c[at]);
      float cell = dc[at] + dh[at] * o * (1.0f - t * t);
      d[j] = cell * previous_c[at] * f * (1.0f - f);
      d[hidden + j] = cell * n * i * (1.0f - i);
      d[2 * hidden + j] = cell * i * (1.0f - n * n);
      d[3 * hidden + j] = dh[at] * t * o * (1.0f - o);
      dprevious_c[at] = cell * f;
    }
  }
}
