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
inline int saved_width(int cell) { return cell >= kGru ? 4 : 0; }
inline int grads_width(int cell) { return cell >= kGru ? 4 : 1; }

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
  const T* input;      // packed (F, G*H)
  const T* weights;    // packed (H, G*H)
  const T* input_bias;   // (G*H) or null
  const T* hidden_bias;  // (G*H) or null
  const T *h0, *c0;      // (B, H) or null for zeros
  T* out;                // (N, H)
  std::ptrdiff_t out_stride;
  T* cells;              // (N, H) or null
  T* saved;              // (N, saved_width * H) or null
  T *hn, *cn;            // (B, H)
};

template <class T> struct Backward {
  Layout layout;
  int features, hidden;
  const T* weights;  // packed (G*H, H), rows in the order of the kept gradients
  const T* input;    // packed (G*H, F), or null: no dx wanted
  const T *h0, *c0, *out, *cells, *saved;
  std::ptrdiff_t out_stride;
  const T *dout, *dcells, *dhn, *dcn;  // any may be null: zeros
  T* grads;                            // (N, grads_width * H)
  T* dx;                               // (N, F) or null
  T *dh0, *dc0;                        // (B, H) or null
};

// One task of the weight gradients: c = sum over rows i of a[i]^T b[i]; see outer.h.
template <class T> struct Outer {
  long rows;
  const T* const* a;
  int a_column, m;
  const T* const* b;
  // Null, or n2 columns to the right of b's, and a column of ones to their right; n counts them all.
  const T* const* second;
  int n, n2;
  T* c;
  T* sums;  // column sums of a, or null
};

template <class T> struct Kernels {
  int lanes, panel;  // of a register; columns that are worked on together
  std::size_t (*packed_size)(int k, int n);
  void (*pack)(const T* source, std::ptrdiff_t k_stride, std::ptrdiff_t n_stride, int k_first, int k_count, int depth,
               int n, T* packed);
  // Rows first, first + step, ... (count of them, by place in the order) through all their steps.
  std::size_t (*forward_room)(const Forward<T>&, int cell, int count);
  void (*forward)(const Forward<T>&, int cell, int first, int step, int count, void* room);
  std::size_t (*backward_room)(const Backward<T>&, int cell, int count);
  void (*backward)(const Backward<T>&, int cell, int first, int step, int count, void* room);
  std::size_t (*outer_room)();
  void (*outer)(const Outer<T>&, void* room);
  void (*curve)(int which, const T* x, T* y, long n);  // exp, logistic, tanh: for the tests
  std::uint64_t (*digest)(const void* array, std::size_t bytes);
};

struct Isa {
  const char* name;
  const Kernels<float>* single;
  const Kernels<double>* wide;
};

// Null where the compiler could not build it.
extern const Isa* const isa_plain;
extern const Isa* const isa_avx2;
extern const Isa* const isa_avx512;

}  // namespace recurra
