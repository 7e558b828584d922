// One AVX-512 register as a value. Included by one translation unit alone (see kernels.inc).
#pragma once
#include <immintrin.h>

#include "problem.h"

namespace recurra {
namespace {

template <class T> struct Vec;

template <> struct Vec<float> {
  static constexpr int W = 16;
  __m512 v;
  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vec load(const float* p, int n) { return {_mm512_maskz_loadu_ps(mask(n), p)}; }
  static Vec all(float x) { return {_mm512_set1_ps(x)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void store(float* p, int n) const { _mm512_mask_storeu_ps(p, mask(n), v); }
  static __mmask16 mask(int n) { return static_cast<__mmask16>((1u << n) - 1u); }
};
inline Vec<float> operator+(Vec<float> a, Vec<float> b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vec<float> operator-(Vec<float> a, Vec<float> b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Vec<float> operator*(Vec<float> a, Vec<float> b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Vec<float> operator/(Vec<float> a, Vec<float> b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec<float> fnma(Vec<float> a, Vec<float> b, Vec<float> c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
// x86 returns the second operand where either is NaN: the limit goes first, and NaN passes through.
inline Vec<float> at_most(Vec<float> limit, Vec<float> x) { return {_mm512_min_ps(limit.v, x.v)}; }
inline Vec<float> at_least(Vec<float> limit, Vec<float> x) { return {_mm512_max_ps(limit.v, x.v)}; }
inline Vec<float> nearest(Vec<float> x) { return {_mm512_roundscale_ps(x.v, 8)}; }
// x * 2^n, denormal and overflowing results included.
inline Vec<float> scale2(Vec<float> x, Vec<float> n) { return {_mm512_scalef_ps(x.v, n.v)}; }
inline Vec<float> pow2(Vec<float> n) { return {_mm512_scalef_ps(_mm512_set1_ps(1.f), n.v)}; }
inline Vec<float> magnitude(Vec<float> x) { return {_mm512_abs_ps(x.v)}; }
inline Vec<float> with_sign(Vec<float> x, Vec<float> s) {
  return {_mm512_or_ps(x.v, _mm512_and_ps(s.v, _mm512_set1_ps(-0.f)))};
}
// x where gate > 0 or NaN, else 0; a or b by gate > 0.
inline Vec<float> where_positive(Vec<float> gate, Vec<float> x) {
  return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(gate.v, _mm512_setzero_ps(), _CMP_NLE_UQ), x.v)};
}
inline Vec<float> choose(Vec<float> gate, Vec<float> a, Vec<float> b) {
  return {_mm512_mask_mov_ps(b.v, _mm512_cmp_ps_mask(gate.v, _mm512_setzero_ps(), _CMP_GT_OQ), a.v)};
}

// Lanes above a limit, as bits.
inline unsigned above(Vec<float> x, Vec<float> limit) { return _mm512_cmp_ps_mask(x.v, limit.v, _CMP_GT_OQ); }
// The lower or the upper bfloat16 of each pair.
inline Vec<float> half(const Pair* p, bool upper) {
  const __m512i pairs = _mm512_loadu_si512(p);
  return {_mm512_castsi512_ps(upper ? _mm512_and_si512(pairs, _mm512_set1_epi32(-65536)) : _mm512_slli_epi32(pairs, 16))};
}

template <> struct Vec<double> {
  static constexpr int W = 8;
  __m512d v;
  static Vec load(const double* p) { return {_mm512_loadu_pd(p)}; }
  static Vec load(const double* p, int n) { return {_mm512_maskz_loadu_pd(mask(n), p)}; }
  static Vec all(double x) { return {_mm512_set1_pd(x)}; }
  void store(double* p) const { _mm512_storeu_pd(p, v); }
  void store(double* p, int n) const { _mm512_mask_storeu_pd(p, mask(n), v); }
  static __mmask8 mask(int n) { return static_cast<__mmask8>((1u << n) - 1u); }
};
inline Vec<double> operator+(Vec<double> a, Vec<double> b) { return {_mm512_add_pd(a.v, b.v)}; }
inline Vec<double> operator-(Vec<double> a, Vec<double> b) { return {_mm512_sub_pd(a.v, b.v)}; }
inline Vec<double> operator*(Vec<double> a, Vec<double> b) { return {_mm512_mul_pd(a.v, b.v)}; }
inline Vec<double> operator/(Vec<double> a, Vec<double> b) { return {_mm512_div_pd(a.v, b.v)}; }
inline Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) { return {_mm512_fmadd_pd(a.v, b.v, c.v)}; }
inline Vec<double> fnma(Vec<double> a, Vec<double> b, Vec<double> c) { return {_mm512_fnmadd_pd(a.v, b.v, c.v)}; }
inline Vec<double> at_most(Vec<double> limit, Vec<double> x) { return {_mm512_min_pd(limit.v, x.v)}; }
inline Vec<double> at_least(Vec<double> limit, Vec<double> x) { return {_mm512_max_pd(limit.v, x.v)}; }
inline Vec<double> nearest(Vec<double> x) { return {_mm512_roundscale_pd(x.v, 8)}; }
inline Vec<double> scale2(Vec<double> x, Vec<double> n) { return {_mm512_scalef_pd(x.v, n.v)}; }
inline Vec<double> pow2(Vec<double> n) { return {_mm512_scalef_pd(_mm512_set1_pd(1.0), n.v)}; }
inline Vec<double> magnitude(Vec<double> x) { return {_mm512_abs_pd(x.v)}; }
inline Vec<double> with_sign(Vec<double> x, Vec<double> s) {
  return {_mm512_or_pd(x.v, _mm512_and_pd(s.v, _mm512_set1_pd(-0.0)))};
}
inline Vec<double> where_positive(Vec<double> gate, Vec<double> x) {
  return {_mm512_maskz_mov_pd(_mm512_cmp_pd_mask(gate.v, _mm512_setzero_pd(), _CMP_NLE_UQ), x.v)};
}
inline Vec<double> choose(Vec<double> gate, Vec<double> a, Vec<double> b) {
  return {_mm512_mask_mov_pd(b.v, _mm512_cmp_pd_mask(gate.v, _mm512_setzero_pd(), _CMP_GT_OQ), a.v)};
}

// a0 b0 a1 b1 ... into two registers.
inline void zip(Vec<float> a, Vec<float> b, Vec<float>& low, Vec<float>& high) {
  const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  low.v = _mm512_permutex2var_ps(a.v, first, b.v);
  high.v = _mm512_permutex2var_ps(a.v, _mm512_add_epi32(first, _mm512_set1_epi32(8)), b.v);
}
inline void zip(Vec<double> a, Vec<double> b, Vec<double>& low, Vec<double>& high) {
  const __m512i first = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
  low.v = _mm512_permutex2var_pd(a.v, first, b.v);
  high.v = _mm512_permutex2var_pd(a.v, _mm512_add_epi64(first, _mm512_set1_epi64(4)), b.v);
}

// Registers of a block of products: 6 rows by 4 vectors are 24 sums, 4 weights, 1 or 2 inputs of 32.
constexpr int kBlockRows = 6;
constexpr int kBlockVectors = 4;

}  // namespace
}  // namespace recurra
