// The one product everything is made of: rows times a packed matrix.
//
// A packed matrix (K x N) is a row of panels; a panel holds kPanel columns (the last one fewer, rounded up
// to whole registers and zero-filled) as K consecutive runs. Whatever the number of rows worked on together,
// an output is the sum over k in ascending order within blocks of kDepth, the blocks added in ascending
// order: a row's result never depends on its neighbours, on the number of threads, or on who computed it.
//
// Weights kept as bfloat16 lie in the same panels, two runs that follow each other in one (see Pair). They are
// widened on their way into the registers: the sums are those of the same numbers kept as float32.
#pragma once
#include <cstddef>
#include <cstring>

#include "compiler.h"
#include "problem.h"

namespace recurra {
namespace {

// Depth of a block of sums: a panel's share of it stays in the first two cache levels.
constexpr int kDepth = 256;

template <class T> constexpr int kPanel = kBlockVectors * Vec<T>::W;

inline int round_up(int n, int to) { return (n + to - 1) / to * to; }

template <class T> std::size_t packed_size(int k, int n) {
  return static_cast<std::size_t>(k) * static_cast<std::size_t>(round_up(n, Vec<T>::W));
}

// to[k * width + j] = from[j * stride + k] for k < down; j up to a register's lanes, zeros from `across` on.
// Each round of zips halves how far apart the numbers of a column lie.
template <class T>
inline void square(const T* from, std::ptrdiff_t stride, int across, int down, T* to, int width) {
  using V = Vec<T>;
  constexpr int W = V::W;
  V r[W];
  // What lies W rows further is wanted soon, and in too many streams for the processor to see it coming.
  RECURRA_UNROLL for (int j = 0; j < W; ++j) prefetch(from + (j + W) * stride);
  RECURRA_UNROLL for (int j = 0; j < W; ++j)
    r[j] = j >= across ? V::all(T(0)) : down == W ? V::load(from + j * stride) : V::load(from + j * stride, down);
  RECURRA_UNROLL for (int n = 1; n < W; n *= 2) {
    V s[W];
    RECURRA_UNROLL for (int j = 0; j < W / 2; ++j) zip(r[j], r[j + W / 2], s[2 * j], s[2 * j + 1]);
    RECURRA_UNROLL for (int j = 0; j < W; ++j) r[j] = s[j];
  }
  RECURRA_UNROLL for (int k = 0; k < W; ++k)
    if (k < down) r[k].store(to + static_cast<std::ptrdiff_t>(k) * width);
}

// Packs rows [k_first, k_first + k_count) of a packed (K x N); `element(k, j)` of the source is at
// source[k * k_stride + j * n_stride], k counted from k_first; one of the strides is 1.
template <class T>
void pack(const T* source, std::ptrdiff_t k_stride, std::ptrdiff_t n_stride, int k_first, int k_count, int depth,
          int n, T* packed) {
  constexpr int W = Vec<T>::W;
  for (int first = 0; first < n; first += kPanel<T>) {
    const int columns = n - first < kPanel<T> ? n - first : kPanel<T>;
    const int width = round_up(columns, W);
    T* out = packed + static_cast<std::size_t>(first) * depth + static_cast<std::size_t>(k_first) * width;
    const T* in = source + first * n_stride;
    if (n_stride == 1) {
      for (int k = 0; k < k_count; ++k) {
        int j = 0;
        for (; j + W <= columns; j += W) Vec<T>::load(in + k * k_stride + j).store(out + j);
        if (j < columns) Vec<T>::load(in + k * k_stride + j, columns - j).store(out + j);
        out += width;
      }
    } else {
      // A source whose k run side by side is turned in registers, a square at a time.
      for (int j = 0; j < columns; j += W) {
        const int across = columns - j < W ? columns - j : W;
        for (int k = 0; k < k_count; k += W) {
          const int down = k_count - k < W ? k_count - k : W;
          square(in + j * n_stride + k, n_stride, across, down, out + static_cast<std::size_t>(k) * width + j, width);
        }
      }
    }
  }
}

// S is how weights are stored: as T, or as Pair. Runs of k that are stored together, and the weights of one.
template <class S> constexpr int kTogether = 1;
template <> constexpr int kTogether<Pair> = 2;
template <class S> inline int runs(int k) { return (k + kTogether<S> - 1) / kTogether<S>; }
template <class T> inline Vec<T> weights(const T* p, int) { return Vec<T>::load(p); }
inline Vec<float> weights(const Pair* p, int which) { return half(p, which == 1); }

// Rounds packed floats to bfloat16, to the nearest, ties to even; NaN stays NaN.
inline std::uint32_t rounded(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  if (x != x) return (bits | 0x400000u) >> 16;
  return (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
}
inline void narrow(const float* packed, int depth, int n, Pair* out) {
  for (int first = 0; first < n; first += kPanel<float>) {
    const int columns = n - first < kPanel<float> ? n - first : kPanel<float>;
    const int width = round_up(columns, Vec<float>::W);
    const float* in = packed + static_cast<std::size_t>(first) * depth;
    for (int k = 0; k < depth; k += 2) {
      for (int j = 0; j < width; ++j) {
        const float* at = in + static_cast<std::size_t>(k) * width + j;
        *out++ = {rounded(at[0]) | (k + 1 < depth ? rounded(at[width]) << 16 : 0u)};
      }
    }
  }
}

// Runs that are fetched ahead where one or two rows wait for their weights.
constexpr int kAhead = 8;

// R rows by NV registers of P panels that lie `stride` apart, and TAIL registers of a narrower panel after them.
// c[r][column ...] = (add ? c : bias or 0) + sum_k a[r][k] * b[k]; `last` lanes of the last register count.
template <class T, class S, int R, int NV, int P, int TAIL>
inline void block(const T* const* a, const S* b, std::size_t stride, int k_count, T* const* c, int column, int last,
                  const T* bias, bool add, const S* tail) {
  using V = Vec<T>;
  constexpr int W = V::W, N = NV * P + TAIL, G = kTogether<S>;
  V sum[R][N];
  const T* in[R];
  RECURRA_UNROLL for (int r = 0; r < R; ++r) {
    in[r] = a[r];
    RECURRA_UNROLL for (int v = 0; v < N; ++v) sum[r][v] = V::all(T(0));
  }
  const auto multiply = [&](int k, int which) RECURRA_INLINE {
    V w[N];
    RECURRA_UNROLL for (int p = 0; p < P; ++p) {
      RECURRA_UNROLL for (int v = 0; v < NV; ++v) w[p * NV + v] = weights(b + p * stride + v * W, which);
    }
    RECURRA_UNROLL for (int v = 0; v < TAIL; ++v) w[NV * P + v] = weights(tail + v * W, which);
    RECURRA_UNROLL for (int r = 0; r < R; ++r) {
      const V x = V::all(in[r][k]);
      RECURRA_UNROLL for (int v = 0; v < N; ++v) sum[r][v] = fma(x, w[v], sum[r][v]);
    }
  };
  int k = 0;
  for (; k + G <= k_count; k += G) {
    if (R >= 3 && NV == kBlockVectors) {
      RECURRA_UNROLL for (int v = 0; v < NV; ++v) prefetch(b + (16 * NV + v) * W);
    }
    if (R <= 2 && NV == kBlockVectors) {
      RECURRA_UNROLL for (int p = 0; p < P; ++p) {
        RECURRA_UNROLL for (int v = 0; v < NV; ++v) prefetch(b + p * stride + (kAhead * NV + v) * W);
      }
    }
    RECURRA_UNROLL for (int which = 0; which < G; ++which) multiply(k + which, which);
    b += NV * W;
    tail += TAIL * W;
  }
  if (k < k_count) multiply(k, 0);
  RECURRA_UNROLL for (int r = 0; r < R; ++r) {
    T* out = c[r] + column;
    RECURRA_UNROLL for (int v = 0; v < N; ++v) {
      const bool whole = v + 1 < N || last == W;
      V s = sum[r][v];
      if (add) {
        s = s + (whole ? V::load(out + v * W) : V::load(out + v * W, last));
      } else if (bias) {
        s = s + (whole ? V::load(bias + column + v * W) : V::load(bias + column + v * W, last));
      }
      if (whole) {
        s.store(out + v * W);
      } else {
        s.store(out + v * W, last);
      }
    }
  }
}

template <class T, class S, int R>
inline void block_columns(int vectors, const T* const* a, const S* b, int k, T* const* c, int column, int last,
                          const T* bias, bool add) {
  constexpr int kThree = kBlockVectors < 3 ? kBlockVectors : 3;
  switch (vectors) {
    case 1: return block<T, S, R, 1, 1, 0>(a, b, 0, k, c, column, last, bias, add, b);
    case 2: return block<T, S, R, 2, 1, 0>(a, b, 0, k, c, column, last, bias, add, b);
    case 3: return block<T, S, R, kThree, 1, 0>(a, b, 0, k, c, column, last, bias, add, b);
    default: return block<T, S, R, kBlockVectors, 1, 0>(a, b, 0, k, c, column, last, bias, add, b);
  }
}

template <class T, class S>
inline void block_rows(int rows, int vectors, const T* const* a, const S* b, int k, T* const* c, int column, int last,
                       const T* bias, bool add) {
  constexpr int kFive = kBlockRows < 5 ? kBlockRows : 5;
  switch (rows) {
    case 1: return block_columns<T, S, 1>(vectors, a, b, k, c, column, last, bias, add);
    case 2: return block_columns<T, S, 2>(vectors, a, b, k, c, column, last, bias, add);
    case 3: return block_columns<T, S, 3>(vectors, a, b, k, c, column, last, bias, add);
    case 4: return block_columns<T, S, 4>(vectors, a, b, k, c, column, last, bias, add);
    case 5: return block_columns<T, S, kFive>(vectors, a, b, k, c, column, last, bias, add);
    default: return block_columns<T, S, kBlockRows>(vectors, a, b, k, c, column, last, bias, add);
  }
}

// One or two rows leave registers free: then several panels at once keep the multipliers busy.
template <class T, class S, int R>
inline void block_few(const T* const* a, const S* packed, int depth, int k0, int k_count, int n, T* const* c,
                      const T* bias, bool add) {
  constexpr int W = Vec<T>::W, NV = kBlockVectors, kPair = R == 1 || NV == 4 ? 2 : 1;
  const int deep = runs<S>(depth), k0_runs = k0 / kTogether<S>;
  const std::size_t stride = static_cast<std::size_t>(deep) * kPanel<T>;
  const T* in[R];
  for (int r = 0; r < R; ++r) in[r] = a[r] + k0;
  int first = 0;
  for (;;) {
    const int left = n - first, panels = left / kPanel<T>, rest = left - panels * kPanel<T>;
    const S* from = packed + static_cast<std::size_t>(first) * deep + static_cast<std::size_t>(k0_runs) * kPanel<T>;
    if (left == 0) return;
    if (panels >= 2 && kPair == 2 && (panels > 2 || rest == 0)) {
      block<T, S, R, NV, kPair, 0>(in, from, stride, k_count, c, first, W, bias, add, from);
      first += kPair * kPanel<T>;
      continue;
    }
    const int vectors = (rest + W - 1) / W, last = rest - (vectors - 1) * W;
    // What is left after whole panels joins the last of them.
    const S* tail = packed + static_cast<std::size_t>(n - rest) * deep + static_cast<std::size_t>(k0_runs) * (vectors * W);
    if (panels == 1 && rest > 0 && vectors < NV) {
      constexpr int kTwo = NV < 3 ? 1 : 2, kThree = NV < 4 ? 1 : 3;
      switch (vectors) {
        case 1: return block<T, S, R, NV, 1, 1>(in, from, 0, k_count, c, first, last, bias, add, tail);
        case 2: return block<T, S, R, NV, 1, kTwo>(in, from, 0, k_count, c, first, last, bias, add, tail);
        default: return block<T, S, R, NV, 1, kThree>(in, from, 0, k_count, c, first, last, bias, add, tail);
      }
    }
    if (panels >= 1) {
      block<T, S, R, NV, 1, 0>(in, from, 0, k_count, c, first, W, bias, add, from);
      first += kPanel<T>;
      continue;
    }
    return block_columns<T, S, R>(vectors, in, tail, k_count, c, first, last, bias, add);
  }
}

// c[i] (N) = a[i] (K) times packed (K x N), plus c itself or a bias (N, or null), for i < rows.
template <class T, class S>
void product_of(int rows, const T* const* a, int depth, const S* packed, int n, T* const* c, const T* bias, bool add) {
  constexpr int W = Vec<T>::W;
  const int blocks = (rows + kBlockRows - 1) / kBlockRows;
  for (int k0 = 0; k0 < depth; k0 += kDepth) {
    const int k_count = depth - k0 < kDepth ? depth - k0 : kDepth;
    const bool adding = add || k0 > 0;
    if (rows == 1) {
      block_few<T, S, 1>(a, packed, depth, k0, k_count, n, c, bias, adding);
      continue;
    }
    if (rows == 2) {
      block_few<T, S, 2>(a, packed, depth, k0, k_count, n, c, bias, adding);
      continue;
    }
    for (int first = 0; first < n; first += kPanel<T>) {
      const int columns = n - first < kPanel<T> ? n - first : kPanel<T>;
      const int vectors = (columns + W - 1) / W;
      const S* from = packed + static_cast<std::size_t>(first) * runs<S>(depth) +
                      static_cast<std::size_t>(k0 / kTogether<S>) * (vectors * W);
      int row = 0;
      for (int i = 0; i < blocks; ++i) {
        const int count = (rows - row + (blocks - i) - 1) / (blocks - i);
        const T* in[kBlockRows];
        for (int r = 0; r < count; ++r) in[r] = a[row + r] + k0;
        block_rows<T, S>(count, vectors, in, from, k_count, c + row, first, columns - (vectors - 1) * W, bias, adding);
        row += count;
      }
    }
  }
}

template <class T>
void product(int rows, const T* const* a, int depth, Matrix<T> packed, int n, T* const* c, const T* bias, bool add) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (packed.int8) return packed.int8->product(rows, a, depth, packed.at, n, c, bias);
    if (packed.narrow) return product_of(rows, a, depth, static_cast<const Pair*>(packed.at), n, c, bias, add);
  }
  product_of(rows, a, depth, static_cast<const T*>(packed.at), n, c, bias, add);
}

// The columns from `first` on, where a panel begins.
template <class T> inline Matrix<T> columns_from(Matrix<T> packed, int first, int depth) {
  if (packed.int8) return {static_cast<const char*>(packed.at) + packed.int8->column(first, depth), false, packed.int8};
  const std::size_t numbers = static_cast<std::size_t>(first) * (packed.narrow ? runs<Pair>(depth) : depth);
  return {static_cast<const char*>(packed.at) + numbers * (packed.narrow ? sizeof(Pair) : sizeof(T)), packed.narrow};
}

}  // namespace
}  // namespace recurra
