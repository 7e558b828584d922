// Weights packed once for many calls.
#include <cstring>
#include <utility>

#include "inference.h"
#include "memory.h"
#include "scan.h"

namespace recurra {

template <class T>
Prepared<T>::Prepared(int cell_, std::int64_t features_, std::int64_t hidden_, const T* w_ih, const T* w_hh,
                      const T* b_ih, const T* b_hh, Kept kept)
    : isa(&recurra::isa()), cell(cell_), features(features_), hidden(hidden_), digest_(digest(w_ih, w_hh, b_ih, b_hh)) {
  const int wide = gates(cell) * static_cast<int>(hidden), F = static_cast<int>(features), H = static_cast<int>(hidden);
  const std::size_t f = w_ih ? packed_bytes<T>(*isa, F, wide, kept) : 0, h = packed_bytes<T>(*isa, H, wide, kept);
  char* at = static_cast<char*>(aligned(f + h + 2 * static_cast<std::size_t>(wide) * sizeof(T)));
  memory = reinterpret_cast<T*>(at);
  weights = pack_rows<T>(*isa, w_hh, H, wide, kept, at);
  if (w_ih) input = pack_rows<T>(*isa, w_ih, F, wide, kept, at + h);
  T* biases = reinterpret_cast<T*>(at + h + f);
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
