// Whole calls: sorts the rows, packs the weights, shares the work out over threads.
#pragma once
#include <vector>

#include "problem.h"

namespace recurra {

// How the rows of a per-step array are laid out.
enum Kind : int { kBatchFirst = 0, kTimeFirst = 1, kRagged = 2, kPacked = 3 };

const Isa& isa();                    // the one in use
bool use_isa(const char* name);      // false where it cannot run here
std::vector<const char*> isas();     // those that can, the best one first

template <class T> const Kernels<T>& kernels(const Isa& isa);
template <> inline const Kernels<float>& kernels<float>(const Isa& isa) { return *isa.single; }
template <> inline const Kernels<double>& kernels<double>(const Isa& isa) { return *isa.wide; }

struct Shape {
  int cell;
  int kind;
  // `steps` of every row; where rows are stored without padding, the number of rows stored.
  std::int64_t batch, steps, features, hidden;
  const std::int64_t* lengths;  // (B) or null: all of them `steps`
  const std::uint8_t* resets;   // by row of the per-step arrays, or null
  bool reverse;
  int threads;
};

// Weights packed for forward, kept between calls.
template <class T> struct Prepared {
  const Isa* isa = nullptr;
  int cell;
  std::int64_t features, hidden;
  Matrix<T> input, weights;
  T *input_bias = nullptr, *hidden_bias = nullptr;
  T* memory = nullptr;
  // What is `kept` is of the matrices; only float can be as something else.
  Prepared(int cell, std::int64_t features, std::int64_t hidden, const T* w_ih, const T* w_hh, const T* b_ih,
           const T* b_hh, Kept kept = Kept::kWhole);
  ~Prepared();
  // Whether weights, of the same sizes, are still those that were packed.
  bool same(const T* w_ih, const T* w_hh, const T* b_ih, const T* b_hh) const {
    return digest(w_ih, w_hh, b_ih, b_hh) == digest_;
  }
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;

 private:
  std::uint64_t digest_;
  std::uint64_t digest(const T* w_ih, const T* w_hh, const T* b_ih, const T* b_hh) const;
};

// Everything as the caller has it, in rows of plain floats; null where it does not apply (see problem.h).
template <class T> struct ForwardCall {
  const T *x, *projected, *w_ih, *w_hh, *b_ih, *b_hh, *h0, *c0;
  T* out;
  std::int64_t out_stride;
  T *cells, *saved, *hn, *cn;
  const Prepared<T>* prepared;  // in place of the weights
  // Row numbers into x or `projected`, which has `table` rows; by row of the per-step arrays, padding not read.
  const std::int64_t* x_rows;
  std::int64_t table;
  // One step in place: the states of row b are row rows[b], of `streams`, in h0, c0, out, hn and cn.
  const std::int64_t* rows;
  std::int64_t streams;
  // Products are in bfloat16, by the instruction set in use, where these take the place of x, out and saved.
  const Bfloat* bfloat_x;
  Bfloat *bfloat_out, *bfloat_saved;
};
// Throws std::invalid_argument for lengths and row numbers that do not fit.
template <class T> void forward(const Shape& shape, const ForwardCall<T>& call);

// `grads` may be null where nobody needs the gradient of the projected input itself.
template <class T> struct BackwardCall {
  const T *x, *w_ih, *w_hh, *h0, *c0, *out;
  std::int64_t out_stride;
  const T *cells, *saved, *dout, *dcells, *dhn, *dcn;
  T *grads, *dx, *dw_ih, *dw_hh, *db_ih, *db_hh, *dh0, *dc0;
  // With products in bfloat16, in place of x, out, saved, dout, grads and dx.
  const Bfloat *bfloat_x, *bfloat_out, *bfloat_saved, *bfloat_dout;
  Bfloat *bfloat_grads, *bfloat_dx;
};
template <class T> void backward(const Shape& shape, const BackwardCall<T>& call);

// These calls for an extension that is built apart (core/node.cc), and whether it means the same by them.
struct Calls {
  struct Sizes {
    std::size_t shape = sizeof(Shape), forward = sizeof(ForwardCall<float>), backward = sizeof(BackwardCall<float>);
    bool operator==(const Sizes& o) const { return shape == o.shape && forward == o.forward && backward == o.backward; }
  };
  Sizes sizes;
  void (*forward_single)(const Shape&, const ForwardCall<float>&);
  void (*forward_wide)(const Shape&, const ForwardCall<double>&);
  void (*backward_single)(const Shape&, const BackwardCall<float>&);
  void (*backward_wide)(const Shape&, const BackwardCall<double>&);
};

}  // namespace recurra
