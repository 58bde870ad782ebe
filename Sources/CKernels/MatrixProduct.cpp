// Matrix products by oneDNN, one thread each. Primitives are kept per thread by shape; oneDNN shares the compiled
// code between threads in its own cache.
#include "CKernels.h"
#include <dlfcn.h>
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
  memory a, b, c, scratchpad;
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

extern "C" bool mt_has_int8(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512vnni") || __builtin_cpu_supports("avx2");
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

struct mt_packed_matrix {
  int64_t k, n;
  mt_precision precision;
  memory::desc layout_desc;
  memory weights;
  std::vector<float> scales;         // int8: value = integer·scale, one per column
  std::vector<int32_t> column_sums;  // int8: Σ_k integer, to undo the +128 shift of the rows
  uint64_t id;
};

namespace {

type weight_type(mt_precision p) { return p == MT_INT8 ? type::s8 : p == MT_BFLOAT16 ? type::bf16 : type::f32; }
type row_type(mt_precision p) { return p == MT_INT8 ? type::u8 : p == MT_BFLOAT16 ? type::bf16 : type::f32; }
type sum_type(mt_precision p) { return p == MT_INT8 ? type::s32 : type::f32; }

uint64_t next_id() {
  static std::mutex lock;
  static uint64_t last = 0;
  std::lock_guard<std::mutex> guard(lock);
  return ++last;
}

mt_packed_matrix *pack(const void *b, bool transposed, int64_t k, int64_t n, mt_precision precision) {
  use_one_thread();
  auto p = std::make_unique<mt_packed_matrix>();
  p->k = k;
  p->n = n;
  p->precision = precision;
  p->id = next_id();
  // The layout is asked for at one row count and then used at all of them.
  constexpr int64_t typical_rows = 64;
  auto d = describe({{typical_rows, k}, row_type(precision), layout::ab}, {{k, n}, weight_type(precision), layout::any},
                    {{typical_rows, n}, sum_type(precision), layout::ab}, false);
  p->layout_desc = d.weights_desc();
  p->weights = memory(p->layout_desc, the_engine());
  memory source({{k, n}, weight_type(precision), transposed ? layout::ba : layout::ab}, the_engine(),
                const_cast<void *>(b));
  reorder(source, p->weights).execute(the_stream(), source, p->weights);
  the_stream().wait();
  return p.release();
}

}  // namespace

extern "C" mt_packed_matrix *mt_pack_int8(const int8_t *b, const float *scales, int64_t k, int64_t n) {
  try {
    auto p = pack(b, true, k, n, MT_INT8);
    p->scales.assign(scales, scales + n);
    p->column_sums.resize(size_t(n));
    for (int64_t j = 0; j < n; j++) {
      int32_t sum = 0;
      for (int64_t i = 0; i < k; i++) sum += b[j * k + i];
      p->column_sums[size_t(j)] = sum;
    }
    return p;
  } catch (...) {
    return nullptr;
  }
}

extern "C" mt_packed_matrix *mt_pack(const float *b, bool transposed, int64_t k, int64_t n, mt_precision precision) {
  try {
    if (precision == MT_FLOAT32) return pack(b, transposed, k, n, precision);
    if (precision == MT_BFLOAT16) {
      std::vector<uint16_t> copy(size_t(k * n));
      mt_to_bfloat16(copy.data(), b, k * n);
      return pack(copy.data(), transposed, k, n, precision);
    }
    std::vector<int8_t> integers(size_t(k * n));
    std::vector<float> scales(static_cast<size_t>(n));
    for (int64_t j = 0; j < n; j++) {
      float most = 0;
      for (int64_t i = 0; i < k; i++) most = std::max(most, std::fabs(transposed ? b[j * k + i] : b[i * n + j]));
      float multiplier = most > 0 ? 127.0f / most : 0.0f;
      scales[size_t(j)] = most / 127.0f;
      for (int64_t i = 0; i < k; i++)
        integers[size_t(j * k + i)] = int8_t(std::lrintf((transposed ? b[j * k + i] : b[i * n + j]) * multiplier));
    }
    return mt_pack_int8(integers.data(), scales.data(), k, n);
  } catch (...) {
    return nullptr;
  }
}

extern "C" void mt_packed_free(mt_packed_matrix *matrix) { delete matrix; }

extern "C" int64_t mt_packed_bytes(const mt_packed_matrix *b) {
  return int64_t(b->layout_desc.get_size()) + int64_t(b->scales.size() + b->column_sums.size()) * 4;
}

static int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

extern "C" int64_t mt_packed_scratch(const mt_packed_matrix *b, int64_t m) {
  if (b->precision == MT_FLOAT32) return 0;
  if (b->precision == MT_BFLOAT16) return aligned(m * b->k * 2);
  return aligned(m * b->k) + aligned(m * 4);
}

extern "C" void mt_quantize_rows(uint8_t *out, float *scales, const float *x, int64_t rows, int64_t columns);
extern "C" void mt_dequantize_rows(float *y, const int32_t *sums, const float *row_scales, const float *column_scales,
                                   const int32_t *column_sums, int64_t rows, int64_t columns);

extern "C" int mt_matmul_packed(const float *a, const mt_packed_matrix *b, float *c, int64_t m, void *scratch) {
  if (m == 0) return 0;
  use_one_thread();
  static thread_local std::unordered_map<key, std::unique_ptr<product>, key_hash> cache;
  try {
    // Matrices of one shape and precision share a layout, so they share primitives.
    key id{m, b->n, b->k, uint32_t(b->precision)};
    auto found = cache.find(id);
    if (found == cache.end()) {
      if (cache.size() >= most_products) cache.clear();
      auto d = describe({{m, b->k}, row_type(b->precision), layout::ab}, b->layout_desc,
                        {{m, b->n}, sum_type(b->precision), layout::ab}, false);
      found = cache.emplace(id, make_product(d)).first;
    }
    void *weights = b->weights.get_data_handle();
    if (b->precision == MT_FLOAT32) {
      found->second->run(a, weights, c);
    } else if (b->precision == MT_BFLOAT16) {
      mt_to_bfloat16(static_cast<uint16_t *>(scratch), a, m * b->k);
      found->second->run(scratch, weights, c);
    } else {
      auto rows = static_cast<uint8_t *>(scratch);
      auto row_scales = reinterpret_cast<float *>(rows + aligned(m * b->k));
      mt_quantize_rows(rows, row_scales, a, m, b->k);
      // The integer sums take the place of the result and are scaled where they stand.
      found->second->run(rows, weights, c);
      mt_dequantize_rows(c, reinterpret_cast<int32_t *>(c), row_scales, b->scales.data(), b->column_sums.data(), m, b->n);
    }
    return 0;
  } catch (const dnnl::error &e) {
    return int(e.status) ? int(e.status) : -1;
  } catch (...) {
    return -1;
  }
}
