// Matrix products, one thread each: by oneDNN, or by our own loops where mt_uses_tiles. oneDNN's primitives are kept per
// thread by shape; it shares the compiled code between threads in its own cache.
#include "OneDNN.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <unordered_map>

using namespace onednn;

namespace {

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
  static thread_local std::vector<float> scratch;
  try {
    if (t == type::f32 && !ta && mt_uses_tiles(MT_FLOAT32)) {
      scratch.resize(std::max(scratch.size(), size_t(mt_plain_tiles_scratch(n, k))));
      mt_plain_tiles_f32(static_cast<const float *>(a), static_cast<const float *>(b), tb, c, m, n, k, accumulate,
                         scratch.data());
      return 0;
    }
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

int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

// A primitive belongs to one number of rows and takes some 27 kB, so rows are rounded up to few numbers.
int64_t rounded(const mt_packed_matrix *b, int64_t rows) {
  return b->tiled ? rows : rows <= 8 ? rows : rows <= 16 ? (rows + 1) / 2 * 2 : (rows + 3) / 4 * 4;
}

// Enough for any of them after rounding.
int64_t room_rows(int64_t rows) { return (rows + 3) / 4 * 4; }

// Rows as the product wants them, and of integer rows the scales and what stands for zero.
struct converted {
  const void *rows;
  float *scales;
  int32_t *zeros;
  char *rest;
};

// Our own loops take bytes by fours.
size_t row_bytes(const mt_packed_matrix *b) {
  return b->tiled && b->precision == MT_INT8 ? size_t(b->k + 3) / 4 * 4 : size_t(b->k) * weight_bytes(b->precision);
}

// Float32 is copied only to be rounded, a few rows at a time.
int64_t converted_bytes(const mt_packed_matrix *b, int64_t m) {
  if (b->precision == MT_FLOAT32) m = std::min(m, b->chunk());
  return aligned(room_rows(m) * int64_t(row_bytes(b))) + (b->precision == MT_INT8 ? 2 * aligned(m * 4) : 0);
}

// Rows of float32 stay where they are.
converted convert(const float *a, const mt_packed_matrix *b, int64_t m, void *scratch) {
  auto room = static_cast<char *>(scratch);
  if (b->precision == MT_FLOAT32) return {a, nullptr, nullptr, room};
  converted c{room, nullptr, nullptr, room + converted_bytes(b, m)};
  if (b->precision == MT_BFLOAT16) {
    mt_to_bfloat16(reinterpret_cast<uint16_t *>(room), a, m * b->k);
  } else {
    c.scales = reinterpret_cast<float *>(room + aligned(room_rows(m) * int64_t(row_bytes(b))));
    c.zeros = reinterpret_cast<int32_t *>(reinterpret_cast<char *>(c.scales) + aligned(m * 4));
    (b->tiled ? mt_quantize_rows_7 : mt_quantize_rows)(reinterpret_cast<uint8_t *>(room), c.scales, c.zeros, a, m, b->k);
  }
  return c;
}

// The same with rows of nothing after the m-th, up to the rounded number.
converted convert_rounded(const float *a, const mt_packed_matrix *b, int64_t m, void *scratch) {
  auto c = convert(a, b, m, scratch);
  int64_t surplus = rounded(b, m) - m;
  if (surplus == 0) return c;
  auto room = static_cast<char *>(scratch);
  if (b->precision == MT_FLOAT32) {
    std::memcpy(room, a, size_t(m) * row_bytes(b));
    c = {room, nullptr, nullptr, room + converted_bytes(b, m)};
  }
  std::memset(room + size_t(m) * row_bytes(b), 0, size_t(surplus) * row_bytes(b));
  return c;
}

// c[m, part] = rows·part, without what makes values of integers.
void multiply(const void *rows, const mt_packed_matrix *b, const panel &part, void *c, int64_t m) {
  if (b->tiled) {
    if (b->precision == MT_INT8)
      mt_tiles_int8(static_cast<const uint8_t *>(rows), static_cast<const int8_t *>(part.room.get()), static_cast<int32_t *>(c), m,
                    part.count, b->k);
    else
      mt_tiles_f32(static_cast<const float *>(rows), b->k, static_cast<const float *>(part.room.get()), static_cast<float *>(c),
                   part.count, m, part.count, b->k, false);
    return;
  }
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

}  // namespace

extern "C" int64_t mt_packed_scratch(const mt_packed_matrix *b, int64_t m) {
  int64_t chunk = std::min(m, b->chunk());
  return converted_bytes(b, chunk) + aligned(rounded(b, chunk) * mt_panel_width(b->n) * 4);
}

extern "C" int mt_linear_packed(const float *a, const mt_packed_matrix *b, const float *bias, mt_activation activation,
                                float *c, int64_t m, void *scratch) {
  use_one_thread();
  try {
    for (int64_t first = 0; first < m; first += b->chunk()) {
      int64_t count = std::min(b->chunk(), m - first);
      float *out = c + first * b->n;
      auto in = convert_rounded(a + first * b->k, b, count, scratch);
      for (auto &part : b->panels) {
        if (b->precision == MT_INT8) {
          auto sums = reinterpret_cast<int32_t *>(in.rest);
          multiply(in.rows, b, part, sums, rounded(b, count));
          mt_dequantize_rows(out + part.first, b->n, sums, in.scales, in.zeros, b->scales.data() + part.first,
                             b->column_sums.data() + part.first, bias ? bias + part.first : nullptr, count, part.count,
                             activation == MT_RELU);
        } else if (part.count == b->n && rounded(b, count) == count) {
          multiply(in.rows, b, part, out, count);
        } else {
          // oneDNN may sum in another order where rows are further apart, so each portion is made by itself.
          auto values = reinterpret_cast<float *>(in.rest);
          multiply(in.rows, b, part, values, rounded(b, count));
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

// oneDNN held to an older instruction set multiplies bytes in pairs whose sums overflow 16 bits: the largest bytes tell.
extern "C" bool mt_has_int8(void) {
  static const bool is_exact = [] {
#if defined(__x86_64__)
    if (mt_uses_tiles(MT_INT8)) return true;
    if (!__builtin_cpu_supports("avx512vnni")) return false;
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
  int64_t chunk = rounded(b, std::min(m, b->chunk()));
  return converted_bytes(b, m) + aligned(chunk * mt_panel_width(b->n) * 4);
}

extern "C" int mt_choose_packed(const float *a, const mt_packed_matrix *b, const float *bias, int64_t m,
                                const mt_choice *choice, void *scratch) {
  mt_choice_begin(choice, m);
  int failed = mt_absorb_packed(a, b, bias, m, choice, scratch);
  if (!failed) mt_choice_end(choice, m);
  return failed;
}

extern "C" int mt_absorb_packed(const float *a, const mt_packed_matrix *b, const float *bias, int64_t m,
                                const mt_choice *choice, void *scratch) {
  use_one_thread();
  try {
    auto in = convert(a, b, m, scratch);
    auto sums = reinterpret_cast<int32_t *>(in.rest);
    // Portion by portion of the vocabulary: its weights are read once, and its logits never leave the cache.
    for (auto &part : b->panels) {
      const float *part_bias = bias ? bias + part.first : nullptr;
      for (int64_t first = 0; first < m; first += b->chunk()) {
        int64_t count = std::min(b->chunk(), m - first);
        const void *rows = static_cast<const char *>(in.rows) + size_t(first) * row_bytes(b);
        if (b->precision == MT_INT8) {
          multiply(rows, b, part, sums, rounded(b, count));
          mt_choice_absorb_sums(choice, sums, part.count, in.scales + first, in.zeros + first,
                                b->scales.data() + part.first, b->column_sums.data() + part.first, part_bias, first, count,
                                part.first, part.count);
        } else {
          multiply(rows, b, part, sums, count);
          mt_choice_absorb(choice, reinterpret_cast<float *>(sums), part.count, part_bias, first, count, part.first,
                           part.count);
        }
      }
    }
    return 0;
  } catch (const dnnl::error &e) {
    return int(e.status) ? int(e.status) : -1;
  } catch (...) {
    return -1;
  }
}
