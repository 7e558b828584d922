// Weight gradients: c (M x N) = sum over rows i of a[i]^T b[i], and the column sums of a (for biases).
//
// The sum over i runs in ascending order within blocks of kOuterDepth, the blocks added in ascending order:
// whoever computes an output, it comes out the same.
#pragma once
#include "problem.h"
#include "product.h"

namespace recurra {
namespace {

// Short enough for a panel of b and the strip of a beside it to stay in the first cache.
constexpr int kOuterDepth = 128;
constexpr int kOuterColumns = 4;     // panels of b held at a time
constexpr int kOuterEntries = 192;   // columns of a that one task works on, at most

template <class T> std::size_t outer_room() {
  return static_cast<std::size_t>(kOuterDepth) * (kOuterColumns * kPanel<T> + kOuterEntries + 2 * 64 / sizeof(T)) + 64;
}

// Distance between the runs of packed a: an odd number of cache lines, so that a column of them spreads over
// the whole first cache.
template <class T> int outer_stride(int m) {
  const int line = 64 / static_cast<int>(sizeof(T));
  return ((m + line - 1) / line | 1) * line;
}

// Fewer registers of b leave room for more entries of a.
template <int NV> constexpr int kOuterRows = NV == kBlockVectors ? kBlockRows
                                             : kBlockVectors == 4 ? (NV == 3 ? 8 : NV == 2 ? 12 : 16)
                                                                  : (NV == 2 ? 5 : 8);

// kOuterRows entries of a by NV registers of b; both packed as runs, one for each k.
template <class T, int NV>
inline void outer_block(const T* a, int a_stride, const T* b, int k_count, T* c, std::ptrdiff_t c_stride, int rows, int last,
                        bool add) {
  using V = Vec<T>;
  constexpr int W = V::W, R = kOuterRows<NV>;
  V sum[R][NV];
  RECURRA_UNROLL for (int r = 0; r < R; ++r) {
    RECURRA_UNROLL for (int v = 0; v < NV; ++v) sum[r][v] = V::all(T(0));
  }
  for (int k = 0; k < k_count; ++k) {
    V w[NV];
    RECURRA_UNROLL for (int v = 0; v < NV; ++v) w[v] = V::load(b + v * W);
    b += NV * W;
    RECURRA_UNROLL for (int r = 0; r < R; ++r) {
      const V x = V::all(a[r]);
      RECURRA_UNROLL for (int v = 0; v < NV; ++v) sum[r][v] = fma(x, w[v], sum[r][v]);
    }
    a += a_stride;
  }
  RECURRA_UNROLL for (int r = 0; r < R; ++r) {
    if (r >= rows) break;
    RECURRA_UNROLL for (int v = 0; v < NV; ++v) {
      T* out = c + r * c_stride + v * W;
      const bool whole = v + 1 < NV || last == W;
      V s = sum[r][v];
      if (add) s = s + (whole ? V::load(out) : V::load(out, last));
      if (whole) {
        s.store(out);
      } else {
        s.store(out, last);
      }
    }
  }
}

template <class T, int NV>
inline void outer_panel(const T* a, int a_stride, int m, const T* b, int k_count, T* c, std::ptrdiff_t c_stride,
                        int last, bool add) {
  constexpr int R = kOuterRows<NV>;
  for (int m0 = 0; m0 < m; m0 += R)
    outer_block<T, NV>(a + m0, a_stride, b, k_count, c + m0 * c_stride, c_stride, m - m0, last, add);
}

// Copies n entries; `from` and `to` need no alignment and nothing past n is touched.
template <class T> inline void copy_run(int n, const T* from, T* to) {
  constexpr int W = Vec<T>::W;
  int j = 0;
  for (; j + W <= n; j += W) Vec<T>::load(from + j).store(to + j);
  if (j < n) Vec<T>::load(from + j, n - j).store(to + j, n - j);
}

// Packs columns [first, first + columns) of b, or of b, second and a column of ones side by side.
template <class T>
void outer_pack(const Outer<T>& o, long i0, int k_count, int first, int columns, T* packed) {
  constexpr int W = Vec<T>::W;
  for (int p = 0; p < columns; p += kPanel<T>) {
    const int width = columns - p < kPanel<T> ? columns - p : kPanel<T>, stride = round_up(width, W);
    T* to = packed + static_cast<std::size_t>(p) * k_count;
    if (!o.second) {
      for (int k = 0; k < k_count; ++k, to += stride) copy_run(width, o.b[i0 + k] + first + p, to);
    } else {
      const int n1 = o.n - o.n2 - 1;
      for (int k = 0; k < k_count; ++k, to += stride) {
        copy_run(n1, o.b[i0 + k], to);
        copy_run(o.n2, o.second[i0 + k], to + n1);
        to[n1 + o.n2] = T(1);
      }
    }
  }
}

// One task: c (m x n) from columns [a_column, a_column + m) of a, m <= kOuterEntries, and all columns of b.
template <class T> void outer(const Outer<T>& o, T* room) {
  using V = Vec<T>;
  constexpr int W = V::W;
  const int a_stride = outer_stride<T>(o.m), m = o.m;
  T* packed_b = room;
  T* packed_a = packed_b + static_cast<std::size_t>(kOuterDepth) * kOuterColumns * kPanel<T>;
  if (o.rows == 0) {
    for (std::ptrdiff_t i = 0; i < static_cast<std::ptrdiff_t>(m) * o.n; ++i) o.c[i] = T(0);
    for (int j = 0; o.sums && j < m; ++j) o.sums[j] = T(0);
  }
  int n0 = 0;
  do {
    const int columns = o.n - n0 < kOuterColumns * kPanel<T> ? o.n - n0 : kOuterColumns * kPanel<T>;
    for (long i0 = 0; i0 < o.rows; i0 += kOuterDepth) {
      const int k_count = static_cast<int>(o.rows - i0 < kOuterDepth ? o.rows - i0 : kOuterDepth);
      outer_pack(o, i0, k_count, n0, columns, packed_b);
      for (int k = 0; k < k_count; ++k)
        copy_run(m, o.a[i0 + k] + o.a_column, packed_a + static_cast<std::size_t>(k) * a_stride);
      if (o.sums && n0 == 0) {
        for (int j = 0; j < m; j += W) {
          const int lanes = m - j < W ? m - j : W;
          V sum = V::all(T(0));
          for (int k = 0; k < k_count; ++k) sum = sum + V::load(packed_a + static_cast<std::size_t>(k) * a_stride + j);
          (i0 > 0 ? V::load(o.sums + j, lanes) + sum : sum).store(o.sums + j, lanes);
        }
      }
      for (int p = 0; p < columns; p += kPanel<T>) {
        const int width = columns - p < kPanel<T> ? columns - p : kPanel<T>;
        const int vectors = (width + W - 1) / W, last = width - (vectors - 1) * W;
        const T* from = packed_b + static_cast<std::size_t>(p) * k_count;
        T* to = o.c + n0 + p;
        constexpr int kThree = kBlockVectors < 3 ? kBlockVectors : 3;
        switch (vectors) {
          case 1: outer_panel<T, 1>(packed_a, a_stride, m, from, k_count, to, o.n, last, i0 > 0); break;
          case 2: outer_panel<T, 2>(packed_a, a_stride, m, from, k_count, to, o.n, last, i0 > 0); break;
          case 3: outer_panel<T, kThree>(packed_a, a_stride, m, from, k_count, to, o.n, last, i0 > 0); break;
          default: outer_panel<T, kBlockVectors>(packed_a, a_stride, m, from, k_count, to, o.n, last, i0 > 0);
        }
      }
    }
    n0 += kOuterColumns * kPanel<T>;
  } while (n0 < o.n);
}

}  // namespace
}  // namespace recurra
