// What the kernels are asked to do: plain data, shared by every translation unit.
//
// Row b of the batch at step t lives in row  row_offset[b] + step_offset[t]  of every per-step array. That one
// sum covers (B, T, ...), (T, B, ...), ragged rows laid end to end and torch's packed sequences.
#pragma once
#include <cstddef>
#include <cstdint>

namespace recurra {

enum Cell : int { kRnnTanh = 0, kRnnRelu = 1, kGru = 2, kLstm = 3 };

// Gates of a cell; floats saved for backward and gradients kept for each unit and step.
// GRU keeps four gradients: (n times r, r, z, n). The first three meet the state, the last three the input.
inline int gates(int cell) { return cell == kLstm ? 4 : cell == kGru ? 3 : 1; }
constexpr int saved_width(int cell) { return cell >= kGru ? 4 : 0; }
inline int grads_width(int cell) { return cell >= kGru ? 4 : 1; }

// Two weights kept as bfloat16: those of row k in the lower bits, of row k + 1 in the upper.
struct Pair {
  std::uint32_t bits;
};

// A number kept as bfloat16.
struct Bfloat {
  std::uint16_t bits;
};

// What weights are kept as: T itself, bfloat16, or int8.
enum class Kept : int { kWhole = 0, kBfloat = 1, kInt8 = 2 };

// Products with weights kept as int8 (see int8.h).
struct Int8Kernels {
  std::size_t (*packed_size)(int depth, int n);  // bytes
  // From weights (n, depth), a row an output.
  void (*pack)(const float* weight, int depth, int n, void* packed);
  std::size_t (*column)(int first, int depth);  // bytes up to this column, where a register begins
  void (*product)(int rows, const float* const* a, int depth, const void* packed, int n, float* const* c, const float* bias);
};

// A packed matrix (see product.h), of T or of Pair; or of int8, with what multiplies by it.
template <class T> struct Matrix {
  const void* at = nullptr;
  bool narrow = false;
  const Int8Kernels* int8 = nullptr;
  Matrix() = default;
  Matrix(const void* at_, bool narrow_ = false, const Int8Kernels* int8_ = nullptr) : at(at_), narrow(narrow_), int8(int8_) {}
};

struct Layout {
  int batch;                        // rows
  const int* order;                 // rows by falling length
  const std::int64_t* length;       // by place in `order`
  const std::int64_t* row_offset;   // by row
  const std::int64_t* step_offset;  // by step
  const std::uint8_t* resets;       // by row of the per-step arrays, or null
  bool reverse;
};

template <class T> struct Forward {
  Layout layout;
  int features, hidden;
  const T* x;          // (N, F), or null: then `projected` is given
  const T* projected;  // (N, G*H)
  const std::int64_t* x_rows;  // (N): row n reads row x_rows[n] of them; or null
  const std::int64_t* rows;    // (B), for one step: h0, c0, out, hn and cn have row rows[b] for b; or null
  Matrix<T> input;      // packed (F, G*H)
  Matrix<T> weights;    // packed (H, G*H)
  const T* input_bias;   // (G*H) or null
  const T* hidden_bias;  // (G*H) or null
  const T *h0, *c0;      // (B, H) or null for zeros
  T* out;                // (N, H)
  std::ptrdiff_t out_stride;
  T* cells;              // (N, H) or null
  T* saved;              // (N, saved_width * H) or null
  T *hn, *cn;            // (B, H)
  // With products in bfloat16, in place of x, out and saved; the matrices are as bfloat.h packs them.
  const Bfloat* bfloat_x;
  Bfloat *bfloat_out, *bfloat_saved;
};

template <class T> struct Backward {
  Layout layout;
  int features, hidden;
  Matrix<T> weights;  // packed (G*H, H), rows in the order of the kept gradients
  Matrix<T> input;    // packed (G*H, F), or null: no dx wanted
  const T *h0, *c0, *out, *cells, *saved;
  std::ptrdiff_t out_stride;
  const T *dout, *dcells, *dhn, *dcn;  // any may be null: zeros
  T* grads;                            // (N, grads_width * H)
  T* dx;                               // (N, F) or null
  T *dh0, *dc0;                        // (B, H) or null
  // With products in bfloat16, in place of out, saved, dout, grads and dx.
  const Bfloat *bfloat_out, *bfloat_saved, *bfloat_dout;
  Bfloat *bfloat_grads, *bfloat_dx;
};

// One task of the weight gradients: c = sum over rows i of a[i]^T b[i]; see outer.h.
template <class T, class Sum = T> struct Outer {
  long rows;
  const T* const* a;
  int a_column, m;
  const T* const* b;
  // Null, or n2 columns to the right of b's, and a column of ones to their right; n counts them all.
  const T* const* second;
  int n, n2;
  Sum* c;
  Sum* sums;  // column sums of a, or null
};

// Logits of a vocabulary, and what is wanted of them, without keeping them.
struct Head {
  int depth, columns;
  int chunk;  // columns that are summed together, whole panels
  Matrix<float> weights;
  const float* bias;            // (columns) or null
  const std::uint8_t* excluded;  // (columns): never among the highest; or null
  int k;                         // how many of the highest are wanted
};
// Some rows of it: `first_chunk` and the `chunks - 1` after it. By row, each array starting at the first row.
struct HeadRows {
  int rows;
  const float* const* x;
  int first_chunk, chunks;
  float* partial;               // (rows, partial_stride, 2): each chunk's maximum, and sum of exp(logit - maximum)
  std::ptrdiff_t partial_stride;
  float* values;                // (rows, k), falling, -inf and -1 where there were none; or null
  std::int64_t* ids;
  const std::int64_t* targets;  // (rows) or null
  float* found;                 // (rows): the logit of the target, where it is among these columns
};

// Attention: rows (R) that each read one source of B.
struct Attention {
  std::int64_t steps, size, width;   // S, D, E
  const float *query, *keys;         // (R, D), (B, S, D); or null: then `scores` (R, S) are given
  const float *scores, *values;      // values (B, S, E)
  const std::int64_t *lengths, *owners;  // (B); (R) or null
  float scale;
  float *context, *weights;          // (R, E), (R, S)
};

template <class T> struct Kernels {
  int lanes, panel;  // of a register; columns that are worked on together
  std::size_t (*packed_size)(int k, int n);
  void (*pack)(const T* source, std::ptrdiff_t k_stride, std::ptrdiff_t n_stride, int k_first, int k_count, int depth,
               int n, T* packed);
  // c = a times the packed matrix, plus a bias (see product.h); the columns of one from a panel's first on.
  void (*product)(int rows, const T* const* a, int depth, Matrix<T> packed, int n, T* const* c, const T* bias, bool add);
  Matrix<T> (*columns_from)(Matrix<T> packed, int first, int depth);
  // Rows first, first + step, ... (count of them, by place in the order) through all their steps.
  std::size_t (*forward_room)(const Forward<T>&, int cell, int count);
  void (*forward)(const Forward<T>&, int cell, int first, int step, int count, void* room);
  std::size_t (*backward_room)(const Backward<T>&, int cell, int count);
  void (*backward)(const Backward<T>&, int cell, int first, int step, int count, void* room);
  std::size_t (*outer_room)();
  void (*outer)(const Outer<T>&, void* room);
  void (*curve)(int which, const T* x, T* y, long n);  // exp, logistic, tanh: for the tests
  std::uint64_t (*digest)(const void* array, std::size_t bytes);
  // One row's step, once what its gates have of the input (x) and of the state (g) is there; h and c in place.
  // Where the weights are int8, as it is on every machine (see cells.h).
  void (*cell_step)(int cell, int hidden, const T* x, const T* g, T* h, T* c, bool int8);
};

// What only inference asks for, in single precision.
struct Inference {
  void (*narrow)(const float* packed, int depth, int n, Pair* out);
  std::size_t (*head_room)(const Head&, int rows);
  void (*head)(const Head&, const HeadRows&, void* room);
  std::size_t (*attend_room)(const Attention&);
  void (*attend)(const Attention&, std::int64_t row, void* room);
};

// Training in single precision, but for its products.
struct BfloatKernels {
  std::size_t (*packed_size)(int depth, int n);
  // Row k of the packed matrix is row (k + first) % depth of the source's; one of the strides is 1.
  void (*pack)(const float* source, std::ptrdiff_t k_stride, std::ptrdiff_t n_stride, int first, int depth, int n,
               Pair* packed);
  void (*narrow)(long n, const float* from, Bfloat* to);
  std::size_t (*forward_room)(const Forward<float>&, int cell, int count);
  void (*forward)(const Forward<float>&, int cell, int first, int step, int count, void* room);
  std::size_t (*backward_room)(const Backward<float>&, int cell, int count);
  void (*backward)(const Backward<float>&, int cell, int first, int step, int count, void* room);
  std::size_t (*outer_room)(int m, int n);
  void (*outer)(const Outer<Bfloat, float>&, void* room);
};

struct Isa {
  const char* name;
  const Kernels<float>* single;
  const Kernels<double>* wide;
  const Inference* inference;
  const BfloatKernels* bfloat;  // null where it has no products in bfloat16
  const Int8Kernels* int8;
};

// Null where the compiler could not build it.
extern const Isa* const isa_plain;
extern const Isa* const isa_avx2;
extern const Isa* const isa_avx512;
extern const Isa* const isa_neon;
extern const BfloatKernels *const bfloat_amx, *const bfloat_dots, *const bfloat_neon;
extern const Int8Kernels *const int8_plain, *const int8_avx2, *const int8_avxvnni, *const int8_avx512, *const int8_amx;

}  // namespace recurra
