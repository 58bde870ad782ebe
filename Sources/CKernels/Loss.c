#include "Math.h"

MT_INLINE void add_bias(float *x, const float *bias, int64_t columns) {
  if (!bias) return;
  for (int64_t j = 0; j < columns; j++) x[j] += bias[j];
}

// Lane by lane: a maximum of floats must not be regrouped as it stands.
MT_INLINE float maximum(const float *x, int64_t columns) {
  enum { lane = 16 };
  float most[lane], best = -INFINITY;
  for (int64_t l = 0; l < lane; l++) most[l] = -INFINITY;
  int64_t j = 0;
  for (; j + lane <= columns; j += lane)
    for (int64_t l = 0; l < lane; l++) most[l] = x[j + l] > most[l] ? x[j + l] : most[l];
  for (; j < columns; j++) best = x[j] > best ? x[j] : best;
  for (int64_t l = 0; l < lane; l++) best = most[l] > best ? most[l] : best;
  return best;
}

MT_INLINE float sum_of_exponentials(const float *x, int64_t columns, float most) {
  MT_REASSOCIATE
  float sum = 0;
  for (int64_t j = 0; j < columns; j++) sum += mt_exp(x[j] - most);
  return sum;
}

MT_CLONES void mt_cross_entropy(float *logits, const float *bias, const int32_t *labels, int64_t rows, int64_t columns,
                                float smoothing, float gradient_scale, double *loss, double *log_likelihood) {
  MT_REASSOCIATE
  float uniform = smoothing / (float)columns;
  for (int64_t r = 0; r < rows; r++) {
    float *x = logits + r * columns;
    add_bias(x, bias, columns);
    float most = maximum(x, columns);
    float total = 0, plain = 0;
    for (int64_t j = 0; j < columns; j++) plain += x[j] - most;
    float at_label = x[labels[r]] - most;
    for (int64_t j = 0; j < columns; j++) {
      float e = mt_exp(x[j] - most);
      x[j] = e;
      total += e;
    }
    float log_total = logf(total);
    double log_label = (double)at_label - log_total;
    double mean_log = (double)plain / (double)columns - log_total;
    *log_likelihood += log_label;
    *loss -= (1.0 - smoothing) * log_label + (double)smoothing * mean_log;
    float scale = gradient_scale / total, shift = gradient_scale * uniform;
    for (int64_t j = 0; j < columns; j++) x[j] = x[j] * scale - shift;
    x[labels[r]] -= gradient_scale * (1.0f - smoothing);
  }
}

MT_CLONES void mt_agreeing_cross_entropy(float *first, float *second, const float *bias, const int32_t *labels, int64_t rows,
                                         int64_t columns, float smoothing, float second_share, float forward,
                                         float backward, float gradient_scale, double *loss, double *log_likelihood) {
  MT_REASSOCIATE
  float a = 1 - second_share, b = second_share, uniform = smoothing / (float)columns;
  for (int64_t r = 0; r < rows; r++) {
    float *x = first + r * columns, *y = second + r * columns;
    add_bias(x, bias, columns);
    add_bias(y, bias, columns);
    float most_x = maximum(x, columns), most_y = maximum(y, columns);
    float shift_x = most_x + logf(sum_of_exponentials(x, columns, most_x));
    float shift_y = most_y + logf(sum_of_exponentials(y, columns, most_y));
    float sum_x = 0, sum_y = 0, from_x = 0, from_y = 0;
    for (int64_t j = 0; j < columns; j++) {
      float u = x[j] - shift_x, v = y[j] - shift_y;
      sum_x += u;
      sum_y += v;
      from_x += mt_exp(u) * (u - v);
      from_y += mt_exp(v) * (v - u);
      x[j] = u;
      y[j] = v;
    }
    float label_x = x[labels[r]], label_y = y[labels[r]];
    *log_likelihood += label_x;
    *loss -= a * ((1.0 - smoothing) * label_x + (double)smoothing * sum_x / (double)columns);
    *loss -= b * ((1.0 - smoothing) * label_y + (double)smoothing * sum_y / (double)columns);
    *loss += (double)forward * from_x + (double)backward * from_y;
    for (int64_t j = 0; j < columns; j++) {
      float d = x[j] - y[j], p = mt_exp(x[j]), q = mt_exp(y[j]);
      x[j] = gradient_scale * (a * (p - uniform) + forward * p * (d - from_x) + backward * (p - q));
      y[j] = gradient_scale * (b * (q - uniform) + forward * (q - p) - backward * q * (d + from_y));
    }
    x[labels[r]] -= gradient_scale * a * (1.0f - smoothing);
    y[labels[r]] -= gradient_scale * b * (1.0f - smoothing);
  }
}

MT_CLONES void mt_label_log_probabilities(const float *logits, const float *bias, const int32_t *labels, int64_t rows,
                                          int64_t columns, float *out) {
  MT_REASSOCIATE
  for (int64_t r = 0; r < rows; r++) {
    const float *x = logits + r * columns;
    float most = -INFINITY, sum = 0;
    if (bias) {
      for (int64_t j = 0; j < columns; j++) {
        float v = x[j] + bias[j];
        most = v > most ? v : most;
      }
      for (int64_t j = 0; j < columns; j++) sum += mt_exp(x[j] + bias[j] - most);
    } else {
      most = maximum(x, columns);
      sum = sum_of_exponentials(x, columns, most);
    }
    out[r] = x[labels[r]] + (bias ? bias[labels[r]] : 0.0f) - most - logf(sum);
  }
}

MT_CLONES void mt_log_softmax(float *x, const float *bias, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; r++) {
    float *row = x + r * columns;
    add_bias(row, bias, columns);
    float most = maximum(row, columns);
    float shift = most + logf(sum_of_exponentials(row, columns, most));
    for (int64_t j = 0; j < columns; j++) row[j] -= shift;
  }
}
