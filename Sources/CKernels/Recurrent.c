#include "Math.h"

// Every loop here is element-wise over a row: element j of the results depends on element j of the arguments only.
// There are too many arrays for the compiler to check that itself.
#define MT_ELEMENTWISE _Pragma("clang loop vectorize(assume_safety)")

// Elman 1990: h = f(x + u), f tanh or ReLU; both slopes can be read off h, so nothing is kept.
MT_CLONES void mt_elman(float *h, const float *x, const float *u, int64_t count, bool relu) {
  if (relu) {
    for (int64_t i = 0; i < count; i++) {
      float s = x[i] + u[i];
      h[i] = s > 0 ? s : 0;
    }
  } else {
    for (int64_t i = 0; i < count; i++) h[i] = mt_tanh_of(x[i] + u[i]);
  }
}

MT_CLONES void mt_elman_backward(float *dx, const float *dh, const float *h, int64_t count, bool relu) {
  if (relu) {
    for (int64_t i = 0; i < count; i++) dx[i] = h[i] > 0 ? dh[i] : 0;
  } else {
    for (int64_t i = 0; i < count; i++) dx[i] = dh[i] * (1.0f - h[i] * h[i]);
  }
}

// GRU (Cho et al. 2014, with the reset gate after the product as in Chung et al. 2014 and Marian):
// r = σ(x_r + u_r), z = σ(x_z + u_z), n = tanh(x_n + r·u_n), h = (1 − z)·n + z·h_prev.
// gates keeps r, z, n and u_n for the backward pass: [rows, 4·hidden].
MT_CLONES void mt_gru(float *h, float *gates, const float *x, const float *u, const float *previous, int64_t rows,
                      int64_t hidden) {
  for (int64_t row = 0; row < rows; row++) {
    const float *xr = x + row * 3 * hidden, *ur = u + row * 3 * hidden;
    const float *p = previous + row * hidden;
    float *g = gates + row * 4 * hidden, *out = h + row * hidden;
    MT_ELEMENTWISE for (int64_t j = 0; j < hidden; j++) {
      float un = ur[2 * hidden + j];
      float r = mt_sigmoid_of(xr[j] + ur[j]);
      float z = mt_sigmoid_of(xr[hidden + j] + ur[hidden + j]);
      float n = mt_tanh_of(xr[2 * hidden + j] + r * un);
      g[j] = r;
      g[hidden + j] = z;
      g[2 * hidden + j] = n;
      g[3 * hidden + j] = un;
      out[j] = (1.0f - z) * n + z * p[j];
    }
  }
}

// dx and du overwrite; dprevious receives only the direct path z·dh (the path through U is the caller's product).
MT_CLONES void mt_gru_backward(float *dx, float *du, float *dprevious, const float *dh, const float *gates,
                               const float *previous, int64_t rows, int64_t hidden) {
  for (int64_t row = 0; row < rows; row++) {
    const float *g = gates + row * 4 * hidden, *d = dh + row * hidden;
    const float *p = previous + row * hidden;
    float *dxr = dx + row * 3 * hidden, *dur = du + row * 3 * hidden;
    float *dp = dprevious + row * hidden;
    MT_ELEMENTWISE for (int64_t j = 0; j < hidden; j++) {
      float r = g[j], z = g[hidden + j], n = g[2 * hidden + j];
      float dn = d[j] * (1.0f - z) * (1.0f - n * n);
      float dz = d[j] * (p[j] - n) * z * (1.0f - z);
      float dr = dn * g[3 * hidden + j] * r * (1.0f - r);
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

// The GRU whose reset gate is always open: z = σ(x_z + u_z), n = tanh(x_n + u_n). gates keeps z, n: [rows, 2·hidden].
MT_CLONES void mt_update_gate(float *h, float *gates, const float *x, const float *u, const float *previous,
                              int64_t rows, int64_t hidden) {
  for (int64_t row = 0; row < rows; row++) {
    const float *xr = x + row * 2 * hidden, *ur = u + row * 2 * hidden;
    const float *p = previous + row * hidden;
    float *g = gates + row * 2 * hidden, *out = h + row * hidden;
    MT_ELEMENTWISE for (int64_t j = 0; j < hidden; j++) {
      float z = mt_sigmoid_of(xr[j] + ur[j]);
      float n = mt_tanh_of(xr[hidden + j] + ur[hidden + j]);
      g[j] = z;
      g[hidden + j] = n;
      out[j] = (1.0f - z) * n + z * p[j];
    }
  }
}

// dx (= du) overwrites; dprevious receives the direct path.
MT_CLONES void mt_update_gate_backward(float *dx, float *dprevious, const float *dh, const float *gates,
                                       const float *previous, int64_t rows, int64_t hidden) {
  for (int64_t row = 0; row < rows; row++) {
    const float *g = gates + row * 2 * hidden, *d = dh + row * hidden;
    const float *p = previous + row * hidden;
    float *dxr = dx + row * 2 * hidden, *dp = dprevious + row * hidden;
    MT_ELEMENTWISE for (int64_t j = 0; j < hidden; j++) {
      float z = g[j], n = g[hidden + j];
      dxr[j] = d[j] * (p[j] - n) * z * (1.0f - z);
      dxr[hidden + j] = d[j] * (1.0f - z) * (1.0f - n * n);
      dp[j] = d[j] * z;
    }
  }
}

// LSTM (Hochreiter & Schmidhuber 1997; forget gate Gers et al. 2000). gates keeps f, i, g, o.
MT_CLONES void mt_lstm(float *h, float *c, float *gates, const float *x, const float *u, const float *previous_c,
                       int64_t rows, int64_t hidden) {
  for (int64_t row = 0; row < rows; row++) {
    const float *xr = x + row * 4 * hidden, *ur = u + row * 4 * hidden;
    const float *pc = previous_c + row * hidden;
    float *g = gates + row * 4 * hidden, *cr = c + row * hidden, *hr = h + row * hidden;
    MT_ELEMENTWISE for (int64_t j = 0; j < hidden; j++) {
      float f = mt_sigmoid_of(xr[j] + ur[j]);
      float i = mt_sigmoid_of(xr[hidden + j] + ur[hidden + j]);
      float n = mt_tanh_of(xr[2 * hidden + j] + ur[2 * hidden + j]);
      float o = mt_sigmoid_of(xr[3 * hidden + j] + ur[3 * hidden + j]);
      float cell = f * pc[j] + i * n;
      g[j] = f;
      g[hidden + j] = i;
      g[2 * hidden + j] = n;
      g[3 * hidden + j] = o;
      cr[j] = cell;
      hr[j] = o * mt_tanh_of(cell);
    }
  }
}

// dx (= du) and dprevious_c overwrite; dc is the gradient that reaches this step's cell from later ones.
MT_CLONES void mt_lstm_backward(float *dx, float *dprevious_c, const float *dh, const float *dc, const float *gates,
                                const float *c, const float *previous_c, int64_t rows, int64_t hidden) {
  for (int64_t row = 0; row < rows; row++) {
    const float *g = gates + row * 4 * hidden, *dhr = dh + row * hidden;
    const float *dcr = dc + row * hidden, *cr = c + row * hidden;
    const float *pc = previous_c + row * hidden;
    float *d = dx + row * 4 * hidden, *dpc = dprevious_c + row * hidden;
    MT_ELEMENTWISE for (int64_t j = 0; j < hidden; j++) {
      float f = g[j], i = g[hidden + j], n = g[2 * hidden + j], o = g[3 * hidden + j];
      float t = mt_tanh_of(cr[j]);
      float cell = dcr[j] + dhr[j] * o * (1.0f - t * t);
      d[j] = cell * pc[j] * f * (1.0f - f);
      d[hidden + j] = cell * n * i * (1.0f - i);
      d[2 * hidden + j] = cell * i * (1.0f - n * n);
      d[3 * hidden + j] = dhr[j] * t * o * (1.0f - o);
      dpc[j] = cell * f;
    }
  }
}

// SSRU, "simpler simple recurrent unit" (Kim et al. 2019): nothing but the cell goes from step to step.
MT_INLINE void ssru_step(float *h, float *c, float *f, const float *p, const float *u, const float *bias, int64_t size) {
  MT_ELEMENTWISE for (int64_t j = 0; j < size; j++) {
    float gate = mt_sigmoid_of(u[size + j] + bias[j]);
    float cell = gate * (p ? p[j] : 0.0f) + (1.0f - gate) * u[j];
    c[j] = cell;
    h[j] = cell > 0 ? cell : 0;
    if (f) f[j] = gate;
  }
}

MT_CLONES void mt_ssru(float *h, float *c, float *f, const float *previous, const float *u, const float *bias,
                       int64_t length, int64_t size) {
  for (int64_t t = 0; t < length; t++) {
    const float *p = t > 0 ? c + (t - 1) * size : previous;
    ssru_step(h + t * size, c + t * size, f ? f + t * size : NULL, p, u + 2 * t * size, bias, size);
  }
}

MT_CLONES void mt_ssru_backward(float *du, float *dbias, float *carry, const float *dh, const float *c, const float *f,
                                const float *u, int64_t length, int64_t size) {
  for (int64_t j = 0; j < size; j++) carry[j] = 0;
  for (int64_t t = length - 1; t >= 0; t--) {
    const float *cr = c + t * size, *pr = cr - size, *fr = f + t * size, *x = u + 2 * t * size, *d = dh + t * size;
    float *dr = du + 2 * t * size;
    MT_ELEMENTWISE for (int64_t j = 0; j < size; j++) {
      float gate = fr[j], before = t > 0 ? pr[j] : 0.0f;
      float cell = carry[j] + (cr[j] > 0 ? d[j] : 0.0f);
      float df = cell * (before - x[j]) * gate * (1.0f - gate);
      dr[j] = cell * (1.0f - gate);
      dr[size + j] = df;
      dbias[j] += df;
      carry[j] = cell * gate;
    }
  }
}
