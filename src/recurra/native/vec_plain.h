// Four floats or two doubles in GCC's and Clang's own vector type: SSE2 on any x86-64, NEON on ARM.
#pragma once
#include <cstring>
#include <math.h>

#include "compiler.h"

#include "problem.h"

namespace recurra {
namespace {

template <class T> struct Vec {
  static constexpr int W = 16 / static_cast<int>(sizeof(T));
  typedef T Reg RECURRA_VECTOR(16);
  Reg v;
  static Vec load(const T* p) {
    Vec r;
    std::memcpy(&r.v, p, sizeof r.v);
    return r;
  }
  static Vec load(const T* p, int n) {
    Vec r = all(T(0));
    for (int i = 0; i < n; ++i) r.v[i] = p[i];
    return r;
  }
  static Vec all(T x) { return {x - Reg{}}; }  // keeps the sign of zero, as a sum would not
  void store(T* p) const { std::memcpy(p, &v, sizeof v); }
  void store(T* p, int n) const {
    for (int i = 0; i < n; ++i) p[i] = v[i];
  }
};
template <class T> inline Vec<T> operator+(Vec<T> a, Vec<T> b) { return {a.v + b.v}; }
template <class T> inline Vec<T> operator-(Vec<T> a, Vec<T> b) { return {a.v - b.v}; }
template <class T> inline Vec<T> operator*(Vec<T> a, Vec<T> b) { return {a.v * b.v}; }
template <class T> inline Vec<T> operator/(Vec<T> a, Vec<T> b) { return {a.v / b.v}; }
#if defined(__aarch64__)
template <class T> inline Vec<T> fma(Vec<T> a, Vec<T> b, Vec<T> c) {
  for (int i = 0; i < Vec<T>::W; ++i) c.v[i] = sizeof(T) == 4 ? ::fmaf(a.v[i], b.v[i], c.v[i]) : ::fma(a.v[i], b.v[i], c.v[i]);
  return c;
}
template <class T> inline Vec<T> fnma(Vec<T> a, Vec<T> b, Vec<T> c) { return fma(Vec<T>{-a.v}, b, c); }
#else
template <class T> inline Vec<T> fma(Vec<T> a, Vec<T> b, Vec<T> c) { return {a.v * b.v + c.v}; }
template <class T> inline Vec<T> fnma(Vec<T> a, Vec<T> b, Vec<T> c) { return {c.v - a.v * b.v}; }
#endif

// Bits as integers of the same width, and the numbers that a format is made of.
template <class T> struct Bits;
template <> struct Bits<float> {
  typedef std::int32_t Int RECURRA_VECTOR(16);
  static constexpr int mantissa = 23, bias = 127;
  static constexpr float round = 12582912.f;  // 1.5 * 2^23: adding it leaves no fraction
};
template <> struct Bits<double> {
  typedef std::int64_t Int RECURRA_VECTOR(16);
  static constexpr int mantissa = 52, bias = 1023;
  static constexpr double round = 6755399441055744.0;
};
template <class T> inline typename Bits<T>::Int bits(Vec<T> x) {
  typename Bits<T>::Int i;
  std::memcpy(&i, &x.v, sizeof i);
  return i;
}
template <class T> inline Vec<T> from_bits(typename Bits<T>::Int i) {
  Vec<T> x;
  std::memcpy(&x.v, &i, sizeof i);
  return x;
}
template <class T> inline Vec<T> pick(typename Bits<T>::Int mask, Vec<T> a, Vec<T> b) {
  return from_bits<T>((mask & bits(a)) | (~mask & bits(b)));
}
template <class T> inline typename Bits<T>::Int sign_bit() { return bits(Vec<T>::all(T(-0.0))); }

// Comparisons with NaN are false, so that x itself passes through.
template <class T> inline Vec<T> at_most(Vec<T> limit, Vec<T> x) { return pick<T>(limit.v < x.v, limit, x); }
template <class T> inline Vec<T> at_least(Vec<T> limit, Vec<T> x) { return pick<T>(limit.v > x.v, limit, x); }
template <class T> inline Vec<T> nearest(Vec<T> x) {
  const Vec<T> c = Vec<T>::all(Bits<T>::round);
  return (x + c) - c;
}
template <class T> inline Vec<T> pow2(Vec<T> n) {
  // The low bits of n + 1.5 * 2^m hold n as an integer.
  const Vec<T> shifted = n + Vec<T>::all(Bits<T>::round);
  const auto whole = bits(shifted) - bits(Vec<T>::all(Bits<T>::round));
  return from_bits<T>((whole + Bits<T>::bias) << Bits<T>::mantissa);
}
template <class T> inline Vec<T> scale2(Vec<T> x, Vec<T> n) {
  const Vec<T> half = nearest(n * Vec<T>::all(T(0.5)));
  return x * pow2(half) * pow2(n - half);
}
template <class T> inline Vec<T> magnitude(Vec<T> x) { return from_bits<T>(bits(x) & ~sign_bit<T>()); }
template <class T> inline Vec<T> with_sign(Vec<T> x, Vec<T> s) {
  return from_bits<T>(bits(x) | (bits(s) & sign_bit<T>()));
}
template <class T> inline Vec<T> where_positive(Vec<T> gate, Vec<T> x) {
  return from_bits<T>(~(gate.v <= Vec<T>::all(T(0)).v) & bits(x));
}
template <class T> inline Vec<T> choose(Vec<T> gate, Vec<T> a, Vec<T> b) {
  return pick<T>(gate.v > Vec<T>::all(T(0)).v, a, b);
}

// Lanes above a limit, as bits.
template <class T> inline unsigned above(Vec<T> x, Vec<T> limit) {
  unsigned lanes = 0;
  for (int i = 0; i < Vec<T>::W; ++i) lanes |= static_cast<unsigned>(x.v[i] > limit.v[i]) << i;
  return lanes;
}
// The lower or the upper bfloat16 of each pair.
inline Vec<float> half(const Pair* p, bool upper) {
  Bits<float>::Int pairs;
  std::memcpy(&pairs, p, sizeof pairs);
  return from_bits<float>(upper ? pairs & -65536 : pairs << 16);
}

// a0 b0 a1 b1 ... into two registers.
template <class T> inline void zip(Vec<T> a, Vec<T> b, Vec<T>& low, Vec<T>& high) {
  constexpr int half = Vec<T>::W / 2;
  for (int i = 0; i < half; ++i) {
    low.v[2 * i] = a.v[i], low.v[2 * i + 1] = b.v[i];
    high.v[2 * i] = a.v[half + i], high.v[2 * i + 1] = b.v[half + i];
  }
}

constexpr int kBlockRows = 4;
constexpr int kBlockVectors = 2;

}  // namespace
}  // namespace recurra
