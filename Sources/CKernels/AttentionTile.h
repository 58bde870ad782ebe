// Attention of a few queries over keys that they share: a tile of the products at a time, whose sums stay in registers.
#pragma once
#include "Vector.h"

enum { most_in_tile = 5 };

MT_INLINE int64_t padded(int64_t n) { return (n + lane - 1) / lane * lane; }

#define SWAP(d, ...)                                                                  \
  for (int i = 0; i < lane; i++) {                                                    \
    if (i & d) continue;                                                              \
    vector a = x[i], b = x[i + d];                                                    \
    x[i] = __builtin_shufflevector(a, b, __VA_ARGS__);                                \
    x[i + d] = __builtin_shufflevector(b, a, SWAPPED_##d);                            \
  }
#define SWAPPED_8 24, 25, 26, 27, 28, 29, 30, 31, 8, 9, 10, 11, 12, 13, 14, 15
#define SWAPPED_4 20, 21, 22, 23, 4, 5, 6, 7, 28, 29, 30, 31, 12, 13, 14, 15
#define SWAPPED_2 18, 19, 2, 3, 22, 23, 6, 7, 26, 27, 10, 11, 30, 31, 14, 15
#define SWAPPED_1 17, 1, 19, 3, 21, 5, 23, 7, 25, 9, 27, 11, 29, 13, 31, 15

// Sixteen vectors as rows become columns: blocks of 8, 4, 2 and 1 off the diagonal change places.
MT_INLINE void transpose_vectors(vector *x) {
#pragma clang loop unroll(full)
  SWAP(8, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
#pragma clang loop unroll(full)
  SWAP(4, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27)
#pragma clang loop unroll(full)
  SWAP(2, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#pragma clang loop unroll(full)
  SWAP(1, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30)
}
#undef SWAP

// Keys of one head, `stride` apart, as [head_size, width]: one query's scores are then computed along the keys, a vector at
// a time. width = padded(count); the padding is zero and never read back.
MT_INLINE void transpose(float *out, const float *in, int64_t stride, int64_t count, int64_t width, int64_t head_size) {
  int64_t whole = head_size / lane * lane;
  for (int64_t j = 0; j < width; j += lane) {
    for (int64_t c = 0; c < whole; c += lane) {
      vector x[lane];
      for (int64_t i = 0; i < lane; i++) x[i] = j + i < count ? LOAD(in + (j + i) * stride + c) : (vector){0};
      transpose_vectors(x);
      for (int64_t i = 0; i < lane; i++) *(vector *)(out + (c + i) * width + j) = x[i];
    }
    for (int64_t c = whole; c < head_size; c++)
      for (int64_t i = 0; i < lane; i++) out[c * width + j + i] = j + i < count ? in[(j + i) * stride + c] : 0;
  }
}

#define AROUND(x, ...) __builtin_shufflevector(x, x, __VA_ARGS__)
#define AROUND_8(x) AROUND(x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7)
#define AROUND_4(x) AROUND(x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11)
#define AROUND_2(x) AROUND(x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
#define AROUND_1(x) AROUND(x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14)

// The largest and the sum of a vector's lanes, in all lanes.
MT_INLINE vector largest_of(vector x) {
  x = larger(AROUND_8(x), x);
  x = larger(AROUND_4(x), x);
  x = larger(AROUND_2(x), x);
  return larger(AROUND_1(x), x);
}
MT_INLINE vector total(vector x) {
  x += AROUND_8(x);
  x += AROUND_4(x);
  x += AROUND_2(x);
  return x + AROUND_1(x);
}

// Softmax of a row that is followed by room to a whole number of vectors, which becomes zero: short rows are then as fast
// as long ones.
MT_INLINE void padded_softmax(float *x, int64_t count, float scale) {
#pragma clang fp contract(fast)
  int64_t width = padded(count);
  const integers places = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const vector nothing = (vector){0} - INFINITY;
  integers used = places < (int32_t)(count - width + lane);
  vector *last = (vector *)(x + width - lane);
  *last = (vector)(((integers)*last & used) | ((integers)nothing & ~used));
  vector most = LOAD(x), sum = {0};
  for (int64_t j = lane; j < width; j += lane) most = larger(LOAD(x + j), most);
  most = largest_of(most);
  for (int64_t j = 0; j < width; j += lane) {
    vector e = exponential((LOAD(x + j) - most) * scale);
    *(vector *)(x + j) = e;
    sum += e;
  }
  vector factor = 1.0f / total(sum);
  for (int64_t j = 0; j < width; j += lane) *(vector *)(x + j) = LOAD(x + j) * factor;
  *last = (vector)((integers)*last & used);
}

// out[r, 0 ..< 16] = Σ_t a[r, t]·b[t, 0 ..< 16], or that added to it; `rows` and `adds` are constants.
MT_INLINE void portion(float *out, int64_t out_stride, const float *a, int64_t a_stride, const float *b, int64_t b_stride,
                       int64_t terms, int64_t rows, bool adds) {
#pragma clang fp contract(fast)
  vector sums[most_in_tile];
#pragma clang loop unroll(full)
  for (int64_t r = 0; r < rows; r++) sums[r] = adds ? LOAD(out + r * out_stride) : (vector){0};
  for (int64_t t = 0; t < terms; t++) {
    vector x = LOAD(b + t * b_stride);
#pragma clang loop unroll(full)
    for (int64_t r = 0; r < rows; r++) sums[r] += x * a[r * a_stride + t];
  }
#pragma clang loop unroll(full)
  for (int64_t r = 0; r < rows; r++) *(vector *)(out + r * out_stride) = sums[r];
}

// What training keeps and drops of the weights.
typedef struct {
  float *weights;  // of the first row, before dropout; NULL where nobody asks for them
  int64_t stride;  // between rows, as many as there are keys
  int64_t index;   // of the first weight, by which masks are drawn
  float p;
  uint64_t seed;
} kept;

// Writes the weights down, and leaves in the row those that are not dropped.
MT_INLINE void keep_row(const kept *k, int64_t r, float *row, int64_t count) {
  if (k->weights) {
    float *out = k->weights + r * k->stride;
    memcpy(out, row, (size_t)count * sizeof(float));
    for (int64_t j = count; j < k->stride; j++) out[j] = 0;
  }
  if (!(k->p > 0)) return;
  uint32_t threshold = mt_drop_threshold(k->p), low = (uint32_t)k->seed, high = (uint32_t)(k->seed >> 32);
  uint32_t first = (uint32_t)(k->index + r * k->stride);
  float factor = 1.0f / (1.0f - k->p);
  for (int64_t j = 0; j < count; j++) row[j] *= mt_keep(threshold, factor, low, high, first + (uint32_t)j);
}

// One head's attention of `rows` queries, of which row r sees the first counts[r] keys. `transposed` has the keys as
// `transpose` leaves them, w takes the weights of each row, room for `width` each. A row's result does not depend on the
// others.
MT_INLINE void tile(float *y, int64_t y_stride, const float *q, int64_t q_stride, const float *transposed, int64_t width,
                    const float *v, int64_t v_stride, const int64_t *counts, int64_t rows, int64_t head_size, float *w,
                    int64_t w_stride, const kept *k) {
  int64_t longest = 0, whole = head_size / lane * lane;
  for (int64_t r = 0; r < rows; r++) longest = counts[r] > longest ? counts[r] : longest;
  for (int64_t j = 0; j < longest; j += lane)
    portion(w + j, w_stride, q, q_stride, transposed + j, width, head_size, rows, false);
  for (int64_t r = 0; r < rows; r++) {
    float *row = w + r * w_stride;
    padded_softmax(row, counts[r], 1.0f / __builtin_sqrtf((float)head_size));
    for (int64_t j = padded(counts[r]); j < longest; j++) row[j] = 0;
    if (k) keep_row(k, r, row, counts[r]);
  }
  for (int64_t c = 0; c < whole; c += lane) portion(y + c, y_stride, w, w_stride, v + c, v_stride, longest, rows, false);
  for (int64_t c = whole; c < head_size; c++)
    for (int64_t r = 0; r < rows; r++) {
      float sum = 0;
      for (int64_t j = 0; j < counts[r]; j++) sum += w[r * w_stride + j] * v[j * v_stride + c];
      y[r * y_stride + c] = sum;
    }
}

// A call with a number of rows, at most `most_in_tile`, that is known to run only.
#define BY_ROWS(call, rows)     \
  switch (rows) {               \
    case 1: call(1); break;     \
    case 2: call(2); break;     \
    case 3: call(3); break;     \
    case 4: call(4); break;     \
    default: call(5); break;    \
  }

MT_INLINE void tile_of(float *y, int64_t y_stride, const float *q, int64_t q_stride, const float *transposed, int64_t width,
                       const float *v, int64_t v_stride, const int64_t *counts, int64_t rows, int64_t head_size, float *w,
                       int64_t w_stride, const kept *k) {
#define CALL(n) tile(y, y_stride, q, q_stride, transposed, width, v, v_stride, counts, n, head_size, w, w_stride, k)
  BY_ROWS(CALL, rows)
#undef CALL
}

// How many of so many rows a tile takes: five at the end, else four.
MT_INLINE int64_t rows_of_tile(int64_t left) { return left <= most_in_tile ? left : 4; }
