#include "Math.h"

MT_INLINE void add_signal(float *y, const float *signal, int64_t position, int64_t columns) {
  const float *s = signal + position * columns;
  for (int64_t j = 0; j < columns; j++) y[j] += s[j];
}

MT_CLONES void mt_embed(float *y, const float *table, const int32_t *ids, const float *signal, const int32_t *positions,
                        int64_t rows, int64_t columns, float scale) {
  for (int64_t r = 0; r < rows; r++) {
    float *yr = y + r * columns;
    if (ids[r] < 0) {
      for (int64_t j = 0; j < columns; j++) yr[j] = 0;
    } else {
      const float *row = table + (int64_t)ids[r] * columns;
      for (int64_t j = 0; j < columns; j++) yr[j] = scale * row[j];
    }
    if (signal) add_signal(yr, signal, positions[r], columns);
  }
}

MT_CLONES void mt_embed_bfloat16(float *y, const uint16_t *table, const int32_t *ids, const float *signal,
                                 const int32_t *positions, int64_t rows, int64_t columns, float scale) {
  for (int64_t r = 0; r < rows; r++) {
    float *yr = y + r * columns;
    const uint16_t *row = table + (ids[r] < 0 ? 0 : (int64_t)ids[r] * columns);
    for (int64_t j = 0; j < columns; j++) {
      uint32_t bits = ids[r] < 0 ? 0 : (uint32_t)row[j] << 16;
      float value;
      memcpy(&value, &bits, sizeof value);
      yr[j] = scale * value;
    }
    if (signal) add_signal(yr, signal, positions[r], columns);
  }
}

MT_CLONES void mt_embed_backward(float *dtable, const float *dy, const int32_t *ids, int64_t rows, int64_t columns,
                                 float scale) {
  for (int64_t r = 0; r < rows; r++) {
    if (ids[r] < 0) continue;
    float *row = dtable + (int64_t)ids[r] * columns;
    const float *d = dy + r * columns;
    for (int64_t j = 0; j < columns; j++) row[j] += scale * d[j];
  }
}

void mt_gather_rows(float *y, const float *x, const int32_t *index, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; r++)
    memcpy(y + r * columns, x + (int64_t)index[r] * columns, (size_t)columns * sizeof(float));
}

MT_CLONES void mt_scatter_add_rows(float *y, const float *x, const int32_t *index, int64_t rows, int64_t columns) {
  for (int64_t r = 0; r < rows; r++) {
    float *to = y + (int64_t)index[r] * columns;
    const float *from = x + r * columns;
    for (int64_t j = 0; j < columns; j++) to[j] += from[j];
  }
}
