// One NEON register as a value. Included by one translation unit alone (see kernels.inc).
#pragma once
#include <arm_neon.h>

#include "problem.h"

namespace recurra {
namespace {

template <class T> struct Vec;

// NEON has no masks: the first n lanes are read and written two and one at a time, and the others are zeros.
template <> struct Vec<float> {
  static constexpr int W = 4;
  float32x4_t v;
  static Vec load(const float* p) { return {vld1q_f32(p)}; }
  static Vec load(const float* p, int n) {
    if (n >= W) return load(p);
    float32x4_t r = vdupq_n_f32(0.f);
    if (n >= 2) r = vcombine_f32(vld1_f32(p), vget_high_f32(r));
    if (n == 1) r = vld1q_lane_f32(p, r, 0);
    if (n == 3) r = vld1q_lane_f32(p + 2, r, 2);
    return {r};
  }
  static Vec all(float x) { return {vdupq_n_f32(x)}; }
  void store(float* p) const { vst1q_f32(p, v); }
  void store(float* p, int n) const {
    if (n >= W) return store(p);
    if (n >= 2) vst1_f32(p, vget_low_f32(v));
    if (n == 1) vst1q_lane_f32(p, v, 0);
    if (n == 3) vst1q_lane_f32(p + 2, v, 2);
  }
};
inline Vec<float> operator+(Vec<float> a, Vec<float> b) { return {vaddq_f32(a.v, b.v)}; }
inline Vec<float> operator-(Vec<float> a, Vec<float> b) { return {vsubq_f32(a.v, b.v)}; }
inline Vec<float> operator*(Vec<float> a, Vec<float> b) { return {vmulq_f32(a.v, b.v)}; }
inline Vec<float> operator/(Vec<float> a, Vec<float> b) { return {vdivq_f32(a.v, b.v)}; }
inline Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
inline Vec<float> fnma(Vec<float> a, Vec<float> b, Vec<float> c) { return {vfmsq_f32(c.v, a.v, b.v)}; }
// Comparisons with NaN are false, so that x itself passes through; FMIN would keep a limit's NaN too.
inline Vec<float> at_most(Vec<float> limit, Vec<float> x) { return {vbslq_f32(vcltq_f32(limit.v, x.v), limit.v, x.v)}; }
inline Vec<float> at_least(Vec<float> limit, Vec<float> x) { return {vbslq_f32(vcgtq_f32(limit.v, x.v), limit.v, x.v)}; }
inline Vec<float> nearest(Vec<float> x) { return {vrndnq_f32(x.v)}; }
inline Vec<float> pow2(Vec<float> n) {
  return {vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n.v), vdupq_n_s32(127)), 23))};
}
inline Vec<float> magnitude(Vec<float> x) { return {vabsq_f32(x.v)}; }
inline Vec<float> with_sign(Vec<float> x, Vec<float> s) {
  const uint32x4_t sign = vandq_u32(vreinterpretq_u32_f32(s.v), vdupq_n_u32(0x80000000u));
  return {vreinterpretq_f32_u32(vorrq_u32(vreinterpretq_u32_f32(x.v), sign))};
}
// x where gate > 0 or NaN, else 0; a or b by gate > 0.
inline Vec<float> where_positive(Vec<float> gate, Vec<float> x) {
  return {vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(x.v), vclezq_f32(gate.v)))};
}
inline Vec<float> choose(Vec<float> gate, Vec<float> a, Vec<float> b) { return {vbslq_f32(vcgtzq_f32(gate.v), a.v, b.v)}; }

// Lanes above a limit, as bits.
inline unsigned above(Vec<float> x, Vec<float> limit) {
  const std::uint32_t bits[4] = {1, 2, 4, 8};
  return vaddvq_u32(vandq_u32(vcgtq_f32(x.v, limit.v), vld1q_u32(bits)));
}
// The lower or the upper bfloat16 of each pair.
inline Vec<float> half(const Pair* p, bool upper) {
  const uint32x4_t pairs = vld1q_u32(&p->bits);
  return {vreinterpretq_f32_u32(upper ? vandq_u32(pairs, vdupq_n_u32(0xFFFF0000u)) : vshlq_n_u32(pairs, 16))};
}

template <> struct Vec<double> {
  static constexpr int W = 2;
  float64x2_t v;
  static Vec load(const double* p) { return {vld1q_f64(p)}; }
  static Vec load(const double* p, int n) { return n >= W ? load(p) : Vec{vcombine_f64(n ? vld1_f64(p) : vdup_n_f64(0), vdup_n_f64(0))}; }
  static Vec all(double x) { return {vdupq_n_f64(x)}; }
  void store(double* p) const { vst1q_f64(p, v); }
  void store(double* p, int n) const {
    if (n >= W) return store(p);
    if (n == 1) vst1q_lane_f64(p, v, 0);
  }
};
inline Vec<double> operator+(Vec<double> a, Vec<double> b) { return {vaddq_f64(a.v, b.v)}; }
inline Vec<double> operator-(Vec<double> a, Vec<double> b) { return {vsubq_f64(a.v, b.v)}; }
inline Vec<double> operator*(Vec<double> a, Vec<double> b) { return {vmulq_f64(a.v, b.v)}; }
inline Vec<double> operator/(Vec<double> a, Vec<double> b) { return {vdivq_f64(a.v, b.v)}; }
inline Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) { return {vfmaq_f64(c.v, a.v, b.v)}; }
inline Vec<double> fnma(Vec<double> a, Vec<double> b, Vec<double> c) { return {vfmsq_f64(c.v, a.v, b.v)}; }
inline Vec<double> at_most(Vec<double> limit, Vec<double> x) { return {vbslq_f64(vcltq_f64(limit.v, x.v), limit.v, x.v)}; }
inline Vec<double> at_least(Vec<double> limit, Vec<double> x) { return {vbslq_f64(vcgtq_f64(limit.v, x.v), limit.v, x.v)}; }
inline Vec<double> nearest(Vec<double> x) { return {vrndnq_f64(x.v)}; }
inline Vec<double> pow2(Vec<double> n) {
  return {vreinterpretq_f64_s64(vshlq_n_s64(vaddq_s64(vcvtnq_s64_f64(n.v), vdupq_n_s64(1023)), 52))};
}
inline Vec<double> magnitude(Vec<double> x) { return {vabsq_f64(x.v)}; }
inline Vec<double> with_sign(Vec<double> x, Vec<double> s) {
  const uint64x2_t sign = vandq_u64(vreinterpretq_u64_f64(s.v), vdupq_n_u64(std::uint64_t{1} << 63));
  return {vreinterpretq_f64_u64(vorrq_u64(vreinterpretq_u64_f64(x.v), sign))};
}
inline Vec<double> where_positive(Vec<double> gate, Vec<double> x) {
  return {vreinterpretq_f64_u64(vbicq_u64(vreinterpretq_u64_f64(x.v), vclezq_f64(gate.v)))};
}
inline Vec<double> choose(Vec<double> gate, Vec<double> a, Vec<double> b) { return {vbslq_f64(vcgtzq_f64(gate.v), a.v, b.v)}; }

// In two steps, as in vec_avx2.h.
template <class T> inline Vec<T> scale2(Vec<T> x, Vec<T> n) {
  const Vec<T> half = nearest(n * Vec<T>::all(T(0.5)));
  return x * pow2(half) * pow2(n - half);
}

// a0 b0 a1 b1 ... into two registers.
inline void zip(Vec<float> a, Vec<float> b, Vec<float>& low, Vec<float>& high) {
  low.v = vzip1q_f32(a.v, b.v);
  high.v = vzip2q_f32(a.v, b.v);
}
inline void zip(Vec<double> a, Vec<double> b, Vec<double>& low, Vec<double>& high) {
  low.v = vzip1q_f64(a.v, b.v);
  high.v = vzip2q_f64(a.v, b.v);
}

// 6 rows by 4 vectors are 24 sums, 4 weights, and 4 registers of 32 for inputs: two multipliers or four, each result
// four steps late, always find one that waits for none.
constexpr int kBlockRows = 6;
constexpr int kBlockVectors = 4;

}  // namespace
}  // namespace recurra
