// Products of int8 by AMX: tiles of 16 rows by 16 columns, 64 k at once. A few rows come by dots, which is faster;
// sums are whole numbers, so that it is the same.
#pragma once
#include <optional>

#include "amx.h"
#include "int8.h"

namespace recurra {
namespace {

constexpr int kFewest = 5;

// M tiles of rows by N strips, whose sums go to `sums`, 16 N a row.
template <int M, int N>
inline void int8_tiles(const std::int8_t* a, std::ptrdiff_t stride, const char* b, std::size_t beside, int lines, std::int32_t* sums) {
  static_assert(M * N <= 4 && M <= 2);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int line = 0; line < lines; line += kInt8Lines, a += 64, b += kInt8Lines * 64) {
    _tile_loadd(4, a, stride);
    _tile_loadd(6, b, 64);
    _tile_dpbssd(0, 4, 6);
    if constexpr (N > 1) {
      _tile_loadd(7, b + beside, 64);
      _tile_dpbssd(1, 4, 7);
    }
    if constexpr (M > 1) {
      _tile_loadd(5, a + kTileRows * stride, stride);
      _tile_dpbssd(2, 5, 6);
      if constexpr (N > 1) _tile_dpbssd(3, 5, 7);
    }
    if constexpr (M == 1 && N > 2) {
      _tile_loadd(5, b + 2 * beside, 64);
      _tile_dpbssd(2, 4, 5);
    }
    if constexpr (M == 1 && N > 3) {
      _tile_loadd(6, b + 3 * beside, 64);
      _tile_dpbssd(3, 4, 6);
    }
  }
  constexpr int bytes = N * kTileRows * 4;
  _tile_stored(0, sums, bytes);
  if constexpr (N > 1) _tile_stored(1, sums + 16, bytes);
  if constexpr (M > 1) _tile_stored(2, sums + kTileRows * 16 * N, bytes);
  if constexpr (M > 1 && N > 1) _tile_stored(3, sums + kTileRows * 16 * N + 16, bytes);
  if constexpr (M == 1 && N > 2) _tile_stored(2, sums + 32, bytes);
  if constexpr (M == 1 && N > 3) _tile_stored(3, sums + 48, bytes);
}

template <int M, int N>
inline void int8_tile_block(const Int8Rows& a, int row, int rows, const char* b, std::size_t beside, float* const* c, int column,
                            int n, const float* bias) {
  alignas(64) std::int32_t sums[M * kTileRows * N * 16];
  int8_tiles<M, N>(a.at + row * a.stride, a.stride, b + 2 * kLineBytes, beside, round_up(a.groups, kInt8Lines), sums);
  for (int r = 0; r < M * kTileRows && row + r < rows; ++r) {
    for (int v = 0; v < N; ++v) {
      const int at = column + v * 16, left = n - at;
      finish(number(from(sums + (r * N + v) * 16)), a.scales[row + r], b + v * beside, bias ? bias + at : nullptr,
             c[row + r] + at, left < 16 ? left : 16);
    }
  }
}

inline void int8_tiled(const Int8Rows& a, int rows, const char* packed, std::size_t beside, int n, float* const* c, const float* bias) {
  const int strips = (n + 15) / 16;
  const auto block = [&](auto shape, int row, int strip) {
    int8_tile_block<decltype(shape)::m, decltype(shape)::n>(a, row, rows, packed + strip * beside, beside, c, strip * 16, n, bias);
  };
  in_blocks(rows, strips, block);
}

inline void int8_product(int rows, const float* const* a, int depth, const void* packed, int n, float* const* c, const float* bias) {
  // Tiles read whole groups of 16 rows, which there has to be room for.
  const auto multiply = [](const Int8Rows& in, int most, int count, const char* b, std::size_t beside, int columns,
                           float* const* to, const float* add) {
    if (count < kFewest || most < 2 * kTileRows) return int8_multiply(in, count, b, beside, columns, to, add);
    int8_tiled(in, count, b, beside, columns, to, add);
  };
  std::optional<Engine> engine;
  if (rows >= kFewest) engine.emplace();
  int8_product_by(multiply, rows, a, depth, packed, n, c, bias);
}
constexpr Int8Kernels kInt8 = {int8_size, int8_pack, int8_column, int8_product};

}  // namespace
}  // namespace recurra
