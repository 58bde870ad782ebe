#include "Math.h"

enum { lane = 16, block = 64 };

// The largest of a row: lane by lane, since a maximum of floats must not be regrouped as it stands.
MT_INLINE float largest(const float *x, int64_t count) {
  float most[lane], best = -INFINITY;
  for (int64_t l = 0; l < lane; l++) most[l] = -INFINITY;
  int64_t j = 0;
  for (; j + lane <= count; j += lane)
    for (int64_t l = 0; l < lane; l++) most[l] = x[j + l] > most[l] ? x[j + l] : most[l];
  for (; j < count; j++) best = x[j] > best ? x[j] : best;
  for (int64_t l = 0; l < lane; l++) best = most[l] > best ? most[l] : best;
  return best;
}

// e^x for x ≤ 0, to 3e-7 of its value, 1.2e-38 below −87: shorter than `mt_exp`, since softmax over a vocabulary is
// nothing else. 2^f for |f| ≤ ½ by a polynomial of least largest relative error, 7.5e-8.
MT_INLINE float exponential(float x) {
  x = x * 1.44269504088896341f;
  x = x < -126.0f ? -126.0f : x;
  float n = __builtin_rintf(x), f = x - n;
  float p = 0.001327641075477004f;
  p = p * f + 0.009675541892647743f;
  p = p * f + 0.05550713464617729f;
  p = p * f + 0.24022120237350464f;
  p = p * f + 0.6931469440460205f;
  p = p * f + 1.0000001192092896f;
  int32_t bits;
  memcpy(&bits, &p, 4);
  bits += (int32_t)n << 23;
  memcpy(&p, &bits, 4);
  return p;
}

MT_INLINE float sum_of_exponentials(const float *x, int64_t count, float most) {
  MT_REASSOCIATE
  float sum = 0;
  for (int64_t j = 0; j < count; j++) sum += exponential(x[j] - most);
  return sum;
}

// Whether any of `count` values exceeds the bar: most of the vocabulary is passed over at vector speed.
MT_INLINE bool any_above(const float *x, int64_t count, float bar) {
  int32_t found = 0;
  for (int64_t j = 0; j < count; j++) found |= x[j] > bar;
  return found != 0;
}

MT_INLINE bool is_banned(const mt_choice *c, int64_t row, int32_t id) {
  for (int32_t i = c->banned_offsets[row]; i < c->banned_offsets[row + 1]; i++)
    if (c->banned[i] == id) return true;
  return false;
}

MT_CLONES void mt_choice_begin(const mt_choice *c, int64_t rows) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t i = 0; i < c->k; i++) {
      c->ids[r * c->k + i] = -1;
      c->values[r * c->k + i] = -INFINITY;
    }
    c->most[r] = -INFINITY;
    c->sums[r] = 0;
    c->wanted_values[r] = -INFINITY;
  }
}

MT_CLONES void mt_choice_absorb(const mt_choice *c, const float *logits, int64_t stride, int64_t first_row, int64_t rows,
                                int64_t first_column, int64_t columns) {
  int64_t k = c->k;
  for (int64_t r = first_row; r < first_row + rows; r++) {
    const float *x = logits + (r - first_row) * stride;
    float most = largest(x, columns);
    // Sums are relative to the largest so far.
    if (most > c->most[r]) {
      c->sums[r] *= mt_exp(c->most[r] - most);
      c->most[r] = most;
    }
    if (c->most[r] > -INFINITY) c->sums[r] += sum_of_exponentials(x, columns, c->most[r]);
    int64_t wanted = (int64_t)c->wanted[r] - first_column;
    if (wanted >= 0 && wanted < columns) c->wanted_values[r] = x[wanted];

    int32_t *best = c->ids + r * k;
    float *value = c->values + r * k;
    if (!(most > value[k - 1])) continue;
    for (int64_t start = 0; start < columns; start += block) {
      int64_t count = start + block < columns ? block : columns - start;
      if (!any_above(x + start, count, value[k - 1])) continue;
      for (int64_t j = start; j < start + count; j++) {
        float v = x[j];
        if (!(v > value[k - 1]) || is_banned(c, r, (int32_t)(first_column + j))) continue;
        int64_t i = k - 1;
        while (i > 0 && value[i - 1] < v) {
          value[i] = value[i - 1];
          best[i] = best[i - 1];
          i--;
        }
        value[i] = v;
        best[i] = (int32_t)(first_column + j);
      }
    }
  }
}

void mt_choice_end(const mt_choice *c, int64_t rows) {
  for (int64_t r = 0; r < rows; r++) {
    float shift = c->most[r] + logf(c->sums[r]);
    for (int64_t i = 0; i < c->k && c->ids[r * c->k + i] >= 0; i++) c->values[r * c->k + i] -= shift;
    if (c->wanted[r] >= 0) c->wanted_values[r] -= shift;
  }
}

void mt_choose(const float *logits, int64_t rows, int64_t columns, const mt_choice *c) {
  mt_choice_begin(c, rows);
  // In the portions in which a product with packed weights comes, so that both give the same bits.
  for (int64_t start = 0; start < columns; start += mt_panel_width(columns)) {
    int64_t width = mt_panel_width(columns);
    int64_t count = start + width < columns ? width : columns - start;
    mt_choice_absorb(c, logits + start, columns, 0, rows, start, count);
  }
  mt_choice_end(c, rows);
}
