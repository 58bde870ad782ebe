// Matrix products by loops of our own, for processors where oneDNN has no layout of weights to its liking and sums a row in
// another order as the number of rows changes (those before AVX-512), or multiplies bytes inexactly (those before VNNI). A tile
// of a few rows and a strip of columns or a few stays in registers while it goes through k; each element is one chain of sums
// in the order of k, whatever the tile.
#include "Vector.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { strip = MT_STRIP, most_rows = 6 };
_Static_assert(strip == (int)lane, "a strip is one vector wide");

bool mt_uses_tiles(mt_precision precision) {
#if defined(__x86_64__)
  switch (precision) {
    case MT_FLOAT32: return !__builtin_cpu_supports("avx512bw");
    case MT_BFLOAT16: return false;
    case MT_INT8: return __builtin_cpu_supports("avx2") && !__builtin_cpu_supports("avx512vnni");
  }
  return false;
#else
  return precision == MT_FLOAT32;
#endif
}

static int64_t rounded_up(int64_t x, int64_t to) { return (x + to - 1) / to * to; }

int64_t mt_strip_values(int64_t k, int64_t n, mt_precision precision) {
  return rounded_up(n, strip) * (precision == MT_INT8 ? rounded_up(k, 4) : k);
}

typedef float row_of_8 __attribute__((vector_size(32), aligned(4), may_alias));

// to[p, l] = b[l, p], 8 × 8 numbers, in registers: one by one they cost six cycles each, 4 % of a training.
MT_INLINE void transpose_8(float *restrict to, int64_t to_stride, const float *restrict b, int64_t stride) {
  row_of_8 rows[8], pairs[8], fours[8];
#pragma clang loop unroll(full)
  for (int l = 0; l < 8; l++) rows[l] = *(const row_of_8 *)(b + l * stride);
#pragma clang loop unroll(full)
  for (int l = 0; l < 8; l += 2) {
    pairs[l] = __builtin_shufflevector(rows[l], rows[l + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    pairs[l + 1] = __builtin_shufflevector(rows[l], rows[l + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
#pragma clang loop unroll(full)
  for (int l = 0; l < 8; l += 4)
#pragma clang loop unroll(full)
    for (int i = 0; i < 2; i++) {
      fours[l + 2 * i] = __builtin_shufflevector(pairs[l + i], pairs[l + 2 + i], 0, 1, 8, 9, 4, 5, 12, 13);
      fours[l + 2 * i + 1] = __builtin_shufflevector(pairs[l + i], pairs[l + 2 + i], 2, 3, 10, 11, 6, 7, 14, 15);
    }
#pragma clang loop unroll(full)
  for (int p = 0; p < 4; p++) {
    *(row_of_8 *)(to + p * to_stride) = __builtin_shufflevector(fours[p], fours[4 + p], 0, 1, 2, 3, 8, 9, 10, 11);
    *(row_of_8 *)(to + (4 + p) * to_stride) = __builtin_shufflevector(fours[p], fours[4 + p], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

MT_CLONES void mt_strips_f32(float *restrict strips, const float *restrict b, bool transposed, int64_t stride, int64_t k,
                             int64_t n) {
  for (int64_t j = 0; j < n; j += strip, strips += k * strip) {
    int64_t count = n - j < strip ? n - j : strip;
    if (count < strip) memset(strips, 0, (size_t)(k * strip) * sizeof(float));
    if (transposed) {
      int64_t whole = count == strip ? k / 8 * 8 : 0;
      for (int64_t p = 0; p < whole; p += 8)
        for (int64_t l = 0; l < strip; l += 8) transpose_8(strips + p * strip + l, strip, b + (j + l) * stride + p, stride);
      for (int64_t p = whole; p < k; p++)
        for (int64_t l = 0; l < count; l++) strips[p * strip + l] = b[(j + l) * stride + p];
    } else if (count == strip) {
      for (int64_t p = 0; p < k; p++) memcpy(strips + p * strip, b + p * stride + j, strip * sizeof(float));
    } else {
      for (int64_t p = 0; p < k; p++) memcpy(strips + p * strip, b + p * stride + j, (size_t)count * sizeof(float));
    }
  }
}

MT_CLONES void mt_strips_int8(int8_t *restrict strips, const int8_t *restrict b, bool transposed, int64_t stride, int64_t k,
                              int64_t n) {
  int64_t filled = rounded_up(k, 4), whole = k / 4 * 4;
  memset(strips, 0, (size_t)mt_strip_values(k, n, MT_INT8));
  for (int64_t j = 0; j < n; j += strip, strips += filled * strip) {
    int64_t count = n - j < strip ? n - j : strip;
    for (int64_t p = 0; p < whole; p += 4) {
      int8_t *to = strips + p * strip;
      if (transposed) {
        for (int64_t l = 0; l < count; l++) memcpy(to + 4 * l, b + (j + l) * stride + p, 4);
      } else {
        const int8_t *rows = b + p * stride + j;
        for (int64_t l = 0; l < count; l++)
          for (int64_t i = 0; i < 4; i++) to[4 * l + i] = rows[i * stride + l];
      }
    }
    for (int64_t p = whole; p < k; p++)
      for (int64_t l = 0; l < count; l++)
        strips[whole * strip + 4 * l + p - whole] = b[transposed ? (j + l) * stride + p : p * stride + j + l];
  }
}

// c [rows, count·strip] = a·strips, or that added to c: the chain of sums then begins with what is there.
MT_INLINE void tile_f32(const float *a, int64_t a_stride, const float *strips, int64_t strip_stride, float *c, int64_t c_stride,
                        int64_t k, bool adds, const int64_t rows, const int64_t count) {
#pragma clang fp contract(fast)
  vector sums[most_rows][4];
#pragma clang loop unroll(full)
  for (int64_t i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int64_t s = 0; s < count; s++) {
      // A wide result lies in far memory, which can be asked for what the end of the tile will write.
      __builtin_prefetch(c + i * c_stride + s * strip, 1);
      sums[i][s] = adds ? LOAD(c + i * c_stride + s * strip) : (vector){0};
    }
  for (int64_t p = 0; p < k; p++) {
    vector w[4];
#pragma clang loop unroll(full)
    for (int64_t s = 0; s < count; s++) w[s] = LOAD(strips + s * strip_stride + p * strip);
#pragma clang loop unroll(full)
    for (int64_t i = 0; i < rows; i++)
#pragma clang loop unroll(full)
      for (int64_t s = 0; s < count; s++) sums[i][s] += w[s] * a[i * a_stride + p];
  }
#pragma clang loop unroll(full)
  for (int64_t i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int64_t s = 0; s < count; s++) *(vector *)(c + i * c_stride + s * strip) = sums[i][s];
}

// Rows of the next tile: all tiles of a product about equally high.
MT_INLINE int64_t rows_from(int64_t first, int64_t m) {
  int64_t tiles = (m + most_rows - 1) / most_rows, t = (first * tiles + m - 1) / m;
  return (t + 1) * m / tiles - first;
}

// Few rows leave registers free for more strips, and need them: a sum waits for the one before it.
MT_INLINE int64_t strips_at_once(int64_t m) { return m == 1 ? 4 : m == 2 ? 2 : 1; }

#define TILES(CASE)                                                                                            \
  switch (rows * 8 + count) {                                                                                  \
    CASE(1, 1) CASE(1, 4) CASE(2, 1) CASE(2, 2) CASE(3, 1) CASE(4, 1) CASE(5, 1) CASE(6, 1)                    \
  }

MT_INLINE void any_tile_f32(const float *a, int64_t a_stride, const float *strips, int64_t strip_stride, float *c,
                            int64_t c_stride, int64_t k, bool adds, int64_t rows, int64_t count) {
#define CASE(R, S)                                                                   \
  case R * 8 + S:                                                                    \
    tile_f32(a, a_stride, strips, strip_stride, c, c_stride, k, adds, R, S); break;
  TILES(CASE)
#undef CASE
}

MT_CLONES void mt_tiles_f32(const float *a, int64_t a_stride, const float *strips, float *c, int64_t c_stride, int64_t m,
                            int64_t n, int64_t k, bool adds) {
  int64_t count = strips_at_once(m);
  for (int64_t j = 0; j < n; j += count * strip) {
    if (n - j < count * strip) count = 1;
    const float *from = strips + j * k;
    for (int64_t i = 0, rows; i < m; i += rows) {
      rows = rows_from(i, m);
      float *to = c + i * c_stride + j;
      if (n - j >= strip) {
        any_tile_f32(a + i * a_stride, a_stride, from, k * strip, to, c_stride, k, adds, rows, count);
        continue;
      }
      // The last strip has fewer columns than a vector.
      float room[most_rows * strip] = {0};
      size_t bytes = (size_t)(n - j) * sizeof(float);
      if (adds) for (int64_t r = 0; r < rows; r++) memcpy(room + r * strip, to + r * c_stride, bytes);
      any_tile_f32(a + i * a_stride, a_stride, from, k * strip, room, strip, k, adds, rows, 1);
      for (int64_t r = 0; r < rows; r++) memcpy(to + r * c_stride, room + r * strip, bytes);
    }
  }
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2,fma")))

// Two products of 7 bits and 8 stay within 16 bits, so that their sum, and all sums after it, are exact.
MT_INLINE AVX2 void tile_int8(const uint8_t *a, const int8_t *strips, int64_t strip_stride, int32_t *c, int64_t c_stride,
                              int64_t k, const int64_t rows, const int64_t count) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sums[most_rows][8];
#pragma clang loop unroll(full)
  for (int64_t i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int64_t s = 0; s < 2 * count; s++) sums[i][s] = _mm256_setzero_si256();
  for (int64_t p = 0; p < k; p += 4) {
    __m256i w[8];
#pragma clang loop unroll(full)
    for (int64_t s = 0; s < 2 * count; s++)
      w[s] = _mm256_loadu_si256((const __m256i *)(strips + s / 2 * strip_stride + p * strip + s % 2 * 32));
#pragma clang loop unroll(full)
    for (int64_t i = 0; i < rows; i++) {
      int32_t four;
      memcpy(&four, a + i * k + p, 4);
      __m256i x = _mm256_set1_epi32(four);
#pragma clang loop unroll(full)
      for (int64_t s = 0; s < 2 * count; s++)
        sums[i][s] = _mm256_add_epi32(sums[i][s], _mm256_madd_epi16(_mm256_maddubs_epi16(x, w[s]), ones));
    }
  }
#pragma clang loop unroll(full)
  for (int64_t i = 0; i < rows; i++)
#pragma clang loop unroll(full)
    for (int64_t s = 0; s < 2 * count; s++) _mm256_storeu_si256((__m256i *)(c + i * c_stride + s * 8), sums[i][s]);
}

MT_INLINE AVX2 void any_tile_int8(const uint8_t *a, const int8_t *strips, int64_t strip_stride, int32_t *c, int64_t c_stride,
                                  int64_t k, int64_t rows, int64_t count) {
#define CASE(R, S)                                                          \
  case R * 8 + S:                                                           \
    tile_int8(a, strips, strip_stride, c, c_stride, k, R, S); break;
  TILES(CASE)
#undef CASE
}

AVX2 void mt_tiles_int8(const uint8_t *a, const int8_t *strips, int32_t *c, int64_t m, int64_t n, int64_t k) {
  k = rounded_up(k, 4);
  int64_t count = strips_at_once(m);
  for (int64_t j = 0; j < n; j += count * strip) {
    if (n - j < count * strip) count = 1;
    const int8_t *from = strips + j * k;
    for (int64_t i = 0, rows; i < m; i += rows) {
      rows = rows_from(i, m);
      int32_t *to = c + i * n + j;
      if (n - j >= strip) {
        any_tile_int8(a + i * k, from, k * strip, to, n, k, rows, count);
        continue;
      }
      int32_t room[most_rows * strip];
      any_tile_int8(a + i * k, from, k * strip, room, strip, k, rows, 1);
      for (int64_t r = 0; r < rows; r++) memcpy(to + r * n, room + r * strip, (size_t)(n - j) * sizeof(int32_t));
    }
  }
}
#else
void mt_tiles_int8(const uint8_t *a, const int8_t *strips, int32_t *c, int64_t m, int64_t n, int64_t k) {
  k = rounded_up(k, 4);
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) {
      int32_t sum = 0;
      const int8_t *column = strips + j / strip * strip * k + j % strip * 4;
      for (int64_t p = 0; p < k; p++) sum += a[i * k + p] * column[p / 4 * 4 * strip + p % 4];
      c[i * n + j] = sum;
    }
}
#endif

// What is multiplied at once of a product whose matrices come as they are: a strip of b stays in the nearest cache, the rows
// of a in the next.
enum { block_k = 256, block_n = 1024, block_m = 192 };

int64_t mt_plain_tiles_scratch(int64_t n, int64_t k) {
  return mt_strip_values(k < block_k ? k : block_k, n < block_n ? n : block_n, MT_FLOAT32);
}

void mt_plain_tiles_f32(const float *a, const float *b, bool transposed, float *c, int64_t m, int64_t n, int64_t k,
                        bool accumulate, float *scratch) {
  for (int64_t j = 0; j < n; j += block_n) {
    int64_t width = n - j < block_n ? n - j : block_n;
    for (int64_t p = 0; p < k; p += block_k) {
      int64_t depth = k - p < block_k ? k - p : block_k;
      mt_strips_f32(scratch, transposed ? b + j * k + p : b + p * n + j, transposed, transposed ? k : n, depth, width);
      for (int64_t i = 0; i < m; i += block_m)
        mt_tiles_f32(a + i * k + p, k, scratch, c + i * n + j, n, m - i < block_m ? m - i : block_m, width, depth,
                     accumulate || p > 0);
    }
  }
}
