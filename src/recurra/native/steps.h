// A group of rows through all their steps, forward and back. Rows come by falling length, so those active at
// step t are the first few; a group belongs to one thread from its first step to its last.
#pragma once
#include "cells.h"
#include "outer.h"
#include "room.h"

namespace recurra {
namespace {

template <class T> inline void copy(int n, const T* from, T* to) {
  over<T>(n, [&](int j, auto lanes) { lanes.store(to + j, from ? lanes.load(from + j) : Vec<T>::all(T(0))); });
}

inline std::int64_t place(const Layout& l, int i, std::int64_t t) {
  return l.row_offset[l.order[i]] + l.step_offset[l.reverse ? l.length[i] - 1 - t : t];
}

// Steps whose inputs are projected at once: enough rows for the product to run at full speed, few enough
// for the projections to stay in the cache until they are used.
inline int chunk_steps(int count, std::int64_t steps) {
  std::int64_t n = 96 / count;
  n = n < 4 ? 4 : n;
  return static_cast<int>(n < steps ? n : steps);
}

template <class T> struct ForwardRoom {
  T *zero, *g, *x;
  const T **h, **c, **in;
  T **g_rows, **x_rows;
  int g_stride, chunk;
  ForwardRoom(const Forward<T>& f, int cell, int count, int first, Room& room) {
    const int wide = gates(cell) * f.hidden;
    g_stride = round_up(wide, Vec<T>::W);
    chunk = f.x ? chunk_steps(count, f.layout.length[first]) : 0;
    zero = room.take<T>(static_cast<std::size_t>(round_up(f.hidden, Vec<T>::W)));
    g = room.take<T>(static_cast<std::size_t>(count) * g_stride);
    x = room.take<T>(static_cast<std::size_t>(count) * chunk * g_stride);
    h = room.take<const T*>(count);
    c = room.take<const T*>(count);
    in = room.take<const T*>(static_cast<std::size_t>(count) * chunk);
    g_rows = room.take<T*>(count);
    x_rows = room.take<T*>(static_cast<std::size_t>(count) * chunk);
  }
};

template <class C, class T>
void forward_rows(const Forward<T>& f, int first, int step, int count, void* memory) {
  const Layout& l = f.layout;
  const int H = f.hidden, wide = gates(C::id) * H;
  Room room{static_cast<char*>(memory), 0};
  ForwardRoom<T> m(f, C::id, count, first, room);
  copy<T>(H, nullptr, m.zero);
  const auto state = [&](int i) -> std::ptrdiff_t { return f.rows ? f.rows[l.order[i]] : l.order[i]; };
  const auto source = [&](std::int64_t at) -> std::ptrdiff_t { return f.x_rows ? f.x_rows[at] : at; };
  for (int k = 0; k < count; ++k) {
    const std::ptrdiff_t b = state(first + k * step);
    m.h[k] = f.h0 ? f.h0 + b * H : m.zero;
    if (C::has_cell) m.c[k] = f.c0 ? f.c0 + b * H : m.zero;
    m.g_rows[k] = m.g + static_cast<std::size_t>(k) * m.g_stride;
  }
  const std::int64_t steps = l.length[first];
  int active = count, ahead = 0;
  std::int64_t ready = 0;
  for (std::int64_t t = 0; t < steps; ++t) {
    while (l.length[first + (active - 1) * step] <= t) --active;
    if (m.chunk && t == ready) {
      // Slot (s * count + k) holds row k at step t + s; rows that have ended leave theirs unused.
      ready = t + m.chunk < steps ? t + m.chunk : steps;
      ahead = 0;
      for (std::int64_t s = t; s < ready; ++s) {
        for (int k = 0; k < active && l.length[first + k * step] > s; ++k) {
          m.in[ahead] = f.x + source(place(l, first + k * step, s)) * f.features;
          m.x_rows[ahead++] = m.x + static_cast<std::size_t>((s - t) * count + k) * m.g_stride;
        }
      }
      product<T>(ahead, m.in, f.features, f.input, wide, m.x_rows, f.input_bias, false);
    }
    if (l.resets) {
      for (int k = 0; k < active; ++k) {
        if (!l.resets[place(l, first + k * step, t)]) continue;
        m.h[k] = m.zero;
        if (C::has_cell) m.c[k] = m.zero;
      }
    }
    product<T>(active, m.h, H, f.weights, wide, m.g_rows, f.hidden_bias, false);
    for (int k = 0; k < active; ++k) {
      const int i = first + k * step;
      const std::int64_t at = place(l, i, t);
      Step<T> s;
      s.x = m.chunk ? m.x + static_cast<std::size_t>(t % m.chunk * count + k) * m.g_stride 
                    : f.projected + source(at) * wide;
      s.g = m.g_rows[k];
      s.h = m.h[k];
      s.c = C::has_cell ? m.c[k] : nullptr;
      s.out = f.out + (f.rows ? state(i) : at) * f.out_stride;
      s.c_out = !C::has_cell ? nullptr
                : f.cells    ? f.cells + at * H
                             : f.cn + state(i) * H;
      s.saved = f.saved ? f.saved + at * (static_cast<std::ptrdiff_t>(saved_width(C::id)) * H) : nullptr;
      step_forward<C>(H, s, f.weights.int8 != nullptr);
      m.h[k] = s.out;
      if (C::has_cell) m.c[k] = s.c_out;
    }
  }
  for (int k = 0; k < count; ++k) {
    const std::ptrdiff_t b = state(first + k * step);
    if (m.h[k] != f.hn + b * H) copy<T>(H, m.h[k], f.hn + b * H);
    if (C::has_cell && m.c[k] != f.cn + b * H) copy<T>(H, m.c[k], f.cn + b * H);
  }
}

template <class T> struct BackwardRoom {
  T *zero, *dh, *dc;
  const T **grads, **x_grads;
  T **dh_rows, **dx_rows;
  int stride, chunk;
  BackwardRoom(const Backward<T>& f, int count, int first, Room& room) {
    stride = round_up(f.hidden, Vec<T>::W);
    chunk = f.dx ? chunk_steps(count, f.layout.length[first]) : 0;
    zero = room.take<T>(stride);
    dh = room.take<T>(static_cast<std::size_t>(count) * stride);
    dc = room.take<T>(static_cast<std::size_t>(count) * stride);
    grads = room.take<const T*>(count);
    dh_rows = room.take<T*>(count);
    x_grads = room.take<const T*>(static_cast<std::size_t>(count) * chunk);
    dx_rows = room.take<T*>(static_cast<std::size_t>(count) * chunk);
  }
};

template <class C, class T>
void backward_rows(const Backward<T>& f, int first, int step, int count, void* memory) {
  const Layout& l = f.layout;
  const int H = f.hidden, wide = gates(C::id) * H;
  const std::ptrdiff_t grads_stride = static_cast<std::ptrdiff_t>(grads_width(C::id)) * H;
  const std::ptrdiff_t saved_stride = static_cast<std::ptrdiff_t>(saved_width(C::id)) * H;
  const int x_column = C::id == kGru ? H : 0;
  Room room{static_cast<char*>(memory), 0};
  BackwardRoom<T> m(f, count, first, room);
  copy<T>(H, nullptr, m.zero);
  for (int k = 0; k < count; ++k) {
    const std::ptrdiff_t b = l.order[first + k * step];
    m.dh_rows[k] = m.dh + static_cast<std::size_t>(k) * m.stride;
    copy<T>(H, f.dhn ? f.dhn + b * H : nullptr, m.dh_rows[k]);
    if (C::has_cell) copy<T>(H, f.dcn ? f.dcn + b * H : nullptr, m.dc + static_cast<std::size_t>(k) * m.stride);
  }
  int active = 0, waiting = 0;
  for (std::int64_t t = l.length[first] - 1; t >= 0; --t) {
    while (active < count && l.length[first + active * step] > t) ++active;
    for (int k = 0; k < active; ++k) {
      const int i = first + k * step;
      const std::ptrdiff_t b = l.order[i];
      const std::int64_t at = place(l, i, t), before = t ? place(l, i, t - 1) : 0;
      const bool fresh = l.resets && l.resets[at];
      StepBack<T> s;
      s.h = fresh ? m.zero : t ? f.out + before * f.out_stride : f.h0 ? f.h0 + b * H : m.zero;
      s.c = !C::has_cell || fresh ? m.zero : t ? f.cells + before * H : f.c0 ? f.c0 + b * H : m.zero;
      s.out = f.out + at * f.out_stride;
      s.c_out = C::has_cell ? f.cells + at * H : nullptr;
      s.saved = f.saved + at * saved_stride;
      s.dout = f.dout ? f.dout + at * H : nullptr;
      s.dcell = f.dcells ? f.dcells + at * H : nullptr;
      s.dh = m.dh_rows[k];
      s.dc = m.dc + static_cast<std::size_t>(k) * m.stride;
      s.grads = f.grads + at * grads_stride;
      C::backward(H, s);
      m.grads[k] = s.grads;
      if (m.chunk) {
        m.x_grads[waiting] = s.grads + x_column;
        m.dx_rows[waiting++] = f.dx + at * f.features;
      }
    }
    product<T>(active, m.grads, wide, f.weights, H, m.dh_rows, nullptr, true);
    if (l.resets) {
      for (int k = 0; k < active; ++k) {
        if (!l.resets[place(l, first + k * step, t)]) continue;
        copy<T>(H, nullptr, m.dh_rows[k]);
        if (C::has_cell) copy<T>(H, nullptr, m.dc + static_cast<std::size_t>(k) * m.stride);
      }
    }
    if (m.chunk && (t == 0 || waiting + count > count * m.chunk)) {
      product<T>(waiting, m.x_grads, wide, f.input, f.features, m.dx_rows, nullptr, false);
      waiting = 0;
    }
  }
  for (int k = 0; k < count; ++k) {
    const std::ptrdiff_t b = l.order[first + k * step];
    if (f.dh0) copy<T>(H, m.dh_rows[k], f.dh0 + b * H);
    if (C::has_cell && f.dc0) copy<T>(H, m.dc + static_cast<std::size_t>(k) * m.stride, f.dc0 + b * H);
  }
}

}  // namespace
}  // namespace recurra
