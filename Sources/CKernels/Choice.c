#include "Vector.h"

// A row's logits are looked through in blocks: what a block's largest are decides whether it is worth a second look.
enum { parts = 4, block = lane * parts, widest = MT_WIDEST_PANEL };

MT_INLINE float largest(vector x) {
  float most = -INFINITY;
  for (int64_t l = 0; l < lane; l++) most = x[l] > most ? x[l] : most;
  return most;
}

// Σ e^(x − most) over whole blocks.
MT_INLINE float sum_of_exponentials(const float *x, int64_t count, float most) {
  vector sums[parts] = {{0}};
  for (int64_t j = 0; j < count; j += block)
    for (int64_t i = 0; i < parts; i++) sums[i] += exponential(LOAD(x + j + i * lane) - most);
  vector all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  float sum = 0;
  for (int64_t l = 0; l < lane; l++) sum += all[l];
  return sum;
}

// Where a row's logits come from: numbers, or the integers of a product, with a bias to add or not.
typedef struct {
  const float *values;
  const int32_t *sums, *column_sums;
  float row_scale;
  int32_t row_zero;
  const float *scales, *bias;
} source;

// Integers become values by expressions that the compiler fuses as it does those of mt_dequantize_rows: whole expressions, not
// what it finds side by side.
MT_INLINE float value_at(const source *s, int64_t j, bool integral, bool biased) {
#pragma clang fp contract(on)
  float bias = biased ? s->bias[j] : 0;
  if (!integral) return s->values[j] + bias;
  return (float)(s->sums[j] - s->column_sums[j] * s->row_zero) * (s->row_scale * s->scales[j]) + bias;
}

MT_INLINE vector values_at(const source *s, int64_t j, bool integral, bool biased) {
#pragma clang fp contract(on)
  if (!integral) return biased ? LOAD(s->values + j) + LOAD(s->bias + j) : LOAD(s->values + j);
  vector sums = __builtin_convertvector(
      *(const integers *)(s->sums + j) - *(const integers *)(s->column_sums + j) * s->row_zero, vector);
  vector scale = LOAD(s->scales + j) * s->row_scale;
  return biased ? sums * scale + LOAD(s->bias + j) : sums * scale;
}

// Fills whole blocks of `row`, the last one up with −∞, and sets the largest of each block, lane by lane.
MT_INLINE void fill_row(float *row, vector *most, vector *most_of_all, const source *s, int64_t columns, bool integral,
                        bool biased) {
  vector all = (vector){0} - INFINITY;
  int64_t whole = columns / block * block;
  for (int64_t j = 0; j < whole; j += block) {
    vector x[parts];
    for (int64_t i = 0; i < parts; i++) {
      x[i] = values_at(s, j + i * lane, integral, biased);
      *(vector *)(row + j + i * lane) = x[i];
    }
    vector a = (vector){0} - INFINITY;
    for (int64_t i = 0; i < parts; i++) a = larger(x[i], a);
    most[j / block] = a;
    all = larger(a, all);
  }
  if (whole < columns) {
    for (int64_t j = whole; j < whole + block; j++) row[j] = j < columns ? value_at(s, j, integral, biased) : -INFINITY;
    vector a = (vector){0} - INFINITY;
    for (int64_t i = 0; i < parts; i++) a = larger(LOAD(row + whole + i * lane), a);
    most[whole / block] = a;
    all = larger(a, all);
  }
  *most_of_all = all;
}

// A number that at least `count` numbers reach, given the largest of `lane` portions of them: the count-th largest of those.
MT_INLINE float reached_by(vector most, int64_t count) {
  if (count > lane) return -INFINITY;
  integers larger_ones = {0};
  for (int64_t l = 0; l < lane; l++) larger_ones -= (integers)(((vector){0} + most[l]) > most);
  float bar = INFINITY;
  for (int64_t l = 0; l < lane; l++) bar = larger_ones[l] < count && most[l] < bar ? most[l] : bar;
  return bar;
}

MT_INLINE bool any_reaches(vector x, float bar) {
  int32_t found = 0;
  for (int64_t l = 0; l < lane; l++) found |= x[l] >= bar;
  return found != 0;
}

MT_INLINE bool is_banned(const mt_choice *c, int64_t row, int32_t id) {
  for (int32_t i = c->banned_offsets[row]; i < c->banned_offsets[row + 1]; i++)
    if (c->banned[i] == id) return true;
  return false;
}

MT_INLINE int32_t id_of(const mt_choice *c, int64_t column) { return c->columns ? c->columns[column] : (int32_t)column; }

// The column of an id; negative where there is none.
MT_INLINE int64_t column_of(const mt_choice *c, int32_t id) {
  if (!c->columns) return id;
  int64_t first = 0, end = c->column_count;
  while (first < end) {
    int64_t middle = (first + end) / 2;
    if (c->columns[middle] < id) first = middle + 1;
    else end = middle;
  }
  return first < c->column_count && c->columns[first] == id ? first : -1;
}

// Puts the entries that belong there among row r's k best; those below the bar need not be looked at.
MT_INLINE float rank(const mt_choice *c, int64_t r, const float *x, int64_t first_column, float bar) {
  int64_t k = c->k;
  int32_t *best = c->ids + r * k;
  float *value = c->values + r * k;
  for (int64_t j = 0; j < lane; j++) {
    float v = x[j];
    if (!(v >= bar) || !(v > value[k - 1])) continue;
    int32_t id = id_of(c, first_column + j);
    if (is_banned(c, r, id)) continue;
    int64_t i = k - 1;
    while (i > 0 && value[i - 1] < v) {
      value[i] = value[i - 1];
      best[i] = best[i - 1];
      i--;
    }
    value[i] = v;
    best[i] = id;
    bar = value[k - 1] > bar ? value[k - 1] : bar;
  }
  return bar;
}

MT_INLINE void absorb_row(const mt_choice *c, int64_t r, const source *s, int64_t first_column, int64_t columns,
                          bool integral, bool biased) {
  float row[widest + block];
  vector maxima[widest / block + 1];
  vector most_by_lane;
  fill_row(row, maxima, &most_by_lane, s, columns, integral, biased);
  float most = largest(most_by_lane);
  // Sums are relative to the largest so far.
  if (most > c->most[r]) {
    c->sums[r] *= mt_exp(c->most[r] - most);
    c->most[r] = most;
  }
  int64_t whole = (columns + block - 1) / block * block;
  if (c->most[r] > -INFINITY) c->sums[r] += sum_of_exponentials(row, whole, c->most[r]);
  int64_t wanted = c->wanted[r] < 0 ? -1 : column_of(c, c->wanted[r]) - first_column;
  if (wanted >= 0 && wanted < columns) c->wanted_values[r] = row[wanted];

  float last = c->values[r * c->k + c->k - 1];
  if (!(most > last)) return;
  // Most of the vocabulary is passed over at vector speed.
  float bar = reached_by(most_by_lane, c->k + c->banned_offsets[r + 1] - c->banned_offsets[r]);
  bar = last > bar ? last : bar;
  for (int64_t b = 0; b < whole / block; b++) {
    if (!any_reaches(maxima[b], bar)) continue;
    for (int64_t j = b * block; j < (b + 1) * block; j += lane)
      if (any_reaches(LOAD(row + j), bar)) bar = rank(c, r, row + j, first_column + j, bar);
  }
}

void mt_choice_begin(const mt_choice *c, int64_t rows) {
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

MT_CLONES void mt_choice_absorb(const mt_choice *c, const float *logits, int64_t stride, const float *bias,
                                int64_t first_row, int64_t rows, int64_t first_column, int64_t columns) {
  for (int64_t r = 0; r < rows; r++) {
    source s = {.values = logits + r * stride, .bias = bias};
    if (bias) absorb_row(c, first_row + r, &s, first_column, columns, false, true);
    else absorb_row(c, first_row + r, &s, first_column, columns, false, false);
  }
}

MT_CLONES void mt_choice_absorb_sums(const mt_choice *c, const int32_t *sums, int64_t stride, const float *row_scales,
                                     const int32_t *row_zeros, const float *scales, const int32_t *column_sums,
                                     const float *bias, int64_t first_row, int64_t rows, int64_t first_column,
                                     int64_t columns) {
  for (int64_t r = 0; r < rows; r++) {
    source s = {NULL, sums + r * stride, column_sums, row_scales[r], row_zeros[r], scales, bias};
    if (bias) absorb_row(c, first_row + r, &s, first_column, columns, true, true);
    else absorb_row(c, first_row + r, &s, first_column, columns, true, false);
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
  int64_t width = mt_panel_width(columns);
  for (int64_t start = 0; start < columns; start += width) {
    int64_t count = start + width < columns ? width : columns - start;
    mt_choice_absorb(c, logits + start, columns, NULL, 0, rows, start, count);
  }
  mt_choice_end(c, rows);
}
