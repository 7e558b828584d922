// Logits of a vocabulary as they are computed, a panel at a time: the sum of their exponentials, the highest, and
// that of a target. A chunk of columns is summed lane by lane in ascending order, whatever is computed beside it.
#pragma once
#include "curves.h"
#include "product.h"
#include "room.h"

namespace recurra {
namespace {

struct HeadRoom {
  float *logits, *high, *sum;
  float** rows;
  // Columns at a time: a panel. A chunk for one or two rows, since their products want several panels, and with int8,
  // which rounds its rows for each product.
  int tile;
  HeadRoom(const Head& h, int count, Room& room) {
    constexpr int W = Vec<float>::W;
    tile = count <= 2 || h.weights.int8 ? h.chunk : kPanel<float>;
    logits = room.take<float>(static_cast<std::size_t>(count) * tile);
    high = room.take<float>(static_cast<std::size_t>(count) * W);
    sum = room.take<float>(static_cast<std::size_t>(count) * W);
    rows = room.take<float*>(count);
  }
};

inline std::size_t head_room(const Head& h, int count) {
  Room room{nullptr, 0};
  HeadRoom(h, count, room);
  return room.used;
}

// A value takes its place among k falling ones, after its equals.
inline void insert(float value, std::int64_t id, int k, float* values, std::int64_t* ids) {
  int i = k - 1;
  for (; i > 0 && value > values[i - 1]; --i) values[i] = values[i - 1], ids[i] = ids[i - 1];
  values[i] = value, ids[i] = id;
}

// Logits of `columns` (whole registers) that begin with column `first` join what is known of their row.
inline void look(const Head& h, const float* logits, int first, int columns, float* high, float* sum, float* values,
                 std::int64_t* ids) {
  using V = Vec<float>;
  const V before = V::load(high);
  V now = before;
  for (int j = 0; j < columns; j += V::W) now = at_least(now, V::load(logits + j));
  V s = V::load(sum) * exp(before - now);
  for (int j = 0; j < columns; j += V::W) s = s + exp(V::load(logits + j) - now);
  now.store(high);
  s.store(sum);
  if (!values) return;
  float& lowest = values[h.k - 1];
  if (!above(now, V::all(lowest))) return;
  for (int j = 0; j < columns; j += V::W) {
    for (unsigned lanes = above(V::load(logits + j), V::all(lowest)); lanes; lanes &= lanes - 1) {
      const int at = j + lowest_bit(lanes);
      if (logits[at] > lowest && !(h.excluded && h.excluded[first + at]))
        insert(logits[at], first + at, h.k, values, ids);
    }
  }
}

inline void head(const Head& h, const HeadRows& r, void* memory) {
  using V = Vec<float>;
  constexpr int W = V::W;
  constexpr float lowest = -3.40282347e38f;
  Room room{static_cast<char*>(memory), 0};
  const HeadRoom m(h, r.rows, room);
  for (int i = 0; i < r.rows; ++i) m.rows[i] = m.logits + static_cast<std::ptrdiff_t>(i) * m.tile;
  for (int i = 0; r.values && i < r.rows * h.k; ++i) r.values[i] = -kInfinity, r.ids[i] = -1;
  for (int chunk = r.first_chunk; chunk < r.first_chunk + r.chunks; ++chunk) {
    for (int i = 0; i < r.rows; ++i) V::all(lowest).store(m.high + i * W), V::all(0.f).store(m.sum + i * W);
    const int begin = chunk * h.chunk, end = begin + h.chunk < h.columns ? begin + h.chunk : h.columns;
    for (int first = begin; first < end; first += m.tile) {
      const int columns = end - first < m.tile ? end - first : m.tile, whole = round_up(columns, W);
      product<float>(r.rows, r.x, h.depth, columns_from(h.weights, first, h.depth), columns, m.rows,
                     h.bias ? h.bias + first : nullptr, false);
      for (int i = 0; i < r.rows; ++i) {
        float* logits = m.rows[i];
        for (int j = columns; j < whole; ++j) logits[j] = -kInfinity;
        // A panel at a time, however many were multiplied together.
        for (int j = 0; j < whole; j += kPanel<float>) {
          const int wide = whole - j < kPanel<float> ? whole - j : kPanel<float>;
          look(h, logits + j, first + j, wide, m.high + i * W, m.sum + i * W, r.values ? r.values + i * h.k : nullptr,
               r.values ? r.ids + i * h.k : nullptr);
        }
        if (r.targets && r.targets[i] >= first && r.targets[i] < first + columns) r.found[i] = logits[r.targets[i] - first];
      }
    }
    for (int i = 0; i < r.rows; ++i) {
      float* high = m.high + i * W;
      float most = high[0], sum = 0.f;
      for (int j = 1; j < W; ++j) most = high[j] > most ? high[j] : most;
      (V::load(m.sum + i * W) * exp(V::load(high) - V::all(most))).store(high);
      for (int j = 0; j < W; ++j) sum += high[j];
      float* out = r.partial + (i * r.partial_stride + chunk) * 2;
      out[0] = most, out[1] = sum;
    }
  }
}

}  // namespace
}  // namespace recurra
