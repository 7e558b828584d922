// Numbers as bfloat16, on AVX-512: rounding, and the one layout of every matrix that products read.
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

// To the nearest, ties to even; NaN stays NaN, denormals become zero.
inline void narrow(int n, const float* from, Bfloat* to) {
  int j = 0;
  for (; j + 16 <= n; j += 16)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + j), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_loadu_ps(from + j))));
  if (j == n) return;
  const __mmask16 m = Vec<float>::mask(n - j);
  _mm256_mask_storeu_epi16(to + j, m, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(m, from + j))));
}

inline void widen(int n, const Bfloat* from, float* to) {
  for (int j = 0; j < n; j += 16) {
    const __mmask16 m = Vec<float>::mask(n - j < 16 ? n - j : 16);
    _mm512_mask_storeu_ps(to + j, m, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, from + j)), 16)));
  }
}

inline void copy_row(int n, const Bfloat* from, Bfloat* to) {
  int j = 0;
  for (; j + 32 <= n; j += 32) _mm512_storeu_si512(to + j, _mm512_loadu_si512(from + j));
  const __mmask32 m = static_cast<__mmask32>((std::uint64_t{1} << (n - j)) - 1);
  if (j < n) _mm512_mask_storeu_epi16(to + j, m, _mm512_maskz_loadu_epi16(m, from + j));
}

inline void clear(std::size_t n, Bfloat* to) { std::memset(to, 0, n * sizeof(Bfloat)); }

// `lanes` pairs of two rows side by side: a0 b0 a1 b1 ...; a row that is not there counts as zeros.
inline __m512i pairs(const Bfloat* a, const Bfloat* b, int lanes) {
  const __mmask16 m = Vec<float>::mask(lanes);
  const __m512i low = a ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, a)) : _mm512_setzero_si512();
  const __m512i high = b ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, b)) : _mm512_setzero_si512();
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}
inline __m512i pairs(const float* a, const float* b, int lanes) {
  const __mmask16 m = Vec<float>::mask(lanes);
  const auto rounded16 = [&](const float* p) {
    const __m512 v = p ? _mm512_maskz_loadu_ps(m, p) : _mm512_setzero_ps();
    return _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)));
  };
  return _mm512_or_si512(rounded16(a), _mm512_slli_epi32(rounded16(b), 16));
}

// Sixteen registers of sixteen pairs, turned.
inline void turn(__m512i* r) {
  Vec<float> v[16], s[16];
  RECURRA_UNROLL for (int j = 0; j < 16; ++j) v[j].v = _mm512_castsi512_ps(r[j]);
  RECURRA_UNROLL for (int n = 1; n < 16; n *= 2) {
    RECURRA_UNROLL for (int j = 0; j < 8; ++j) zip(v[j], v[j + 8], s[2 * j], s[2 * j + 1]);
    RECURRA_UNROLL for (int j = 0; j < 16; ++j) v[j] = s[j];
  }
  RECURRA_UNROLL for (int j = 0; j < 16; ++j) r[j] = _mm512_castps_si512(v[j].v);
}

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
      __m512i r[kSide];
      if (n_stride == 1) {
        for (int i = 0; i < kSide; ++i) {
          const float *a = row(2 * (line + i)), *b = row(2 * (line + i) + 1);
          r[i] = pairs(a ? a + j : a, b ? b + j : b, across);
        }
      } else {
        // Only whole matrices come this way: first is 0.
        const int down = depth - 2 * line;
        const __mmask16 low = Vec<float>::mask(down < 16 ? (down < 0 ? 0 : down) : 16);
        const __mmask16 high = Vec<float>::mask(down < 32 ? (down < 16 ? 0 : down - 16) : 16);
        for (int i = 0; i < kSide; ++i) {
          const float* at = source + (j + (i < across ? i : 0)) * n_stride + 2 * line;
          r[i] = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(i < across ? high : 0, at + 16),
                                                               _mm512_maskz_loadu_ps(i < across ? low : 0, at)));
        }
        turn(r);
      }
      for (int i = 0; i < kSide; ++i) _mm512_storeu_si512(to + (line + i) * kSide, r[i]);
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
      __m512i r[kSide];
      RECURRA_UNROLL for (int i = 0; i < kSide; ++i) r[i] = pairs(at(2 * (line + i)), at(2 * (line + i) + 1), lanes);
      if (turned) turn(r);
      RECURRA_UNROLL for (int i = 0; i < kSide; ++i) _mm512_storeu_si512(to + i * kSide, r[i]);
    }
  }
}

// The sum of each column of what pack_pairs packed.
inline void add_sums(const Pair* packed, int lines, int n, bool add, bool turned, float* sums) {
  const __m512bh ones = reinterpret_cast<__m512bh>(_mm512_set1_epi32(0x3F803F80));
  for (int j = 0; j < n; j += kSide) {
    const int lanes = n - j < kSide ? n - j : kSide;
    Vec<float> sum = Vec<float>::all(0.f);
    for (int line = 0; line < lines; line += kSide) {
      __m512i r[kSide];
      for (int i = 0; i < kSide; ++i)
        r[i] = _mm512_loadu_si512(packed + (static_cast<std::size_t>(j / kSide) * lines + line + i) * kSide);
      if (turned) turn(r);
      for (int i = 0; i < kSide; ++i) sum.v = _mm512_dpbf16_ps(sum.v, reinterpret_cast<__m512bh>(r[i]), ones);
    }
    (add ? Vec<float>::load(sums + j, lanes) + sum : sum).store(sums + j, lanes);
  }
}

// What the gradients are where there are no rows.
inline void no_rows(const Outer<Bfloat, float>& o) {
  for (std::ptrdiff_t i = 0; i < static_cast<std::ptrdiff_t>(o.m) * o.n; ++i) o.c[i] = 0.f;
  for (int j = 0; o.sums && j < o.m; ++j) o.sums[j] = 0.f;
}

}  // namespace
}  // namespace recurra
