#include "stack.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "scratch.h"

namespace recurra {
namespace {

// out (n) = a (k) times a packed (k x n), plus a bias or null; panels from the last one to the first, or as they lie.
void product(const Kernels<float>& kernel, bool back, const float* a, std::int64_t k, Matrix<float> packed, int n,
             const float* bias, float* out) {
  // With int8 a is rounded for each piece, so they are large.
  const int piece = (packed.int8 ? 16 : 2) * kernel.panel, pieces = (n + piece - 1) / piece, depth = static_cast<int>(k);
  for (int i = 0; i < pieces; ++i) {
    const int first = (back ? pieces - 1 - i : i) * piece;
    float* to = out + first;
    kernel.product(1, &a, depth, kernel.columns_from(packed, first, depth), std::min(piece, n - first), &to,
                   bias ? bias + first : nullptr, false);
  }
}

// The first token whose running sum of exp((logit - greatest) / divisor) exceeds that share of the whole.
std::int64_t draw(const float* logits, std::int64_t n, const std::int64_t* excluded, std::int64_t excluded_count,
                  double divisor, double uniform) {
  constexpr double kOut = -std::numeric_limits<double>::infinity();
  Scratching use;
  // Double precision: in single, a hundred thousand rare tokens are rounded away.
  auto* sums = scratch.take<double>(static_cast<std::size_t>(n));
  std::copy(logits, logits + n, sums);
  for (std::int64_t i = 0; i < excluded_count; ++i) sums[excluded[i]] = kOut;
  double most = kOut, sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    if (std::isnan(sums[i])) return -1;
    most = std::max(most, sums[i]);
  }
  if (!std::isfinite(most)) return -1;
  for (std::int64_t i = 0; i < n; ++i) sums[i] = sum += std::exp((sums[i] - most) / divisor);
  // A uniform number is at most 1 - 2^-53: times the whole it lies below it, even as it is rounded.
  return std::upper_bound(sums, sums + n, uniform * sum) - sums;
}

}  // namespace

void Stack::step(std::int64_t token, int threads) {
  {
    Scratching use;
    const Kernels<float>& kernel = kernels<float>(*head->isa);
    const int count = static_cast<int>(layers.size());
    auto** state = scratch.take<float*>(count);
    auto** input = scratch.take<float*>(count);
    const auto wide = [&](int l) { return gates(layers[l]->cell) * static_cast<int>(layers[l]->hidden); };
    for (int l = 0; l < count; ++l) state[l] = scratch.take<float>(wide(l)), input[l] = scratch.take<float>(wide(l));
    const auto of_state = [&](int l) {
      const Prepared<float>& p = *layers[l];
      product(kernel, back, h[l], p.hidden, p.weights, wide(l), p.hidden_bias, state[l]);
    };
    if (back)
      for (int l = count; l-- > 0;) of_state(l);
    for (int l = 0; l < count; ++l) {
      const Prepared<float>& p = *layers[l];
      const float* in = input[l];
      if (l == 0 && projected) {
        in = projected + token * wide(0);
      } else {
        product(kernel, back, l ? h[l - 1] : x + token * p.features, p.features, p.input, wide(l), p.input_bias, input[l]);
      }
      if (!back) of_state(l);
      kernel.cell_step(p.cell, static_cast<int>(p.hidden), in, state[l], h[l], c[l], p.weights.int8 != nullptr);
    }
    back = !back;
  }
  multiply<float>(*head->isa, {h.back(), nullptr, 1}, head->inputs, head->weights, head->outputs, head->bias, logits, threads);
}

void Stack::write(std::int64_t count, const double* uniform, const std::int64_t* excluded, std::int64_t excluded_count,
                  double divisor, std::int64_t* tokens, int threads) {
  std::fill(tokens, tokens + count, -1);
  for (std::int64_t i = 0; i < count; ++i) {
    tokens[i] = draw(logits, head->outputs, excluded, excluded_count, divisor, uniform[i]);
    if (tokens[i] < 0) return;
    step(tokens[i], threads);
  }
}

}  // namespace recurra
