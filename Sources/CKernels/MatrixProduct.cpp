// Matrix products by oneDNN, one thread each. Primitives are kept per thread by shape; oneDNN shares the compiled
// code between threads in its own cache.
#include "CKernels.h"
#include <dlfcn.h>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>
#include <oneapi/dnnl/dnnl.hpp>

using namespace dnnl;
using type = memory::data_type;
using layout = memory::format_tag;

namespace {

// oneDNN as Debian builds it runs on OpenMP, whose thread count is a property of the calling thread.
void use_one_thread() {
  static thread_local bool done = false;
  if (done) return;
  done = true;
  if (auto set = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"))) set(1);
}

const engine &the_engine() {
  static const engine e(engine::kind::cpu, 0);
  return e;
}

stream &the_stream() {
  static thread_local stream s(the_engine());
  return s;
}

struct key {
  int64_t m, n, k;
  uint32_t kind;
  bool operator==(const key &o) const { return m == o.m && n == o.n && k == o.k && kind == o.kind; }
};
struct key_hash {
  size_t operator()(const key &x) const {
    uint64_t h = uint64_t(x.m) * 0x9E3779B97F4A7C15ull ^ uint64_t(x.n) * 0xC2B2AE3D27D4EB4Full ^
                 uint64_t(x.k) * 0x165667B19E3779F9ull ^ uint64_t(x.kind) * 0x27D4EB2F165667C5ull;
    return size_t(h ^ (h >> 29));
  }
};

struct product {
  matmul primitive;
  memory a, b, c;
  std::unordered_map<int, memory> arguments;
  void run(const void *pa, const void *pb, void *pc) {
    a.set_data_handle(const_cast<void *>(pa));
    b.set_data_handle(const_cast<void *>(pb));
    c.set_data_handle(pc);
    primitive.execute(the_stream(), arguments);
  }
};

matmul::primitive_desc describe(const memory::desc &a, const memory::desc &b, const memory::desc &c, bool accumulate) {
  primitive_attr attributes;
  if (accumulate) {
    post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
#if DNNL_VERSION_MAJOR >= 3
  return matmul::primitive_desc(the_engine(), a, b, c, attributes);
#else
  return matmul::primitive_desc(matmul::desc(a, b, c), attributes, the_engine());
#endif
}

std::unique_ptr<product> make_product(const matmul::primitive_desc &d) {
  auto p = std::make_unique<product>();
  p->primitive = matmul(d);
  p->a = memory(d.src_desc(), the_engine(), DNNL_MEMORY_NONE);
  p->b = memory(d.weights_desc(), the_engine(), DNNL_MEMORY_NONE);
  p->c = memory(d.dst_desc(), the_engine(), DNNL_MEMORY_NONE);
  p->arguments = {{DNNL_ARG_SRC, p->a}, {DNNL_ARG_WEIGHTS, p->b}, {DNNL_ARG_DST, p->c}};
  return p;
}

// Shapes change with every batch in training; past this many, each with machine code of its own, the cache starts anew
// rather than grow.
constexpr size_t most_products = 1024;

int plain(const void *a, bool ta, const void *b, bool tb, float *c, int64_t m, int64_t n, int64_t k, bool accumulate,
          type t) {
  if (m == 0 || n == 0) return 0;
  // oneDNN 2.6 divides by zero here; an empty sum is zero.
  if (k == 0) {
    if (!accumulate) std::memset(c, 0, size_t(m * n) * sizeof(float));
    return 0;
  }
  use_one_thread();
  static thread_local std::unordered_map<key, std::unique_ptr<product>, key_hash> cache;
  try {
    key id{m, n, k, uint32_t(ta) | uint32_t(tb) << 1 | uint32_t(accumulate) << 2 | uint32_t(t == type::bf16) << 3};
    auto found = cache.find(id);
    if (found == cache.end()) {
      if (cache.size() >= most_products) cache.clear();
      auto d = describe({{m, k}, t, ta ? layout::ba : layout::ab}, {{k, n}, t, tb ? layout::ba : layout::ab},
                        {{m, n}, type::f32, layout::ab}, accumulate);
      found = cache.emplace(id, make_product(d)).first;
    }
    found->second->run(a, b, c);
    return 0;
  } catch (const dnnl::error &e) {
    return int(e.status) ? int(e.status) : -1;
  } catch (...) {
    return -1;
  }
}

}  // namespace

extern "C" int mt_onednn_version(void) {
  auto v = dnnl_version();
  return v->major * 100 + v->minor;
}

extern "C" bool mt_has_bfloat16(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

extern "C" int mt_matmul_f32(const float *a, bool ta, const float *b, bool tb, float *c, int64_t m, int64_t n, int64_t k,
                             bool accumulate) {
  return plain(a, ta, b, tb, c, m, n, k, accumulate, type::f32);
}

extern "C" int mt_matmul_bf16(const uint16_t *a, bool ta, const uint16_t *b, bool tb, float *c, int64_t m, int64_t n,
                              int64_t k, bool accumulate) {
  return plain(a, ta, b, tb, c, m, n, k, accumulate, type::bf16);
}

namespace {

// Columns of a weight matrix that are multiplied at once: what a few rows of their result need stays in the processor's
// second cache, and so do they.
struct panel {
  int64_t first, count;
  memory::desc layout_desc;
  memory weights;
};

}  // namespace

struct mt_packed_matrix {
  int64_t k, n;
  mt_precision precision;
  std::vector<panel> panels;
  std::vector<float> scales;    // int8: value = integer·scale, one per column
  std::vector<int32_t> shifts;  // int8: 128·Σ_k integer, to undo the +128 of the rows
  std::vector<int32_t> places;  // of the elements of a column, after its first, in the panels' layout
};

namespace {

// Rows that are multiplied at once.
constexpr int64_t chunk_rows = 32;
constexpr int64_t widest_panel = MT_WIDEST_PANEL;

type weight_type(mt_precision p) { return p == MT_INT8 ? type::s8 : p == MT_BFLOAT16 ? type::bf16 : type::f32; }
type row_type(mt_precision p) { return p == MT_INT8 ? type::u8 : p == MT_BFLOAT16 ? type::bf16 : type::f32; }
type sum_type(mt_precision p) { return p == MT_INT8 ? type::s32 : type::f32; }
size_t weight_bytes(mt_precision p) { return p == MT_INT8 ? 1 : p == MT_BFLOAT16 ? 2 : 4; }

// `b` [K,N], or [N,K] if transposed, in the precision asked for.
std::unique_ptr<mt_packed_matrix> pack(const void *b, bool transposed, int64_t k, int64_t n, mt_precision precision) {
  use_one_thread();
  auto p = std::make_unique<mt_packed_matrix>();
  p->k = k;
  p->n = n;
  p->precision = precision;
  for (int64_t first = 0, width = mt_panel_width(n); first < n; first += width) {
    int64_t count = std::min(width, n - first);
    // The layout is asked for at one row count and then used at all of them.
    auto d = describe({{chunk_rows, k}, row_type(precision), layout::ab},
                      {{k, count}, weight_type(precision), layout::any},
                      {{chunk_rows, count}, sum_type(precision), layout::ab}, false);
    panel part{first, count, d.weights_desc(), memory(d.weights_desc(), the_engine())};
    memory::dims strides = transposed ? memory::dims{1, k} : memory::dims{n, 1};
    auto start = static_cast<const char *>(b) + size_t(transposed ? first * k : first) * weight_bytes(precision);
    memory source({{k, count}, weight_type(precision), strides}, the_engine(), const_cast<char *>(start));
    reorder(source, part.weights).execute(the_stream(), source, part.weights);
    the_stream().wait();
    p->panels.push_back(std::move(part));
  }
  return p;
}

mt_packed_matrix *pack_integers(const int8_t *b, bool transposed, std::vector<float> scales, int64_t k, int64_t n) {
  auto p = pack(b, transposed, k, n, MT_INT8);
  p->scales = std::move(scales);
  p->shifts.resize(size_t(n));
  mt_sum_weights(p->shifts.data(), b, transposed, k, n);
  for (auto &sum : p->shifts) sum *= 128;
  return p.release();
}

}  // namespace

extern "C" int64_t mt_panel_width(int64_t columns) {
  int64_t count = std::max<int64_t>(1, (columns + widest_panel - 1) / widest_panel);
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
  int64_t bytes = int64_t(b->scales.size() + b->shifts.size()) * 4;
  for (auto &part : b->panels) bytes += int64_t(part.layout_desc.get_size());
  return bytes;
}

namespace {

// Where an element lies in a panel: what its row adds and what its column adds.
int64_t place(const memory::desc &d, int dimension, int64_t index) {
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

// Copies a column, times a factor.
void read_column(const mt_packed_matrix *b, const void *column, float scale, float *out) {
  auto places = b->places.data();
  if (b->precision == MT_FLOAT32) {
    auto values = static_cast<const float *>(column);
    for (int64_t k = 0; k < b->k; k++) out[k] = scale * values[places[k]];
  } else {
    auto values = static_cast<const uint16_t *>(column);
    for (int64_t k = 0; k < b->k; k++) {
      uint32_t bits = uint32_t(values[places[k]]) << 16;
      float value;
      memcpy(&value, &bits, sizeof value);
      out[k] = scale * value;
    }
  }
}

const void *column_of(const mt_packed_matrix *b, int64_t column) {
  for (auto &part : b->panels)
    if (column < part.first + part.count) {
      auto data = static_cast<const char *>(part.weights.get_data_handle());
      return data + size_t(place(part.layout_desc, 1, column - part.first)) * weight_bytes(b->precision);
    }
  return nullptr;
}

}  // namespace

extern "C" bool mt_packed_columns(mt_packed_matrix *b, const float *table) {
  if (b->precision == MT_INT8) return false;
  b->places.clear();
  for (auto &part : b->panels)
    for (int64_t k = 0; k < b->k; k++) {
      int64_t at = place(part.layout_desc, 0, k);
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

namespace {

int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

// A primitive belongs to one number of rows, so integers, which have a room of their own, are rounded up to few.
int64_t rounded(int64_t rows) {
  return rows <= 8 ? rows : rows <= 16 ? (rows + 1) / 2 * 2 : (rows + 3) / 4 * 4;
}

// Enough for any of them after rounding.
int64_t room_rows(int64_t rows) { return (rows + 3) / 4 * 4; }

// Rows as the product wants them, and the scales of integer rows.
struct converted {
  const void *rows;
  float *scales;
  char *rest;
};

int64_t converted_bytes(const mt_packed_matrix *b, int64_t m) {
  if (b->precision == MT_FLOAT32) return 0;
  if (b->precision == MT_BFLOAT16) return aligned(m * b->k * 2);
  return aligned(room_rows(m) * b->k) + aligned(m * 4);
}

converted convert(const float *a, const mt_packed_matrix *b, int64_t m, void *scratch) {
  auto room = static_cast<char *>(scratch);
  converted c{a, nullptr, room + converted_bytes(b, m)};
  if (b->precision == MT_BFLOAT16) {
    mt_to_bfloat16(reinterpret_cast<uint16_t *>(room), a, m * b->k);
    c.rows = room;
  } else if (b->precision == MT_INT8) {
    c.scales = reinterpret_cast<float *>(room + aligned(room_rows(m) * b->k));
    mt_quantize_rows(reinterpret_cast<uint8_t *>(room), c.scales, a, m, b->k);
    c.rows = room;
  }
  return c;
}

// c[m, part] = rows·part, without what makes values of integers.
void multiply(const void *rows, const mt_packed_matrix *b, const panel &part, void *c, int64_t m) {
  static thread_local std::unordered_map<key, std::unique_ptr<product>, key_hash> cache;
  // Matrices of one shape and precision share a layout, so they share primitives.
  key id{m, part.count, b->k, uint32_t(b->precision)};
  auto found = cache.find(id);
  if (found == cache.end()) {
    if (cache.size() >= most_products) cache.clear();
    auto d = describe({{m, b->k}, row_type(b->precision), layout::ab}, part.layout_desc,
                      {{m, part.count}, sum_type(b->precision), layout::ab}, false);
    found = cache.emplace(id, make_product(d)).first;
  }
  found->second->run(rows, part.weights.get_data_handle(), c);
}

// The rows of `c` from `first` on, in the product's precision.
const void *rows_from(const converted &c, const mt_packed_matrix *b, int64_t first) {
  return static_cast<const char *>(c.rows) + size_t(first * b->k) * (b->precision == MT_INT8 ? 1 : weight_bytes(b->precision));
}

}  // namespace

extern "C" int64_t mt_packed_scratch(const mt_packed_matrix *b, int64_t m) {
  int64_t chunk = std::min(m, chunk_rows);
  return converted_bytes(b, chunk) + aligned(rounded(chunk) * mt_panel_width(b->n) * 4);
}

extern "C" int mt_linear_packed(const float *a, const mt_packed_matrix *b, const float *bias, mt_activation activation,
                                float *c, int64_t m, void *scratch) {
  use_one_thread();
  try {
    for (int64_t first = 0; first < m; first += chunk_rows) {
      int64_t count = std::min(chunk_rows, m - first);
      float *out = c + first * b->n;
      auto in = convert(a + first * b->k, b, count, scratch);
      for (auto &part : b->panels) {
        if (b->precision == MT_INT8) {
          auto sums = reinterpret_cast<int32_t *>(in.rest);
          multiply(in.rows, b, part, sums, rounded(count));
          mt_dequantize_rows(out + part.first, b->n, sums, in.scales, b->scales.data() + part.first,
                             b->shifts.data() + part.first, bias ? bias + part.first : nullptr, count, part.count,
                             activation == MT_RELU);
        } else if (part.count == b->n) {
          multiply(in.rows, b, part, out, count);
        } else {
          // oneDNN may sum in another order where rows are further apart, so each portion is made by itself.
          auto values = reinterpret_cast<float *>(in.rest);
          multiply(in.rows, b, part, values, count);
          for (int64_t r = 0; r < count; r++)
            std::memcpy(out + r * b->n + part.first, values + r * part.count, size_t(part.count) * sizeof(float));
        }
      }
      bool integers = b->precision == MT_INT8, relu = activation == MT_RELU;
      if (integers ? activation != MT_IDENTITY && !relu : bias != nullptr || activation != MT_IDENTITY)
        mt_bias_activation(out, integers ? nullptr : bias, out, count, b->n, activation);
    }
    return 0;
  } catch (const dnnl::error &e) {
    return int(e.status) ? int(e.status) : -1;
  } catch (...) {
    return -1;
  }
}

extern "C" int mt_matmul_packed(const float *a, const mt_packed_matrix *b, float *c, int64_t m, void *scratch) {
  return mt_linear_packed(a, b, nullptr, MT_IDENTITY, c, m, scratch);
}

// Processors before VNNI multiply bytes in pairs whose sums overflow 16 bits: the largest bytes tell.
extern "C" bool mt_has_int8(void) {
  static const bool is_exact = [] {
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2")) return false;
    constexpr int64_t k = 64, n = 16;
    std::vector<int8_t> weights(size_t(k * n), 127);
    std::vector<float> scales(size_t(n), 1.0f / 127), rows(size_t(k), 1.0f), sums(static_cast<size_t>(n));
    auto b = mt_pack_int8(weights.data(), scales.data(), k, n);
    if (!b) return false;
    std::vector<char> scratch(size_t(mt_packed_scratch(b, 1)));
    int failed = mt_matmul_packed(rows.data(), b, sums.data(), 1, scratch.data());
    mt_packed_free(b);
    return !failed && std::abs(sums[0] - float(k)) < 0.01f;
#else
    return false;
#endif
  }();
  return is_exact;
}

extern "C" int64_t mt_choose_packed_scratch(const mt_packed_matrix *b, int64_t m) {
  int64_t chunk = rounded(std::min(m, chunk_rows));
  return converted_bytes(b, m) + aligned(chunk * mt_panel_width(b->n) * 4);
}

extern "C" int mt_choose_packed(const float *a, const mt_packed_matrix *b, const float *bias, int64_t m,
                                const mt_choice *choice, void *scratch) {
  use_one_thread();
  try {
    auto in = convert(a, b, m, scratch);
    auto sums = reinterpret_cast<int32_t *>(in.rest);
    mt_choice_begin(choice, m);
    // Portion by portion of the vocabulary: its weights are read once, and its logits never leave the cache.
    for (auto &part : b->panels) {
      const float *part_bias = bias ? bias + part.first : nullptr;
      for (int64_t first = 0; first < m; first += chunk_rows) {
        int64_t count = std::min(chunk_rows, m - first);
        const void *rows = rows_from(in, b, first);
        if (b->precision == MT_INT8) {
          multiply(rows, b, part, sums, rounded(count));
          mt_choice_absorb_sums(choice, sums, part.count, in.scales + first, b->scales.data() + part.first,
                                b->shifts.data() + part.first, part_bias, first, count, part.first, part.count);
        } else {
          multiply(rows, b, part, sums, count);
          mt_choice_absorb(choice, reinterpret_cast<float *>(sums), part.count, part_bias, first, count, part.first,
                           part.count);
        }
      }
    }
    mt_choice_end(choice, m);
    return 0;
  } catch (const dnnl::error &e) {
    return int(e.status) ? int(e.status) : -1;
  } catch (...) {
    return -1;
  }
}
