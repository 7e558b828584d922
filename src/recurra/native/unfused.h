// A register of floats whose fma rounds twice, as processors without it do, and NumPy: what is made of it is the same
// everywhere, to the last bit.
#pragma once
#include "curves.h"

namespace recurra {
namespace {

struct Unfused {
  float x;
  constexpr explicit Unfused(double x_) : x(static_cast<float>(x_)) {}
};

template <> struct Vec<Unfused> {
  using F = Vec<float>;
  static constexpr int W = F::W;
  F f;
  static Vec load(const Unfused* p) { return {F::load(&p->x)}; }
  static Vec load(const Unfused* p, int n) { return {F::load(&p->x, n)}; }
  static Vec all(Unfused x) { return {F::all(x.x)}; }
  static Vec all(float x) { return {F::all(x)}; }
  void store(Unfused* p) const { f.store(&p->x); }
  void store(Unfused* p, int n) const { f.store(&p->x, n); }
};
using Twice = Vec<Unfused>;
inline Twice operator+(Twice a, Twice b) { return {a.f + b.f}; }
inline Twice operator-(Twice a, Twice b) { return {a.f - b.f}; }
inline Twice operator*(Twice a, Twice b) { return {a.f * b.f}; }
inline Twice operator/(Twice a, Twice b) { return {a.f / b.f}; }
inline Twice fma(Twice a, Twice b, Twice c) { return {a.f * b.f + c.f}; }
inline Twice fnma(Twice a, Twice b, Twice c) { return {c.f - a.f * b.f}; }
inline Twice at_most(Twice limit, Twice x) { return {at_most(limit.f, x.f)}; }
inline Twice at_least(Twice limit, Twice x) { return {at_least(limit.f, x.f)}; }
inline Twice nearest(Twice x) { return {nearest(x.f)}; }
inline Twice pow2(Twice n) { return {pow2(n.f)}; }
inline Twice magnitude(Twice x) { return {magnitude(x.f)}; }
inline Twice with_sign(Twice x, Twice s) { return {with_sign(x.f, s.f)}; }
inline Twice choose(Twice gate, Twice a, Twice b) { return {choose(gate.f, a.f, b.f)}; }

template <> struct Fit<Unfused> : Fit<float> {};

}  // namespace
}  // namespace recurra
