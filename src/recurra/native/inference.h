// Whole calls of inference alone: products with weights packed once, the highest logits, attention.
#pragma once
#include "scan.h"

namespace recurra {

// Weights (n, k), a row an output, as a packed (k x n) at `to`; and the bytes that takes, whole cache lines.
template <class T> std::size_t packed_bytes(const Isa& isa, int k, int n, Kept kept);
template <class T> Matrix<T> pack_rows(const Isa& isa, const T* weight, int k, int n, Kept kept, void* to);

// Row i of a call is row rows[i] of x, or row i where `rows` is null; all are within x.
template <class T> struct Gathered {
  const T* x;
  const std::int64_t* rows;
  std::int64_t count;
};

// out (count, n) = x (.., k) times a packed (k x n), plus a bias or null.
template <class T>
void multiply(const Isa& isa, const Gathered<T>& x, int k, Matrix<T> packed, int n, const T* bias, T* out, int threads);

struct Linear {
  const Isa* isa;
  int outputs, inputs;
  Matrix<float> weights;
  float* bias = nullptr;
  void* memory;
  Linear(const float* weight, const float* bias, int outputs, int inputs, Kept kept);
  ~Linear();
  Linear(const Linear&) = delete;
  Linear& operator=(const Linear&) = delete;
};

// The k highest logits of each row and their ids, of equals the lower first, without those excluded; where k is 0,
// none. log_sum_exp is of all. `likelihood` is the target's logit less that, 0 for a negative target.
struct Wanted {
  int k;
  const std::int64_t* excluded;
  std::int64_t excluded_count;
  float* values;
  std::int64_t* ids;
  double* log_sum_exp;
  const std::int64_t* targets;
  double* likelihood;
};
void logits_of(const Linear& linear, const Gathered<float>& x, const Wanted& wanted, int threads);

void attend(const Attention& attention, std::int64_t rows, int threads);

}  // namespace recurra
