// Layers above each other, without gradients, whole rows or one step of a stream: one call.
#pragma once
#include <cstring>
#include <vector>

#include "scan.h"

namespace recurra {

// One layer and direction: packed once, or weights as they lie.
template <class T> struct Level {
  const Prepared<T>* prepared;
  const T *w_ih, *w_hh, *b_ih, *b_hh;
};

// Layers (L*D of them) over x (B, T, F): out (B, T, D*H), states h, c, hn, cn (B, L*D, H); h and c null for zeros.
template <class T> struct Layers {
  int cell, directions, threads;
  std::int64_t batch, steps, features, hidden;
  std::vector<Level<T>> levels;
  const T *x, *h, *c;
  T *out, *hn, *cn;

  void run() const {
    const std::int64_t count = static_cast<std::int64_t>(levels.size()), width = directions * hidden;
    const bool lstm = cell == kLstm;
    std::vector<T> between[2], first, last;
    if (count > 1) first.resize(2 * batch * hidden), last.resize(2 * batch * hidden);
    const T* below = x;
    std::int64_t read = features;
    for (std::int64_t l = 0; l < count; l += directions) {
      T* above = out;
      if (l + directions < count) {
        std::vector<T>& kept = between[l / directions % 2];
        kept.resize(batch * steps * width);
        above = kept.data();
      }
      for (std::int64_t k = l; k < l + directions; ++k) {
        const Level<T>& level = levels[k];
        ForwardCall<T> call{};
        call.x = below, call.prepared = level.prepared;
        call.w_ih = level.w_ih, call.w_hh = level.w_hh, call.b_ih = level.b_ih, call.b_hh = level.b_hh;
        call.out = above + (k - l) * hidden, call.out_stride = width;
        call.h0 = h, call.c0 = c, call.hn = hn, call.cn = cn;
        if (count > 1) {
          // A level's states lie apart from each other.
          T *h0 = first.data(), *c0 = h0 + batch * hidden;
          for (std::int64_t b = 0; b < batch; ++b) {
            if (h) copy(h0 + b * hidden, h + (b * count + k) * hidden);
            if (c) copy(c0 + b * hidden, c + (b * count + k) * hidden);
          }
          call.h0 = h ? h0 : nullptr, call.c0 = c ? c0 : nullptr;
          call.hn = last.data(), call.cn = lstm ? last.data() + batch * hidden : nullptr;
        }
        forward<T>({cell, kBatchFirst, batch, steps, read, hidden, nullptr, nullptr, k != l, threads}, call);
        for (std::int64_t b = 0; count > 1 && b < batch; ++b) {
          copy(hn + (b * count + k) * hidden, call.hn + b * hidden);
          if (lstm) copy(cn + (b * count + k) * hidden, call.cn + b * hidden);
        }
      }
      below = above, read = width;
    }
  }

 private:
  void copy(T* to, const T* from) const {
    std::memcpy(static_cast<void*>(to), from, sizeof(T) * static_cast<std::size_t>(hidden));
  }
};

}  // namespace recurra
