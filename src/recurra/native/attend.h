// One row of attention: the softmax of its scores over the steps of a source, and the source's values by it.
// Every sum is of one row alone, by lanes in ascending order: no padding and no neighbour changes it.
#pragma once
#include "cells.h"
#include "product.h"
#include "room.h"

namespace recurra {
namespace {

inline std::size_t attend_room(const Attention& a) {
  return sizeof(float) * static_cast<std::size_t>(a.steps + Vec<float>::W);
}

// The lanes' sum, halves onto halves.
inline float across(Vec<float> v) {
  constexpr int W = Vec<float>::W;
  float lane[W];
  v.store(lane);
  RECURRA_UNROLL for (int n = W / 2; n > 0; n /= 2) {
    RECURRA_UNROLL for (int i = 0; i < W / 2; ++i) {
      if (i < n) lane[i] += lane[i + n];
    }
  }
  return lane[0];
}

// Scores of N keys that follow each other.
template <int N> inline void scores_of(int size, const float* query, const float* keys, float scale, float* scores) {
  using V = Vec<float>;
  V sum[N];
  RECURRA_UNROLL for (int n = 0; n < N; ++n) sum[n] = V::all(0.f);
  over<float>(size, [&](int j, auto lanes) {
    const V q = lanes.load(query + j);
    RECURRA_UNROLL for (int n = 0; n < N; ++n)
      sum[n] = fma(q, lanes.load(keys + static_cast<std::ptrdiff_t>(n) * size + j), sum[n]);
  });
  RECURRA_UNROLL for (int n = 0; n < N; ++n) scores[n] = across(sum[n]) * scale;
}

// N registers of the context.
template <int N>
inline void mix(std::int64_t steps, const float* weights, const float* values, std::ptrdiff_t width, float* context) {
  using V = Vec<float>;
  V sum[N];
  RECURRA_UNROLL for (int n = 0; n < N; ++n) sum[n] = V::all(0.f);
  for (std::int64_t s = 0; s < steps; ++s, values += width) {
    const V w = V::all(weights[s]);
    RECURRA_UNROLL for (int n = 0; n < N; ++n) sum[n] = fma(w, V::load(values + n * V::W), sum[n]);
  }
  RECURRA_UNROLL for (int n = 0; n < N; ++n) sum[n].store(context + n * V::W);
}

inline void attend(const Attention& a, std::int64_t row, void* memory) {
  using V = Vec<float>;
  constexpr int W = V::W;
  const std::int64_t source = a.owners ? a.owners[row] : row, steps = a.lengths[source];
  const int size = static_cast<int>(a.size), width = static_cast<int>(a.width), count = static_cast<int>(steps);
  float *context = a.context + row * width, *weights = a.weights + row * a.steps;
  for (std::int64_t s = steps; s < a.steps; ++s) weights[s] = 0.f;
  if (count == 0) {
    for (int j = 0; j < width; ++j) context[j] = 0.f;
    return;
  }
  float* scores = static_cast<float*>(memory);
  if (a.scores) {
    for (int s = 0; s < count; ++s) scores[s] = a.scores[row * a.steps + s];
  } else {
    const float *query = a.query + row * size, *keys = a.keys + source * a.steps * size;
    int s = 0;
    for (; s + 4 <= count; s += 4) scores_of<4>(size, query, keys + static_cast<std::ptrdiff_t>(s) * size, a.scale, scores + s);
    for (; s < count; ++s) scores_of<1>(size, query, keys + static_cast<std::ptrdiff_t>(s) * size, a.scale, scores + s);
  }
  const int whole = round_up(count, W);
  for (int s = count; s < whole; ++s) scores[s] = -kInfinity;
  float high = scores[0];
  for (int s = 1; s < count; ++s) high = scores[s] > high ? scores[s] : high;
  V sum = V::all(0.f);
  for (int s = 0; s < whole; s += W) {
    const V e = exp(V::load(scores + s) - V::all(high));
    e.store(scores + s);
    sum = sum + e;
  }
  const V total = V::all(across(sum));
  over<float>(count, [&](int s, auto lanes) { lanes.store(weights + s, lanes.load(scores + s) / total); });
  const float* values = a.values + source * a.steps * width;
  int j = 0;
  for (; j + kBlockVectors * W <= width; j += kBlockVectors * W) mix<kBlockVectors>(steps, weights, values + j, width, context + j);
  for (; j + W <= width; j += W) mix<1>(steps, weights, values + j, width, context + j);
  if (j < width) {
    V last = V::all(0.f);
    for (std::int64_t s = 0; s < steps; ++s) last = fma(V::all(weights[s]), V::load(values + s * width + j, width - j), last);
    last.store(context + j, width - j);
  }
}

}  // namespace
}  // namespace recurra
