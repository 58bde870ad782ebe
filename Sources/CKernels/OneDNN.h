// oneDNN, and matrices in the layouts it prefers, or in strips for our own loops.
#pragma once
#include "CKernels.h"
#include <dlfcn.h>
#include <memory>
#include <vector>
#include <oneapi/dnnl/dnnl.hpp>

namespace onednn {

using namespace dnnl;
using type = memory::data_type;
using layout = memory::format_tag;

// oneDNN as Debian builds it runs on OpenMP, whose thread count is a property of the calling thread.
inline void use_one_thread() {
  static thread_local bool done = false;
  if (done) return;
  done = true;
  if (auto set = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"))) set(1);
}

inline const engine &the_engine() {
  static const engine e(engine::kind::cpu, 0);
  return e;
}

inline stream &the_stream() {
  static thread_local stream s(the_engine());
  return s;
}

inline matmul::primitive_desc describe(const memory::desc &a, const memory::desc &b, const memory::desc &c,
                                       bool accumulate) {
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

// Rows that are multiplied at once by oneDNN, and by our own loops, which like a multiple of their tiles.
constexpr int64_t chunk_rows = 32, tiled_chunk_rows = 96;

inline type weight_type(mt_precision p) { return p == MT_INT8 ? type::s8 : p == MT_BFLOAT16 ? type::bf16 : type::f32; }
inline type row_type(mt_precision p) { return p == MT_INT8 ? type::u8 : p == MT_BFLOAT16 ? type::bf16 : type::f32; }
inline type sum_type(mt_precision p) { return p == MT_INT8 ? type::s32 : type::f32; }
inline size_t weight_bytes(mt_precision p) { return p == MT_INT8 ? 1 : p == MT_BFLOAT16 ? 2 : 4; }

// Columns of a weight matrix that are multiplied at once: what a few rows of their result need stays in the processor's
// second cache, and so do they.
struct panel {
  int64_t first, count;
  std::shared_ptr<void> room;  // the strips where mt_uses_tiles, else the weights
  memory::desc layout_desc;
  memory weights;
};

}  // namespace onednn

struct mt_packed_matrix {
  int64_t k, n;
  mt_precision precision;
  bool tiled;
  int64_t chunk() const { return tiled ? onednn::tiled_chunk_rows : onednn::chunk_rows; }
  std::vector<onednn::panel> panels;
  std::vector<float> scales;    // int8: value = integer·scale, one per column
  std::vector<int32_t> column_sums;  // int8: Σ_k integer, to undo what stands for zero in the rows
  std::vector<int32_t> places;  // of the elements of a column, after its first, in the panels' layout
};
