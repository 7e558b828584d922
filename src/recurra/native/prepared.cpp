// Weights packed once for many calls.
#include <cstring>
#include <utility>

#include "memory.h"
#include "scan.h"

namespace recurra {

template <class T>
Prepared<T>::Prepared(int cell_, std::int64_t features_, std::int64_t hidden_, const T* w_ih, const T* w_hh,
                      const T* b_ih, const T* b_hh)
    : isa(&recurra::isa()), cell(cell_), features(features_), hidden(hidden_), digest_(digest(w_ih, w_hh, b_ih, b_hh)) {
  const Kernels<T>& k = kernels<T>(*isa);
  const int wide = gates(cell) * static_cast<int>(hidden);
  const std::size_t f = w_ih ? k.packed_size(static_cast<int>(features), wide) : 0;
  const std::size_t h = k.packed_size(static_cast<int>(hidden), wide);
  memory = static_cast<T*>(aligned((f + h + 2 * static_cast<std::size_t>(wide)) * sizeof(T)));
  weights = memory;
  k.pack(w_hh, 1, hidden, 0, static_cast<int>(hidden), static_cast<int>(hidden), wide, weights);
  if (w_ih) {
    input = memory + h;
    k.pack(w_ih, 1, features, 0, static_cast<int>(features), static_cast<int>(features), wide, input);
  }
  T* biases = memory + h + f;
  if (b_ih) input_bias = static_cast<T*>(std::memcpy(biases, b_ih, sizeof(T) * wide));
  if (b_hh) hidden_bias = static_cast<T*>(std::memcpy(biases + wide, b_hh, sizeof(T) * wide));
}
template <class T> Prepared<T>::~Prepared() { release(memory); }

template <class T>
std::uint64_t Prepared<T>::digest(const T* w_ih, const T* w_hh, const T* b_ih, const T* b_hh) const {
  const std::int64_t wide = gates(cell) * hidden;
  const std::pair<const T*, std::int64_t> arrays[] = {
      {w_ih, wide * features}, {w_hh, wide * hidden}, {b_ih, wide}, {b_hh, wide}};
  std::uint64_t all = 0;
  for (const auto& [array, n] : arrays)
    all = all * 31 + (array ? kernels<T>(*isa).digest(array, static_cast<std::size_t>(n) * sizeof(T)) : 1);
  return all;
}

template struct Prepared<float>;
template struct Prepared<double>;

}  // namespace recurra
