// Products in bfloat16 by AMX: tiles of 16 rows, sums in single precision.
//
// A sum runs over k in ascending order in one tile, whatever the number of rows beside it.
#pragma once
#include "amx.h"
#include "bfloat.h"

namespace recurra {
namespace {

// M tiles of rows by N strips: C in tiles 0 to 3. `a_next` is between a's tiles along k, `from` the sums so far, whose
// rows lie `from_stride` bytes apart (0: one row for all of them), or null.
template <int M, int N>
inline void tile_block(const Bfloat* a, std::ptrdiff_t a_stride, std::ptrdiff_t a_below, int a_next, const Pair* b,
                       std::ptrdiff_t b_beside, int lines, const float* from, std::ptrdiff_t from_stride, float* c,
                       std::ptrdiff_t c_stride) {
  static_assert((M == 2 && N <= 2) || (M == 1 && N <= 4));
  const std::ptrdiff_t down = from_stride * kSide / static_cast<std::ptrdiff_t>(sizeof(float));
  if (from) {
    _tile_loadd(0, from, from_stride);
    if constexpr (N > 1) _tile_loadd(1, from + kSide, from_stride);
    if constexpr (M > 1) _tile_loadd(2, from + down, from_stride);
    if constexpr (M > 1 && N > 1) _tile_loadd(3, from + down + kSide, from_stride);
    if constexpr (M == 1 && N > 2) _tile_loadd(2, from + 2 * kSide, from_stride);
    if constexpr (M == 1 && N > 3) _tile_loadd(3, from + 3 * kSide, from_stride);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int line = 0; line < lines; line += kSide, a += a_next, b += kSide * kSide) {
    _tile_loadd(4, a, a_stride);
    _tile_loadd(6, b, 64);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (N > 1) {
      _tile_loadd(7, b + b_beside, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (M > 1) {
      _tile_loadd(5, a + a_below, a_stride);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (N > 1) _tile_dpbf16ps(3, 5, 7);
    }
    if constexpr (M == 1 && N > 2) {
      _tile_loadd(5, b + 2 * b_beside, 64);
      _tile_dpbf16ps(2, 4, 5);
    }
    if constexpr (M == 1 && N > 3) {
      _tile_loadd(6, b + 3 * b_beside, 64);
      _tile_dpbf16ps(3, 4, 6);
    }
  }
  const std::ptrdiff_t bytes = c_stride * static_cast<std::ptrdiff_t>(sizeof(float));
  _tile_stored(0, c, bytes);
  if constexpr (N > 1) _tile_stored(1, c + kSide, bytes);
  if constexpr (M > 1) _tile_stored(2, c + kSide * c_stride, bytes);
  if constexpr (M > 1 && N > 1) _tile_stored(3, c + kSide * c_stride + kSide, bytes);
  if constexpr (M == 1 && N > 2) _tile_stored(2, c + 2 * kSide, bytes);
  if constexpr (M == 1 && N > 3) _tile_stored(3, c + 3 * kSide, bytes);
}

// c (rows x n) = (add ? c : bias) + a (rows x depth) times packed. Rows of a and c are there up to a multiple of 16,
// their columns up to whole tiles, and those of bias.
inline void bfloat_product(int rows, const Bfloat* a, std::ptrdiff_t a_stride, int depth, const Pair* packed, int n,
                           float* c, std::ptrdiff_t c_stride, const float* bias, bool add) {
  const int lines = lines_of(depth), strips = round_up(n, kSide) / kSide;
  const std::ptrdiff_t apart = static_cast<std::ptrdiff_t>(lines) * kSide, a_bytes = 2 * a_stride, down = kSide * a_stride;
  const auto block = [&](auto shape, int row, int strip) {
    constexpr int M = decltype(shape)::m, N = decltype(shape)::n;
    float* to = c + row * c_stride + strip * kSide;
    tile_block<M, N>(a + row * a_stride, a_bytes, down, kTileDepth, packed + strip * apart, apart, lines,
                     add ? to : bias + strip * kSide, add ? c_stride * 4 : 0, to, c_stride);
  };
  in_blocks(rows, strips, block);
}

// Rows of a block of sums: what is packed of both sides stays in the second cache.
constexpr int kBfloatOuterDepth = 512;

inline std::size_t bfloat_outer_room(int m, int n) {
  const int lines = kBfloatOuterDepth / 2;
  Room room{nullptr, 0};
  room.take<Pair>(static_cast<std::size_t>(lines) * (round_up(m, kSide) + round_up(n, kSide)));
  room.take<float>(4 * kSide * kSide);
  return room.used;
}

// One task: c (m x n) from columns [a_column, a_column + m) of a and all columns of b; sums of a's columns.
inline void bfloat_outer(const Outer<Bfloat, float>& o, void* memory) {
  Engine engine;
  const int m_up = round_up(o.m, kSide), n_up = round_up(o.n, kSide);
  Room room{static_cast<char*>(memory), 0};
  Pair* packed_a = room.take<Pair>(static_cast<std::size_t>(kBfloatOuterDepth / 2) * (m_up + n_up));
  float* edge = room.take<float>(4 * kSide * kSide);
  Pair* packed_b = packed_a + static_cast<std::size_t>(kBfloatOuterDepth / 2) * m_up;
  if (o.rows == 0) no_rows(o);
  for (long i0 = 0; i0 < o.rows; i0 += kBfloatOuterDepth) {
    const int count = static_cast<int>(o.rows - i0 < kBfloatOuterDepth ? o.rows - i0 : kBfloatOuterDepth), lines = lines_of(count);
    pack_pairs(o.a + i0, o.a_column, count, o.m, packed_a, true);
    pack_pairs(o.b + i0, 0, count, o.n, packed_b, false);
    if (o.sums) add_sums(packed_a, lines, o.m, i0 > 0, true, o.sums);
    const std::ptrdiff_t apart = static_cast<std::ptrdiff_t>(lines) * kSide;
    for (int j = 0; j < n_up; j += 2 * kSide) {
      for (int i = 0; i < m_up; i += 2 * kSide) {
        const Bfloat* a = reinterpret_cast<const Bfloat*>(packed_a + static_cast<std::size_t>(i) * lines);
        const Pair* b = packed_b + static_cast<std::size_t>(j) * lines;
        float* c = o.c + static_cast<std::ptrdiff_t>(i) * o.n + j;
        const int down = o.m - i, across = o.n - j;
        if (down >= 2 * kSide && across >= 2 * kSide) {
          tile_block<2, 2>(a, 64, 2 * apart, kSide * kTileDepth, b, apart, lines, i0 ? c : nullptr, o.n * 4L, c, o.n);
          continue;
        }
        // At an edge sums come and go by way of a square of their own.
        const int stride = 2 * kSide;
        for (int r = 0; i0 && r < down && r < stride; ++r)
          for (int s = 0; s < across && s < stride; ++s) edge[r * stride + s] = c[static_cast<std::ptrdiff_t>(r) * o.n + s];
        const float* from = i0 ? edge : nullptr;
        if (down > kSide && across > kSide) {
          tile_block<2, 2>(a, 64, 2 * apart, kSide * kTileDepth, b, apart, lines, from, stride * 4, edge, stride);
        } else if (down > kSide) {
          tile_block<2, 1>(a, 64, 2 * apart, kSide * kTileDepth, b, apart, lines, from, stride * 4, edge, stride);
        } else if (across > kSide) {
          tile_block<1, 2>(a, 64, 2 * apart, kSide * kTileDepth, b, apart, lines, from, stride * 4, edge, stride);
        } else {
          tile_block<1, 1>(a, 64, 2 * apart, kSide * kTileDepth, b, apart, lines, from, stride * 4, edge, stride);
        }
        for (int r = 0; r < down && r < stride; ++r)
          for (int s = 0; s < across && s < stride; ++s) c[static_cast<std::ptrdiff_t>(r) * o.n + s] = edge[r * stride + s];
      }
    }
  }
}

}  // namespace
}  // namespace recurra
