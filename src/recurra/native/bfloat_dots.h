// Products in bfloat16 by AVX512-BF16 or NEON, where there are no tiles: pairs of k at once, sums in single precision.
//
// A sum runs over pairs of k in ascending order in one register, whatever the number of rows beside it.
#pragma once
#include "bfloat.h"

namespace recurra {
namespace {

// What AMX needs around its tiles (see bfloat_amx.h); nothing here.
struct Engine {
  Engine() {}
};

// R rows by N strips that lie `beside` apart. Row r's pair i is at a + r * a_below + i * a_next, in numbers; sums go on
// from `from`, whose rows lie `from_stride` apart, or from zeros; `last` columns of the last strip count.
template <int R, int N>
inline void dot_block(const Bfloat* a, std::ptrdiff_t a_below, std::ptrdiff_t a_next, const Pair* b, std::ptrdiff_t beside,
                      int lines, const float* from, std::ptrdiff_t from_stride, float* c, std::ptrdiff_t c_stride, int last) {
  Sums sum[R][N];
  const auto lanes = [&](int v) { return v + 1 < N ? kSide : last; };
  RECURRA_UNROLL for (int r = 0; r < R; ++r) {
    RECURRA_UNROLL for (int v = 0; v < N; ++v)
      sum[r][v] = from ? load_sums(from + r * from_stride + v * kSide, lanes(v)) : no_sums();
  }
  for (int i = 0; i < lines; ++i) {
    Line w[N];
    RECURRA_UNROLL for (int v = 0; v < N; ++v) w[v] = load_line(b + v * beside);
    RECURRA_UNROLL for (int r = 0; r < R; ++r) {
      const Line x = pair_of(a + r * a_below);
      RECURRA_UNROLL for (int v = 0; v < N; ++v) sum[r][v] = add_products(sum[r][v], x, w[v]);
    }
    a += a_next;
    b += kSide;
  }
  RECURRA_UNROLL for (int r = 0; r < R; ++r) {
    RECURRA_UNROLL for (int v = 0; v < N; ++v) store_sums(c + r * c_stride + v * kSide, lanes(v), sum[r][v]);
  }
}

template <int N, class... Rest> inline void dot_rows(int rows, Rest... rest) {
  switch (rows) {
    case 1: return dot_block<1, N>(rest...);
    case 2: return dot_block<2, N>(rest...);
    case 3: return dot_block<3, N>(rest...);
    case 4: return dot_block<4, N>(rest...);
    case 5: return dot_block<5, N>(rest...);
    default: return dot_block<6, N>(rest...);
  }
}

template <class... Rest> inline void dot(int rows, int strips, Rest... rest) {
  constexpr int kTwo = kDotStrips < 2 ? 1 : 2, kThree = kDotStrips < 3 ? 1 : 3;
  switch (strips) {
    case 1: return dot_rows<1>(rows, rest...);
    case 2: return dot_rows<kTwo>(rows, rest...);
    case 3: return dot_rows<kThree>(rows, rest...);
    default: return dot_rows<kDotStrips>(rows, rest...);
  }
}

// As in bfloat_amx.h.
inline void bfloat_product(int rows, const Bfloat* a, std::ptrdiff_t a_stride, int depth, const Pair* packed, int n,
                           float* c, std::ptrdiff_t c_stride, const float* bias, bool add) {
  const int lines = lines_of(depth), strips = round_up(n, kSide) / kSide, used = (depth + 1) / 2;
  const std::ptrdiff_t beside = static_cast<std::ptrdiff_t>(lines) * kSide;
  for (int strip = 0; strip < strips; strip += kDotStrips) {
    const int across = strips - strip < kDotStrips ? strips - strip : kDotStrips;
    for (int row = 0; row < rows; row += kDotRows) {
      const int down = rows - row < kDotRows ? rows - row : kDotRows;
      float* to = c + row * c_stride + strip * kSide;
      dot(down, across, a + row * a_stride, a_stride, std::ptrdiff_t{2}, packed + strip * beside, beside, used,
          add ? static_cast<const float*>(to) : bias + strip * kSide, add ? c_stride : std::ptrdiff_t{0}, to, c_stride, kSide);
    }
  }
}

// Rows of a block of sums, few enough for what is packed of both sides to stay in the second cache.
constexpr int kBfloatOuterDepth = 512;

inline std::size_t bfloat_outer_room(int m, int n) {
  return static_cast<std::size_t>(kBfloatOuterDepth / 2) * (round_up(m, kSide) + round_up(n, kSide)) * sizeof(Pair);
}

// As in bfloat_amx.h.
inline void bfloat_outer(const Outer<Bfloat, float>& o, void* memory) {
  Pair* packed_a = static_cast<Pair*>(memory);
  Pair* packed_b = packed_a + static_cast<std::size_t>(kBfloatOuterDepth / 2) * round_up(o.m, kSide);
  if (o.rows == 0) no_rows(o);
  for (long i0 = 0; i0 < o.rows; i0 += kBfloatOuterDepth) {
    const int count = static_cast<int>(o.rows - i0 < kBfloatOuterDepth ? o.rows - i0 : kBfloatOuterDepth);
    const int lines = lines_of(count);
    pack_pairs(o.a + i0, o.a_column, count, o.m, packed_a, false);
    pack_pairs(o.b + i0, 0, count, o.n, packed_b, false);
    if (o.sums) add_sums(packed_a, lines, o.m, i0 > 0, false, o.sums);
    const std::ptrdiff_t beside = static_cast<std::ptrdiff_t>(lines) * kSide;
    for (int j = 0; j < o.n; j += kDotStrips * kSide) {
      const int left = o.n - j, strips = left < kDotStrips * kSide ? (left + kSide - 1) / kSide : kDotStrips;
      const int last = left < strips * kSide ? left - (strips - 1) * kSide : kSide;
      for (int strip = 0; strip < o.m; strip += kSide) {
        const int most = o.m - strip < kSide ? o.m - strip : kSide;
        for (int i = 0; i < most; i += kDotRows) {
          const int down = most - i < kDotRows ? most - i : kDotRows;
          const Bfloat* a = reinterpret_cast<const Bfloat*>(packed_a + static_cast<std::size_t>(strip) * lines + i);
          float* c = o.c + static_cast<std::ptrdiff_t>(strip + i) * o.n + j;
          dot(down, strips, a, std::ptrdiff_t{2}, std::ptrdiff_t{kTileDepth}, packed_b + static_cast<std::size_t>(j) * lines,
              beside, lines, i0 ? static_cast<const float*>(c) : nullptr, static_cast<std::ptrdiff_t>(o.n), c,
              static_cast<std::ptrdiff_t>(o.n), last);
        }
      }
    }
  }
}

}  // namespace
}  // namespace recurra
