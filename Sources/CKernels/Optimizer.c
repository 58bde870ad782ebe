#include "Math.h"

MT_CLONES double mt_sum_gradients(float *const *buffers, int64_t buffer_count, int64_t offset, int64_t count) {
  MT_REASSOCIATE
  double total = 0;
  enum { block = 1024 };
  for (int64_t start = offset; start < offset + count; start += block) {
    int64_t end = start + block < offset + count ? start + block : offset + count;
    float *sum = buffers[0];
    for (int64_t b = 1; b < buffer_count; b++) {
      const float *other = buffers[b];
      for (int64_t i = start; i < end; i++) sum[i] += other[i];
    }
    float squares = 0;
    for (int64_t i = start; i < end; i++) squares += sum[i] * sum[i];
    total += squares;
  }
  return total;
}

MT_CLONES void mt_move_average(float *average, const float *value, int64_t count, float decay) {
  for (int64_t i = 0; i < count; i++) average[i] = decay * average[i] + (1.0f - decay) * value[i];
}

MT_CLONES void mt_adam(float *value, const float *gradient, float *m, float *v, int64_t count, float gradient_scale,
                       float rate, float beta1, float beta2, float epsilon, float correction1, float correction2,
                       float weight_decay, uint16_t *value_bf16, float *average, float average_decay) {
  float step = rate / correction1, root = 1.0f / __builtin_sqrtf(correction2);
  float keep = 1.0f - rate * weight_decay;
  for (int64_t i = 0; i < count; i++) {
    float g = gradient[i] * gradient_scale;
    float mi = beta1 * m[i] + (1.0f - beta1) * g;
    float vi = beta2 * v[i] + (1.0f - beta2) * g * g;
    m[i] = mi;
    v[i] = vi;
    value[i] = keep * value[i] - step * mi / (__builtin_sqrtf(vi) * root + epsilon);
  }
  if (value_bf16) mt_to_bfloat16(value_bf16, value, count);
  if (average) mt_move_average(average, value, count, average_decay);
}

MT_CLONES void mt_muon_direction(float *out, float *momentum, const float *gradient, int64_t rows, int64_t columns,
                                 int64_t stride, float gradient_scale, float beta) {
  float part = (1.0f - beta) * gradient_scale;
  for (int64_t r = 0; r < rows; r++, out += columns, momentum += stride, gradient += stride)
    for (int64_t c = 0; c < columns; c++) {
      float g = part * gradient[c], m = beta * momentum[c] + g;
      momentum[c] = m;
      out[c] = beta * m + g;
    }
}

MT_CLONES void mt_muon_move(float *value, const float *direction, int64_t rows, int64_t columns, int64_t stride, float keep,
                            float step) {
  for (int64_t r = 0; r < rows; r++, value += stride, direction += columns)
    for (int64_t c = 0; c < columns; c++) value[c] = keep * value[c] - step * direction[c];
}
