// Numbers as bfloat16: the one layout of every matrix that products read. What a line of it is in registers, and how
// numbers are rounded, say bfloat_avx512.h and bfloat_neon.h, one of which is included before this.
//
// A matrix (K x N) is a row of strips of 16 columns. A strip is K / 2 lines (rounded up to 16 of them, the rest
// zeros), each of 16 pairs: rows k and k + 1 of 16 columns. Sixteen lines are one tile of AMX.
#pragma once
#include "cells.h"
#include "product.h"
#include "room.h"

namespace recurra {
namespace {

constexpr int kSide = 16;                // columns of a strip, rows and lines of a tile
constexpr int kTileDepth = 2 * kSide;    // k that a tile spans

inline int lines_of(int depth) { return round_up(depth, kTileDepth) / 2; }
// Between rows that are read together: an odd number of cache lines spreads them over the whole first cache.
inline int spread(int n, int line) { return (round_up(n, line) / line | 1) * line; }

inline void clear(std::size_t n, Bfloat* to) { std::memset(to, 0, n * sizeof(Bfloat)); }

inline std::size_t bfloat_size(int depth, int n) {
  return static_cast<std::size_t>(lines_of(depth)) * static_cast<std::size_t>(round_up(n, kSide));
}

// Element (k, j) is at source[(k + first) % depth * k_stride + j * n_stride]; one of the strides is 1.
inline void bfloat_pack(const float* source, std::ptrdiff_t k_stride, std::ptrdiff_t n_stride, int first, int depth,
                        int n, Pair* packed) {
  const int lines = lines_of(depth);
  const auto row = [&](int k) {
    return k < depth ? source + (k + first < depth ? k + first : k + first - depth) * k_stride : nullptr;
  };
  for (int j = 0; j < n; j += kSide) {
    const int across = n - j < kSide ? n - j : kSide;
    Pair* to = packed + static_cast<std::size_t>(j) * lines;
    for (int line = 0; line < lines; line += kSide) {
      Line r[kSide];
      if (n_stride == 1) {
        for (int i = 0; i < kSide; ++i) {
          const float *a = row(2 * (line + i)), *b = row(2 * (line + i) + 1);
          r[i] = pairs(a ? a + j : a, b ? b + j : b, across);
        }
      } else {
        // Only whole matrices come this way: first is 0.
        const int down = depth - 2 * line;
        for (int i = 0; i < kSide; ++i) {
          r[i] = neighbours(source + (j + (i < across ? i : 0)) * n_stride + 2 * line, i < across ? down : 0);
        }
        turn(r);
      }
      for (int i = 0; i < kSide; ++i) store_line(to + (line + i) * kSide, r[i]);
    }
  }
}

// Columns [column, column + n) of `count` rows as a matrix in strips, whose k are the rows; `turned` tiles have a
// line for each column, of 16 pairs of rows.
inline void pack_pairs(const Bfloat* const* rows, int column, int count, int n, Pair* packed, bool turned) {
  const int lines = lines_of(count);
  for (int line = 0; line < lines; line += kSide) {
    for (int j = 0; j < n; j += kSide) {
      const int lanes = n - j < kSide ? n - j : kSide;
      const auto at = [&](int k) { return k < count ? rows[k] + column + j : nullptr; };
      Pair* to = packed + static_cast<std::size_t>(j) * lines + line * kSide;
      Line r[kSide];
      RECURRA_UNROLL for (int i = 0; i < kSide; ++i) r[i] = pairs(at(2 * (line + i)), at(2 * (line + i) + 1), lanes);
      if (turned) turn(r);
      RECURRA_UNROLL for (int i = 0; i < kSide; ++i) store_line(to + i * kSide, r[i]);
    }
  }
}

// The sum of each column of what pack_pairs packed.
inline void add_sums(const Pair* packed, int lines, int n, bool add, bool turned, float* sums) {
  for (int j = 0; j < n; j += kSide) {
    const int lanes = n - j < kSide ? n - j : kSide;
    Sums sum = no_sums();
    for (int line = 0; line < lines; line += kSide) {
      Line r[kSide];
      for (int i = 0; i < kSide; ++i) r[i] = load_line(packed + (static_cast<std::size_t>(j / kSide) * lines + line + i) * kSide);
      if (turned) turn(r);
      for (int i = 0; i < kSide; ++i) sum = add_pairs(sum, r[i]);
    }
    float all[kSide];
    store_sums(all, kSide, sum);
    for (int k = 0; k < lanes; ++k) sums[j + k] = add ? sums[j + k] + all[k] : all[k];
  }
}

// What the gradients are where there are no rows.
inline void no_rows(const Outer<Bfloat, float>& o) {
  for (std::ptrdiff_t i = 0; i < static_cast<std::ptrdiff_t>(o.m) * o.n; ++i) o.c[i] = 0.f;
  for (int j = 0; o.sums && j < o.m; ++j) o.sums[j] = 0.f;
}

}  // namespace
}  // namespace recurra
