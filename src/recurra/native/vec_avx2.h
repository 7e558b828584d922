// One AVX2 register (with FMA) as a value. Included by one translation unit alone (see kernels.inc).
#pragma once
#include <immintrin.h>

#include "problem.h"

namespace recurra {
namespace {

template <class T> struct Vec;

// A window into this table is the mask of the first n lanes.
alignas(64) const std::int32_t kLanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
alignas(64) const std::int64_t kWideLanes[8] = {-1, -1, -1, -1, 0, 0, 0, 0};

template <> struct Vec<float> {
  static constexpr int W = 8;
  __m256 v;
  static Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
  static Vec load(const float* p, int n) { return {_mm256_maskload_ps(p, mask(n))}; }
  static Vec all(float x) { return {_mm256_set1_ps(x)}; }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
  void store(float* p, int n) const { _mm256_maskstore_ps(p, mask(n), v); }
  static __m256i mask(int n) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kLanes + 8 - n)); }
};
inline Vec<float> operator+(Vec<float> a, Vec<float> b) { return {_mm256_add_ps(a.v, b.v)}; }
inline Vec<float> operator-(Vec<float> a, Vec<float> b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline Vec<float> operator*(Vec<float> a, Vec<float> b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline Vec<float> operator/(Vec<float> a, Vec<float> b) { return {_mm256_div_ps(a.v, b.v)}; }
inline Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline Vec<float> fnma(Vec<float> a, Vec<float> b, Vec<float> c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }
// x86 returns the second operand where either is NaN: the limit goes first, and NaN passes through.
inline Vec<float> at_most(Vec<float> limit, Vec<float> x) { return {_mm256_min_ps(limit.v, x.v)}; }
inline Vec<float> at_least(Vec<float> limit, Vec<float> x) { return {_mm256_max_ps(limit.v, x.v)}; }
inline Vec<float> nearest(Vec<float> x) { return {_mm256_round_ps(x.v, 8)}; }
inline Vec<float> pow2(Vec<float> n) {
  const __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(e, 23))};
}
inline Vec<float> magnitude(Vec<float> x) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.f), x.v)}; }
inline Vec<float> with_sign(Vec<float> x, Vec<float> s) {
  return {_mm256_or_ps(x.v, _mm256_and_ps(s.v, _mm256_set1_ps(-0.f)))};
}
inline Vec<float> where_positive(Vec<float> gate, Vec<float> x) {
  return {_mm256_and_ps(_mm256_cmp_ps(gate.v, _mm256_setzero_ps(), _CMP_NLE_UQ), x.v)};
}
inline Vec<float> choose(Vec<float> gate, Vec<float> a, Vec<float> b) {
  return {_mm256_blendv_ps(b.v, a.v, _mm256_cmp_ps(gate.v, _mm256_setzero_ps(), _CMP_GT_OQ))};
}

// Lanes above a limit, as bits.
inline unsigned above(Vec<float> x, Vec<float> limit) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(x.v, limit.v, _CMP_GT_OQ)));
}
// The lower or the upper bfloat16 of each pair.
inline Vec<float> half(const Pair* p, bool upper) {
  const __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm256_castsi256_ps(upper ? _mm256_and_si256(pairs, _mm256_set1_epi32(-65536)) : _mm256_slli_epi32(pairs, 16))};
}

template <> struct Vec<double> {
  static constexpr int W = 4;
  __m256d v;
  static Vec load(const double* p) { return {_mm256_loadu_pd(p)}; }
  static Vec load(const double* p, int n) { return {_mm256_maskload_pd(p, mask(n))}; }
  static Vec all(double x) { return {_mm256_set1_pd(x)}; }
  void store(double* p) const { _mm256_storeu_pd(p, v); }
  void store(double* p, int n) const { _mm256_maskstore_pd(p, mask(n), v); }
  static __m256i mask(int n) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kWideLanes + 4 - n)); }
};
inline Vec<double> operator+(Vec<double> a, Vec<double> b) { return {_mm256_add_pd(a.v, b.v)}; }
inline Vec<double> operator-(Vec<double> a, Vec<double> b) { return {_mm256_sub_pd(a.v, b.v)}; }
inline Vec<double> operator*(Vec<double> a, Vec<double> b) { return {_mm256_mul_pd(a.v, b.v)}; }
inline Vec<double> operator/(Vec<double> a, Vec<double> b) { return {_mm256_div_pd(a.v, b.v)}; }
inline Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) { return {_mm256_fmadd_pd(a.v, b.v, c.v)}; }
inline Vec<double> fnma(Vec<double> a, Vec<double> b, Vec<double> c) { return {_mm256_fnmadd_pd(a.v, b.v, c.v)}; }
inline Vec<double> at_most(Vec<double> limit, Vec<double> x) { return {_mm256_min_pd(limit.v, x.v)}; }
inline Vec<double> at_least(Vec<double> limit, Vec<double> x) { return {_mm256_max_pd(limit.v, x.v)}; }
inline Vec<double> nearest(Vec<double> x) { return {_mm256_round_pd(x.v, 8)}; }
inline Vec<double> pow2(Vec<double> n) {
  const __m256i e = _mm256_add_epi64(_mm256_cvtepi32_epi64(_mm256_cvtpd_epi32(n.v)), _mm256_set1_epi64x(1023));
  return {_mm256_castsi256_pd(_mm256_slli_epi64(e, 52))};
}
inline Vec<double> magnitude(Vec<double> x) { return {_mm256_andnot_pd(_mm256_set1_pd(-0.0), x.v)}; }
inline Vec<double> with_sign(Vec<double> x, Vec<double> s) {
  return {_mm256_or_pd(x.v, _mm256_and_pd(s.v, _mm256_set1_pd(-0.0)))};
}
inline Vec<double> where_positive(Vec<double> gate, Vec<double> x) {
  return {_mm256_and_pd(_mm256_cmp_pd(gate.v, _mm256_setzero_pd(), _CMP_NLE_UQ), x.v)};
}
inline Vec<double> choose(Vec<double> gate, Vec<double> a, Vec<double> b) {
  return {_mm256_blendv_pd(b.v, a.v, _mm256_cmp_pd(gate.v, _mm256_setzero_pd(), _CMP_GT_OQ))};
}

// In two steps, so that 2^n itself never leaves the range: denormal results are rounded once.
template <class V> inline V scale2_halves(V x, V n) {
  const V half = nearest(n * V::all(0.5f));
  return x * pow2(half) * pow2(n - half);
}
inline Vec<float> scale2(Vec<float> x, Vec<float> n) { return scale2_halves(x, n); }
inline Vec<double> scale2(Vec<double> x, Vec<double> n) { return scale2_halves(x, n); }

// a0 b0 a1 b1 ... into two registers.
inline void zip(Vec<float> a, Vec<float> b, Vec<float>& low, Vec<float>& high) {
  const __m256 even = _mm256_unpacklo_ps(a.v, b.v), odd = _mm256_unpackhi_ps(a.v, b.v);
  low.v = _mm256_permute2f128_ps(even, odd, 0x20);
  high.v = _mm256_permute2f128_ps(even, odd, 0x31);
}
inline void zip(Vec<double> a, Vec<double> b, Vec<double>& low, Vec<double>& high) {
  const __m256d even = _mm256_unpacklo_pd(a.v, b.v), odd = _mm256_unpackhi_pd(a.v, b.v);
  low.v = _mm256_permute2f128_pd(even, odd, 0x20);
  high.v = _mm256_permute2f128_pd(even, odd, 0x31);
}

// 4 rows by 3 vectors: 12 sums, 3 weights, 1 input fill the 16 registers.
constexpr int kBlockRows = 4;
constexpr int kBlockVectors = 3;

}  // namespace
}  // namespace recurra
