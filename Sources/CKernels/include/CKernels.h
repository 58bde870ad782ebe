// Matrix products by oneDNN and the few row-wise loops worth writing in C.
// All matrices are row-major and dense; `rows`, `columns` and the like are counts of elements.
// Functions whose name says `backward` add to the gradients they are given unless `accumulate` is false,
// in which case they overwrite them.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- MatrixProduct.cpp, PackedMatrix.cpp -----------------------------------------------------------

/// Version of the oneDNN in use, as major*100 + minor.
int mt_onednn_version(void);
/// True where the processor multiplies bf16 natively (or 8-bit integers exactly).
bool mt_has_bfloat16(void);
bool mt_has_int8(void);

/// C[M,N] (+)= op(A)·op(B) in f32, on the calling thread. op transposes where asked: A is stored [K,M] then.
/// Returns 0, or oneDNN's status. A row of C does not depend on M, unless A is transposed.
int mt_matmul_f32(const float *a, bool transpose_a, const float *b, bool transpose_b, float *c,
                  int64_t m, int64_t n, int64_t k, bool accumulate);
/// The same with A and B in bf16 and C in f32.
int mt_matmul_bf16(const uint16_t *a, bool transpose_a, const uint16_t *b, bool transpose_b, float *c,
                   int64_t m, int64_t n, int64_t k, bool accumulate);

typedef enum { MT_FLOAT32 = 0, MT_BFLOAT16 = 1, MT_INT8 = 2 } mt_precision;
/// A weight matrix [K,N] rearranged once for products with few rows; read-only afterwards, usable by many threads.
typedef struct mt_packed_matrix mt_packed_matrix;
/// Packs B from f32 [K,N], or [N,K] if transposed. int8: one scale per column, 127/max|column|. NULL on failure.
mt_packed_matrix *mt_pack(const float *b, bool transposed, int64_t k, int64_t n, mt_precision precision);
/// Packs B from int8 [N,K] (one row per output) and scales [N] with value = integer·scale.
mt_packed_matrix *mt_pack_int8(const int8_t *b, const float *scales, int64_t k, int64_t n);
/// The columns `ids` of B as a matrix of its own, for products of few rows made once with it. Its int8 rows have 7 bits;
/// bfloat16 becomes float32. Any thread may do so while others use B. NULL on failure.
mt_packed_matrix *mt_pack_columns(const mt_packed_matrix *b, const int32_t *ids, int64_t count);
void mt_packed_free(mt_packed_matrix *matrix);
/// Bytes the packed matrix occupies.
int64_t mt_packed_bytes(const mt_packed_matrix *matrix);
/// Whether the columns of the packed matrix, which is not of integers, can be read as rows of `table` [N,K], bit for bit:
/// then that table is not needed any more. Not while others use the matrix.
bool mt_packed_columns(mt_packed_matrix *matrix, const float *table);
/// mt_embed with the columns of a matrix for which mt_packed_columns is true.
void mt_embed_packed(float *y, const mt_packed_matrix *table, const int32_t *ids, const float *signal,
                     const int32_t *positions, int64_t rows, float scale);
/// C[M,N] = A[M,K]·B. `scratch` holds the converted rows and the integer sums: mt_packed_scratch bytes.
int mt_matmul_packed(const float *a, const mt_packed_matrix *b, float *c, int64_t m, void *scratch);
/// Sufficient for every smaller m too.
int64_t mt_packed_scratch(const mt_packed_matrix *b, int64_t m);

typedef enum { MT_IDENTITY = 0, MT_RELU = 1, MT_GELU = 2, MT_SILU = 3, MT_TANH = 4, MT_SIGMOID = 5 } mt_activation;
/// C = activation(A·B + bias); bias [N] may be NULL.
int mt_linear_packed(const float *a, const mt_packed_matrix *b, const float *bias, mt_activation activation, float *c,
                     int64_t m, void *scratch);

/// What is wanted of rows of logits: of the log-softmax of each its k largest entries, best first, of equals the one that was
/// looked at first, and the entry of one id. Entries that are banned count in the softmax and are passed over.
typedef struct {
  int64_t k;
  const int32_t *banned, *banned_offsets;  // row r: banned[banned_offsets[r] ..< banned_offsets[r + 1]]
  const int32_t *wanted;                   // [rows], −1 for none
  int32_t *ids;                            // [rows, k]; −1 where there are fewer than k finite entries
  float *values;                           // [rows, k]; −∞ there
  float *wanted_values;                    // [rows]
  float *most, *sums;                      // [rows] each, to work in
  const int32_t *columns;                  // the ids of columns that are some of the vocabulary, ascending; NULL: all are
  int64_t column_count;
} mt_choice;
/// The choice from log-softmax(A·B + bias), without keeping the logits.
int mt_choose_packed(const float *a, const mt_packed_matrix *b, const float *bias, int64_t m, const mt_choice *choice,
                     void *scratch);
/// The same of some columns; what is chosen among more of them comes between mt_choice_begin and mt_choice_end.
int mt_absorb_packed(const float *a, const mt_packed_matrix *b, const float *bias, int64_t m, const mt_choice *choice,
                     void *scratch);
int64_t mt_choose_packed_scratch(const mt_packed_matrix *b, int64_t m);
/// Columns of a matrix of so many that are multiplied, or looked through, at once: at most MT_WIDEST_PANEL.
int64_t mt_panel_width(int64_t columns);
enum { MT_WIDEST_PANEL = 1024 };

// ---- TileProduct.c ---------------------------------------------------------------------------------

enum { MT_STRIP = 16 };
/// Whether products of this precision are made by the loops below, and not by oneDNN: float32 on processors without AVX-512,
/// int8 on those with AVX2 but without AVX-512's VNNI.
bool mt_uses_tiles(mt_precision precision);
/// Numbers in the strips of a matrix [k, n]: MT_STRIP columns each, k by k, the last strip filled up with zeros; int8 by
/// fours of k, filled up likewise.
int64_t mt_strip_values(int64_t k, int64_t n, mt_precision precision);
/// Strips of b [k, n], or [n, k] if transposed, whose rows are `stride` apart.
void mt_strips_f32(float *strips, const float *b, bool transposed, int64_t stride, int64_t k, int64_t n);
void mt_strips_int8(int8_t *strips, const int8_t *b, bool transposed, int64_t stride, int64_t k, int64_t n);
/// c [m, n] = a [m, k]·b, or that added to c. Rows of a and of c are so far apart. A row of c does not depend on m, nor on
/// whether k is gone through at once or in portions.
void mt_tiles_f32(const float *a, int64_t a_stride, const float *strips, float *c, int64_t c_stride, int64_t m, int64_t n,
                  int64_t k, bool adds);
/// The same of bytes, exactly where those of a are below 128; rows of a are filled up to a multiple of four. On x86-64 it
/// takes AVX2.
void mt_tiles_int8(const uint8_t *a, const int8_t *strips, int32_t *c, int64_t m, int64_t n, int64_t k);
/// c = a [m, k]·b, or that added to c, of b [k, n], or [n, k] if transposed; `scratch` holds as many numbers as the function
/// before it says.
int64_t mt_plain_tiles_scratch(int64_t n, int64_t k);
void mt_plain_tiles_f32(const float *a, const float *b, bool transposed, float *c, int64_t m, int64_t n, int64_t k,
                        bool accumulate, float *scratch);

// ---- Choice.c --------------------------------------------------------------------------------------

/// The choice from log-softmax(logits) of [rows, columns]: the same bits as from the product.
void mt_choose(const float *logits, int64_t rows, int64_t columns, const mt_choice *choice);
/// The same in portions: begin, absorb any columns of any rows, at most MT_WIDEST_PANEL at once, each once, end. Rows of
/// logits, to which a bias [columns] is added unless NULL, are `stride` apart.
void mt_choice_begin(const mt_choice *choice, int64_t rows);
void mt_choice_absorb(const mt_choice *choice, const float *logits, int64_t stride, const float *bias,
                      int64_t first_row, int64_t rows, int64_t first_column, int64_t columns);
/// The same from the integers of a product, as `mt_dequantize_rows` makes values of them.
void mt_choice_absorb_sums(const mt_choice *choice, const int32_t *sums, int64_t stride, const float *row_scales,
                           const int32_t *row_zeros, const float *scales, const int32_t *column_sums, const float *bias,
                           int64_t first_row, int64_t rows, int64_t first_column, int64_t columns);
void mt_choice_end(const mt_choice *choice, int64_t rows);

// ---- Quantization.c --------------------------------------------------------------------------------

/// Bytes for which x = (out − zeros[r])·scales[r] but for rounding: of 8 bits about zeros[r] = 128, scales[r] = max|row|/127.
void mt_quantize_rows(uint8_t *out, float *scales, int32_t *zeros, const float *x, int64_t rows, int64_t columns);
/// The same of 7 bits, 0 to 127 from the least of a row, or 0, to the largest, or 0; rows filled up with zeros to a multiple
/// of four.
void mt_quantize_rows_7(uint8_t *out, float *scales, int32_t *zeros, const float *x, int64_t rows, int64_t columns);
/// y[r,j] = (sums[r,j] − row_zeros[r]·column_sums[j])·row_scales[r]·scales[j] + bias[j], not below 0 if relu; bias may be
/// NULL, rows of y are `stride` apart.
void mt_dequantize_rows(float *y, int64_t stride, const int32_t *sums, const float *row_scales, const int32_t *row_zeros,
                        const float *scales, const int32_t *column_sums, const float *bias, int64_t rows, int64_t columns,
                        bool relu);
/// Integers in the layout of w, [inputs, outputs] or [outputs, inputs] if transposed, and scales [outputs], max|w|/127
/// over an output's weights. `multipliers` [outputs] is to work in.
void mt_quantize_weights(int8_t *out, float *scales, const float *w, bool transposed, int64_t inputs, int64_t outputs,
                         float *multipliers);
/// sums[j] = Σ of an output's integers.
void mt_sum_weights(int32_t *sums, const int8_t *w, bool transposed, int64_t inputs, int64_t outputs);

// ---- Elementwise.c ---------------------------------------------------------------------------------

void mt_fill(float *x, float value, int64_t count);
void mt_add(float *y, const float *x, int64_t count);                 // y += x
void mt_add_scaled(float *y, const float *x, float scale, int64_t count); // y += scale·x
void mt_scale(float *y, const float *x, float scale, int64_t count, bool accumulate);
void mt_multiply(float *y, const float *a, const float *b, int64_t count, bool accumulate);
void mt_to_bfloat16(uint16_t *y, const float *x, int64_t count);      // round to nearest even
void mt_from_bfloat16(float *y, const uint16_t *x, int64_t count);
/// x += bias, then y = activation(x). y may be x. x keeps the value before the activation.
void mt_bias_activation(float *x, const float *bias, float *y, int64_t rows, int64_t columns, mt_activation kind);
/// dx (+)= dy·activation'(x), x before the activation.
void mt_activation_backward(const float *x, const float *dy, float *dx, int64_t count, mt_activation kind, bool accumulate);
/// sum[j] += Σ_rows x[i,j]
void mt_column_sum(const float *x, float *sum, int64_t rows, int64_t columns);
/// y = x·mask/(1−p), mask drawn by a counter-based hash of (seed, index): the same call gives the same mask.
void mt_dropout(float *y, const float *x, int64_t count, float p, uint64_t seed, bool accumulate);
/// The same with one mask row [columns] per group; row r uses the mask of group[r] (variational dropout).
void mt_group_dropout(float *y, const float *x, const int32_t *group, int64_t rows, int64_t columns,
                      float p, uint64_t seed, bool accumulate);
/// Σ x²
double mt_sum_of_squares(const float *x, int64_t count);
bool mt_all_finite(const float *x, int64_t count);

// ---- Embedding.c -----------------------------------------------------------------------------------

/// y[r] = scale·table[ids[r]] + signal[positions[r]]; id < 0 stands for the zero embedding. signal may be NULL.
void mt_embed(float *y, const float *table, const int32_t *ids, const float *signal, const int32_t *positions,
              int64_t rows, int64_t columns, float scale);
/// The same with a table of bfloat16.
void mt_embed_bfloat16(float *y, const uint16_t *table, const int32_t *ids, const float *signal, const int32_t *positions,
                       int64_t rows, int64_t columns, float scale);
/// dtable[ids[r]] += scale·dy[r]
void mt_embed_backward(float *dtable, const float *dy, const int32_t *ids, int64_t rows, int64_t columns, float scale);
void mt_gather_rows(float *y, const float *x, const int32_t *index, int64_t rows, int64_t columns);      // y[r] = x[index[r]]
void mt_scatter_add_rows(float *y, const float *x, const int32_t *index, int64_t rows, int64_t columns); // y[index[r]] += x[r]

// ---- LayerNorm.c -----------------------------------------------------------------------------------

/// s = residual + dropout(x); y = (s − mean)/√(var + ε)·scale + bias. residual may be NULL; sum may be NULL if not kept.
/// mean_rstd: [rows, 2], kept for the backward pass; may be NULL.
void mt_layer_norm(float *y, float *sum, float *mean_rstd, const float *x, const float *residual, const float *scale,
                   const float *bias, int64_t rows, int64_t columns, float epsilon, float p, uint64_t seed);
/// ds = gradient of the sum; dscale, dbias are added to.
void mt_layer_norm_backward(float *ds, float *dscale, float *dbias, const float *dy, const float *sum,
                            const float *mean_rstd, const float *scale, int64_t rows, int64_t columns);

// ---- Attention.c -----------------------------------------------------------------------------------

/// Scaled dot-product attention of whole sentences laid end to end, all heads. Query row i of sentence b sees the key
/// rows of sentence b (those up to i if causal). Strides are in elements between rows; head h is the slice
/// [h·head_size, (h+1)·head_size) of a row.
/// weights keeps the probabilities before dropout, [heads, T, S] for each sentence from weights_offsets[b]; may be NULL.
/// scratch: mt_attention_scratch floats for the longest key side.
void mt_attention(float *y, int64_t y_stride, const float *q, int64_t q_stride, const float *k, const float *v,
                  int64_t kv_stride, const int32_t *q_offsets, const int32_t *kv_offsets, int64_t sentences,
                  int64_t heads, int64_t head_size, bool causal, float *weights, const int64_t *weights_offsets,
                  float p, uint64_t seed, float *scratch);
int64_t mt_attention_scratch(int64_t longest, int64_t head_size);
/// Gradients with respect to q, k, v are added to dq, dk, dv.
void mt_attention_backward(float *dq, int64_t dq_stride, float *dk, float *dv, int64_t dkv_stride, const float *dy,
                           int64_t y_stride, const float *q, int64_t q_stride, const float *k, const float *v,
                           int64_t kv_stride, const int32_t *q_offsets, const int32_t *kv_offsets, int64_t sentences,
                           int64_t heads, int64_t head_size, bool causal, const float *weights,
                           const int64_t *weights_offsets, float p, uint64_t seed, float *scratch);

// ---- StepAttention.c -------------------------------------------------------------------------------

/// Attention of one query row per hypothesis: row r sees counts[r] keys; key j is row index[r·index_stride + j] of
/// keys and values. Weights are always written: that of row r, key j and head h is weights[r·weights_stride + j·heads + h],
/// with weights_stride = mt_attention_step_weights for the largest count. Neighbours that begin with the same key are
/// faster, and get the same bits.
void mt_attention_step(float *y, const float *q, int64_t q_stride, const float *keys, const float *values,
                       int64_t kv_stride, const int32_t *index, int64_t index_stride, const int32_t *counts,
                       int64_t rows, int64_t heads, int64_t head_size, float *weights, int64_t weights_stride);
int64_t mt_attention_step_weights(int64_t longest, int64_t heads);
/// Keys and values of a sentence, rows `stride` apart, as mt_source_attention wants them: mt_packed_source floats.
void mt_pack_source(float *out, const float *keys, const float *values, int64_t stride, int64_t count, int64_t heads,
                    int64_t head_size);
int64_t mt_packed_source(int64_t count, int64_t heads, int64_t head_size);
/// Attention of one query row [heads·head_size] per hypothesis over its sentence, counts[r] tokens packed at
/// packed + offsets[r]. The weight of row r, key j and head h is
/// weights[r·weights_stride + h·mt_source_attention_weights(counts[r], 1) + j], with weights_stride =
/// mt_source_attention_weights for the largest count. Neighbours of one sentence are faster, and get the same bits.
void mt_source_attention(float *y, const float *q, const float *packed, const int64_t *offsets, const int32_t *counts,
                         int64_t rows, int64_t heads, int64_t head_size, float *weights, int64_t weights_stride);
int64_t mt_source_attention_weights(int64_t longest, int64_t heads);

// ---- RowAttention.c --------------------------------------------------------------------------------

/// Additive (Bahdanau) attention of rows: e[r,j] = v·tanh(query[r] + keys[j]), softmax over the key rows
/// first[r] ..< first[r]+counts[r], context[r] = Σ w·values. weights at weights_offsets[r].
void mt_additive_attention(float *context, float *weights, const int64_t *weights_offsets, const float *query,
                           const float *keys, const float *values, const float *v, const int32_t *first,
                           const int32_t *counts, int64_t rows, int64_t attention_size, int64_t value_size);
void mt_additive_attention_backward(float *dquery, float *dkeys, float *dvalues, float *dv, const float *dcontext,
                                    const float *weights, const int64_t *weights_offsets, const float *query,
                                    const float *keys, const float *values, const float *v, const int32_t *first,
                                    const int32_t *counts, int64_t rows, int64_t attention_size, int64_t value_size,
                                    float *scratch);
/// Scaled-dot attention of rows, one head, values as wide as they like: e[r,j] = query[r]·keys[j]/√attention_size.
void mt_dot_attention(float *context, float *weights, const int64_t *weights_offsets, const float *query,
                      const float *keys, const float *values, const int32_t *first, const int32_t *counts, int64_t rows,
                      int64_t attention_size, int64_t value_size);
void mt_dot_attention_backward(float *dquery, float *dkeys, float *dvalues, const float *dcontext, const float *weights,
                               const int64_t *weights_offsets, const float *query, const float *keys,
                               const float *values, const int32_t *first, const int32_t *counts, int64_t rows,
                               int64_t attention_size, int64_t value_size, float *scratch);

// ---- Loss.c ----------------------------------------------------------------------------------------

/// Label-smoothed cross-entropy of rows of logits, which become their gradients times `gradient_scale`:
/// loss = −(1−ε)·log p[label] − ε/V·Σ log p. Adds to *loss and *log_likelihood (natural log, double).
void mt_cross_entropy(float *logits, const float *bias, const int32_t *labels, int64_t rows, int64_t columns, float smoothing,
                      float gradient_scale, double *loss, double *log_likelihood);

// The same of two passes over the same labels, that ought to agree: the loss is (1 - s)·CE(p) + s·CE(q)
// + forward·KL(p|q) + backward·KL(q|p) with s = second_share; both logits become their gradients times
// gradient_scale. Adds Σ log p(label) of the first pass.
void mt_agreeing_cross_entropy(float *first, float *second, const float *bias, const int32_t *labels, int64_t rows,
                               int64_t columns, float smoothing, float second_share, float forward, float backward,
                               float gradient_scale, double *loss, double *log_likelihood);
/// out[r] = log-softmax(logits[r] + bias)[labels[r]]
void mt_label_log_probabilities(const float *logits, const float *bias, const int32_t *labels, int64_t rows,
                                int64_t columns, float *out);
/// x becomes log-softmax(x + bias) in place (bias may be NULL).
void mt_log_softmax(float *x, const float *bias, int64_t rows, int64_t columns);

// ---- Recurrent.c -----------------------------------------------------------------------------------
// Element-wise parts of recurrent cells, after both products. Gate layouts: GRU [reset, update, candidate], without
// reset [update, candidate], LSTM [forget, input, candidate, output]. `x` is the input part, `u` the recurrent part
// h·U; each may carry the bias. `gates` is kept for the backward pass. dx, du, dprevious overwrite.

void mt_elman(float *h, const float *x, const float *u, int64_t count, bool relu);
void mt_elman_backward(float *dx, const float *dh, const float *h, int64_t count, bool relu);
/// gates [rows, 4·hidden]. u's candidate third is multiplied by the reset gate inside.
void mt_gru(float *h, float *gates, const float *x, const float *u, const float *previous, int64_t rows, int64_t hidden);
void mt_gru_backward(float *dx, float *du, float *dprevious, const float *dh, const float *gates, const float *previous,
                     int64_t rows, int64_t hidden);
/// gates [rows, 2·hidden]
void mt_update_gate(float *h, float *gates, const float *x, const float *u, const float *previous, int64_t rows,
                    int64_t hidden);
void mt_update_gate_backward(float *dx, float *dprevious, const float *dh, const float *gates, const float *previous,
                             int64_t rows, int64_t hidden);
/// gates [rows, 4·hidden]
void mt_lstm(float *h, float *c, float *gates, const float *x, const float *u, const float *previous_c, int64_t rows,
             int64_t hidden);
void mt_lstm_backward(float *dx, float *dprevious_c, const float *dh, const float *dc, const float *gates, const float *c,
                      const float *previous_c, int64_t rows, int64_t hidden);
/// A sentence's steps through an SSRU (Kim et al. 2019): f = σ(u_f + bias), c = f·c_previous + (1 − f)·u_x, h = max(c, 0).
/// u [length, 2·size] is x·W and x·W_f side by side; h, c and, where not NULL, f are [length, size]. `previous` [size] is
/// the cell before the first step, zero where NULL.
void mt_ssru(float *h, float *c, float *f, const float *previous, const float *u, const float *bias, int64_t length,
             int64_t size);
/// The same backwards, from zero cells: du overwrites, dbias is added to, carry [size] is scratch.
void mt_ssru_backward(float *du, float *dbias, float *carry, const float *dh, const float *c, const float *f,
                      const float *u, int64_t length, int64_t size);

// ---- Optimizer.c -----------------------------------------------------------------------------------

/// Adds `count` floats of several gradient buffers in the order given into the first; returns Σ of squares.
double mt_sum_gradients(float *const *buffers, int64_t buffer_count, int64_t offset, int64_t count);
/// Adam (Kingma & Ba 2015) with decoupled weight decay; corrected rates are the caller's. Writes bf16 copies and the
/// moving average where given.
void mt_adam(float *value, const float *gradient, float *m, float *v, int64_t count, float gradient_scale, float rate,
             float beta1, float beta2, float epsilon, float correction1, float correction2, float weight_decay,
             uint16_t *value_bf16, float *average, float average_decay);
void mt_move_average(float *average, const float *value, int64_t count, float decay); // decay·average + (1 - decay)·value
/// Nesterov's momentum of a block of a matrix whose rows are `stride` apart: momentum moves towards the scaled gradient, and
/// out [rows, columns] is where it will be after the next gradient, if that is as this one.
void mt_muon_direction(float *out, float *momentum, const float *gradient, int64_t rows, int64_t columns, int64_t stride,
                       float gradient_scale, float beta);
/// value = keep·value - step·direction [rows, columns], for such a block.
void mt_muon_move(float *value, const float *direction, int64_t rows, int64_t columns, int64_t stride, float keep, float step);

// ---- Memory.c --------------------------------------------------------------------------------------

/// Gives free pages of the heap back to the system, where its C library can.
void mt_trim_heap(void);
/// `bytes` of zeros in pages of 2 MiB where the system has such: handed out in pages of 4 KiB, the same memory takes it two to
/// three times as long. NULL on failure.
void *mt_map_large(int64_t bytes);
/// Gives them back, with the same number of bytes.
void mt_unmap_large(void *memory, int64_t bytes);
/// Gives back the pages that lie whole in a mapping's part: read again, they hold what the mapped file does, or zeros.
void mt_discard(const void *start, int64_t bytes);

#ifdef __cplusplus
}
#endif
