// exp, the logistic function and tanh over one register, within 2 units in the last place.
// One polynomial serves all: expm1(r) = r + r^2 q(r) for -1/4 <= r / ln2 <= 3/4, fitted at Chebyshev nodes in
// 60 digits (relative error 6.4e-10 in single precision, 6.6e-19 in double). Off centre, because it is small
// positive r that tanh depends on.
#pragma once
#include "compiler.h"

namespace recurra {
namespace {

template <class T> struct Fit;
template <> struct Fit<float> {
  static constexpr int degree = 5;
  static constexpr float q[degree + 1] = {0.5f, 0.16666666670951381316f, 0.041666970423038860611f,
                                          0.0083327719207778105972f, 0.0013813056371101704403f,
                                          0.0002265938526548308027f};
  // ln2 in two parts; the first has few bits, so that its product with a whole number is exact.
  static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440054690583e-4f;
  static constexpr float log2e = 1.44269504088896340736f;
  static constexpr float low = -104.f, high = 89.f;  // exp is 0 below, infinite above
  static constexpr float whole = 87.5f;  // 2^n is a normal number for |y| so large
  static constexpr float tanh_one = 9.5f;            // tanh rounds to 1 from here on
};
template <> struct Fit<double> {
  static constexpr int degree = 10;
  static constexpr double q[degree + 1] = {
      0.5, 0.16666666666666671682, 0.041666666666666078082, 0.0083333333333233612078, 0.0013888888889756813356,
      0.00019841269879849478428, 0.000024801582857799828872, 2.7557354694134541391e-6, 2.7563637164973949109e-7,
      2.4813267863615222675e-8, 2.4221268864877386179e-9};
  static constexpr double ln2_high = 6.93145751953125e-1, ln2_low = 1.42860682030941723212e-6;
  static constexpr double log2e = 1.44269504088896340736;
  static constexpr double low = -746.0, high = 710.0;
  static constexpr double whole = 708.5;
  static constexpr double tanh_one = 20.0;
};

// y = n ln2 + r; returns expm1(r) and leaves n and q(r).
template <class T> inline Vec<T> expm1_reduced(Vec<T> y, Vec<T>& n, Vec<T>& q) {
  using V = Vec<T>;
  using F = Fit<T>;
  n = nearest(fma(y, V::all(F::log2e), V::all(T(-0.25))));
  const V r = fnma(n, V::all(F::ln2_low), fnma(n, V::all(F::ln2_high), y));
  q = V::all(F::q[F::degree]);
  RECURRA_UNROLL for (int i = F::degree - 1; i >= 0; --i) q = fma(q, r, V::all(F::q[i]));
  return fma(r * r, q, r);
}

template <class T> inline Vec<T> exp(Vec<T> x) {
  using V = Vec<T>;
  V n, q;
  const V y = at_most(V::all(Fit<T>::high), at_least(V::all(Fit<T>::low), x));
  const V p = expm1_reduced(y, n, q);
  return scale2(V::all(T(1)) + p, n);
}

// 1 / (1 + exp(-x)) with exp(-x) = s + p s, s = 2^n. What 1 + s is off by joins p s, so that the denominator is
// rounded once. Below the range, where the result is no normal number, it is 0.
template <class T> inline Vec<T> logistic(Vec<T> x) {
  using V = Vec<T>;
  const V zero = V::all(T(0)), one = V::all(T(1)), limit = V::all(Fit<T>::whole);
  V n, q;
  const V y = at_most(limit, at_least(zero - limit, zero - x));
  const V p = expm1_reduced(y, n, q), s = pow2(n), sum = one + s;
  return choose(zero - limit - x, zero, one / (sum + fma(p, s, one - (sum - s))));
}

// tanh(x) = t / (t + 2) with t = expm1(y), y = 2|x|. Where n = 0 the same fraction is written as
// |x| - |x| (t - 2 y q) / (t + 2), whose rounding errors shrink with x.
template <class T> inline Vec<T> tanh(Vec<T> x) {
  using V = Vec<T>;
  V n, q;
  const V a = at_most(V::all(Fit<T>::tanh_one), magnitude(x)), y = a + a;
  const V p = expm1_reduced(y, n, q);
  const V s = pow2(n);
  const V t = fma(p, s, s - V::all(T(1)));
  const V below = a * fma(y + y, q, V::all(T(0)) - t);
  const V fraction = choose(n, t, below) / (t + V::all(T(2)));
  return with_sign(choose(n, fraction, a + fraction), x);
}

}  // namespace
}  // namespace recurra
