// Numbers as bfloat16 on AVX-512 (see bfloat.h): a line of a strip, and sixteen sums, are a register.
#pragma once
#include <cstring>

#include "compiler.h"
#include "vec_avx512.h"

namespace recurra {
namespace {

using Line = __m512i;
using Sums = __m512;

inline Line load_line(const Pair* from) { return _mm512_loadu_si512(from); }
inline void store_line(Pair* to, Line line) { _mm512_storeu_si512(to, line); }

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

// `lanes` pairs of two rows side by side: a0 b0 a1 b1 ...; a row that is not there counts as zeros.
inline Line pairs(const Bfloat* a, const Bfloat* b, int lanes) {
  const __mmask16 m = Vec<float>::mask(lanes);
  const __m512i low = a ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, a)) : _mm512_setzero_si512();
  const __m512i high = b ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, b)) : _mm512_setzero_si512();
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}
inline Line pairs(const float* a, const float* b, int lanes) {
  const __mmask16 m = Vec<float>::mask(lanes);
  const auto rounded16 = [&](const float* p) {
    const __m512 v = p ? _mm512_maskz_loadu_ps(m, p) : _mm512_setzero_ps();
    return _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)));
  };
  return _mm512_or_si512(rounded16(a), _mm512_slli_epi32(rounded16(b), 16));
}

// Sixteen registers of sixteen pairs, turned.
inline void turn(Line* r) {
  Vec<float> v[16], s[16];
  RECURRA_UNROLL for (int j = 0; j < 16; ++j) v[j].v = _mm512_castsi512_ps(r[j]);
  RECURRA_UNROLL for (int n = 1; n < 16; n *= 2) {
    RECURRA_UNROLL for (int j = 0; j < 8; ++j) zip(v[j], v[j + 8], s[2 * j], s[2 * j + 1]);
    RECURRA_UNROLL for (int j = 0; j < 16; ++j) v[j] = s[j];
  }
  RECURRA_UNROLL for (int j = 0; j < 16; ++j) r[j] = _mm512_castps_si512(v[j].v);
}

// The first `count` of 32 numbers that lie side by side, as pairs of neighbours.
inline Line neighbours(const float* at, int count) {
  const __mmask16 low = Vec<float>::mask(count < 16 ? (count < 0 ? 0 : count) : 16);
  const __mmask16 high = Vec<float>::mask(count < 32 ? (count < 16 ? 0 : count - 16) : 16);
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(high, at + 16), _mm512_maskz_loadu_ps(low, at)));
}

// Sums of products of pairs; the first `lanes` of sixteen.
inline Sums no_sums() { return _mm512_setzero_ps(); }
inline Sums load_sums(const float* from, int lanes) { return _mm512_maskz_loadu_ps(Vec<float>::mask(lanes), from); }
inline void store_sums(float* to, int lanes, Sums s) { _mm512_mask_storeu_ps(to, Vec<float>::mask(lanes), s); }
inline Line pair_of(const void* at) {
  std::uint32_t bits;
  std::memcpy(&bits, at, sizeof bits);
  return _mm512_set1_epi32(static_cast<int>(bits));
}
inline Sums add_products(Sums s, Line a, Line b) {
  return _mm512_dpbf16_ps(s, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
}
inline Sums add_pairs(Sums s, Line line) { return add_products(s, line, _mm512_set1_epi32(0x3F803F80)); }  // times 1

// Rows and strips of a block of such sums: 24 registers of 32.
constexpr int kDotRows = 6, kDotStrips = 4;

}  // namespace
}  // namespace recurra
