#include "Math.h"

MT_INLINE void add_bias(float *x, const float *bias, int64_t columns) {
  if (!bias) return;
  for (int64_t j = 0; j < columns; j++) x[j] += bias[j];
}

MT_INLINE float maximum(const float *x, int64_t columns) {
  float most = x[0];
  for (int64_t j = 1; j < columns; j++) most = x[j] > most ? x[j] : most;
  return most;
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

// Whether any of `count` values exceeds the bar: scanned in blocks so that most of the vocabulary is passed over at
// vector speed.
MT_INLINE bool any_above(const float *x, const float *bias, int64_t count, float bar) {
  int32_t found = 0;
  if (bias) {
    for (int64_t j = 0; j < count; j++) found |= x[j] + bias[j] > bar;
  } else {
    for (int64_t j = 0; j < count; j++) found |= x[j] > bar;
  }
  return found != 0;
}

MT_CLONES void mt_log_softmax_top_k(const float *logits, const float *bias, int64_t rows, int64_t columns, int64_t k,
                                    int32_t *ids, float *values) {
  MT_REASSOCIATE
  enum { block = 64 };
  for (int64_t r = 0; r < rows; r++) {
    const float *x = logits + r * columns;
    int32_t *best = ids + r * k;
    float *value = values + r * k;
    for (int64_t i = 0; i < k; i++) {
      best[i] = -1;
      value[i] = -INFINITY;
    }
    for (int64_t start = 0; start < columns; start += block) {
      int64_t count = start + block < columns ? block : columns - start;
      if (!any_above(x + start, bias ? bias + start : 0, count, value[k - 1])) continue;
      for (int64_t j = start; j < start + count; j++) {
        float v = x[j] + (bias ? bias[j] : 0.0f);
        if (!(v > value[k - 1])) continue;
        int64_t i = k - 1;
        while (i > 0 && value[i - 1] < v) {
          value[i] = value[i - 1];
          best[i] = best[i - 1];
          i--;
        }
        value[i] = v;
        best[i] = (int32_t)j;
      }
    }
    float most = value[0], sum = 0;
    if (bias) {
      for (int64_t j = 0; j < columns; j++) sum += mt_exp(x[j] + bias[j] - most);
    } else {
      sum = sum_of_exponentials(x, columns, most);
    }
    float shift = most + logf(sum);
    for (int64_t i = 0; i < k; i++) value[i] -= shift;
  }
}
