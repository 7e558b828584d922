// A group of rows through all their steps, as in steps.h, with products in bfloat16: what they read lies in rows of
// one stride, rounded once where it is made. States, gates and sums stay in single precision.
#pragma once
#include "steps.h"

namespace recurra {
namespace {

inline float* padded_copy(int n, const float* from, float* to) {
  std::memset(to, 0, static_cast<std::size_t>(round_up(n, kSide)) * sizeof(float));
  if (from) copy<float>(n, from, to);
  return to;
}

struct BfloatForwardRoom {
  float *zero, *g, *x, *hidden_bias, *input_bias, *state, *saved;
  Bfloat *h_in, *x_in;
  const float **h, **c;
  int wide_stride, state_stride, h_stride, x_stride, chunk;
  BfloatForwardRoom(const Forward<float>& f, int cell, int count, int first, Room& room) {
    const int wide = gates(cell) * f.hidden, rows = round_up(count, kSide);
    wide_stride = spread(wide, kSide);
    state_stride = spread(f.hidden, kSide);
    h_stride = spread(f.hidden, kTileDepth);
    x_stride = spread(f.features, kTileDepth);
    chunk = chunk_steps(count, f.layout.length[first]);
    const std::size_t ahead = static_cast<std::size_t>(round_up(count * chunk, kSide));
    zero = room.take<float>(round_up(f.hidden, kSide));
    hidden_bias = room.take<float>(round_up(wide, kSide));
    input_bias = room.take<float>(round_up(wide, kSide));
    g = room.take<float>(static_cast<std::size_t>(rows) * wide_stride);
    x = room.take<float>(ahead * wide_stride);
    state = room.take<float>(static_cast<std::size_t>(2 * count) * state_stride);
    saved = room.take<float>(static_cast<std::size_t>(saved_width(cell)) * f.hidden);
    h_in = room.take<Bfloat>(static_cast<std::size_t>(rows) * h_stride);
    x_in = room.take<Bfloat>(ahead * x_stride);
    h = room.take<const float*>(count);
    c = room.take<const float*>(count);
    if (!room.at) return;
    clear(static_cast<std::size_t>(rows) * h_stride, h_in);
    clear(ahead * x_stride, x_in);
  }
};

template <class C> void bfloat_forward_rows(const Forward<float>& f, int first, int step, int count, void* memory) {
  const Layout& l = f.layout;
  const int H = f.hidden, wide = gates(C::id) * H;
  Room room{static_cast<char*>(memory), 0};
  BfloatForwardRoom m(f, C::id, count, first, room);
  const auto *input = static_cast<const Pair*>(f.input.at), *weights = static_cast<const Pair*>(f.weights.at);
  copy<float>(H, nullptr, m.zero);
  padded_copy(wide, f.hidden_bias, m.hidden_bias);
  padded_copy(wide, f.input_bias, m.input_bias);
  const auto h_in = [&](int k) { return m.h_in + static_cast<std::size_t>(k) * m.h_stride; };
  for (int k = 0; k < count; ++k) {
    const std::ptrdiff_t b = l.order[first + k * step];
    m.h[k] = f.h0 ? f.h0 + b * H : m.zero;
    if (C::has_cell) m.c[k] = f.c0 ? f.c0 + b * H : m.zero;
    narrow(H, m.h[k], h_in(k));
  }
  Engine engine;
  const std::int64_t steps = l.length[first];
  int active = count;
  std::int64_t ready = 0;
  for (std::int64_t t = 0; t < steps; ++t) {
    while (l.length[first + (active - 1) * step] <= t) --active;
    if (t == ready) {
      // Slot (s * count + k) holds row k at step t + s; rows that have ended leave theirs unused.
      ready = t + m.chunk < steps ? t + m.chunk : steps;
      for (std::int64_t s = t; s < ready; ++s) {
        for (int k = 0; k < active && l.length[first + k * step] > s; ++k) {
          copy_row(f.features, f.bfloat_x + place(l, first + k * step, s) * f.features,
                   m.x_in + static_cast<std::size_t>((s - t) * count + k) * m.x_stride);
        }
      }
      bfloat_product(static_cast<int>(ready - t) * count, m.x_in, m.x_stride, f.features, input, wide, m.x,
                     m.wide_stride, m.input_bias, false);
    }
    if (l.resets) {
      for (int k = 0; k < active; ++k) {
        if (!l.resets[place(l, first + k * step, t)]) continue;
        m.h[k] = m.zero;
        if (C::has_cell) m.c[k] = m.zero;
        clear(H, h_in(k));
      }
    }
    bfloat_product(active, m.h_in, m.h_stride, H, weights, wide, m.g, m.wide_stride, m.hidden_bias, false);
    for (int k = 0; k < active; ++k) {
      const int i = first + k * step;
      const std::int64_t at = place(l, i, t);
      Step<float> s;
      s.x = m.x + static_cast<std::size_t>(t % m.chunk * count + k) * m.wide_stride;
      s.g = m.g + static_cast<std::size_t>(k) * m.wide_stride;
      s.h = m.h[k];
      s.c = C::has_cell ? m.c[k] : nullptr;
      // Where the state was two steps ago.
      float* const next = m.state + static_cast<std::size_t>(2 * k) * m.state_stride;
      s.out = m.h[k] == next ? next + m.state_stride : next;
      s.c_out = !C::has_cell ? nullptr : f.cells ? f.cells + at * H : f.cn + static_cast<std::ptrdiff_t>(l.order[i]) * H;
      s.saved = f.bfloat_saved ? m.saved : nullptr;
      C::forward(H, s);
      constexpr int kept = saved_width(C::id);
      if (kept && f.bfloat_saved) narrow(kept * H, m.saved, f.bfloat_saved + at * (kept * H));
      narrow(H, s.out, h_in(k));
      copy_row(H, h_in(k), f.bfloat_out + at * H);
      m.h[k] = s.out;
      if (C::has_cell) m.c[k] = s.c_out;
    }
  }
  for (int k = 0; k < count; ++k) {
    const std::ptrdiff_t b = l.order[first + k * step];
    copy<float>(H, m.h[k], f.hn + b * H);
    if (C::has_cell && m.c[k] != f.cn + b * H) copy<float>(H, m.c[k], f.cn + b * H);
  }
}

struct BfloatBackwardRoom {
  float *zero, *dh, *dc, *grads, *saved, *h, *out, *dout, *dx;
  Bfloat* grads_in;
  std::int64_t* places;
  int stride, grads_stride, dx_stride, chunk;
  BfloatBackwardRoom(const Backward<float>& f, int cell, int count, int first, Room& room) {
    const int width = grads_width(cell) * f.hidden, rows = round_up(count, kSide);
    stride = spread(f.hidden, kSide);
    // What a product reads past the gates it wants are zeros, or meets zeros.
    grads_stride = spread(width + kTileDepth, kTileDepth);
    dx_stride = f.bfloat_dx ? spread(f.features, kSide) : 0;
    chunk = f.bfloat_dx ? chunk_steps(count, f.layout.length[first]) : 1;
    const std::size_t ahead = static_cast<std::size_t>(count) * chunk + kSide;
    zero = room.take<float>(round_up(f.hidden > f.features ? f.hidden : f.features, kSide));
    dh = room.take<float>(static_cast<std::size_t>(rows) * stride);
    dc = room.take<float>(static_cast<std::size_t>(count) * stride);
    grads = room.take<float>(width);
    saved = room.take<float>(static_cast<std::size_t>(saved_width(cell)) * f.hidden);
    h = room.take<float>(f.hidden);
    out = room.take<float>(f.hidden);
    dout = room.take<float>(f.hidden);
    dx = room.take<float>(ahead * dx_stride);
    grads_in = room.take<Bfloat>(ahead * grads_stride);
    places = room.take<std::int64_t>(ahead);
    if (!room.at) return;
    clear(ahead * grads_stride, grads_in);
    std::memset(zero, 0, sizeof(float) * round_up(f.hidden > f.features ? f.hidden : f.features, kSide));
    std::memset(dh, 0, sizeof(float) * rows * stride);
  }
};

template <class C> void bfloat_backward_rows(const Backward<float>& f, int first, int step, int count, void* memory) {
  const Layout& l = f.layout;
  const int H = f.hidden, wide = gates(C::id) * H, width = grads_width(C::id) * H;
  const std::ptrdiff_t kept = static_cast<std::ptrdiff_t>(saved_width(C::id)) * H;
  const int x_column = C::id == kGru ? H : 0;
  Room room{static_cast<char*>(memory), 0};
  BfloatBackwardRoom m(f, C::id, count, first, room);
  const auto *input = static_cast<const Pair*>(f.input.at), *weights = static_cast<const Pair*>(f.weights.at);
  const auto dh = [&](int k) { return m.dh + static_cast<std::size_t>(k) * m.stride; };
  const auto dc = [&](int k) { return m.dc + static_cast<std::size_t>(k) * m.stride; };
  const auto grads_in = [&](int i) { return m.grads_in + static_cast<std::size_t>(i) * m.grads_stride; };
  for (int k = 0; k < count; ++k) {
    const std::ptrdiff_t b = l.order[first + k * step];
    copy<float>(H, f.dhn ? f.dhn + b * H : nullptr, dh(k));
    if (C::has_cell) copy<float>(H, f.dcn ? f.dcn + b * H : nullptr, dc(k));
  }
  Engine engine;
  int active = 0, waiting = 0;
  for (std::int64_t t = l.length[first] - 1; t >= 0; --t) {
    while (active < count && l.length[first + active * step] > t) ++active;
    for (int k = 0; k < active; ++k) {
      const int i = first + k * step;
      const std::ptrdiff_t b = l.order[i];
      const std::int64_t at = place(l, i, t), before = t ? place(l, i, t - 1) : 0;
      const bool fresh = l.resets && l.resets[at];
      StepBack<float> s;
      s.h = fresh ? m.zero : t ? m.h : f.h0 ? f.h0 + b * H : m.zero;
      s.out = m.out;
      if (!C::has_cell) {  // an LSTM's gradient asks for its cell alone
        if (t) widen(H, f.bfloat_out + before * H, m.h);
        widen(H, f.bfloat_out + at * H, m.out);
      }
      s.c = !C::has_cell || fresh ? m.zero : t ? f.cells + before * H : f.c0 ? f.c0 + b * H : m.zero;
      s.c_out = C::has_cell ? f.cells + at * H : nullptr;
      if (kept) widen(static_cast<int>(kept), f.bfloat_saved + at * kept, m.saved);
      s.saved = m.saved;
      s.dout = nullptr;
      if (f.bfloat_dout) {
        widen(H, f.bfloat_dout + at * H, m.dout);
        s.dout = m.dout;
      }
      s.dcell = f.dcells ? f.dcells + at * H : nullptr;
      s.dh = dh(k);
      s.dc = dc(k);
      s.grads = m.grads;
      C::backward(H, s);
      narrow(width, m.grads, grads_in(waiting + k));
      copy_row(width, grads_in(waiting + k), f.bfloat_grads + at * width);
      m.places[waiting + k] = at;
    }
    // Rows that have not begun are beside these in their last tile: nothing is added to them.
    for (int k = active; k < count && k < round_up(active, kSide); ++k) clear(m.grads_stride, grads_in(waiting + k));
    bfloat_product(active, grads_in(waiting), m.grads_stride, wide, weights, H, m.dh, m.stride, m.zero, true);
    if (l.resets) {
      for (int k = 0; k < active; ++k) {
        if (!l.resets[place(l, first + k * step, t)]) continue;
        copy<float>(H, nullptr, dh(k));
        if (C::has_cell) copy<float>(H, nullptr, dc(k));
      }
    }
    if (!f.bfloat_dx) continue;
    waiting += active;
    if (t == 0 || waiting + count > count * m.chunk) {
      bfloat_product(waiting, m.grads_in + x_column, m.grads_stride, wide, input, f.features, m.dx, m.dx_stride, m.zero, false);
      for (int i = 0; i < waiting; ++i)
        narrow(f.features, m.dx + static_cast<std::size_t>(i) * m.dx_stride, f.bfloat_dx + m.places[i] * f.features);
      waiting = 0;
    }
  }
  for (int k = 0; k < count; ++k) {
    const std::ptrdiff_t b = l.order[first + k * step];
    if (f.dh0) copy<float>(H, dh(k), f.dh0 + b * H);
    if (C::has_cell && f.dc0) copy<float>(H, dc(k), f.dc0 + b * H);
  }
}

}  // namespace
}  // namespace recurra
