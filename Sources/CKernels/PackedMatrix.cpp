// Weight matrices in the layouts that oneDNN, or our own loops, multiply fastest: made, measured, and read back column by
// column.
#include "OneDNN.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

using namespace onednn;

namespace {

int64_t strip_bytes(const mt_packed_matrix *p, int64_t columns) {
  return mt_strip_values(p->k, columns, p->precision) * int64_t(weight_bytes(p->precision));
}

// Calls `each(first, count)` for every panel of `columns`.
template <class Each>
void over_panels(int64_t columns, Each each) {
  int64_t width = mt_panel_width(columns);
  for (int64_t first = 0; first < columns; first += width) each(first, std::min(width, columns - first));
}

// Memory that many matrices share, in large pages.
struct slab {
  static constexpr int64_t usual = int64_t(32) << 20;
  explicit slab(int64_t bytes) : size(bytes), start(static_cast<char *>(mt_map_large(bytes))) {
    if (!start) throw std::bad_alloc();
  }
  slab(const slab &) = delete;
  ~slab() { mt_unmap_large(start, size); }
  const int64_t size;
  char *const start;
  int64_t used = 0;
};

// `bytes` that begin where a cache line does.
std::shared_ptr<void> block_for(int64_t bytes) {
  bytes = (std::max<int64_t>(bytes, 1) + 63) / 64 * 64;
  std::shared_ptr<void> block(std::aligned_alloc(64, size_t(bytes)), std::free);
  if (!block) throw std::bad_alloc();
  return block;
}

// The same for a panel of a model's weights. They are touched page by page when the model is loaded, and in
// pages of 4 KiB that takes longer than to compute them; a matrix alone is smaller than a large page.
std::shared_ptr<void> room_for(int64_t bytes) {
#if __has_feature(address_sanitizer)
  // So that the sanitizer knows where each ends.
  return block_for(bytes);
#else
  bytes = (std::max<int64_t>(bytes, 1) + 63) / 64 * 64;
  static std::mutex lock;
  static std::weak_ptr<slab> latest;
  std::lock_guard<std::mutex> guard(lock);
  auto shared = latest.lock();
  if (!shared || shared->size - shared->used < bytes)
    latest = shared = std::make_shared<slab>(std::max(bytes, slab::usual));
  auto at = shared->start + shared->used;
  shared->used += bytes;
  // A model that goes leaves nothing behind in a slab that another still needs.
  return {at, [shared, bytes](char *start) { mt_discard(start, bytes); }};
#endif
}

// The panels of `b` in strips, in memory that `give_room` gives.
void pack_strips(mt_packed_matrix *p, const void *b, bool transposed, std::shared_ptr<void> (*give_room)(int64_t)) {
  int64_t stride = transposed ? p->k : p->n;
  over_panels(p->n, [&](int64_t first, int64_t count) {
    int64_t start = transposed ? first * p->k : first;
    auto room = give_room(strip_bytes(p, count));
    if (p->precision == MT_INT8)
      mt_strips_int8(static_cast<int8_t *>(room.get()), static_cast<const int8_t *>(b) + start, transposed, stride, p->k, count);
    else
      mt_strips_f32(static_cast<float *>(room.get()), static_cast<const float *>(b) + start, transposed, stride, p->k, count);
    p->panels.push_back({first, count, room, {}, {}});
  });
}

// The panels of `b` in the layout that oneDNN prefers.
void pack_layouts(mt_packed_matrix *p, const void *b, bool transposed) {
  auto precision = p->precision;
  int64_t k = p->k;
  memory::dims strides = transposed ? memory::dims{1, k} : memory::dims{p->n, 1};
  over_panels(p->n, [&](int64_t first, int64_t count) {
    // The layout is asked for at one row count and then used at all of them.
    auto d = describe({{chunk_rows, k}, row_type(precision), layout::ab},
                      {{k, count}, weight_type(precision), layout::any},
                      {{chunk_rows, count}, sum_type(precision), layout::ab}, false);
    auto room = room_for(int64_t(d.weights_desc().get_size()));
    panel part{first, count, room, d.weights_desc(), memory(d.weights_desc(), the_engine(), room.get())};
    auto start = static_cast<const char *>(b) + size_t(transposed ? first * k : first) * weight_bytes(precision);
    memory source({{k, count}, weight_type(precision), strides}, the_engine(), const_cast<char *>(start));
    reorder(source, part.weights).execute(the_stream(), source, part.weights);
    the_stream().wait();
    p->panels.push_back(std::move(part));
  });
}

// `b` [K,N], or [N,K] if transposed, in the precision asked for.
std::unique_ptr<mt_packed_matrix> pack(const void *b, bool transposed, int64_t k, int64_t n, mt_precision precision) {
  use_one_thread();
  auto p = std::make_unique<mt_packed_matrix>();
  p->k = k;
  p->n = n;
  p->precision = precision;
  p->tiled = mt_uses_tiles(precision);
  if (p->tiled) pack_strips(p.get(), b, transposed, room_for);
  else pack_layouts(p.get(), b, transposed);
  return p;
}

mt_packed_matrix *pack_integers(const int8_t *b, bool transposed, std::vector<float> scales, int64_t k, int64_t n) {
  auto p = pack(b, transposed, k, n, MT_INT8);
  p->scales = std::move(scales);
  p->column_sums.resize(size_t(n));
  mt_sum_weights(p->column_sums.data(), b, transposed, k, n);
  return p.release();
}

}  // namespace

extern "C" int64_t mt_panel_width(int64_t columns) {
  int64_t count = std::max<int64_t>(1, (columns + MT_WIDEST_PANEL - 1) / MT_WIDEST_PANEL);
  return std::max<int64_t>(8, ((columns + count - 1) / count + 7) / 8 * 8);
}

extern "C" mt_packed_matrix *mt_pack_int8(const int8_t *b, const float *scales, int64_t k, int64_t n) {
  try {
    return pack_integers(b, true, std::vector<float>(scales, scales + n), k, n);
  } catch (...) {
    return nullptr;
  }
}

extern "C" mt_packed_matrix *mt_pack(const float *b, bool transposed, int64_t k, int64_t n, mt_precision precision) {
  try {
    if (precision == MT_FLOAT32) return pack(b, transposed, k, n, precision).release();
    if (precision == MT_BFLOAT16) {
      std::vector<uint16_t> copy(size_t(k * n));
      mt_to_bfloat16(copy.data(), b, k * n);
      return pack(copy.data(), transposed, k, n, precision).release();
    }
    std::vector<int8_t> integers(size_t(k * n));
    std::vector<float> scales(static_cast<size_t>(n)), multipliers(static_cast<size_t>(n));
    mt_quantize_weights(integers.data(), scales.data(), b, transposed, k, n, multipliers.data());
    return pack_integers(integers.data(), transposed, std::move(scales), k, n);
  } catch (...) {
    return nullptr;
  }
}

extern "C" void mt_packed_free(mt_packed_matrix *matrix) { delete matrix; }

extern "C" int64_t mt_packed_bytes(const mt_packed_matrix *b) {
  int64_t bytes = int64_t(b->scales.size() + b->column_sums.size()) * 4;
  for (auto &part : b->panels) bytes += b->tiled ? strip_bytes(b, part.count) : int64_t(part.layout_desc.get_size());
  return bytes;
}

namespace {

// Where an element lies in a panel: what its row adds and what its column adds.
int64_t place(const mt_packed_matrix *b, const panel &part, int dimension, int64_t index) {
  if (b->tiled && b->precision == MT_INT8) {
    int64_t filled = (b->k + 3) / 4 * 4;
    return dimension == 0 ? index / 4 * 4 * MT_STRIP + index % 4
                          : index / MT_STRIP * MT_STRIP * filled + index % MT_STRIP * 4;
  }
  if (b->tiled) return dimension == 0 ? index * MT_STRIP : index / MT_STRIP * MT_STRIP * b->k + index % MT_STRIP;
  auto &d = part.layout_desc;
#if DNNL_VERSION_MAJOR >= 3
  auto blocks = d.get_inner_blks(), dimensions = d.get_inner_idxs(), strides = d.get_strides();
  int count = d.get_inner_nblks();
#else
  auto &layout = d.data.format_desc.blocking;
  auto blocks = layout.inner_blks, dimensions = layout.inner_idxs, strides = layout.strides;
  int count = layout.inner_nblks;
#endif
  int64_t result = 0, stride = 1;
  for (int i = count - 1; i >= 0; i--) {
    if (dimensions[i] == dimension) {
      result += index % blocks[i] * stride;
      index /= blocks[i];
    }
    stride *= blocks[i];
  }
  return result + index * strides[dimension];
}

float widened(uint16_t bits16) {
  uint32_t bits = uint32_t(bits16) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// Copies a column, times a factor.
void read_column(const mt_packed_matrix *b, const void *column, float scale, float *out) {
  auto places = b->places.data();
  if (b->precision == MT_FLOAT32) {
    auto values = static_cast<const float *>(column);
    for (int64_t k = 0; k < b->k; k++) out[k] = scale * values[places[k]];
  } else {
    auto values = static_cast<const uint16_t *>(column);
    for (int64_t k = 0; k < b->k; k++) out[k] = scale * widened(values[places[k]]);
  }
}

const void *column_in(const mt_packed_matrix *b, const panel &part, int64_t column) {
  auto data = static_cast<const char *>(part.room.get());
  return data + size_t(place(b, part, 1, column - part.first)) * weight_bytes(b->precision);
}

const void *column_of(const mt_packed_matrix *b, int64_t column) {
  for (auto &part : b->panels)
    if (column < part.first + part.count) return column_in(b, part, column);
  return nullptr;
}

// The columns `ids`, ascending, one after the other: [count, k].
template <class Stored, class Value, class Convert>
std::vector<Value> columns_of(const mt_packed_matrix *b, const int32_t *ids, int64_t count, Convert convert) {
  std::vector<Value> values(size_t(count * b->k));
  std::vector<int64_t> places(size_t(b->k));
  auto to = values.data();
  int64_t i = 0;
  for (auto &part : b->panels) {
    if (i == count) break;
    if (ids[i] >= part.first + part.count) continue;
    for (int64_t k = 0; k < b->k; k++) places[size_t(k)] = place(b, part, 0, k);
    for (; i < count && ids[i] < part.first + part.count; i++) {
      auto column = static_cast<const Stored *>(column_in(b, part, ids[i]));
      for (int64_t k = 0; k < b->k; k++) *to++ = convert(column[places[size_t(k)]]);
    }
  }
  return values;
}

}  // namespace

extern "C" bool mt_packed_columns(mt_packed_matrix *b, const float *table) {
  if (b->precision == MT_INT8) return false;
  b->places.clear();
  for (auto &part : b->panels)
    for (int64_t k = 0; k < b->k; k++) {
      int64_t at = place(b, part, 0, k);
      if (&part == &b->panels[0]) b->places.push_back(int32_t(at));
      if (at != b->places[size_t(k)]) return false;
    }
  std::vector<float> column(size_t(b->k));
  for (int64_t n = 0; n < b->n; n++) {
    read_column(b, column_of(b, n), 1, column.data());
    if (memcmp(column.data(), table + n * b->k, column.size() * sizeof(float))) return false;
  }
  return true;
}

extern "C" mt_packed_matrix *mt_pack_columns(const mt_packed_matrix *b, const int32_t *ids, int64_t count) {
  try {
    auto p = std::make_unique<mt_packed_matrix>();
    p->k = b->k;
    p->n = count;
    p->precision = b->precision == MT_INT8 ? MT_INT8 : MT_FLOAT32;
    p->tiled = true;
    // It serves one sentence: what room_for gives would lie idle afterwards.
    if (b->precision == MT_INT8) {
      auto rows = columns_of<int8_t, int8_t>(b, ids, count, [](int8_t x) { return x; });
      pack_strips(p.get(), rows.data(), true, block_for);
      for (int64_t i = 0; i < count; i++) {
        p->scales.push_back(b->scales[size_t(ids[i])]);
        p->column_sums.push_back(b->column_sums[size_t(ids[i])]);
      }
    } else {
      auto rows = b->precision == MT_FLOAT32 ? columns_of<float, float>(b, ids, count, [](float x) { return x; })
                                             : columns_of<uint16_t, float>(b, ids, count, widened);
      pack_strips(p.get(), rows.data(), true, block_for);
    }
    return p.release();
  } catch (...) {
    return nullptr;
  }
}

extern "C" void mt_embed_packed(float *y, const mt_packed_matrix *table, const int32_t *ids, const float *signal,
                                const int32_t *positions, int64_t rows, float scale) {
  for (int64_t r = 0; r < rows; r++) {
    float *to = y + r * table->k;
    if (ids[r] < 0) std::fill(to, to + table->k, 0.0f);
    else read_column(table, column_of(table, ids[r]), scale, to);
    if (signal)
      for (int64_t k = 0; k < table->k; k++) to[k] += signal[int64_t(positions[r]) * table->k + k];
  }
}
