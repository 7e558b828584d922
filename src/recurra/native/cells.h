// One step of each cell for one row: the element-wise part, after h W^T + b has been computed.
#pragma once
#include "curves.h"
#include "problem.h"
#include "unfused.h"

namespace recurra {
namespace {

// The lanes of a register that count: all of them, or the first n.
struct Whole {
  template <class T> Vec<T> load(const T* p) const { return Vec<T>::load(p); }
  template <class T> void store(T* p, Vec<T> v) const { v.store(p); }
};
struct Part {
  int n;
  template <class T> Vec<T> load(const T* p) const { return Vec<T>::load(p, n); }
  template <class T> void store(T* p, Vec<T> v) const { v.store(p, n); }
};

template <class T, class Body> inline void over(int hidden, Body body) {
  int j = 0;
  for (; j + Vec<T>::W <= hidden; j += Vec<T>::W) body(j, Whole{});
  if (j < hidden) body(j, Part{hidden - j});
}

// What a step reads and writes for one row; null where it does not apply.
template <class T> struct Step {
  const T* x;       // (G*H) projected input
  const T* g;       // (G*H) h W^T + b
  const T *h, *c;   // (H) state before
  T *out, *c_out;   // (H) state after
  T* saved;         // (saved_width * H)
};
template <class T> struct StepBack {
  const T *h, *c, *out, *c_out, *saved;
  const T *dout, *dcell;  // (H) or null
  T *dh, *dc;             // (H) gradient of the state after; dh leaves as the direct part alone
  T* grads;               // (grads_width * H)
};

template <class T, class Lanes> inline Vec<T> total(const T* dh, const T* dout, int j, Lanes lanes) {
  const Vec<T> d = lanes.load(dh + j);
  return dout ? d + lanes.load(dout + j) : d;
}

template <bool relu> struct Rnn {
  static constexpr int id = relu ? kRnnRelu : kRnnTanh;
  static constexpr bool has_cell = false;
  template <class T> static void forward(int hidden, const Step<T>& s) {
    over<T>(hidden, [&](int j, auto lanes) {
      const Vec<T> a = lanes.load(s.x + j) + lanes.load(s.g + j);
      lanes.store(s.out + j, relu ? at_least(Vec<T>::all(T(0)), a) : tanh(a));
    });
  }
  template <class T> static void backward(int hidden, const StepBack<T>& s) {
    const Vec<T> one = Vec<T>::all(T(1)), zero = Vec<T>::all(T(0));
    over<T>(hidden, [&](int j, auto lanes) {
      const Vec<T> d = total(s.dh, s.dout, j, lanes), h = lanes.load(s.out + j);
      lanes.store(s.grads + j, relu ? where_positive(h, d) : d * fnma(h, h, one));
      lanes.store(s.dh + j, zero);
    });
  }
};

struct Gru {
  static constexpr int id = kGru;
  static constexpr bool has_cell = false;
  template <class T> static void forward(int hidden, const Step<T>& s) {
    const int H = hidden;
    over<T>(H, [&](int j, auto lanes) {
      const Vec<T> r = logistic(lanes.load(s.x + j) + lanes.load(s.g + j));
      const Vec<T> z = logistic(lanes.load(s.x + H + j) + lanes.load(s.g + H + j));
      const Vec<T> m = lanes.load(s.g + 2 * H + j);
      const Vec<T> n = tanh(fma(r, m, lanes.load(s.x + 2 * H + j)));
      lanes.store(s.out + j, fma(z, lanes.load(s.h + j) - n, n));
      if (s.saved) {
        lanes.store(s.saved + j, m);
        lanes.store(s.saved + H + j, r);
        lanes.store(s.saved + 2 * H + j, z);
        lanes.store(s.saved + 3 * H + j, n);
      }
    });
  }
  template <class T> static void backward(int hidden, const StepBack<T>& s) {
    const int H = hidden;
    const Vec<T> one = Vec<T>::all(T(1));
    over<T>(H, [&](int j, auto lanes) {
      const Vec<T> d = total(s.dh, s.dout, j, lanes);
      const Vec<T> m = lanes.load(s.saved + j), r = lanes.load(s.saved + H + j);
      const Vec<T> z = lanes.load(s.saved + 2 * H + j), n = lanes.load(s.saved + 3 * H + j);
      const Vec<T> dz = d * (lanes.load(s.h + j) - n);
      const Vec<T> dn = d * (one - z) * fnma(n, n, one);
      lanes.store(s.grads + j, dn * r);
      lanes.store(s.grads + H + j, dn * m * (r * (one - r)));
      lanes.store(s.grads + 2 * H + j, dz * (z * (one - z)));
      lanes.store(s.grads + 3 * H + j, dn);
      lanes.store(s.dh + j, d * z);
    });
  }
};

struct Lstm {
  static constexpr int id = kLstm;
  static constexpr bool has_cell = true;
  template <class T> static void forward(int hidden, const Step<T>& s) {
    const int H = hidden;
    over<T>(H, [&](int j, auto lanes) {
      const Vec<T> i = logistic(lanes.load(s.x + j) + lanes.load(s.g + j));
      const Vec<T> f = logistic(lanes.load(s.x + H + j) + lanes.load(s.g + H + j));
      const Vec<T> g = tanh(lanes.load(s.x + 2 * H + j) + lanes.load(s.g + 2 * H + j));
      const Vec<T> o = logistic(lanes.load(s.x + 3 * H + j) + lanes.load(s.g + 3 * H + j));
      const Vec<T> c = fma(f, lanes.load(s.c + j), i * g);
      lanes.store(s.c_out + j, c);
      lanes.store(s.out + j, o * tanh(c));
      if (s.saved) {
        lanes.store(s.saved + j, i);
        lanes.store(s.saved + H + j, f);
        lanes.store(s.saved + 2 * H + j, g);
        lanes.store(s.saved + 3 * H + j, o);
      }
    });
  }
  template <class T> static void backward(int hidden, const StepBack<T>& s) {
    const int H = hidden;
    const Vec<T> one = Vec<T>::all(T(1));
    over<T>(H, [&](int j, auto lanes) {
      const Vec<T> d = total(s.dh, s.dout, j, lanes);
      const Vec<T> i = lanes.load(s.saved + j), f = lanes.load(s.saved + H + j);
      const Vec<T> g = lanes.load(s.saved + 2 * H + j), o = lanes.load(s.saved + 3 * H + j);
      const Vec<T> t = tanh(lanes.load(s.c_out + j));
      const Vec<T> dc = fma(d * o, fnma(t, t, one), total(s.dc, s.dcell, j, lanes));
      lanes.store(s.grads + j, dc * g * (i * (one - i)));
      lanes.store(s.grads + H + j, dc * lanes.load(s.c + j) * (f * (one - f)));
      lanes.store(s.grads + 2 * H + j, dc * i * fnma(g, g, one));
      lanes.store(s.grads + 3 * H + j, d * t * (o * (one - o)));
      lanes.store(s.dc + j, dc * f);
      lanes.store(s.dh + j, Vec<T>::all(T(0)));
    });
  }
};

// A step forward; where products are of int8, as it is on every machine.
template <class C, class T> inline void step_forward(int hidden, const Step<T>& s, bool int8) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (int8) {
      const auto in = [](const float* p) { return reinterpret_cast<const Unfused*>(p); };
      const auto to = [](float* p) { return reinterpret_cast<Unfused*>(p); };
      return C::forward(hidden, Step<Unfused>{in(s.x), in(s.g), in(s.h), in(s.c), to(s.out), to(s.c_out), nullptr});
    }
  }
  C::forward(hidden, s);
}

}  // namespace
}  // namespace recurra
